# SPDX-License-Identifier: Apache-2.0
"""What further transactions keep: shifts of operators (9001, 9002) and stock (3501 to 3507)."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole

shift: Final = append_only(
    sa.Table(
        "shift",
        metadata,
        sa.Column("sign_no", sa.String(30), primary_key=True),
        sa.Column("pharmacy", sa.String(12), nullable=False),
        sa.Column("operator", sa.String(30), nullable=False),
        sa.Column("msgid", sa.String(30), nullable=False, unique=True),
        sa.Column("time", sa.String(14), nullable=False),
    )
)
shift_end: Final = append_only(
    sa.Table(
        "shift_end",
        metadata,
        sa.Column("sign_no", sa.String(30), sa.ForeignKey(shift.c.sign_no), primary_key=True),
        sa.Column("msgid", sa.String(30), nullable=False, unique=True),
        sa.Column("time", sa.String(14), nullable=False),
    )
)

sa.Sequence("stock_change_id", metadata=metadata)
stock_change: Final = append_only(
    sa.Table(
        "stock_change",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("pharmacy", sa.String(12), nullable=False),
        sa.Column("batch", sa.String(30), nullable=False),
        sa.Column("goods", sa.String(30), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("infno", sa.String(6), nullable=False),
        whole("data_type"),
        sa.Column("counted", sa.Boolean, nullable=False),
        whole("quantity"),
        sa.Column("setl_id", sa.String(30)),
        sa.Column("msgid", sa.String(30), nullable=False),
        sa.Column("time", sa.String(14), nullable=False),
        sa.Index(None, "pharmacy", "batch", "id"),
    )
)
"""A line of a message. ``quantity`` is in ten-thousandths: what was counted, else more or less.
``goods`` is fixmedins_hilist_id, ``batch`` fixmedins_bchno; a row of 3507 has quantity 0 and no
goods, and rows before it of its batch and ``data_type`` do not count any more."""
