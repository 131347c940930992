# SPDX-License-Identifier: Apache-2.0
"""Row 21 with fewer cards: every answer comes, from each card."""

from __future__ import annotations

from benchmarks.thousand import rows


def test_many_cards_in_one_process() -> None:
    (row,) = rows(cards=40, rounds=2)
    assert row.number == 21
    assert "120 of 120 right" in row.detail
    assert 0 < row.ratio < 2000
