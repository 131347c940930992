# SPDX-License-Identifier: Apache-2.0
"""Codes in the records of the transport application (交通联合, JT/T 978)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

JOURNEY_ID: Final = 0x2701
"""Identifier of the record of a rail journey."""
JOURNEY_LENGTH: Final = 0x7D
"""Bytes behind identifier and length."""

TRIP_TYPES: Final = {
    "00": "空 empty",
    "02": "单次 single",
    "03": "进站 entry",
    "04": "出站 exit",
    "06": "单次 single",
    "12": "锁卡 lock",
}
MODES: Final = {"01": "地铁 metro", "02": "公交 bus", "03": "轮渡 ferry", "04": "快速公交 BRT"}
"""行业代码."""
STATUSES: Final = {
    "00": "无 none",
    "01": "已进站 entered",
    "02": "已出站 left",
    "03": "补进站 entered by update",
    "04": "补出站 left by update",
}
"""Of a journey."""


class TripType(IntEnum):
    """交易类型 of a record of 001E."""

    EMPTY = 0x00
    SINGLE = 0x06
    ENTRY = 0x03
    EXIT = 0x04
    LOCK = 0x12


class Mode(IntEnum):
    """行业代码 of a record of 001E."""

    METRO = 0x01
    BUS = 0x02


class JourneyStatus(IntEnum):
    """Of the journey in 001A. Odd: the holder is inside."""

    NONE = 0x00
    ENTERED = 0x01
    LEFT = 0x02
    ENTERED_BY_UPDATE = 0x03
    LEFT_BY_UPDATE = 0x04


INSIDE: Final = frozenset({JourneyStatus.ENTERED, JourneyStatus.ENTERED_BY_UPDATE})


class UpdateKind(IntEnum):
    """补票: why the service desk writes a journey [M]. The digits are those of the byte."""

    NONE = 0x00
    OVER_DISTANCE = 0x01
    OVER_TIME = 0x02
    BOTH = 0x03
    ADD_ENTRY = 0x10
    ADD_EXIT = 0x11


class UpdatePayment(IntEnum):
    """How an update is paid [M]."""

    CASH = 0x01
    ELECTRONIC = 0x02
    VOUCHER = 0x03
    AUTO_LOAD = 0x04
    FREE = 0xFF


class TapKind(IntEnum):
    """Kind of a record that a gate uploads [M]; delayed ones were proven after a break."""

    ENTRY = 0x0C
    EXIT = 0x0D
    DELAYED_ENTRY = 0x0E
    DELAYED_EXIT = 0x0F
    UPDATE = 0x11
    LOCK = 0x16


DELAYED: Final = {TapKind.ENTRY: TapKind.DELAYED_ENTRY, TapKind.EXIT: TapKind.DELAYED_EXIT}
"""What a record becomes when its proof came later; the others have no such kind."""
LOCAL_CARD, FOREIGN_CARD = 0x22, 0x23
"""Class of a record: a card of the gate's own city, or of another [M]."""
CLEARING_CODES: Final = {0x00: 0x01, 0x04: 0x04}
"""算法标识 of a record that is cleared (01 3DES, 04 SM4) by that of INITIALIZE [M]."""
ACCEPTING: Final = 0x10
"""Bit in the first byte of an organisation that accepts cards: 02 00 becomes 12 00."""
