# SPDX-License-Identifier: Apache-2.0
"""What a caller enters by the keys of a telephone: twelve keys, ``*`` for X.

A letter of a receipt is two keys: its key and its place on it (A is 21, Z is 94); a digit is
itself and 0 (7 is 70). So 16 characters are 32 keys and never mean two things.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from issuance.validity import citizen_check_character

_LETTERS: Final = {"2": "ABC", "3": "DEF", "4": "GHI", "5": "JKL", "6": "MNO", "7": "PQRS",
                   "8": "TUV", "9": "WXYZ"}  # fmt: skip
_RECEIPT: Final = {f"{digit}0": digit for digit in "0123456789"} | {
    f"{key}{place}": letter
    for key, letters in _LETTERS.items()
    for place, letter in enumerate(letters, 1)
}


class Entry(NamedTuple):
    """A kind of entry: how many keys at most, and what they mean; None for nothing right."""

    most: int
    read: Callable[[str], str | None]


def read_identity(keys: str) -> str | None:
    """An identity number of 18 keys whose check character is right.

    >>> read_identity("990000199001010017")
    '990000199001010017'
    """
    number = keys.replace("*", "X")
    if re.fullmatch("[0-9]{17}[0-9X]", number) is None:
        return None
    return number if citizen_check_character(number[:17]) == number[17] else None


def read_card_tail(keys: str) -> str | None:
    """The last six of a card number."""
    return keys.replace("*", "X") if re.fullmatch("[0-9*]{6}", keys) else None


def read_password(keys: str) -> str | None:
    """A query password of six or more digits."""
    return keys if re.fullmatch("[0-9]{6,32}", keys) else None


def read_receipt(keys: str) -> str | None:
    """The number of a receipt, two keys a character.

    >>> read_receipt("3330" + "21" * 14)
    'F3AAAAAAAAAAAAAA'
    """
    pairs = [keys[at : at + 2] for at in range(0, len(keys), 2)]
    if not 10 <= len(pairs) <= 26 or any(pair not in _RECEIPT for pair in pairs):
        return None
    return "".join(_RECEIPT[pair] for pair in pairs)


def keys_of_receipt(number: str) -> str:
    """The keys of a receipt's number, as they are printed for callers.

    >>> keys_of_receipt("F3A")
    '333021'
    """
    keys = {character: pair for pair, character in _RECEIPT.items()}
    return "".join(keys[one] for one in number)


ENTRIES: Final = {
    "identity": Entry(18, read_identity),
    "card_tail": Entry(6, read_card_tail),
    "password": Entry(32, read_password),
    "receipt": Entry(52, read_receipt),
}
"""All kinds of entries."""
