# SPDX-License-Identifier: Apache-2.0
"""The records that a gate reads and writes: a journey of 001A with the city's own part, and a
trip of 001E.

``standard.messages.transit`` lays out the same bytes for people; a gate has no time for that. The
city's own 25 bytes are those of one city's metro [GA of the facts, M]: last time 7, gate 4, paid
in the month 3, rides 2, transfer mark 1, its time MMDDhhmm 4, entry and exit flag, 55 in or 66
out; then a CRC-32 over bytes 6 to 123, big-endian, by the polynomial of Ethernet [L].
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zlib import crc32

from sscard_chip.standard.transit import INSIDE, JOURNEY_LENGTH, JourneyStatus

_JOURNEY: Final = struct.Struct(">2sBBBB8sB2s2s8s8s8s8s8s8s7s7sIBBIII7s4s3sHB4sBBBB4s")
_TRIP: Final = struct.Struct(">B8sB4s2sxII7s2s8s6x")
_CHECKED_FROM, _CHECK_AT = 6, 124
_IN, _OUT = 0x55, 0x66
MAX_MONTH_FEN: Final = 0xFFFFFF
MAX_RIDES: Final = 0xFFFF


@dataclass(slots=True)
class Journey:
    """A record of 001A. Stations are 8 bytes, whose last 4 are line and station."""

    identifier: bytes
    version: int = 1
    interoperable: int = 1
    lock: int = 0
    number: bytes = bytes(8)
    status: int = JourneyStatus.NONE
    entry_city: bytes = bytes(2)
    exit_city: bytes = bytes(2)
    entry_organisation: bytes = bytes(8)
    exit_organisation: bytes = bytes(8)
    entry_station: bytes = bytes(8)
    exit_station: bytes = bytes(8)
    entry_device: bytes = bytes(8)
    exit_device: bytes = bytes(8)
    entry_time: bytes = bytes(7)
    exit_time: bytes = bytes(7)
    highest_fen: int = 0
    entry_line: int = 0
    exit_line: int = 0
    entry_amount_fen: int = 0
    entry_balance_fen: int = 0
    exit_amount_fen: int = 0
    last_time: bytes = bytes(7)
    gate: bytes = bytes(4)
    month_total: bytes = bytes(3)
    rides: int = 0
    transfer_mark: int = 0
    transfer_time: bytes = bytes(4)
    entry_flag: int = 0
    exit_flag: int = 0
    direction: int = 0

    @classmethod
    def decode(cls, data: bytes, organisation: bytes) -> Journey:
        """From a record of 128 bytes.

        One whose check sum is wrong is taken for a fresh one; if another than ``organisation`` has
        written it, its own part alone is, for the check sum is each city's own.
        """
        parts = _JOURNEY.unpack(data)
        journey = cls(parts[0], *parts[2:-2])
        if parts[-1] == crc32(data[_CHECKED_FROM:_CHECK_AT]).to_bytes(4):
            return journey
        if journey.status and journey.entry_organisation not in (organisation, bytes(8)):
            return cls(parts[0], *parts[2:23])
        return cls(parts[0], journey.version, journey.interoperable, journey.lock)

    def encode(self) -> bytes:
        """The 128 bytes with their check sum."""
        data = _JOURNEY.pack(
            self.identifier,
            JOURNEY_LENGTH,
            self.version,
            self.interoperable,
            self.lock,
            self.number,
            self.status,
            self.entry_city,
            self.exit_city,
            self.entry_organisation,
            self.exit_organisation,
            self.entry_station,
            self.exit_station,
            self.entry_device,
            self.exit_device,
            self.entry_time,
            self.exit_time,
            self.highest_fen,
            self.entry_line,
            self.exit_line,
            self.entry_amount_fen,
            self.entry_balance_fen,
            self.exit_amount_fen,
            self.last_time,
            self.gate,
            self.month_total,
            self.rides,
            self.transfer_mark,
            self.transfer_time,
            self.entry_flag,
            self.exit_flag,
            self.direction,
            0,
            b"",
        )
        return data[:_CHECK_AT] + crc32(data[_CHECKED_FROM:_CHECK_AT]).to_bytes(4)

    @property
    def inside(self) -> bool:
        """Whether its holder has gone in and not out."""
        return self.status in INSIDE

    def month_fen(self, time: bytes) -> int:
        """What was paid in the month of ``time``, so far."""
        same = self.last_time[:3] == time[:3]
        return int.from_bytes(self.month_total) if same else 0

    def paid(self, fen: int, time: bytes) -> None:
        """Count a ride that was paid."""
        month = self.month_fen(time)
        self.rides = min(self.rides + 1, MAX_RIDES) if self.last_time[:3] == time[:3] else 1
        self.month_total = min(month + fen, MAX_MONTH_FEN).to_bytes(3)
        self.last_time = time

    def went(self, inside: bool, gate: bytes) -> None:
        """Note the way through a gate."""
        self.gate = gate
        self.direction = _IN if inside else _OUT
        self.entry_flag, self.exit_flag = int(inside), int(not inside)


def trip_record(
    kind: int,
    terminal: bytes,
    mode: int,
    station: bytes,
    operator: bytes,
    amount_fen: int,
    balance_fen: int,
    time: bytes,
    city: bytes,
    organisation: bytes,
) -> bytes:
    """A record of 001E, 48 bytes: ``terminal`` 6 bytes, ``station`` line and station, 4."""
    return _TRIP.pack(
        kind,
        bytes(2) + terminal,
        mode,
        station,
        operator,
        amount_fen,
        balance_fen,
        time,
        city,
        organisation,
    )


def minutes_between(earlier: bytes, later: bytes) -> int | None:
    """Whole minutes from one time of 7 bytes to another, None when one is no time."""
    first, second = _moment(earlier), _moment(later)
    if first is None or second is None:
        return None
    return int((second - first).total_seconds()) // 60


def _moment(time: bytes) -> datetime | None:
    digits = time.hex()
    try:
        return datetime(
            int(digits[:4]),
            int(digits[4:6]),
            int(digits[6:8]),
            int(digits[8:10]),
            int(digits[10:12]),
            int(digits[12:14]),
        )
    except ValueError:
        return None


def full_time(short: bytes, now: bytes) -> bytes:
    """A time MMDDhhmm with the year that puts it before ``now``, 7 bytes."""
    year = int(now[:2].hex())
    if short > now[2:6]:
        year -= 1
    return bytes.fromhex(f"{year:04d}") + short + b"\0"
