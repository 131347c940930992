# SPDX-License-Identifier: Apache-2.0
"""Bills (缴费单) of flexible workers, who pay contributions themselves by the levels they chose."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole
from sscard_chip.settlement.schema.persons import person

sa.Sequence("service_bill_id", metadata=metadata)  # PostgreSQL counts by it

bill: Final = append_only(
    sa.Table(
        "service_bill",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("number", sa.String(26), nullable=False, unique=True),
        sa.Column("person", BigNumber, sa.ForeignKey(person.c.id), nullable=False, index=True),
        sa.Column("first", sa.String(6), nullable=False),
        sa.Column("last", sa.String(6), nullable=False),
        sa.Column("way", sa.String(8), nullable=False),
        whole("fen"),
        whole("time"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
)
"""A bill of the months ``first`` to ``last``: ``way`` is how it is paid, ``sealed`` its lines."""

bill_end: Final = append_only(
    sa.Table(
        "service_bill_end",
        metadata,
        sa.Column("bill", BigNumber, sa.ForeignKey(bill.c.id), primary_key=True,
                  autoincrement=False),
        sa.Column("event", sa.String(12), nullable=False),
        whole("time"),
        sa.Column("reference", sa.String(64), nullable=False),
    )
)  # fmt: skip
"""A bill that was paid, with the bank's reference, or withdrawn: one of both, once."""
