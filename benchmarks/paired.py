# SPDX-License-Identifier: Apache-2.0
"""Paired windows for work of the processor: one core, time of the thread, no collector."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat

from benchmarks.rows import Paired, paired

PAIRS = 200


def processor_paired(
    first: Callable[[], object], second: Callable[[], object], *, pairs: int = PAIRS
) -> Paired:
    """Times in nanoseconds of two windows of about a millisecond, and their ratio."""
    with one_core():
        return paired(first, second, time.thread_time_ns, pairs=pairs)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core, the last of those it may use."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def window(operation: Callable[[bytes], object], command: bytes, count: int) -> Callable[[], None]:
    """``count`` times the same command."""

    def work() -> None:
        for _ in repeat(None, count):
            operation(command)

    return work
