# SPDX-License-Identifier: Apache-2.0
"""What reconciliation keeps: tasks, their differences and what became of them, insert-only."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import append_only, metadata


def _whole(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=False, autoincrement=False)


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
        _whole("attempt", key=True),
        _whole("result"),  # 1 even, 2 uneven, 9 failed
        _whole("stmt_rslt"),
        _whole("net_count"),
        _whole("total_fen"),
        _whole("fund_fen"),
        _whole("account_fen"),
        _whole("centre_net_count"),
        _whole("centre_total_fen"),
        _whole("centre_fund_fen"),
        _whole("centre_account_fen"),
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
        _whole("attempt", key=True),
        _whole("number", key=True),
        _whole("stmt_rslt"),
        sa.Column("refund", sa.Boolean, nullable=False),
        sa.Column("msgid", sa.String(30)),
        sa.Column("setl_id", sa.String(30)),
        sa.Column("memo", sa.String(500)),
        _whole("centre_total_fen"),
        _whole("centre_fund_fen"),
        _whole("centre_account_fen"),
    )
)
difference_step: Final = append_only(
    sa.Table(
        "reconciliation_difference_step",
        metadata,
        *_of_task(),
        _whole("attempt", key=True),
        _whole("number", key=True),
        _whole("step", key=True),
        _whole("state"),  # 0 open, 1 checked, 2 settled
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
