# SPDX-License-Identifier: Apache-2.0
"""Row 9 measures what it says, on a day of a few rows."""

from __future__ import annotations

from pathlib import Path

from benchmarks import settle
from sscard_chip.settlement import synthesize as s


def test_a_day_is_settled_anew_in_each_round(tmp_path: Path) -> None:
    day = settle.Day.make(tmp_path, s.Wanted(50, 10, 400, 0.0))
    count = sum(head.trailer.count for head in day.heads)
    for register in (True, False, True):
        processor, clock, rows = day.settle(register)
        assert (processor > 0, clock > 0, rows) == (True, True, count)
    assert day.cryptography() > 0
    assert not list(tmp_path.glob("round.db*"))
