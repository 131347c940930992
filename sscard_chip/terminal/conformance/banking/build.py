# SPDX-License-Identifier: Apache-2.0
"""Collects cases of a bank application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sscard_chip.terminal.conformance.banking.trial import BankTrial
from sscard_chip.terminal.conformance.case import Case

BankJudge = Callable[[BankTrial], None]


class BankChapter:
    """Cases of one part: ``SSC-0025-READ-01``."""

    def __init__(self, name: str, clause: str, group: str, interfaces: frozenset[str]) -> None:
        self._name = name
        self._clause = clause
        self._group = group
        self._interfaces = interfaces
        self._cases: list[Case] = []

    def __call__(self) -> Iterator[Case]:
        """The cases, in the order of their definition."""
        return iter(self._cases)

    def case(self, number: int, title: str, **more: Any) -> Callable[[BankJudge], BankJudge]:
        """The function below it is a case."""

        def keep(judge: BankJudge) -> BankJudge:
            self._cases.append(
                Case(
                    identifier=f"SSC-0025-{self._name}-{number:02}",
                    title=title,
                    clauses=(self._clause,),
                    group=self._group,
                    judge=judge,
                    interfaces=self._interfaces,
                    **more,
                )
            )
            return judge

        return keep
