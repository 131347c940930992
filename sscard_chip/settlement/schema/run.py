# SPDX-License-Identifier: Apache-2.0
"""What the centre remembers of day files: tables beside those of the ledger, insert-only.

A *segment* is what one transaction has posted: whole files, in their order. Its rows are kept as
packed columns in parts; by files, terminals and cards they are found again. The number of a
segment is unique, and each transaction takes the next: of two processes that judged by the same
state one is refused by the database.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import append_only, metadata, whole

segment: Final = append_only(
    sa.Table(
        "settled_segment",
        metadata,
        whole("id", key=True),
        whole("rows"),
        whole("posted"),
    )
)
file: Final = append_only(
    sa.Table(
        "settled_file",
        metadata,
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        whole("segment"),
        whole("first_row"),
        whole("rows"),
        sa.Column("pharmacy", sa.String(200), nullable=False),
        sa.Column("terminal_id", sa.String(12), nullable=False),
        sa.Column("business_date", sa.String(8), nullable=False),
        sa.Column("hotlist_version", sa.String(200)),
        sa.Column("psam_number", sa.String(200), nullable=False),
        sa.Column("least_msgid", sa.String(30), nullable=False),
        sa.Column("greatest_msgid", sa.String(30), nullable=False),
        sa.Index(None, "segment", "first_row"),
        sa.Index(None, "least_msgid"),
        sa.Index(None, "pharmacy", "business_date"),
        sa.Index(None, "terminal_id", "business_date"),
    )
)
part: Final = append_only(
    sa.Table(
        "settled_part",
        metadata,
        whole("segment", key=True),
        whole("first_row", key=True),
        whole("rows"),
        sa.Column("columns", sa.LargeBinary, nullable=False),
    )
)
terminal: Final = append_only(
    sa.Table(
        "settled_terminal",
        metadata,
        whole("terminal", key=True),
        whole("algorithm", key=True),
        whole("last", key=True),
        whole("segment", key=True),
        whole("first"),
        whole("highest"),
        sa.Column("numbers", sa.LargeBinary),
        sqlite_with_rowid=False,
    ),
    guard_replace=False,
)
"""Numbers of a terminal that a segment posted: from first to last, or those of ``numbers``
(four bytes each) where some are missing; ``highest`` is the highest proven one up to then."""

card: Final = append_only(
    sa.Table(
        "settled_card",
        metadata,
        whole("factor", key=True),
        whole("division", key=True),
        whole("last", key=True),
        whole("segment", key=True),
        whole("first"),
        sa.Column("counters", sa.LargeBinary),
        sqlite_with_rowid=False,
    ),
    guard_replace=False,
)
"""Counters of a card that a segment posted, in the same way (two bytes each)."""

refund: Final = append_only(
    sa.Table(
        "settled_refund",
        metadata,
        whole("terminal", key=True),
        whole("algorithm", key=True),
        whole("number", key=True),
        sa.Column("msgid", sa.String(30), primary_key=True),
        whole("segment"),
        whole("account_fen"),
        whole("cash_fen"),
        whole("fund_fen"),
    )
)
"""Posted refunds by their debit, of ledgers before schema 2; now they are in ``beside``."""

beside: Final = append_only(
    sa.Table(
        "settled_beside",
        metadata,
        whole("segment", key=True),
        whole("row", key=True),
        whole("kind"),
        whole("terminal"),
        whole("algorithm"),
        whole("number"),
        whole("factor"),
        whole("division"),
        whole("counter"),
        sa.Index(None, "terminal", "algorithm", "number"),
        sa.Index(None, "factor", "division", "counter"),
    )
)
"""Where rows stand that are not posted debits: ``run/history.py`` says of which kind."""
REFUND: Final = 1
"""The kind of a refund that has nothing of its own against it."""

indexed: Final = append_only(
    sa.Table("settled_indexed", metadata, whole("segment", key=True)),
)
"""Segments whose rows are in ``beside``: all that were settled with schema 2 or looked at since."""

change: Final = append_only(
    sa.Table(
        "settled_change",
        metadata,
        whole("segment", key=True),
        whole("row", key=True),
        whole("number", key=True),
        whole("findings"),
        whole("by_segment"),
    )
)
"""What was found about a row of an earlier segment when ``by_segment`` was settled: the last one
holds. A gap has closed, a refund's debit has come, a number has got a better claim."""

displaced: Final = append_only(
    sa.Table(
        "settled_displaced",
        metadata,
        whole("terminal", key=True),
        whole("algorithm", key=True),
        whole("number", key=True),
        whole("segment", key=True),
        whole("factor"),
        whole("division"),
        whole("counter"),
        sa.Index(None, "factor", "division", "counter"),
    )
)
"""Numbers that an earlier segment took, and that the run of ``segment`` has taken back: an older
debit, or the row of an on-line settlement, has a better claim to them."""

split: Final = append_only(
    sa.Table(
        "settled_split",
        metadata,
        whole("segment", key=True),
        whole("pieces"),
        whole("last_card"),
    )
)
"""Segments of so many accounts that their money, and the counters of their cards, come in pieces,
each in a transaction of its own (SQLite has one writer, for whom others wait). ``last_card`` is
the last card that was registered when the segment was judged."""

booked: Final = append_only(
    sa.Table("settled_booked", metadata, whole("segment", key=True), whole("piece", key=True)),
)
"""Pieces that are posted: from 0 to ``pieces`` - 1. What a run that was killed has left, the next
one posts."""
