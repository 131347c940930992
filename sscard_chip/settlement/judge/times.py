# SPDX-License-Identifier: Apache-2.0
"""Times of rows as columns: which are possible, and how many days lie between them."""

from __future__ import annotations

import calendar
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import runs
from sscard_chip.settlement.columns import NO_DIVISION, number_of_bcd

Days = NDArray[np.int32]

IMPOSSIBLE: Final = -(1 << 24)
"""The day of a date that no calendar has."""

_FIRST: Final = 1900
_LAST: Final = 2155


def _tables() -> tuple[Days, Days]:
    """Days before each month since the first year, and the length of each month."""
    before = np.zeros((_LAST - _FIRST + 1) * 12, np.int32)
    length = np.zeros_like(before)
    day = 0
    for at in range(len(before)):
        before[at] = day
        length[at] = calendar.monthrange(_FIRST + at // 12, at % 12 + 1)[1]
        day += int(length[at])
    return before, length


_BEFORE, _LENGTH = _tables()


def days(dates: NDArray[np.uint32]) -> Days:
    """Dates (YYYYMMDD as numbers) as numbers of days; ``IMPOSSIBLE`` for what is no date."""
    year, month, day = dates // 10000, dates // 100 % 100, dates % 100
    wrong = (year < _FIRST) | (year > _LAST) | (month < 1) | (month > 12) | (day < 1)
    at = ((year - _FIRST) * 12 + (month - 1)).astype(np.int64)
    at[wrong] = 0
    found = _BEFORE[at] + day.astype(np.int32) - 1
    found[wrong | (day > _LENGTH[at])] = IMPOSSIBLE
    return found


def dates_of(time: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The dates of BCD times (n, 7), as numbers YYYYMMDD; ``NO_DIVISION`` for no digits."""
    begins, counts = _runs(time)
    return np.repeat(number_of_bcd(time[begins, :4]), counts)


def days_of(time: NDArray[np.uint8]) -> Days:
    """:func:`days` of BCD times (n, 7)."""
    begins, counts = _runs(time)
    return np.repeat(days(number_of_bcd(time[begins, :4])), counts)


def _runs(time: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where another date begins, and how many rows have it: those of a till stand together, so a
    date is looked at once for thousands of rows."""
    dates = np.ascontiguousarray(time[:, :4]).view(np.uint32).reshape(-1)
    fresh = np.ones(len(dates), np.bool_)
    fresh[1:] = dates[1:] != dates[:-1]
    return runs(fresh)


def clock_is_right(time: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether hour, minute and second of BCD times (n, 7) are possible; digits are BCD."""
    right: NDArray[np.bool_] = time[:, 4] < 0x24
    right &= (time[:, 5] < 0x60) & (time[:, 6] < 0x60)
    return right


def moments(time: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Times as numbers YYYYMMDDhhmmss."""
    date = number_of_bcd(time[:, :4]).astype(np.uint64)
    clock = number_of_bcd(time[:, 4:])
    clock[clock == NO_DIVISION] = 0
    return date * np.uint64(1_000_000) + clock
