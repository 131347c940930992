# SPDX-License-Identifier: Apache-2.0
"""The internal data file of a bank application: what personalisation sets and what transactions
change, in one file with one layout.

The values lie in the order of :data:`FIELDS`, without tags and lengths: first the parameters,
then the counters, which stand together so that one write changes them. The values are those of
JR/T 0025, their order is the emulator's own [L] and known here only.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntFlag
from typing import Final, NamedTuple

from sscard_chip.filesystem.files import InternalFile
from sscard_chip.memory.cells import READ

DATA_FID: Final = 0xEF80
"""FID of the file [L]."""

AMOUNT_LENGTH: Final = 6
"""Amounts are n12: twelve digits of fen."""
MAX_AFL: Final = 28
MAX_COUNT: Final = 0xFF
MAX_AMOUNT: Final = 10**12 - 1


class DataElement(NamedTuple):
    """A value of the file. ``readable`` by GET DATA, ``writable`` by PUT DATA."""

    tag: int
    length: int
    name: str
    readable: bool = False
    writable: bool = False
    number: bool = False  # digits only


SUITE: Final = -1
DERIVATION_KEY_INDEX: Final = -2
CRYPTOGRAM_VERSION: Final = -3
CONTACTLESS_CRYPTOGRAM_VERSION: Final = -4
FILE_LOCATOR: Final = -5
CONTACTLESS_FILE_LOCATOR: Final = -6
DYNAMIC_SCHEME: Final = -7
_FLAGS: Final = -8
_SCRIPTS: Final = -9
_OFFLINE_COUNT: Final = -10
_OFFLINE_AMOUNT: Final = -11
"""Pseudo tags of values that have none."""

INTERCHANGE_PROFILE: Final = 0x82
APPLICATION_CURRENCY: Final = 0x9F51
ISSUER_COUNTRY: Final = 0x9F57
DEFAULT_ACTION: Final = 0x9F52
LOWER_AMOUNT: Final = 0x9F54
ISSUER_AUTHENTICATION: Final = 0x9F56
LOWER_COUNT: Final = 0x9F58
UPPER_COUNT: Final = 0x9F59
UPPER_AMOUNT: Final = 0x9F5C
PRODUCT: Final = 0x9F63
QUALIFIERS: Final = 0x9F6C
RESET_THRESHOLD: Final = 0x9F6D
BALANCE_LIMIT: Final = 0x9F77
SINGLE_LIMIT: Final = 0x9F78
BALANCE: Final = 0x9F79
TRANSACTION_COUNTER: Final = 0x9F36
LAST_ONLINE_COUNTER: Final = 0x9F13
LOG_ENTRY: Final = 0x9F4D

FIELDS: Final = (
    DataElement(SUITE, 1, "algorithm of the cryptograms, as in 9F10"),
    DataElement(DERIVATION_KEY_INDEX, 1, "derivation key index"),
    DataElement(CRYPTOGRAM_VERSION, 1, "cryptogram version, contact"),
    DataElement(CONTACTLESS_CRYPTOGRAM_VERSION, 1, "cryptogram version, contactless"),
    DataElement(INTERCHANGE_PROFILE, 2, "application interchange profile"),
    DataElement(APPLICATION_CURRENCY, 2, "application currency", readable=True),
    DataElement(ISSUER_COUNTRY, 2, "issuer country", readable=True),
    DataElement(DEFAULT_ACTION, 2, "application default action", readable=True, writable=True),
    DataElement(ISSUER_AUTHENTICATION, 1, "issuer authentication indicator", True, True),
    DataElement(LOWER_COUNT, 1, "lower consecutive offline limit", readable=True, writable=True),
    DataElement(UPPER_COUNT, 1, "upper consecutive offline limit", readable=True, writable=True),
    DataElement(LOWER_AMOUNT, AMOUNT_LENGTH, "lower cumulative offline amount", True, True, True),
    DataElement(UPPER_AMOUNT, AMOUNT_LENGTH, "upper cumulative offline amount", True, True, True),
    DataElement(
        BALANCE_LIMIT, AMOUNT_LENGTH, "electronic cash: most it may hold", True, True, True
    ),
    DataElement(SINGLE_LIMIT, AMOUNT_LENGTH, "electronic cash: most at a time", True, True, True),
    DataElement(
        RESET_THRESHOLD, AMOUNT_LENGTH, "electronic cash: reset threshold", True, True, True
    ),
    DataElement(QUALIFIERS, 2, "card transaction qualifiers", readable=True, writable=True),
    DataElement(PRODUCT, 16, "card product identification"),
    DataElement(LOG_ENTRY, 2, "log entry: SFI and number of records", readable=True),
    DataElement(DYNAMIC_SCHEME, 1, "signature of dynamic data: 00 none, 01 RSA, 04 SM2"),
    DataElement(FILE_LOCATOR, 1 + MAX_AFL, "AFL of contact transactions, behind its length"),
    DataElement(
        CONTACTLESS_FILE_LOCATOR, 1 + MAX_AFL, "AFL of contactless ones, behind its length"
    ),
    DataElement(TRANSACTION_COUNTER, 2, "application transaction counter", readable=True),
    DataElement(LAST_ONLINE_COUNTER, 2, "ATC of the last online transaction", readable=True),
    DataElement(_FLAGS, 1, "what the transactions before have left undone"),
    DataElement(_SCRIPTS, 1, "script commands of the last online transaction"),
    DataElement(_OFFLINE_COUNT, 1, "offline transactions since then"),
    DataElement(_OFFLINE_AMOUNT, AMOUNT_LENGTH, "their amounts"),
    DataElement(BALANCE, AMOUNT_LENGTH, "electronic cash balance", True, True, True),
)
"""The file, value by value. 9F52 to 9F5C are numbered as the scheme does that PBOC follows [M]."""

BY_TAG: Final[Mapping[int, DataElement]] = {field.tag: field for field in FIELDS}


def _offsets() -> dict[int, int]:
    found, at = {}, 0
    for field in FIELDS:
        found[field.tag] = at
        at += field.length
    return found


_OFFSETS: Final = _offsets()
_COUNTERS_AT: Final = _OFFSETS[TRANSACTION_COUNTER]
_COUNTERS: Final = struct.Struct(">HHBBB6s6s")


class Flags(IntFlag):
    """What the transactions before have left undone; the next cryptogram shows it."""

    ONLINE_PENDING = 1  # an online transaction was not completed
    ISSUER_FAILED = 2  # issuer authentication failed in the last online transaction
    SCRIPT_FAILED = 4  # an issuer script failed
    STATIC_FAILED = 8  # declined offline after static data authentication failed
    DYNAMIC_FAILED = 16  # the same with dynamic


class TransactionData(NamedTuple):
    """The part of the file that transactions change. Amounts in fen."""

    atc: int
    last_online_atc: int
    flags: Flags
    scripts: int
    offline_count: int
    offline_amount_fen: int
    balance_fen: int


class BankData:
    """A view of the file: reading gives the committed state, writing stages."""

    __slots__ = ("_body", "_memory")

    def __init__(self, file: InternalFile) -> None:
        self._body = file.body
        self._memory = file.memory

    def value(self, tag: int) -> bytes:
        """The value of a field."""
        at = self._body + _OFFSETS[tag]
        value: bytes = READ[BY_TAG[tag].length](self._memory.cells, at)[0]
        return value

    def amount(self, tag: int) -> int:
        """An amount field in fen."""
        return int(self.value(tag).hex())

    def locator(self, tag: int) -> bytes:
        """An AFL field without its length."""
        value = self.value(tag)
        return value[1 : 1 + value[0]]

    def stage_value(self, tag: int, value: bytes) -> None:
        """Stage a field; ``value`` has its length."""
        self._memory.write(self._body + _OFFSETS[tag], value)

    def read(self) -> TransactionData:
        """The counters."""
        fields = _COUNTERS.unpack_from(self._memory.cells, self._body + _COUNTERS_AT)
        atc, last, flags, scripts, count, amount, balance = fields
        return TransactionData(
            atc, last, Flags(flags), scripts, count, int(amount.hex()), int(balance.hex())
        )

    def stage(self, counters: TransactionData) -> None:
        """Stage all counters, in one write."""
        c = counters
        body = _COUNTERS.pack(
            c.atc,
            c.last_online_atc,
            c.flags,
            c.scripts,
            min(c.offline_count, MAX_COUNT),
            encode_n12(min(c.offline_amount_fen, MAX_AMOUNT)),
            encode_n12(c.balance_fen),
        )
        self._memory.write(self._body + _COUNTERS_AT, body)


def encode_n12(amount_fen: int) -> bytes:
    """An amount as n12.

    :raises ValueError: for one that has more digits.
    """
    if not 0 <= amount_fen <= MAX_AMOUNT:
        raise ValueError("amount: must be 0 to 999999999999 fen")
    return bytes.fromhex(f"{amount_fen:012d}")


def encode_data(values: Mapping[int, bytes]) -> bytes:
    """The body of a new file; fields that ``values`` does not name are 00.

    :raises ValueError: for a value of another length.
    """
    parts = []
    for field in FIELDS:
        value = values.get(field.tag, bytes(field.length))
        if field.tag in (FILE_LOCATOR, CONTACTLESS_FILE_LOCATOR) and field.tag in values:
            value = (bytes((len(value),)) + value).ljust(field.length, b"\0")
        if len(value) != field.length:
            raise ValueError(f"{field.name}: must be {field.length} bytes")
        parts.append(value)
    return b"".join(parts)
