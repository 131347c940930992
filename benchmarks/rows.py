# SPDX-License-Identifier: Apache-2.0
"""A line of the table that ``python -m benchmarks`` prints, and how ratios are measured."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Literal


class UnavailableError(RuntimeError):
    """Something that a row needs is not on this machine; the message says what."""


@dataclass(frozen=True)
class Row:
    """One goal and what was measured.

    ``ratio`` is what the goal is about; absolute figures belong into ``detail``, since they
    differ from machine to machine. ``extra`` is a condition beside the ratio.
    """

    number: int
    what: str
    ratio: float
    goal: float
    better: Literal["<=", ">="]
    detail: str
    extra: bool = True

    @property
    def passed(self) -> bool:
        """True when the goal is reached, and the condition beside it holds."""
        reached = self.ratio <= self.goal if self.better == "<=" else self.ratio >= self.goal
        return reached and self.extra


@dataclass(frozen=True)
class Paired:
    """Times of two things measured in turn: medians, and the median of the paired ratios."""

    first: float
    second: float
    ratio: float
    """first / second"""


def paired(
    first: Callable[[], object],
    second: Callable[[], object],
    clock: Callable[[], float],
    *,
    pairs: int = 200,
    before_first: Callable[[], object] | None = None,
    before_second: Callable[[], object] | None = None,
) -> Paired:
    """Time two windows of work in turn, changing which goes first, and compare pair by pair.

    What disturbs the machine for longer than a window disturbs both of a pair, and the median
    forgets the rest.

    :param first: one window of the thing to measure.
    :param second: one window of the thing to compare with.
    :param clock: seconds (or any unit); ``time.thread_time`` for work of the processor,
        ``time.perf_counter`` for disks and sockets.
    :param before_first: what each window needs beforehand, not timed.
    :param before_second: the same for the second.
    """

    def timed(work: Callable[[], object], before: Callable[[], object] | None) -> float:
        if before is not None:
            before()
        started = clock()
        work()
        return clock() - started

    with no_garbage_collection():
        timed(first, before_first)
        timed(second, before_second)
        times: list[tuple[float, float]] = []
        for number in range(pairs):
            if number % 2:
                b = timed(second, before_second)
                a = timed(first, before_first)
            else:
                a = timed(first, before_first)
                b = timed(second, before_second)
            times.append((a, b))
    return Paired(
        median(a for a, _ in times),
        median(b for _, b in times),
        median(a / b for a, b in times),
    )


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep the collector out of the windows."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
