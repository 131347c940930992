# SPDX-License-Identifier: Apache-2.0
"""Clearing (清算): what a run's postings come to for each pharmacy and each pair of regions.

:class:`Totals` are summed from the rows of a run; statements, pages and files between regions are
made of them. :class:`ClearingOutput` does all of it (extra ``settlement``).
"""

from __future__ import annotations

from sscard_chip.settlement.clearing.codes import ClearingType, ClearingWay, Outcome
from sscard_chip.settlement.clearing.output import ClearingOutput
from sscard_chip.settlement.clearing.statement import Line, Statement, Sums, statements
from sscard_chip.settlement.clearing.totals import ROWS, Totals
from sscard_chip.settlement.judge.localities import Locality, localities, locality

__all__ = [
    "ROWS",
    "ClearingOutput",
    "ClearingType",
    "ClearingWay",
    "Line",
    "Locality",
    "Outcome",
    "Statement",
    "Sums",
    "Totals",
    "localities",
    "locality",
    "statements",
]
