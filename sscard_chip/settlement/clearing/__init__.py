# SPDX-License-Identifier: Apache-2.0
"""Clearing (清算): what a run's postings come to for each pharmacy and each pair of regions.

Cross-province clearing (异地清算): a sale to a card of another region is paid here all the same.
The pharmacy gets account and fund money like of any other (PHARMACY), and what the insured region
owes for both goes to its RECEIVABLE account (应收异地, ``run/booking.py``). From the divisions of
treatment and insured place ``judge/localities.py`` says whether a row is of the own region, of
another city of the province (省内异地) or of another province (跨省异地). ``exchange.py`` writes a
file for each pair of regions, a row a sale, from which the insured region checks and pays.

:class:`ClearingTotals` are summed from the rows of a run; statements, pages and files between
    regions are made of them. :class:`ClearingOutput` does all of it (extra ``settlement``).
"""

from __future__ import annotations

from sscard_chip.settlement.clearing.codes import ClearingType, ClearingWay, RowOutcome
from sscard_chip.settlement.clearing.output import ClearingOutput
from sscard_chip.settlement.clearing.statement import Statement, StatementLine, Sums, statements
from sscard_chip.settlement.clearing.totals import ROWS, ClearingTotals
from sscard_chip.settlement.judge.localities import Locality, localities, locality

__all__ = [
    "ROWS",
    "ClearingOutput",
    "ClearingTotals",
    "ClearingType",
    "ClearingWay",
    "Locality",
    "RowOutcome",
    "Statement",
    "StatementLine",
    "Sums",
    "localities",
    "locality",
    "statements",
]
