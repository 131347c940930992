# SPDX-License-Identifier: Apache-2.0
"""Collects cases of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sscard_chip.terminal.conformance.case import CONTACT, Case
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.tills.trial import TillTrial

TillJudge = Callable[[TillTrial], None]


class TillChapter:
    """Cases of one part of a sale: ``SSC-32.8-PIN-01``."""

    def __init__(self, name: str, clause: str, group: str) -> None:
        self._name = name
        self._clause = clause
        self._group = group
        self._cases: list[Case] = []

    def __call__(self) -> Iterator[Case]:
        """The cases, in the order of their definition."""
        return iter(self._cases)

    def case(self, number: int, title: str, **more: Any) -> Callable[[TillJudge], TillJudge]:
        """The function below it is a case."""

        def keep(judge: TillJudge) -> TillJudge:
            self._cases.append(
                Case(
                    identifier=f"SSC-32.8-{self._name}-{number:02}",
                    title=title,
                    clauses=(self._clause,),
                    group=self._group,
                    judge=judge,
                    level=Level.DESTRUCTIVE,
                    interfaces=frozenset({CONTACT}),
                    **more,
                )
            )
            return judge

        return keep
