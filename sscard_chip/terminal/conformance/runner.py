# SPDX-License-Identifier: Apache-2.0
"""Runs cases against a card, the harmless ones first, and gives each its verdict.

>>> target = ImageTarget.load("zhang.ssc")
>>> run = run_suite(target, generation=2, pin="135790", store=roots, level=Level.WRITE)
>>> run.counts[CaseVerdict.FAIL]
0
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.profile.model import Confidence
from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.errors import KeyStoreError
from sscard_chip.standard.status import StatusError
from sscard_chip.terminal.conformance.case import Case, Need
from sscard_chip.terminal.conformance.cases import catalogue
from sscard_chip.terminal.conformance.evidence import Evidence, ShownExchange
from sscard_chip.terminal.conformance.ics import ImplementationStatement
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.subject import Subject, examine
from sscard_chip.terminal.conformance.target import JudgedCard
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import (
    CaseVerdict,
    DeviatingAnswerError,
    JudgementError,
    NotApplicableError,
    NotRunError,
    UnaskedFailureError,
    UndecidedError,
)
from sscard_chip.terminal.connection import TerminalConnectionError

_LOG: Final = logging.getLogger(__name__)
_SHAPES: Final = (ValueError, IndexError, KeyError, StatusError)
"""What our own readers of answers raise when an answer has not the form of one."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case ended.

    ``reason`` is one line without secrets; ``lost`` says that a try is gone.
    """

    case: Case
    verdict: CaseVerdict
    reason: str = ""
    expected: str = ""
    received: str = ""
    exchanges: tuple[ShownExchange, ...] = ()
    seconds: float = 0.0
    lost: bool = False


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """All results of a run, in the order of the cases' running."""

    target: str
    subject: Subject
    level: Level
    started: float
    seconds: float
    results: tuple[CaseResult, ...]
    stopped: str = ""

    @property
    def counts(self) -> Counter[CaseVerdict]:
        """How many cases ended how."""
        return Counter(result.verdict for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether no case failed, and none could not be judged for a fault of reader or program."""
        return not (self.counts[CaseVerdict.FAIL] or self.counts[CaseVerdict.ERROR])


Observer = Callable[[CaseResult], None]


def in_order(cases: Iterable[Case]) -> list[Case]:
    """Cases as they are run: by level, those after which something is lost at the end."""
    return sorted(cases, key=lambda case: (case.level, case.lasting))


@dataclass
class _Run:
    target: JudgedCard
    subject: Subject
    level: Level
    observer: Observer | None
    results: list[CaseResult] = field(default_factory=list)
    stopped: str = ""

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.subject.profile)

    def play(self, case: Case) -> None:
        result = self._excused(case) or self._judge(case)
        self.results.append(result)
        if self.observer:
            self.observer(result)
        if self.target.lasting and not self.stopped:
            if result.lost:
                self.stopped = f"{case.identifier} cost a try that nobody asked for"
            elif result.verdict is CaseVerdict.ERROR:
                self.stopped = f"{case.identifier} ended in an error"

    def _excused(self, case: Case) -> CaseResult | None:
        """Why a case is not put to the card at all."""
        subject = self.subject
        if subject.generation not in case.generations:
            reason = f"not for generation {subject.generation}"
            return CaseResult(case, CaseVerdict.NOT_APPLICABLE, reason)
        if subject.interface not in case.interfaces:
            return CaseResult(case, CaseVerdict.NOT_APPLICABLE, f"not for {subject.interface}")
        if Need.MEDICAL in case.needs and not subject.medical:
            return CaseResult(case, CaseVerdict.NOT_APPLICABLE, "the card has no medical account")
        if self.stopped:
            return CaseResult(case, CaseVerdict.NOT_RUN, f"the run stopped: {self.stopped}")
        if case.level > self.level:
            return CaseResult(case, CaseVerdict.NOT_RUN, f"is of the level {case.level.word}")
        if Need.PIN in case.needs and subject.tries is not None and not subject.pin:
            return CaseResult(case, CaseVerdict.NOT_RUN, "needs the PIN")
        if Need.KEYS in case.needs and subject.secrets is None:
            return CaseResult(case, CaseVerdict.NOT_RUN, "needs the root keys of the card")
        return None

    def _judge(self, case: Case) -> CaseResult:
        began = time.perf_counter()
        trial: Trial | None = None
        ended: Exception | None = None
        try:
            trial = Trial(
                self.target.connect(), self.subject, case.level, lasting=self.target.lasting
            )
            trial.reset(cold=not self.target.lasting)
            case.judge(trial)
        except Exception as error:
            ended = error
        if trial is not None:
            try:
                trial.restore()
            except Exception as error:
                ended = _restoring(error, ended)
        exchanges = self.evidence.show(trial.exchanges) if trial else ()
        return _result(case, ended, exchanges, time.perf_counter() - began)


def _restoring(error: Exception, ended: Exception | None) -> Exception:
    """What a case ended in when what it had changed could not be put back."""
    if isinstance(error, JudgementError) and not isinstance(ended, DeviatingAnswerError):
        return DeviatingAnswerError("the card as it was before", f"not put back: {error}")
    return ended or error


def _result(
    case: Case, ended: Exception | None, exchanges: tuple[ShownExchange, ...], seconds: float
) -> CaseResult:
    lost = isinstance(ended, UnaskedFailureError)
    wrong = CaseVerdict.WARN if case.confidence is Confidence.LOW else CaseVerdict.FAIL
    expected = received = ""
    match ended:
        case None:
            verdict, reason = CaseVerdict.PASS, ""
        case DeviatingAnswerError():
            verdict, reason = wrong, str(ended)
            expected, received = ended.expected, ended.received
        case UndecidedError():
            verdict, reason = CaseVerdict.INCONCLUSIVE, str(ended)
        case NotApplicableError():
            verdict, reason = CaseVerdict.NOT_APPLICABLE, str(ended)
        case NotRunError():
            verdict, reason = CaseVerdict.NOT_RUN, str(ended)
        case KeyStoreError():
            verdict, reason = CaseVerdict.NOT_RUN, "the store of root keys has not the key"
        case TerminalConnectionError():
            verdict, reason = CaseVerdict.ERROR, str(ended)
        case _ if isinstance(ended, _SHAPES):
            _LOG.debug("in case %s", case.identifier, exc_info=ended)
            verdict, reason = wrong, "an answer has not the form that it must have"
        case _:
            _LOG.debug("in case %s", case.identifier, exc_info=ended)
            verdict, reason = (
                CaseVerdict.ERROR,
                f"the connection or the case: {type(ended).__name__}",
            )
    return CaseResult(case, verdict, reason, expected, received, exchanges, seconds, lost)


def run_suite(
    target: JudgedCard,
    *,
    interface: str = "contact",
    generation: int | None = None,
    statement: ImplementationStatement | None = None,
    pin: str = "",
    store: KeyStore | None = None,
    level: Level = Level.READ,
    only: Iterable[str] = (),
    observer: Observer | None = None,
) -> SuiteRun:
    """Judge a card.

    :param interface: ``"contact"`` or ``"contactless"``, as the target's reader has it.
    :param generation: what the card should be; without it what it says itself.
    :param statement: what of the optional parts it has; without it the card is asked.
    :param pin: digits; without it no PIN is ever sent.
    :param store: root keys of the card; without them no key is used.
    :param level: how far the run may go.
    :param only: identifiers of cases or their beginnings; all without it.
    :param observer: called with each result.
    :raises SubjectError: no generation is given, and the card says none.
    :raises StatementError: the generation cannot have what the statement says.
    :raises TerminalConnectionError: there is no card to be judged.
    """
    started, began = time.time(), time.perf_counter()
    subject = examine(
        target.connect(),
        interface=interface,
        generation=generation,
        statement=statement,
        pin=bcd(pin) if pin else b"",
        store=store,
    )
    wanted = tuple(only)
    cases = [case for case in catalogue() if not wanted or case.identifier.startswith(wanted)]
    run = _Run(target, subject, level, observer)
    for case in in_order(cases):
        run.play(case)
    seconds = time.perf_counter() - began
    return SuiteRun(target.name, subject, level, started, seconds, tuple(run.results), run.stopped)
