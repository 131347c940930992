# SPDX-License-Identifier: Apache-2.0
"""The day file of a gate, a bus or a desk of 交通联合: what it uploads, and the centre reads.

A file is a header of 64 bytes and records of 146, nothing else; docs/transit.md has both as
tables. The records are those of one maker's gates: 112 bytes of the metro's and 34 of the clearing
house's, whole numbers little-endian, digits in BCD, texts padded with blanks [M]. The header is
ours.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple
from zlib import crc32

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.standard.dates import parse_date
from sscard_chip.standard.inputfile import open_input
from sscard_chip.wholefile import whole_file

MAGIC: Final = b"SSTRDAY1"
MAX_RECORDS: Final = 1_000_000
"""In one file; 146 MB."""
ISSUER_TEXT: Final = 11
"""Characters of an issuer in records and lists."""
MCC: Final = bytes.fromhex("4412")
"""Merchant category of the records."""

LAYOUT: Final = (
    ("kind", "B"),
    ("card_class", "B"),
    ("number", "I"),
    ("terminal", "6s"),
    ("sam", "8s"),
    ("sam_number", "I"),
    ("device", "4s"),
    ("clerk", "3s"),
    ("city", "2s"),
    ("serial", "8s"),
    ("uid", "4s"),
    ("counter", "H"),
    ("model", "B"),
    ("main_type", "B"),
    ("sub_type", "B"),
    ("before_fen", "i"),
    ("amount_fen", "I"),
    ("discount", "B"),
    ("due_fen", "I"),
    ("date", "4s"),
    ("time", "3s"),
    ("tac", "4s"),
    ("version", "B"),
    ("after_fen", "i"),
    ("operator", "4s"),
    ("station", "4s"),
    ("entry_station", "4s"),
    ("entry_time", "4s"),
    ("last_station", "4s"),
    ("valid_to", "4s"),
    ("original_time", "4s"),
    ("original_station", "4s"),
    ("mode", "B"),
    ("issuer", "11s"),
    ("merchant", "4s"),
    ("mcc", "2s"),
    ("card_city", "2s"),
    ("key_version", "B"),
    ("key_index", "B"),
    ("algorithm", "B"),
    ("update_kind", "B"),
    ("payment", "B"),
    ("reserved", "10s"),
)
"""Fields of a record with their ``struct`` codes, in order."""
RECORD: Final = struct.Struct("<" + "".join(code for _, code in LAYOUT))
RECORD_LENGTH: Final = 146
_AMOUNT_AT: Final = 54
TAC_AT: Final = 70
"""Where the TAC of a record stands; all zeros: the card's answer is not known."""
_HEADER: Final = struct.Struct("<8s6s4sIIQ4sI22s")
HEADER_LENGTH: Final = 64
_CHECK_AT: Final = 38


class TapRecord(NamedTuple):
    """A record: entry, exit, ride, update or lock. Field by field as :data:`LAYOUT`.

    ``serial`` are the rightmost 8 bytes of the card's serial number, ``counter`` its number of the
    transaction, ``terminal`` BCD, ``sam_number`` 终端交易序号, ``amount_fen`` what the card paid,
    ``due_fen`` the fare before discounts; ``date`` YYYYMMDD and ``time`` hhmmss of the transaction,
    ``entry_time`` and ``original_time`` MMDDhhmm. Stations are line 2 and station 2.
    """

    kind: int
    card_class: int
    number: int
    terminal: bytes
    sam: bytes
    sam_number: int
    device: bytes
    clerk: bytes
    city: bytes
    serial: bytes
    uid: bytes
    counter: int
    model: int
    main_type: int
    sub_type: int
    before_fen: int
    amount_fen: int
    discount: int
    due_fen: int
    date: bytes
    time: bytes
    tac: bytes
    version: int
    after_fen: int
    operator: bytes
    station: bytes
    entry_station: bytes
    entry_time: bytes
    last_station: bytes
    valid_to: bytes
    original_time: bytes
    original_station: bytes
    mode: int
    issuer: bytes
    merchant: bytes
    mcc: bytes
    card_city: bytes
    key_version: int
    key_index: int
    algorithm: int
    update_kind: int
    payment: int
    reserved: bytes

    def encode(self) -> bytes:
        """The 146 bytes."""
        return RECORD.pack(*self)

    @classmethod
    def decode(cls, data: bytes) -> TapRecord:
        """From 146 bytes. :raises DayFileError: another length."""
        if len(data) != RECORD_LENGTH:
            raise DayFileError(f"a record must be {RECORD_LENGTH} bytes")
        return cls(*RECORD.unpack(data))

    @property
    def answered(self) -> bool:
        """Whether the card's answer is known."""
        return any(self.tac)


