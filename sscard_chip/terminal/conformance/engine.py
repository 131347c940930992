# SPDX-License-Identifier: Apache-2.0
"""Puts cases to whatever is judged, the harmless ones first, and gives each its verdict.

What differs between a card, a PSAM, a bank application and a terminal stands in their
:class:`Bench`.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sscard_chip.profile.model import Confidence
from sscard_chip.standard.errors import KeyStoreError
from sscard_chip.standard.status import StatusError
from sscard_chip.terminal.bank.errors import BankTerminalError
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.evidence import Evidence, RawExchange, ShownExchange
from sscard_chip.terminal.conformance.exchange import Exchanges
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.verdict import (
    CaseVerdict,
    DeviatingAnswerError,
    JudgementError,
    NotApplicableError,
    NotRunError,
    UnaskedFailureError,
    UndecidedError,
)
from sscard_chip.terminal.connection import NoCardError, TerminalConnectionError

_LOG: Final = logging.getLogger(__name__)
_SHAPES: Final = (ValueError, IndexError, KeyError, StatusError, BankTerminalError)
"""What our own readers of answers raise when an answer has not the form of one."""
MOST_COMMANDS: Final = 60_000
"""Commands of a run to a card that keeps what is done to it."""
_PAUSE_S: Final = 0.25
INTERRUPTED: Final = "interrupted"


class JudgedSubject(Protocol):
    """What is judged, as reports name it. ``generation`` is 0 where it has none."""

    @property
    def kind(self) -> str:
        """``card``, ``psam``, ``bank``, ``terminal``."""

    @property
    def generation(self) -> int:
        """Generation of the card."""

    @property
    def interface(self) -> str:
        """``contact`` or ``contactless``."""

    @property
    def algorithm(self) -> str:
        """``3des`` or ``sm4``."""

    @property
    def atr(self) -> bytes:
        """Answer to reset, or nothing."""

    @property
    def mark(self) -> bytes:
        """What tells it from others of its kind; not shown as it is. May be nothing."""


class Bench(Protocol):
    """Something to be judged, and how cases are put to it."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def lasting(self) -> bool:
        """Whether it keeps what is done to it."""

    @property
    def subject(self) -> JudgedSubject:
        """What it is."""

    @property
    def level(self) -> Level:
        """How far the run may go."""

    def excused(self, case: Case) -> tuple[CaseVerdict, str] | None:
        """Why a case is not put to it at all: not applicable, or not run."""

    def trial(self, case: Case) -> Exchanges:
        """What the case is to judge."""

    def start(self, trial: Exchanges) -> None:
        """Bring it to where every case begins."""

    def evidence(self) -> Evidence:
        """Who makes exchanges fit to be shown."""


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
    """All results of a run, in the order of the cases' running.

    ``commands`` is how many were sent. ``stopped`` says why the run ended before its last case.
    """

    target: str
    subject: Any
    level: Level
    started: float
    seconds: float
    results: tuple[CaseResult, ...]
    stopped: str = ""
    commands: int = 0

    @property
    def counts(self) -> Counter[CaseVerdict]:
        """How many cases ended how."""
        return Counter(result.verdict for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether the run went to its end, no case failed, and none could not be judged for a
        fault of reader or program."""
        bad = self.counts[CaseVerdict.FAIL] or self.counts[CaseVerdict.ERROR]
        return not (bad or self.stopped)


Observer = Callable[[CaseResult], None]
Resumed = Mapping[str, CaseResult]
"""Results of an earlier run by case, which are taken over."""
Resume = Callable[[JudgedSubject], Resumed]
"""Those for what is judged now; raises where that is another one."""


def in_order(cases: Iterable[Case]) -> list[Case]:
    """Cases as they are run: by level, those after which something is lost at the end."""
    return sorted(cases, key=lambda case: (case.level, case.lasting))


def play(
    bench: Bench,
    cases: Iterable[Case],
    *,
    observer: Observer | None = None,
    resumed: Resumed | None = None,
    most_commands: int = MOST_COMMANDS,
    patience_s: float = 0.0,
    began: float | None = None,
) -> SuiteRun:
    """Put cases to a bench.

    Ctrl-C ends the run: what the case had changed is put back first, the rest is *not run*.

    :param resumed: results that are taken over.
    :param most_commands: after so many the run ends, where the bench keeps what is done to it.
    :param patience_s: how long a card that was pulled out is waited for, to put back what was
        written to it.
    """
    clock = time.perf_counter()
    run = _Run(bench, observer, most_commands, patience_s, dict(resumed or {}))
    for case in in_order(cases):
        run.play(case)
    return SuiteRun(
        target=bench.name,
        subject=bench.subject,
        level=bench.level,
        started=time.time() if began is None else began,
        seconds=time.perf_counter() - clock,
        results=tuple(run.results),
        stopped=run.stopped,
        commands=run.commands,
    )


@dataclass
class _Run:
    bench: Bench
    observer: Observer | None
    most_commands: int
    patience_s: float
    resumed: dict[str, CaseResult]
    results: list[CaseResult] = field(default_factory=list)
    stopped: str = ""
    commands: int = 0

    def __post_init__(self) -> None:
        self.evidence = self.bench.evidence()

    def play(self, case: Case) -> None:
        result = self.resumed.get(case.identifier) or self._excused(case) or self._judge(case)
        self.results.append(result)
        if self.observer:
            self.observer(result)
        if not self.bench.lasting or self.stopped:
            return
        if result.lost:
            self.stopped = f"{case.identifier} cost a try that nobody asked for"
        elif result.verdict is CaseVerdict.ERROR:
            self.stopped = f"{case.identifier} ended in an error"
        elif self.commands >= self.most_commands:
            self.stopped = f"{self.commands} commands were sent, which is the limit of the run"

    def _excused(self, case: Case) -> CaseResult | None:
        found = self.bench.excused(case)
        if found and found[0] is CaseVerdict.NOT_APPLICABLE:
            return CaseResult(case, *found)
        if self.stopped:
            return CaseResult(case, CaseVerdict.NOT_RUN, f"the run stopped: {self.stopped}")
        return CaseResult(case, *found) if found else None

    def _judge(self, case: Case) -> CaseResult:
        began = time.perf_counter()
        trial: Exchanges | None = None
        ended: BaseException | None = None
        try:
            trial = self.bench.trial(case)
            self.bench.start(trial)
            case.judge(trial)
        except KeyboardInterrupt as error:
            ended, self.stopped = error, INTERRUPTED
        except Exception as error:
            ended = error
        if trial is not None:
            ended = self._restored(case, trial, ended)
        shown = self.evidence.show(trial.exchanges) if trial else ()
        self.commands += sum(1 for one in trial.exchanges if one.command) if trial else 0
        return result_of(case, ended, shown, time.perf_counter() - began)

    def _restored(
        self, case: Case, trial: Exchanges, ended: BaseException | None
    ) -> BaseException | None:
        """What the case ended in, when all that it had changed is put back or cannot be."""
        try:
            put_back(trial, self.patience_s if self.bench.lasting else 0.0)
        except KeyboardInterrupt as error:
            self.stopped = INTERRUPTED
            return ended or error
        except TerminalConnectionError as error:
            self.stopped = f"the card left before {case.identifier} had put back what it wrote"
            return ended if isinstance(ended, TerminalConnectionError) else error
        except Exception as error:
            return _restoring(error, ended)
        return ended


def put_back(trial: Exchanges, patience_s: float) -> None:
    """Restore what a case has changed; a card that was pulled out is waited for.

    :raises TerminalConnectionError: it did not come back in time, or another one came.
    :raises JudgementError: the card did not take it.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            trial.restore()
            return
        except TerminalConnectionError:
            if not _came_back(trial, until):
                raise


def _came_back(trial: Exchanges, until: float) -> bool:
    """Whether the same card is there again before a time."""
    atr = trial.atr
    while time.monotonic() < until:
        time.sleep(_PAUSE_S)
        try:
            if bytes(trial.connection.power_on()) == atr:
                return True
        except NoCardError:
            continue
        except TerminalConnectionError:
            continue
    return False


def _restoring(error: Exception, ended: BaseException | None) -> BaseException:
    """What a case ended in when what it had changed could not be put back."""
    if isinstance(error, JudgementError) and not isinstance(ended, DeviatingAnswerError):
        return DeviatingAnswerError("the card as it was before", f"not put back: {error}")
    return ended or error


def result_of(
    case: Case,
    ended: BaseException | None,
    exchanges: tuple[ShownExchange, ...],
    seconds: float,
) -> CaseResult:
    """The result of a case by what it ended in."""
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
        case KeyboardInterrupt():
            verdict, reason = CaseVerdict.NOT_RUN, INTERRUPTED
        case _ if isinstance(ended, _SHAPES):
            _LOG.debug("in case %s: %s", case.identifier, place_of(ended))
            verdict, reason = wrong, "an answer has not the form that it must have"
        case _:
            _LOG.debug("in case %s: %s", case.identifier, place_of(ended))
            verdict, reason = (
                CaseVerdict.ERROR,
                f"the connection or the case: {type(ended).__name__}",
            )
    return CaseResult(case, verdict, reason, expected, received, exchanges, seconds, lost)


def place_of(error: BaseException) -> str:
    """Type and place of an exception that may quote an answer: its text does not go on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at line {trace.tb_lineno} of {trace.tb_frame.f_code.co_name}" if trace else ""
    return f"{type(error).__name__}{where}"


__all__ = [
    "MOST_COMMANDS",
    "Bench",
    "CaseResult",
    "JudgedSubject",
    "Observer",
    "RawExchange",
    "Resume",
    "Resumed",
    "SuiteRun",
    "in_order",
    "place_of",
    "play",
    "put_back",
    "result_of",
]
