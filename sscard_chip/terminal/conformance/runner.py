# SPDX-License-Identifier: Apache-2.0
"""Judges a card of the social security application.

>>> target = ImageTarget.load("zhang.ssc")
>>> run = run_suite(target, generation=2, pin="135790", store=roots, level=Level.WRITE)
>>> run.counts[CaseVerdict.FAIL]
0
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Generic, TypeVar

from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.dates import bcd
from sscard_chip.terminal.conformance.case import Case, Need
from sscard_chip.terminal.conformance.cases import catalogue
from sscard_chip.terminal.conformance.engine import (
    MOST_COMMANDS,
    CaseResult,
    Observer,
    Resume,
    SuiteRun,
    play,
)
from sscard_chip.terminal.conformance.evidence import Evidence
from sscard_chip.terminal.conformance.exchange import Exchanges
from sscard_chip.terminal.conformance.ics import ImplementationStatement
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.subject import OtherSecrets, Subject, examine
from sscard_chip.terminal.conformance.target import Arm, ImageTarget, JudgedCard
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import CaseVerdict

__all__ = ["CardSuite", "CaseResult", "SuiteRun", "run_suite"]


SubjectT = TypeVar("SubjectT")


class TargetSuite(Generic[SubjectT]):
    """What suites of one card share: the card, what was found of it, and the level of the run."""

    def __init__(self, target: JudgedCard, subject: SubjectT, level: Level) -> None:
        self.target = target
        self.subject = subject
        self.level = level

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.target.name

    @property
    def lasting(self) -> bool:
        """Whether it keeps what is done to it."""
        return self.target.lasting

    def evidence(self) -> Evidence:
        """See :class:`.engine.Bench`."""
        return Evidence()


class CardSuite(TargetSuite[Subject]):
    """A card under the cases of the social security application."""

    def evidence(self) -> Evidence:
        """See :class:`.engine.Bench`."""
        return Evidence(self.subject.profile)

    def excused(self, case: Case) -> tuple[CaseVerdict, str] | None:
        """Why a case is not put to the card at all."""
        subject = self.subject
        none, later = CaseVerdict.NOT_APPLICABLE, CaseVerdict.NOT_RUN
        if subject.generation not in case.generations:
            return none, f"not for generation {subject.generation}"
        if subject.interface not in case.interfaces:
            return none, f"not for {subject.interface}"
        if Need.MEDICAL in case.needs and not subject.medical:
            return none, "the card has no medical account"
        if case.level > self.level:
            return later, f"is of the level {case.level.word}"
        if Need.PIN in case.needs and subject.tries is not None and not subject.pin:
            return later, "needs the PIN"
        if Need.KEYS in case.needs and subject.secrets is None:
            return later, "needs the root keys of the card"
        if Need.TRANSPORT_KEYS in case.needs and subject.transport is None:
            return later, "needs the transport issuer's root keys"
        if Need.USER_PIN in case.needs and not subject.others.user_pin:
            return later, "needs the user's PIN of the certificate application"
        if Need.ADMIN_PIN in case.needs and not subject.others.admin_pin:
            return later, "needs the administrator's PIN of the certificate application"
        if Need.IMAGE in case.needs and not isinstance(self.target, ImageTarget):
            return later, "needs a state to which only a card image can be brought"
        if Need.POWER_CUT in case.needs and not self.target.cuttable:
            return later, "needs a card image, or a reader whose hands cut the power"
        return None

    def trial(self, case: Case) -> Exchanges:
        """The card under a case."""
        arm: Arm | None = None
        if Need.POWER_CUT in case.needs:
            connection, arm = self.target.connect_cuttable()
        else:
            connection = self.target.connect()
        image = self.target if isinstance(self.target, ImageTarget) else None
        return Trial(
            connection, self.subject, case.level, lasting=self.lasting, arm=arm, image=image
        )

    def start(self, trial: Exchanges) -> None:
        """A reset."""
        trial.reset(cold=not self.lasting)


def run_suite(
    target: JudgedCard,
    *,
    interface: str = "contact",
    generation: int | None = None,
    statement: ImplementationStatement | None = None,
    pin: str = "",
    store: KeyStore | None = None,
    transport: KeyStore | None = None,
    user_pin: str = "",
    admin_pin: str = "",
    level: Level = Level.READ,
    only: Iterable[str] = (),
    observer: Observer | None = None,
    resumed: Resume | None = None,
    most_commands: int = MOST_COMMANDS,
    patience_s: float = 0.0,
) -> SuiteRun:
    """Judge a card.

    :param interface: ``"contact"`` or ``"contactless"``, as the target's reader has it.
    :param generation: what the card should be; without it what it says itself.
    :param statement: what of the optional parts it has; without it the card is asked.
    :param pin: digits; without it no PIN is ever sent.
    :param store: root keys of the card; without them no key is used.
    :param transport: root keys of the transport issuer, for rides and loads.
    :param user_pin: digits of the certificate application's user PIN; without it none is sent.
    :param admin_pin: those of its administrator's.
    :param level: how far the run may go.
    :param only: identifiers of cases or their beginnings; all without it.
    :param observer: called with each result.
    :param resumed: gives the results of an earlier run that are taken over, for the card that is
        there now.
    :param most_commands: after so many the run of a card that is no image ends.
    :param patience_s: how long a card that was pulled out is waited for, so that what was
        written to it is put back.
    :raises SubjectError: no generation is given, and the card says none.
    :raises StatementError: the generation cannot have what the statement says.
    :raises TerminalConnectionError: there is no card to be judged.
    """
    began = time.time()
    subject = examine(
        target.connect(),
        interface=interface,
        generation=generation,
        statement=statement,
        pin=bcd(pin) if pin else b"",
        store=store,
        others=OtherSecrets(
            transport,
            bcd(user_pin) if user_pin else b"",
            bcd(admin_pin) if admin_pin else b"",
        ),
    )
    return play(
        CardSuite(target, subject, level),
        chosen(catalogue(), only),
        observer=observer,
        resumed=resumed(subject) if resumed else None,
        most_commands=most_commands,
        patience_s=patience_s,
        began=began,
    )


def chosen(cases: Iterable[Case], only: Iterable[str]) -> list[Case]:
    """The cases of some identifiers or their beginnings; all without any."""
    wanted = tuple(only)
    return [case for case in cases if not wanted or case.identifier.startswith(wanted)]
