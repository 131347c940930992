# SPDX-License-Identifier: Apache-2.0
"""Reconciliation (对账): two sides that must agree, and what it means where they do not."""

from __future__ import annotations

from sscard_chip.settlement.reconciliation.compare import (
    SideTotals,
    compare_details,
    compare_totals,
)
from sscard_chip.settlement.reconciliation.details import (
    ResultRow,
    UploadRow,
    unpack_result,
    unpack_upload,
    zip_details,
)
from sscard_chip.settlement.reconciliation.results import ReconciliationError, StatementResult

__all__ = [
    "ReconciliationError",
    "ResultRow",
    "SideTotals",
    "StatementResult",
    "UploadRow",
    "compare_details",
    "compare_totals",
    "unpack_result",
    "unpack_upload",
    "zip_details",
]
