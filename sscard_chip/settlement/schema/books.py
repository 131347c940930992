# SPDX-License-Identifier: Apache-2.0
"""The tables of a ledger and the rules that the database itself keeps.

An entry is a row of ``entry``, its rows of ``line``, and last a row of ``seal``: sealing proves
that the lines sum to zero and moves the balances. An entry refers to its seal by a deferred
foreign key, so none is committed without. Lines are taken while the entry is open and never
after. Balances change by sealing only, and one that is bounded never falls below zero. Nothing
is updated or deleted. :mod:`rules` says the same in the words of each database.

The balance of an account is the sum of its rows of ``balance``. A bounded account has one. Of the
others PostgreSQL makes one for each stripe of connections, so that the sales of a city, which all
move its fund, do not wait for one row.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata

for _name in ("account_id", "card_id", "entry_id"):  # PostgreSQL counts by them
    sa.Sequence(_name, metadata=metadata)

FORMAT: Final = "sscard-ledger/1"
ledger_format: Final = append_only(
    sa.Table(
        "sscard_ledger",
        metadata,
        sa.Column("format", sa.String(20), primary_key=True),
    )
)
"""Says that the tables of this database are a ledger's, and of which format."""

account: Final = append_only(
    sa.Table(
        "account",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.UniqueConstraint("kind", "key"),
    )
)
balance: Final = sa.Table(
    "balance",
    metadata,
    sa.Column(
        "account",
        BigNumber,
        sa.ForeignKey(account.c.id),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("bounded", sa.Boolean, nullable=False),
    sa.Column("fen", BigNumber, nullable=False),
    sa.Column(
        "stripe",
        sa.SmallInteger,
        primary_key=True,
        autoincrement=False,
        server_default=sa.text("0"),
    ),
    sa.Column("entry", BigNumber),
    sa.CheckConstraint("NOT bounded OR fen >= 0", name="not_negative"),
    sqlite_with_rowid=False,
)
"""``entry`` has moved the row last (on PostgreSQL: the number of its seal); none moves it twice."""
seal: Final = append_only(
    sa.Table(
        "seal",
        metadata,
        sa.Column("entry", BigNumber, primary_key=True, autoincrement=False),
    ),
    guard_replace=False,
)
entry: Final = append_only(
    sa.Table(
        "entry",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("business_date", sa.String(8), nullable=False),
        sa.Column("source", sa.String(128), nullable=False, unique=True),
        sa.Column("reverses", BigNumber, sa.ForeignKey("entry.id"), unique=True),
        sa.Column("posted_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
        sa.ForeignKeyConstraint(
            ["id"],
            [seal.c.entry],
            name="fk_entry_is_sealed",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.CheckConstraint("length(business_date) = 8", name="business_date"),
    )
)
line: Final = append_only(
    sa.Table(
        "line",
        metadata,
        sa.Column("entry", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("number", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("account", BigNumber, nullable=False),
        sa.Column("fen", BigNumber, nullable=False),
        sa.Index(None, "account", "entry"),
        sqlite_with_rowid=False,
    ),
    guard_replace=False,
)
card: Final = append_only(
    sa.Table(
        "card",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("card_id_code", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("card_number", sa.String(9), nullable=False, index=True),
        sa.Column("division", BigNumber, nullable=False),
        sa.Column("psn_no", sa.String(30), index=True),
        sa.Column("factor", sa.LargeBinary(8), nullable=False),
        sa.Column("valid_to", BigNumber),
        sa.Column("account", BigNumber, sa.ForeignKey(account.c.id), nullable=False, index=True),
    )
)
card_status: Final = append_only(
    sa.Table(
        "card_status",
        metadata,
        sa.Column(
            "card", BigNumber, sa.ForeignKey(card.c.id), primary_key=True, autoincrement=False
        ),
        sa.Column("number", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("status", BigNumber, nullable=False),
        sa.Column("since", BigNumber, nullable=False),
        sa.Column("until", BigNumber),
        sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
    )
)
"""Changes of a card's status: the last one that has begun holds. Times are YYYYMMDDhhmmss as
numbers, local time."""
allocation: Final = append_only(
    sa.Table(
        "allocation",
        metadata,
        sa.Column("month", sa.String(6), primary_key=True),
        sa.Column("batch", sa.String(40), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("entry", BigNumber, sa.ForeignKey(entry.c.id), nullable=False, unique=True),
    )
)
"""Batches that are posted, with the digest of their file."""
