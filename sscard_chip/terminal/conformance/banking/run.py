# SPDX-License-Identifier: Apache-2.0
"""Judges a bank application."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sscard_chip.security.keystore import KeyStore
from sscard_chip.terminal.conformance.banking.catalogue import bank_catalogue
from sscard_chip.terminal.conformance.banking.subject import Authorities, BankSubject, examine_bank
from sscard_chip.terminal.conformance.banking.trial import BankTrial
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
from sscard_chip.terminal.conformance.runner import TargetSuite, chosen
from sscard_chip.terminal.conformance.target import JudgedCard
from sscard_chip.terminal.conformance.verdict import CaseVerdict


class BankApplicationSuite(TargetSuite[BankSubject]):
    """A bank application under its cases; see :class:`~..engine.Bench`."""

    def excused(self, case: Case) -> tuple[CaseVerdict, str] | None:
        """Why a case is not put to it."""
        subject, later = self.subject, CaseVerdict.NOT_RUN
        if subject.interface not in case.interfaces:
            return CaseVerdict.NOT_APPLICABLE, f"not for {subject.interface}"
        if case.level > self.level:
            return later, f"is of the level {case.level.word}"
        if Need.KEYS in case.needs and subject.store is None:
            return later, "needs the bank's keys"
        if Need.AUTHORITY in case.needs and not subject.authorities:
            return later, "needs the bank's certificates"
        if Need.PIN in case.needs and not subject.pin:
            return later, "needs the bank PIN"
        return None

    def trial(self, case: Case) -> Exchanges:
        """The card under a case."""
        return BankTrial(self.target.connect(), self.subject, case.level)

    def start(self, trial: Exchanges) -> None:
        """A reset."""
        trial.reset(cold=not self.lasting)


def run_bank_suite(
    target: JudgedCard,
    *,
    interface: str = "contact",
    pin: str = "",
    store: KeyStore | None = None,
    authorities: Authorities | None = None,
    level: Level = Level.READ,
    only: Iterable[str] = (),
    observer: Observer | None = None,
    resumed: Resume | None = None,
    most_commands: int = MOST_COMMANDS,
) -> SuiteRun:
    """Judge a bank application.

    :param interface: ``"contact"`` or ``"contactless"``, as the target's reader has it.
    :param pin: bank PIN, digits; without it none is ever sent.
    :param store: the bank's keys; without them nothing is paid.
    :param authorities: keys of certification authorities; without them no certificate is checked.
    :raises SubjectError: the card has none.
    :raises TerminalConnectionError: there is no card.
    """
    began = time.time()
    subject = examine_bank(
        target.connect(), interface=interface, pin=pin, store=store, authorities=authorities
    )
    return play(
        BankApplicationSuite(target, subject, level),
        chosen(bank_catalogue(), only),
        observer=observer,
        resumed=resumed(subject) if resumed else None,
        most_commands=most_commands,
        began=began,
    )
