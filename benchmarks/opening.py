# SPDX-License-Identifier: Apache-2.0
"""Row 16: opening a card and powering it, an issued card, and the memory that a card takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import thread_time_ns
from typing import Final

from benchmarks.cards import HOLDER, issue
from benchmarks.rows import Row
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.roots import create_roots
from sscard_chip.card import Card
from sscard_chip.memory import create_image

GOAL_MS: Final = 0.4
FIXTURE_MS: Final = 2.0
MEMORY_KIB: Final = 100
WINDOWS: Final = 60
_CARDS: Final = 50


def _milliseconds(work: Callable[[], object], windows: int) -> float:
    """The median of the processor time of one call, ten to a window."""
    taken = []
    for _ in range(windows):
        started = thread_time_ns()
        for _ in range(10):
            work()
        taken.append((thread_time_ns() - started) / 10_000_000)
    return median(taken)


def memory_kib(image: bytes, cards: int = _CARDS) -> float:
    """What one powered card takes, beside the code."""
    Card(image).power_on()  # what is kept once for all of them
    tracemalloc.start()
    try:
        kept = [Card(image) for _ in range(cards)]
        for card in kept:
            card.power_on()
        return tracemalloc.get_traced_memory()[0] / cards / 1024
    finally:
        tracemalloc.stop()


def rows(*, windows: int = WINDOWS) -> list[Row]:
    """Measure and return row 16, on a card of generation 3 with a medical account."""
    roots, holder = create_roots(), Holder.from_object(HOLDER)
    _, memory = issue(3, "sm4")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "card.ssc"
        path.write_bytes(create_image(memory))

        def open_card() -> None:
            with Card.open(path) as card:
                card.power_on()

        opening = _milliseconds(open_card, windows)
        kib = memory_kib(path.read_bytes())
    fixture = _milliseconds(lambda: Card(issue_card(3, roots, holder)).power_on(), windows // 6)
    detail = (
        f"memory {kib:.0f} KiB a card (goal {MEMORY_KIB}), an issued card {fixture:.1f} ms"
        f" (goal {FIXTURE_MS:g})"
    )
    reached = kib <= MEMORY_KIB and fixture <= FIXTURE_MS
    what = "Card.open + power_on, milliseconds"
    return [Row(16, what, opening, GOAL_MS, "<=", detail, reached)]
