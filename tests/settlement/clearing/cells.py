# SPDX-License-Identifier: Apache-2.0
"""Rows of an invented run for the tests of clearing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sscard_chip.settlement.clearing import ROWS
from sscard_chip.settlement.judge.codes import mask_of

ONE, TWO = "P51010000001", "P51010000002"
DAY = 20260315


def row(
    pharmacy: str = ONE,
    *,
    treatment: int = 510100,
    insured: int = 510100,
    insurance: str = "310",
    day: int = DAY,
    algorithm: str = "3des",
    fund: int = 2000,
    account: int = 1000,
    cash: int = 500,
    refund: bool = False,
    codes: Sequence[int] = (),
) -> dict[str, Any]:
    """A sale of 35 yuan, or its refund."""
    sign = -1 if refund else 1
    return {
        "pharmacy": pharmacy,
        "treatment": treatment,
        "insured": insured,
        "insurance": insurance,
        "day": day,
        "algorithm": algorithm,
        "refund": refund,
        "total_fen": sign * (fund + account + cash),
        "fund_fen": sign * fund,
        "account_fen": sign * account,
        "cash_fen": sign * cash,
        "findings": int(mask_of(*codes)),
    }


def table(rows: Sequence[dict[str, Any]]) -> Any:
    return pa.Table.from_pylist(list(rows), schema=ROWS)
