# SPDX-License-Identifier: Apache-2.0
"""The records of a day file as columns, and which of them cannot be what they say."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.transit import ISSUER_TEXT, LAYOUT, RECORD_LENGTH, TransitDay
from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.standard.purse_transactions import TransactionType
from sscard_chip.standard.transit import CLEARING_CODES, TapKind, UpdatePayment

_TYPES: Final = {"B": "u1", "I": "<u4", "i": "<i4", "H": "<u2"}
RECORD: Final = np.dtype(
    [
        (name, _TYPES[code]) if code in _TYPES else (name, "u1", (int(code[:-1]),))
        for name, code in LAYOUT
    ]
)
"""A record as numpy has it; texts and digits are rows of bytes."""
if RECORD.itemsize != RECORD_LENGTH:  # pragma: no cover
    raise AssertionError("a record has the length of its layout")

Records = NDArray[Any]
_FREE: Final = (TapKind.ENTRY, TapKind.DELAYED_ENTRY, TapKind.LOCK)
_BY_CARD: Final = (UpdatePayment.ELECTRONIC, UpdatePayment.AUTO_LOAD)
_DEBITS: Final = (TransactionType.COMPOUND_PURCHASE, TransactionType.PURSE_PURCHASE)
_BLANK, _ZERO, _NINE = 0x20, 0x30, 0x39


def records_of(day: TransitDay) -> Records:
    """The records of a day file."""
    return np.frombuffer(day.records, RECORD)


def transaction_types(records: Records) -> NDArray[np.uint8]:
    """交易类型标识 of the debits: the first reserved byte, 09 where it is 00 [L]."""
    first = records["reserved"][:, 0]
    found: NDArray[np.uint8] = np.where(first, first, TransactionType.COMPOUND_PURCHASE)
    return found.astype(np.uint8)


def wrong_fields(records: Records, day: TransitDay) -> Mask:
    """Which records no gate writes: codes, digits, sums, or another terminal than the file's."""
    amount = records["amount_fen"].astype(np.int64)
    right: Mask = np.isin(records["kind"], list(TapKind))
    right &= np.isin(records["algorithm"], list(CLEARING_CODES.values()))
    right &= np.isin(transaction_types(records), _DEBITS)
    even: Mask = np.equal(records["before_fen"] - amount, records["after_fen"])
    right &= even
    right &= (amount == 0) | ~np.isin(records["kind"], _FREE)
    update = records["kind"] == TapKind.UPDATE
    right &= ~update | (amount == 0) | np.isin(records["payment"], _BY_CARD)
    terminal = np.frombuffer(day.terminal, np.uint8)
    merchant = np.frombuffer(day.merchant, np.uint8)
    right &= (records["terminal"] == terminal).all(axis=1)
    right &= (records["merchant"] == merchant).all(axis=1)
    for name in ("date", "time", "merchant"):
        right &= _digits(records[name])
    right &= _real(records)
    right &= _issuers(records["issuer"])
    return ~right


def _digits(column: NDArray[np.uint8]) -> Mask:
    decimal: Mask = (column >> 4 <= 9) & (column & 0x0F <= 9)
    found: Mask = np.all(decimal, axis=1)
    return found


def _real(records: Records) -> Mask:
    """Whether date and time can be; a day after the month's end counts as can be but 32."""
    date, time = numbers(records["date"]), numbers(records["time"])
    month, day = date // 100 % 100, date % 100
    found: Mask = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    found &= (time // 10_000 <= 23) & (time // 100 % 100 <= 59) & (time % 100 <= 59)
    return found


def _issuers(column: NDArray[np.uint8]) -> Mask:
    """Digits, then blanks."""
    digit = (column >= _ZERO) & (column <= _NINE)
    blank = column == _BLANK
    ends = np.logical_and.accumulate(digit, axis=1)
    found: Mask = (digit | blank).all(axis=1) & digit[:, 0] & (ends == digit).all(axis=1)
    return found


def numbers(digits: NDArray[np.uint8]) -> Integers:
    """Rows of BCD as whole numbers."""
    found = np.zeros(len(digits), np.int64)
    for at in range(digits.shape[1]):
        byte = digits[:, at].astype(np.int64)
        found = found * 100 + (byte >> 4) * 10 + (byte & 0x0F)
    return found


def issuer_factors(column: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The 8 bytes of issuers of 11 characters: their digits in BCD, filled with F."""
    nibbles = np.full((len(column), 16), 0x0F, np.uint8)
    nibbles[:, :ISSUER_TEXT] = np.where(column == _BLANK, 0x0F, column - _ZERO)
    found: NDArray[np.uint8] = (nibbles[:, ::2] << np.uint8(4)) | nibbles[:, 1::2]
    return found


def signed(column: NDArray[np.uint8]) -> Integers:
    """Rows of 8 bytes as signed numbers, by which tables know them."""
    found: Integers = np.ascontiguousarray(column).view(">i8").reshape(-1).astype(np.int64)
    return found
