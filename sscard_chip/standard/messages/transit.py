# SPDX-License-Identifier: Apache-2.0
"""Records of the transport application (交通联合, JT/T 978). Its commands are the purse's.

Organisations, stations and devices are 8 bytes, times YYYYMMDDhhmmss in BCD 7 bytes, amounts fen.
"""

from __future__ import annotations

from typing import Final

from construct import Bytes, Const, Int8ub, Int32ub, Struct

from sscard_chip.standard.transit import JOURNEY_LENGTH

JOURNEY: Final = Struct(
    "identifier" / Bytes(2),
    Const(bytes((JOURNEY_LENGTH,))),
    "version" / Int8ub,
    "interoperable" / Int8ub,
    "lock" / Int8ub,
    "number" / Bytes(8),
    "status" / Int8ub,
    "entry_city" / Bytes(2),
    "exit_city" / Bytes(2),
    "entry_organisation" / Bytes(8),
    "exit_organisation" / Bytes(8),
    "entry_station" / Bytes(8),
    "exit_station" / Bytes(8),
    "entry_device" / Bytes(8),
    "exit_device" / Bytes(8),
    "entry_time" / Bytes(7),
    "exit_time" / Bytes(7),
    "highest_fare_fen" / Int32ub,
    "entry_line" / Int8ub,
    "exit_line" / Int8ub,
    "entry_amount_fen" / Int32ub,
    "entry_balance_fen" / Int32ub,
    "exit_amount_fen" / Int32ub,
    "local" / Bytes(25),
    "check" / Bytes(4),
)
"""A record of 001A, 128 bytes. ``local`` and ``check`` are each city's own."""
STATUS_AT: Final = 14
"""Where its status stands."""
TRIP: Final = Struct(
    "trip_type" / Int8ub,
    "terminal" / Bytes(8),
    "mode" / Int8ub,
    "line" / Bytes(2),
    "station" / Bytes(2),
    "operator" / Bytes(2),
    "reserved" / Bytes(1),
    "amount_fen" / Int32ub,
    "balance_fen" / Int32ub,
    "time" / Bytes(7),
    "city" / Bytes(2),
    "organisation" / Bytes(8),
    "reserved_end" / Bytes(6),
)
"""A record of 001E, 48 bytes."""
