# SPDX-License-Identifier: Apache-2.0
"""Days (YYYYMMDD), moments (YYYYMMDDhhmmss) and other runs of digits, as texts and as BCD.

A moment is the terminal's local time, as on the card; no zone is written with it.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Final

DAY: Final = "%Y%m%d"
TIME: Final = "%Y%m%d%H%M%S"
"""How strftime writes a day and a moment."""
DATE_RULE: Final = "must be a real date, YYYYMMDD"
TIME_RULE: Final = "must be YYYYMMDDhhmmss"


def is_digits(text: str, *counts: int) -> bool:
    """Whether ``text`` is ASCII digits, as many as one of ``counts`` says.

    >>> is_digits("510100", 6), is_digits("51010", 6), is_digits("\uff15\uff11", 2)
    (True, False, False)
    """
    return len(text) in counts and text.isascii() and text.isdecimal()


def parse_date(text: str) -> date | None:
    """The day written as YYYYMMDD, None when there is no such day."""
    if not is_digits(text, 8):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def date_rule(text: str) -> str | None:
    """The rule that a text breaks which is no day; None for a day."""
    return None if parse_date(text) else DATE_RULE


def parse_time(text: str) -> datetime | None:
    """The moment written as YYYYMMDDhhmmss, None when there is none such."""
    day = parse_date(text[:8])
    if day is None or not is_digits(text, 14):
        return None
    try:
        return datetime(
            day.year, day.month, day.day, int(text[8:10]), int(text[10:12]), int(text[12:])
        )
    except ValueError:
        return None


@lru_cache(maxsize=256)
def written_day(day: date) -> str:
    """A day, or the day of a moment, as YYYYMMDD.

    >>> written_day(date(987, 6, 5))
    '09870605'
    """
    return f"{day:{DAY}}".zfill(8)


@lru_cache(maxsize=1024)
def years_after(day: str, years: int) -> str:
    """The same day ``years`` later, YYYYMMDD; 29 February becomes 28 February where it must."""
    later = f"{int(day[:4]) + years:04d}{day[4:]}"
    return later if parse_date(later) else later[:6] + "28"


NOT_GIVEN: Final = "not given"
"""What is shown for a day or moment that a record does not have: all 0 or all F."""


def show_day(digits: str) -> str:
    """A day of a record for people: YYYY-MM-DD from YYYYMMDD or YYMMDD, or "not given".

    >>> show_day("20260315"), show_day("260315"), show_day("000000")
    ('2026-03-15', '2026-03-15', 'not given')
    """
    if digits.lower().strip("f").strip("0") == "":
        return NOT_GIVEN
    century = "20" if len(digits) == 6 else ""
    return f"{century}{digits[:-4]}-{digits[-4:-2]}-{digits[-2:]}"


def show_time(digits: str) -> str:
    """A moment of a record for people: its day as :func:`show_day`, then hh:mm:ss.

    Terminals without a clock, and contactless ones, give no day; then there is no moment either.
    """
    day, time = show_day(digits[:-6]), digits[-6:]
    return day if day == NOT_GIVEN else f"{day} {time[:2]}:{time[2:4]}:{time[4:]}"


def bcd(digits: str) -> bytes:
    """Digits as BCD; an odd number of them, as a PIN may have, is closed by F.

    >>> bcd("12345").hex()
    '12345f'
    """
    return bytes.fromhex(digits + "F" * (len(digits) % 2))
