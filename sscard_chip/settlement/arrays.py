# SPDX-License-Identifier: Apache-2.0
"""Types of arrays that settlement works on, and look-ups in them (extra ``settlement``)."""

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

UInt64Array: TypeAlias = NDArray[np.uint64]
"""64-bit words, one or more a row."""

Integers: TypeAlias = NDArray[np.int64]
"""64-bit integers, one a row."""

Mask: TypeAlias = NDArray[np.bool_]
"""A boolean array, one element a row."""


_MOST_SPAN: Final = 1 << 22
"""A table of so many places at most stands in for sorting and searching."""


def among(values: Integers | UInt64Array, ordered: Integers | UInt64Array) -> Mask:
    """Which of ``values`` are in ``ordered``, which rises."""
    if not len(ordered):
        return np.zeros(len(values), np.bool_)
    least, span = ordered[0], int(ordered[-1]) - int(ordered[0]) + 1
    if span <= min(_MOST_SPAN, len(values)):
        table = np.zeros(span + 1, np.bool_)
        table[ordered - least] = True
        place = np.minimum((values - least).view(np.uint64), np.uint64(span))
        there: Mask = table[place]
        return there
    at = np.searchsorted(ordered, values)
    at[at == len(ordered)] = 0
    found: Mask = ordered[at] == values
    return found


def distinct(values: NDArray[Any]) -> tuple[Integers, NDArray[np.int32]]:
    """The values that there are, rising, and the place of each among them."""
    if not len(values):
        return np.zeros(0, np.int64), np.zeros(0, np.int32)
    least = int(values.min())
    span = int(values.max()) - least + 1
    if span > min(_MOST_SPAN, 4 * len(values)):
        found, place = np.unique(values, return_inverse=True)
        return found.astype(np.int64), place.astype(np.int32)
    at = values - values.dtype.type(least)
    there = np.zeros(span, np.bool_)
    there[at] = True
    places = np.cumsum(there, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(there) + least, places[at]


def runs(fresh: Mask) -> tuple[Integers, Integers]:
    """Where rows that are ``fresh`` begin a run, and how many rows each run has; the first row is
    fresh."""
    begins = np.flatnonzero(fresh)
    return begins, np.diff(begins, append=len(fresh))
