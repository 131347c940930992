# SPDX-License-Identifier: Apache-2.0
"""What reconciliation keeps: tasks, their differences and what became of them, insert-only."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import append_only, metadata, whole


def _of_task() -> tuple[sa.Column[str], sa.Column[str], sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("pharmacy", sa.String(200), primary_key=True),
        sa.Column("day", sa.String(8), primary_key=True),
        sa.Column("insurance", sa.String(6), primary_key=True),
        sa.Column("kind", sa.String(6), primary_key=True),  # TOTAL or DETAIL
    )


task: Final = append_only(
    sa.Table(
        "reconciliation_task",
        metadata,
        *_of_task(),
        whole("attempt", key=True),
        whole("result"),  # 1 even, 2 uneven, 9 failed
        whole("stmt_rslt"),
        whole("net_count"),
        whole("total_fen"),
        whole("fund_fen"),
        whole("account_fen"),
        whole("centre_net_count"),
        whole("centre_total_fen"),
        whole("centre_fund_fen"),
        whole("centre_account_fen"),
        sa.Column("note", sa.String(500), nullable=False),
    )
)
"""One for an institution, a day, an insurance and a kind; the highest attempt is the valid one,
those before it and their differences are void."""

difference: Final = append_only(
    sa.Table(
        "reconciliation_difference",
        metadata,
        *_of_task(),
        whole("attempt", key=True),
        whole("number", key=True),
        whole("stmt_rslt"),
        sa.Column("refund", sa.Boolean, nullable=False),
        sa.Column("msgid", sa.String(30)),
        sa.Column("setl_id", sa.String(30)),
        sa.Column("memo", sa.String(500)),
        whole("centre_total_fen"),
        whole("centre_fund_fen"),
        whole("centre_account_fen"),
    )
)
difference_step: Final = append_only(
    sa.Table(
        "reconciliation_difference_step",
        metadata,
        *_of_task(),
        whole("attempt", key=True),
        whole("number", key=True),
        whole("step", key=True),
        whole("state"),  # 0 open, 1 checked, 2 settled
        sa.Column("note", sa.String(500), nullable=False),
    )
)
file: Final = append_only(
    sa.Table(
        "reconciliation_file",
        metadata,
        sa.Column("number", sa.String(30), primary_key=True),  # file_qury_no
        sa.Column("pharmacy", sa.String(200), nullable=False),
        sa.Column("filename", sa.String(200), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
)
"""Detail files that institutions have uploaded and results that they may fetch; the number comes
of the content, so the same file again is the same file."""
