# SPDX-License-Identifier: Apache-2.0
"""Reconciliation (对账): two sides that must agree, and what it means where they do not."""

from __future__ import annotations

from sscard_chip.settlement.reconciliation.compare import Totals, compare_details, compare_totals
from sscard_chip.settlement.reconciliation.details import (
    ResultRow,
    UploadRow,
    pack,
    unpack_result,
    unpack_upload,
)
from sscard_chip.settlement.reconciliation.results import ReconciliationError, StatementResult

__all__ = [
    "ReconciliationError",
    "ResultRow",
    "StatementResult",
    "Totals",
    "UploadRow",
    "compare_details",
    "compare_totals",
    "pack",
    "unpack_result",
    "unpack_upload",
]
