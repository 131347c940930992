# SPDX-License-Identifier: Apache-2.0
"""Rows of many owners come out of a table of any size, and out of both databases, alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sscard_chip.settlement.arrays import among, distinct
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.run.asking import AskedOwners
from sscard_chip.settlement.schema import run as tables

NO_CITY = 2**32 - 1
OWNERS = [(-(2**63), 510100), (-7, 510100), (-7, 510200), (5, 0), (2**63 - 1, NO_CITY)]
WANTED = [(-(2**63), 510100), (-7, 510200), (2**63 - 1, NO_CITY)]


@pytest.fixture(params=[WANTED, WANTED[:2]], ids=["with a division that is none", "usual"])
def wanted(request: pytest.FixtureRequest) -> list[tuple[int, int]]:
    """Owners that are asked for."""
    found: list[tuple[int, int]] = request.param
    return found


@pytest.mark.parametrize("segments", [1, 40], ids=["small", "large"])
def test_rows_of_owners(tmp_path: Path, wanted: list[tuple[int, int]], segments: int) -> None:
    """Each owner has the counters 10 to 19 in segment 1, 20 to 29 in segment 2, and so on."""
    rows = [(*of, segment) for of in OWNERS for segment in range(1, segments + 1)]
    factor, division, segment = np.array(rows, np.int64).T
    with Ledger.open(tmp_path / "ledger.db") as ledger, ledger.transaction() as t:
        first = segment * 10
        columns = {"factor": factor, "division": division, "last": first + 9, "segment": segment}
        t.insert(tables.card, columns | {"first": first, "counters": [None] * len(rows)})
        high, low = np.array(wanted, np.int64).T
        least = np.full(len(wanted), max(segments * 10 - 5, 12), np.int64)
        asked = AskedOwners(t, high, low, least, least + 100)
        owner = "factor", "division"
        found = asked.rows(tables.card, owner, ("first", "last"), "first", "last")
        last = segments * 10
        expected = {
            (*of, begin, begin + 9) for of in wanted for begin in (last - 10, last) if begin
        }
        assert {row for row in found if row[:2] in wanted and row[3] >= least[0]} == expected
        assert segments == 1 or len(found) == len(expected)  # others are not read
        extents = asked.extents(tables.card, owner, "first", "last", but="own.segment = 1")
        only = [row for row in extents if row[:2] in wanted]
        assert sorted(only) == ([(*of, 20, last + 9) for of in wanted] if segments > 1 else [])


Values = Callable[[np.random.Generator], np.ndarray[tuple[int], np.dtype[np.int64]]]


@pytest.mark.parametrize(
    "values",
    [
        lambda random: random.integers(-40, 40, 500),
        lambda random: random.integers(-(2**62), 2**62, 500),
        lambda random: random.integers(0, 3, 500) * 2**40,
        lambda random: np.zeros(0, np.int64),
    ],
    ids=["near", "far", "few and far", "none"],
)
def test_places_and_membership(values: Values) -> None:
    """By a table or by sorting: what a set of Python says."""
    numbers = values(np.random.default_rng(7))
    found, place = distinct(numbers)
    assert found.tolist() == sorted(set(numbers.tolist()))
    assert [found[at] for at in place.tolist()] == numbers.tolist()
    some = found[::3]
    within = set(some.tolist())
    asked = np.concatenate([numbers, numbers - 1, np.array([-(2**63), 2**63 - 1])])
    assert among(asked, some).tolist() == [one in within for one in asked.tolist()]
