# SPDX-License-Identifier: Apache-2.0
"""Sorted numbers of owners (a terminal's, a card's) as ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Integers, runs


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Ranges:
    """First and last number of each owner; an owner has two integers, ``high`` and ``low``.

    ``starts`` are the places of the owners' first numbers in ``number``, ``counts`` how many
    each has.
    """

    high: Integers
    low: Integers
    first: Integers
    last: Integers
    number: Integers
    starts: Integers
    counts: Integers

    @classmethod
    def of(cls, high: NDArray[Any], low: NDArray[Any], number: NDArray[Any]) -> Ranges:
        """Of rows that stand together by owner, and in each by number."""
        fresh = np.ones(len(number), np.bool_)
        fresh[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        starts, counts = runs(fresh)
        numbers = number.astype(np.int64)
        ends = starts + counts - 1
        return cls(
            high[starts].astype(np.int64),
            low[starts].astype(np.int64),
            numbers[starts],
            numbers[ends],
            numbers,
            starts,
            counts,
        )

    def lists(self, kind: str) -> list[bytes | None]:
        """The numbers of owners that do not have all from first to last, packed as ``kind``."""
        found: list[bytes | None] = [None] * len(self.starts)
        packed = self.number.astype(kind)
        width, content = packed.dtype.itemsize, packed.tobytes()
        missing = np.flatnonzero(self.last - self.first + 1 != self.counts)
        begins = (self.starts[missing] * width).tolist()
        ends = ((self.starts[missing] + self.counts[missing]) * width).tolist()
        for at, begin, end in zip(missing.tolist(), begins, ends, strict=True):
            found[at] = content[begin:end]
        return found
