# SPDX-License-Identifier: Apache-2.0
"""What a caller enters by the keys of a telephone: twelve keys, ``*`` for X.

A receipt is keyed as :mod:`sscard_service.receipts` says and vouchers print it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from issuance.validity import citizen_check_character
from sscard_service.receipts import keys_of_receipt, receipt_of_keys

__all__ = [
    "ENTRIES",
    "Entry",
    "keys_of_receipt",
    "read_card_tail",
    "read_identity",
    "read_password",
    "read_receipt",
]


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
    return receipt_of_keys(keys)


ENTRIES: Final = {
    "identity": Entry(18, read_identity),
    "card_tail": Entry(6, read_card_tail),
    "password": Entry(32, read_password),
    "receipt": Entry(52, read_receipt),
}
"""All kinds of entries."""
