# SPDX-License-Identifier: Apache-2.0
"""Journeys of transport cards (交通联合) that are booked: the day files of gates, and their taps.

A tap is known by the card's number of it (issuer, serial number, counter) and by the terminal's
(terminal, algorithm, 终端交易序号): neither is booked twice, whatever file it comes in. Issuer and
serial number are the signed numbers of their 8 bytes, terminals their 12 digits, algorithms the
codes of clearing (1 3DES, 4 SM4).
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole
from sscard_chip.settlement.schema.books import entry

sa.Sequence("transit_file_id", metadata=metadata)

transit_file: Final = append_only(
    sa.Table(
        "transit_file",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, index=True),
        whole("terminal"),
        sa.Column("day", sa.String(8), nullable=False),
        whole("number"),
        whole("records"),
        whole("booked"),
        sa.Column("entry", BigNumber, sa.ForeignKey(entry.c.id), unique=True),
    )
)
"""Each time that a file has booked something; ``entry`` is empty when it moved no money."""

transit_tap: Final = append_only(
    sa.Table(
        "transit_tap",
        metadata,
        whole("issuer", key=True),
        whole("serial", key=True),
        whole("counter", key=True),
        whole("file"),
        whole("terminal"),
        whole("algorithm"),
        whole("number"),
        whole("kind"),
        whole("merchant"),
        whole("amount_fen"),
        whole("moment"),
        whole("tac"),
        sa.UniqueConstraint("terminal", "algorithm", "number"),
        sa.Index(None, "merchant", "kind"),
        sqlite_with_rowid=False,
    )
)
"""``merchant`` is the operator's number, ``moment`` YYYYMMDDhhmmss, ``file`` that of the table."""
