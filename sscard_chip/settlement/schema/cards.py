# SPDX-License-Identifier: Apache-2.0
"""What happens to cards beside their register: who reported them, hotlists, loads (账户划入)."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole
from sscard_chip.settlement.schema.books import card, card_status

for _name in ("hotlist_version_id", "card_load_id"):  # PostgreSQL counts by them
    sa.Sequence(_name, metadata=metadata)

report: Final = append_only(
    sa.Table(
        "card_report",
        metadata,
        whole("card", key=True),
        whole("number", key=True),
        sa.Column("operator", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["card", "number"], [card_status.c.card, card_status.c.number]),
    )
)
"""Who reported a change of status, by which channel and why; ``agent`` is who came in the
holder's place (代办人). A change that an earlier version has recorded has none."""

hotlist_version: Final = append_only(
    sa.Table(
        "hotlist_version",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("version", sa.String(20), nullable=False, unique=True),
        sa.Column("issued", sa.String(14), nullable=False),
        whole("cards"),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
    )
)
"""Hotlists that were written; ``issued`` is YYYYMMDDhhmmss, ``digest`` that of the whole list."""

hotlist_change: Final = append_only(
    sa.Table(
        "hotlist_change",
        metadata,
        whole("version", key=True),
        whole("card", key=True),
        whole("since", nullable=True),
        sa.ForeignKeyConstraint(["version"], [hotlist_version.c.id]),
        sa.ForeignKeyConstraint(["card"], [card.c.id]),
        sa.Index(None, "card", "version"),
    )
)
"""What a version has changed: a card is on the list since ``since``, off it where that is null."""

opening: Final = append_only(
    sa.Table(
        "card_opening",
        metadata,
        sa.Column("card", BigNumber, sa.ForeignKey(card.c.id), primary_key=True,
                  autoincrement=False),
    )
)  # fmt: skip
"""Of several cards that opened an account together, the one whose chip has the opening balance;
elsewhere it is the account's first card."""

load: Final = append_only(
    sa.Table(
        "card_load",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("card", BigNumber, sa.ForeignKey(card.c.id), nullable=False),
        whole("number"),
        whole("fen"),
        sa.UniqueConstraint("card", "number"),
        sa.CheckConstraint("fen > 0", name="fen"),
    )
)
"""A load of a card: its 划入序号 has one amount for ever, whatever becomes of the attempts."""

load_attempt: Final = append_only(
    sa.Table(
        "card_load_attempt",
        metadata,
        sa.Column("load", BigNumber, sa.ForeignKey(load.c.id), primary_key=True,
                  autoincrement=False),
        whole("attempt", key=True),
        sa.Column("terminal_id", sa.String(12), nullable=False),
        sa.Column("time", sa.String(14), nullable=False),
        whole("balance_fen"),
        sa.Column("algorithm", sa.String(4), nullable=False),
        whole("key_version"),
        sa.Column("random", sa.LargeBinary(4), nullable=False),
        sa.UniqueConstraint("load", "random"),
    )
)  # fmt: skip
"""A MAC2 that was given for a load: for one INITIALIZE, which its random tells from others.
``time`` is the host's, ``balance_fen`` the card's before."""

load_done: Final = append_only(
    sa.Table(
        "card_load_done",
        metadata,
        sa.Column("load", BigNumber, sa.ForeignKey(load.c.id), primary_key=True,
                  autoincrement=False),
        whole("attempt", nullable=True),
        sa.Column("tac", sa.LargeBinary(4)),
        sa.Column("time", sa.String(14), nullable=False),
    )
)  # fmt: skip
"""A load that is on its card: proven by the TAC of an attempt, or without one by the card's
counter, which has gone on."""
