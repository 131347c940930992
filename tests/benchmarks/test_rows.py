# SPDX-License-Identifier: Apache-2.0
"""Goals and paired windows of the benchmark table."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Literal

import pytest

from benchmarks.rows import Row, paired


@pytest.mark.parametrize(
    ("ratio", "better", "extra", "passed"),
    [
        (0.9, "<=", True, True),
        (1.0, "<=", True, True),
        (1.1, "<=", True, False),
        (0.9, ">=", True, False),
        (1.0, ">=", True, True),
        (1.1, ">=", False, False),
    ],
)
def test_passed(ratio: float, better: Literal["<=", ">="], extra: bool, passed: bool) -> None:
    row = Row(1, "a thing", ratio, 1.0, better, "", extra)
    assert row.passed is passed


class _Clock:
    """Time that passes only by what the work under test says it costs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, *costs: float) -> Callable[[], None]:
        rest = [*costs]

        def run() -> None:
            assert not gc.isenabled()
            self.order.append(name)
            self.now += rest[0] if len(rest) == 1 else rest.pop(0)

        return run


def test_windows_are_paired_in_turn() -> None:
    clock = _Clock()
    result = paired(clock.work("a", 3.0), clock.work("b", 2.0), clock, pairs=3)
    assert (result.first, result.second, result.ratio) == (3.0, 2.0, 1.5)
    assert "".join(clock.order) == "ab" + "ab" + "ba" + "ab"
    assert gc.isenabled()


def test_one_disturbed_window_does_not_count() -> None:
    clock = _Clock()
    disturbed = clock.work("a", 3.0, 3.0, 900.0, 3.0)
    assert paired(disturbed, clock.work("b", 2.0), clock, pairs=3).ratio == 1.5


def test_preparation_is_not_timed() -> None:
    clock = _Clock()
    result = paired(
        clock.work("a", 3.0),
        clock.work("b", 2.0),
        clock,
        pairs=2,
        before_first=clock.work("x", 50.0),
        before_second=clock.work("y", 70.0),
    )
    assert result.ratio == 1.5
    assert "".join(clock.order) == "xayb" + "xayb" + "ybxa"
