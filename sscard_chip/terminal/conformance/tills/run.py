# SPDX-License-Identifier: Apache-2.0
"""Judges a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.engine import Observer, Resume, SuiteRun, play
from sscard_chip.terminal.conformance.evidence import Evidence
from sscard_chip.terminal.conformance.exchange import Exchanges
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.runner import chosen
from sscard_chip.terminal.conformance.tills.catalogue import terminal_catalogue
from sscard_chip.terminal.conformance.tills.trial import TillTrial
from sscard_chip.terminal.conformance.tills.workplace import TerminalMaker, Workshop
from sscard_chip.terminal.conformance.verdict import CaseVerdict


@dataclass(frozen=True, slots=True)
class TerminalSubject:
    """A terminal, as reports name it."""

    name: str
    kind: str = "terminal"
    generation: int = 0
    interface: str = "contact"
    algorithm: str = "3des+sm4"
    atr: bytes = b""

    @property
    def mark(self) -> bytes:
        """What tells it from others: its name."""
        return self.name.encode()


class TerminalSuite:
    """A terminal under its cases; see :class:`~..engine.Bench`."""

    lasting = False
    level = Level.DESTRUCTIVE

    def __init__(self, factory: TerminalMaker, workshop: Workshop, name: str, folder: Path) -> None:
        self.name = name
        self.subject = TerminalSubject(name)
        self._factory = factory
        self._workshop = workshop
        self._folder = folder
        self._trials = 0

    def evidence(self) -> Evidence:
        """See :class:`~..engine.Bench`."""
        return Evidence()

    def excused(self, case: Case) -> tuple[CaseVerdict, str] | None:
        """Every case is for every terminal."""
        return None

    def trial(self, case: Case) -> Exchanges:
        """The terminal under a case, in a folder of its own."""
        self._trials += 1
        folder = self._folder / f"case{self._trials}"
        folder.mkdir()
        return TillTrial(self._factory, self._workshop, folder)

    def start(self, trial: Exchanges) -> None:
        """A case sets its workplaces up itself."""


def run_terminal_suite(
    factory: TerminalMaker,
    workshop: Workshop,
    *,
    name: str = "terminal",
    only: Iterable[str] = (),
    observer: Observer | None = None,
    resumed: Resume | None = None,
) -> SuiteRun:
    """Judge a terminal.

    :param factory: called with a workplace, several times a case; gives a terminal.
    :param workshop: makes cards and PSAMs.
    """
    began = time.time()
    with TemporaryDirectory(prefix="sscard-terminal-") as folder:
        suite = TerminalSuite(factory, workshop, name, Path(folder))
        return play(
            suite,
            chosen(terminal_catalogue(), only),
            observer=observer,
            resumed=resumed(suite.subject) if resumed else None,
            began=began,
        )
