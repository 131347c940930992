# SPDX-License-Identifier: Apache-2.0
"""A suite that judges cards: cases with their clauses, verdicts, reports.

>>> from sscard_chip.terminal.conformance import ImageTarget, run_suite
>>> run = run_suite(ImageTarget.load("zhang.ssc"), generation=2)
>>> run.passed
True
"""

from __future__ import annotations

from sscard_chip.terminal.conformance.case import Case, Need
from sscard_chip.terminal.conformance.cases import catalogue
from sscard_chip.terminal.conformance.engine import CaseResult, SuiteRun
from sscard_chip.terminal.conformance.ics import ImplementationStatement, StatementError
from sscard_chip.terminal.conformance.levels import LEVELS, Level
from sscard_chip.terminal.conformance.runner import run_suite
from sscard_chip.terminal.conformance.subject import SubjectError
from sscard_chip.terminal.conformance.target import ConnectionTarget, ImageTarget, JudgedCard
from sscard_chip.terminal.conformance.verdict import CaseVerdict

__all__ = [
    "LEVELS",
    "Case",
    "CaseResult",
    "CaseVerdict",
    "ConnectionTarget",
    "ImageTarget",
    "ImplementationStatement",
    "JudgedCard",
    "Level",
    "Need",
    "StatementError",
    "SubjectError",
    "SuiteRun",
    "catalogue",
    "run_suite",
]
