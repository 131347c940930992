# SPDX-License-Identifier: Apache-2.0
"""The number of a bank account on a card (PAN, 主账号): check digit and masking."""

from __future__ import annotations

import re
from typing import Final

PAN_DIGITS: Final = range(12, 20)
_SHOWN_FIRST, _SHOWN_LAST = 6, 4
_DIGITS: Final = re.compile("[0-9]*")


def luhn_digit(digits: str) -> str:
    """The check digit behind ``digits`` (ISO/IEC 7812-1, annex B).

    >>> luhn_digit("623999000000001234")
    '4'
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 - place % 2)
        total += value - 9 * (value > 9)
    return str(-total % 10)


def pan_rule(pan: str) -> str | None:
    """The broken rule of a PAN, None when it is right. No rule quotes the number."""
    if len(pan) not in PAN_DIGITS or not _DIGITS.fullmatch(pan):
        return "must be 12 to 19 digits"
    return None if luhn_digit(pan[:-1]) == pan[-1] else "the check digit is wrong (Luhn)"


def masked_pan(pan: str) -> str:
    """The PAN as it may be shown: the first six digits, the last four, and stars.

    >>> masked_pan("6239990000000012344")
    '623999*********2344'
    """
    hidden = max(0, len(pan) - _SHOWN_FIRST - _SHOWN_LAST)
    return pan[:_SHOWN_FIRST] + "*" * hidden + pan[_SHOWN_FIRST + hidden :]
