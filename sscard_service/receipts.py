# SPDX-License-Identifier: Apache-2.0
"""A receipt's number on the keys of a telephone, as vouchers print it and the hotline reads it.

A letter is two keys: its key and its place on it (A is 21, Z is 94); a digit is itself and 0 (7
is 70). So 16 characters are 32 keys and never mean two things.
"""

from __future__ import annotations

from typing import Final

_LETTERS: Final = {"2": "ABC", "3": "DEF", "4": "GHI", "5": "JKL", "6": "MNO", "7": "PQRS",
                   "8": "TUV", "9": "WXYZ"}  # fmt: skip
_CHARACTERS: Final = {f"{digit}0": digit for digit in "0123456789"} | {
    f"{key}{place}": letter
    for key, letters in _LETTERS.items()
    for place, letter in enumerate(letters, 1)
}
_KEYS: Final = {character: pair for pair, character in _CHARACTERS.items()}


def keys_of_receipt(number: str) -> str:
    """The keys of a receipt's number.

    >>> keys_of_receipt("F3A")
    '333021'
    """
    return "".join(_KEYS[one] for one in number)


def shown_keys(number: str) -> str:
    """The same in groups of eight, for people.

    >>> shown_keys("F3A7Z")
    '33302170 94'
    """
    keys = keys_of_receipt(number)
    return " ".join(keys[at : at + 8] for at in range(0, len(keys), 8))


def receipt_of_keys(keys: str) -> str | None:
    """The number that such keys mean; None for none, of 10 to 26 characters.

    >>> receipt_of_keys("3330" + "21" * 14)
    'F3AAAAAAAAAAAAAA'
    """
    pairs = [keys[at : at + 2] for at in range(0, len(keys), 2)]
    if not 10 <= len(pairs) <= 26 or any(pair not in _CHARACTERS for pair in pairs):
        return None
    return "".join(_CHARACTERS[pair] for pair in pairs)
