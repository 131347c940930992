# SPDX-License-Identifier: Apache-2.0
"""Judges a PSAM."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sscard_chip.security.keystore import KeyStore
from sscard_chip.terminal.conformance.case import Case, Need
from sscard_chip.terminal.conformance.engine import (
    MOST_COMMANDS,
    Observer,
    Resume,
    SuiteRun,
    play,
)
from sscard_chip.terminal.conformance.exchange import Exchanges
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.psam.catalogue import psam_catalogue
from sscard_chip.terminal.conformance.psam.subject import OwnSecrets, PsamSubject, examine_psam
from sscard_chip.terminal.conformance.psam.trial import PsamTrial
from sscard_chip.terminal.conformance.runner import TargetSuite, chosen
from sscard_chip.terminal.conformance.target import JudgedCard
from sscard_chip.terminal.conformance.verdict import CaseVerdict


class PsamSuite(TargetSuite[PsamSubject]):
    """A PSAM under its cases; see :class:`~..engine.Bench`."""

    def excused(self, case: Case) -> tuple[CaseVerdict, str] | None:
        """Why a case is not put to it."""
        subject, later = self.subject, CaseVerdict.NOT_RUN
        if case.part not in subject.environments:
            return CaseVerdict.NOT_APPLICABLE, f"the PSAM has no environment for {case.part}"
        if case.level > self.level:
            return later, f"is of the level {case.level.word}"
        if Need.KEYS in case.needs and (subject.store is None or not subject.city):
            return later, "needs the root keys, and the city of the PSAM"
        if Need.OWN_KEYS in case.needs and subject.own is None:
            return later, "needs the PSAM's own keys"
        return None

    def trial(self, case: Case) -> Exchanges:
        """The PSAM under a case."""
        return PsamTrial(self.target.connect(), self.subject, case.level, case.part)

    def start(self, trial: Exchanges) -> None:
        """A reset."""
        trial.reset(cold=not self.lasting)


def run_psam_suite(
    target: JudgedCard,
    *,
    city: str = "",
    store: KeyStore | None = None,
    own: Callable[[str], OwnSecrets] | None = None,
    level: Level = Level.READ,
    only: Iterable[str] = (),
    observer: Observer | None = None,
    resumed: Resume | None = None,
    most_commands: int = MOST_COMMANDS,
) -> SuiteRun:
    """Judge a PSAM.

    :param city: 6 digits of the area whose keys it has, for one of a city or province; without it
        the first digits of its terminal's number.
    :param store: root keys; without them no cryptogram is checked.
    :param own: gives the PSAM's own keys by suite; without it none of them is used.
    :raises SubjectError: it is no PSAM.
    :raises TerminalConnectionError: there is none.
    """
    began = time.time()
    subject = examine_psam(target.connect(), city=city, store=store, own=own)
    return play(
        PsamSuite(target, subject, level),
        chosen(psam_catalogue(), only),
        observer=observer,
        resumed=resumed(subject) if resumed else None,
        most_commands=most_commands,
        began=began,
    )