@dataclass(frozen=True, slots=True)
class TransitDay:
    """A day file: whose, of which day (YYYYMMDD), its number, and the records of 146 bytes."""

    terminal: bytes
    day: str
    number: int
    merchant: bytes
    records: bytes

    @property
    def count(self) -> int:
        return len(self.records) // RECORD_LENGTH

    def taps(self) -> list[TapRecord]:
        """All records, taken apart."""
        return [TapRecord(*one) for one in RECORD.iter_unpack(self.records)]

    def encode(self) -> bytes:
        """The whole file."""
        total = sum(
            int.from_bytes(self.records[at : at + 4], "little")
            for at in range(_AMOUNT_AT, len(self.records), RECORD_LENGTH)
        )
        head = _HEADER.pack(
            MAGIC,
            self.terminal,
            bytes.fromhex(self.day),
            self.number,
            self.count,
            total,
            self.merchant,
            0,
            b"",
        )
        check = crc32(self.records, crc32(head)).to_bytes(4, "little")
        return head[:_CHECK_AT] + check + head[_CHECK_AT + 4 :] + self.records


def write_transit_day(path: str | os.PathLike[str], day: TransitDay) -> None:
    """Write a day file, whole and on the disk.

    :raises DayFileError: more than :data:`MAX_RECORDS`.
    :raises OSError:
    """
    if day.count > MAX_RECORDS:
        raise DayFileError(f"{os.fspath(path)}: more than {MAX_RECORDS} records")
    with whole_file(path, durable=True) as part:
        part.write_bytes(day.encode())


def read_transit_day(path: str | os.PathLike[str]) -> TransitDay:
    """Read a day file; nothing of a damaged one is used.

    :raises DayFileError: it is none, it was cut or changed, or it is longer than a file may be.
    :raises OSError:
    """
    with open_input(path) as stream:
        return _read(stream, os.fspath(path))


def _read(stream: BinaryIO, source: str) -> TransitDay:
    head = stream.read(HEADER_LENGTH)
    if len(head) < HEADER_LENGTH or not head.startswith(MAGIC):
        raise DayFileError(f"{source}: is no day file of a gate")
    _, terminal, day, number, count, total, merchant, check, rest = _HEADER.unpack(head)
    if count > MAX_RECORDS:
        raise DayFileError(f"{source}: more than {MAX_RECORDS} records")
    if any(rest) or parse_date(day.hex()) is None or not terminal.hex().isdecimal():
        raise DayFileError(f"{source}: header: terminal, date or reserved bytes are not as written")
    records = stream.read(count * RECORD_LENGTH + 1)
    if len(records) != count * RECORD_LENGTH:
        raise DayFileError(f"{source}: has not the {count} records of its header")
    plain = head[:_CHECK_AT] + bytes(4) + head[_CHECK_AT + 4 :]
    if crc32(records, crc32(plain)) != check:
        raise DayFileError(f"{source}: its check sum is wrong: it was changed or cut")
    found = TransitDay(terminal, day.hex(), number, merchant, records)
    if _HEADER.unpack(found.encode()[:HEADER_LENGTH])[5] != total:
        raise DayFileError(f"{source}: header: the sum is not that of its records")
    return found


def issuer_text(issuer: bytes) -> bytes | None:
    """The 8 bytes of an issuer as the 11 characters of a record or list: its digits, then blanks.

    None for one of more than 11 digits or without digits: no record can name it.
    """
    digits = issuer.hex().upper().rstrip("F")
    if not digits.isdecimal() or len(digits) > ISSUER_TEXT:
        return None
    return digits.encode().ljust(ISSUER_TEXT)


def issuer_bytes(text: bytes) -> bytes | None:
    """The 8 bytes behind 11 characters, None for what is no issuer."""
    digits = text.rstrip(b" ")
    if not digits.isdigit() or len(digits) > ISSUER_TEXT:
        return None
    return bytes.fromhex(digits.decode().ljust(16, "F"))
