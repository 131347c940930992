# SPDX-License-Identifier: Apache-2.0
"""A CCID reader with one slot: its USB descriptors, and what it answers to each message.

CCID revision 1.1: a message is 10 bytes of header (type, length, slot, sequence number, three
bytes of its own; little-endian) and the data. The reader exchanges short APDUs, so it carries
contact cards and contactless ones alike; it fetches nothing on the program's behalf, as vpcd.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum, unique
from typing import Final, Protocol

from sscard_chip.standard.errors import CardReaderError

MAX_DATA: Final = 261
"""Bytes of the longest short APDU, and so of a message's data."""
HEADER_LENGTH: Final = 10
OUT_ENDPOINT: Final = 1
IN_ENDPOINT: Final = 2
INTERRUPT_ENDPOINT: Final = 3
VENDOR_ID: Final = 0x08E6
PRODUCT_ID: Final = 0x4433
"""The ids that the virtual reader of QEMU has. libccid takes only readers that it lists, and
lists this one; other drivers go by the class."""
DEVICE_RELEASE: Final = 0x0100
CLASS_TRIPLE: Final = (0x0B, 0, 0)

_PACKET: Final = 64
_SMART_CARD: Final = struct.pack(
    "<BBHBBIIIBIIBIIIIIBBHBB",
    *(0x36, 0x21, 0x0110),
    0,  # highest slot
    7,  # 5, 3 and 1.8 V
    3,  # T=0 and T=1
    *(4000, 4000, 0),  # clock, kHz
    *(10752, 344086, 0),  # data rate, bit/s
    254,  # IFSD
    *(0, 0),
    0x000204BA,  # short APDUs; parameters, voltage, clock, rate, PPS and IFSD are the reader's
    HEADER_LENGTH + MAX_DATA,
    *(0xFF, 0xFF, 0, 0, 1),
)


def _endpoint(address: int, kind: int, size: int, interval: int) -> bytes:
    return struct.pack("<BBBBHB", 7, 5, address, kind, size, interval)


_INTERFACE: Final = (
    struct.pack("<9B", 9, 4, 0, 0, 3, *CLASS_TRIPLE, 0)
    + _SMART_CARD
    + _endpoint(OUT_ENDPOINT, 2, _PACKET, 0)
    + _endpoint(0x80 | IN_ENDPOINT, 2, _PACKET, 0)
    + _endpoint(0x80 | INTERRUPT_ENDPOINT, 3, 8, 24)
)
DEVICE_DESCRIPTOR: Final = struct.pack(
    "<BBHBBBBHHHBBBB",
    *(18, 1, 0x0200, 0, 0, 0, _PACKET, VENDOR_ID, PRODUCT_ID, DEVICE_RELEASE, 1, 2, 3, 1),
)
CONFIGURATION_DESCRIPTOR: Final = (
    struct.pack("<BBHBBBBB", 9, 2, 9 + len(_INTERFACE), 1, 1, 0, 0x80, 50) + _INTERFACE
)


def string_descriptor(index: int, serial: str) -> bytes | None:
    """Languages, maker, product or serial number; None for others."""
    if index == 0:
        return struct.pack("<BBH", 4, 3, 0x0409)
    texts = ("", "sscard", "sscard virtual reader", serial)
    if not 0 < index < len(texts):
        return None
    encoded = texts[index].encode("utf-16-le")
    return bytes((2 + len(encoded), 3)) + encoded


@unique
class _Out(IntEnum):
    """Messages from the host."""

    POWER_ON = 0x62
    POWER_OFF = 0x63
    SLOT_STATUS = 0x65
    GET_PARAMETERS = 0x6C
    RESET_PARAMETERS = 0x6D
    SET_PARAMETERS = 0x61
    EXCHANGE = 0x6F
    ESCAPE = 0x6B
    ABORT = 0x72
    SET_RATE = 0x73


_DATA, _STATUS, _PARAMETERS, _ESCAPED, _RATE = 0x80, 0x81, 0x82, 0x83, 0x84
_ANSWERS: Final = {
    _Out.POWER_ON: _DATA,
    _Out.EXCHANGE: _DATA,
    _Out.GET_PARAMETERS: _PARAMETERS,
    _Out.RESET_PARAMETERS: _PARAMETERS,
    _Out.SET_PARAMETERS: _PARAMETERS,
    _Out.ESCAPE: _ESCAPED,
    _Out.SET_RATE: _RATE,
    0x69: _DATA,  # Secure
}
"""Which message answers; SlotStatus where nothing is said."""
_ACTIVE, _INACTIVE, _ABSENT = 0, 1, 2
_FAILED, _MORE_TIME = 0x40, 0x80
_MUTE, _NOT_SUPPORTED, _BAD_LENGTH, _BAD_SLOT, _BAD_LEVEL = 0xFE, 0x00, 0x01, 0x05, 0x08
_T0_PARAMETERS: Final = bytes.fromhex("1100000A00")
_T1_PARAMETERS: Final = bytes.fromhex("11100045000020")


class CcidCard(Protocol):
    """What a reader can do with the card in its slot."""

    @property
    def present(self) -> bool:
        """Whether there is one."""

    def power(self) -> bytes:
        """Power it on, or reset it where it has power; its ATR.

        :raises CcidMuteError: it gives none.
        """

    def power_off(self) -> None:
        """Take its power."""

    def exchange(self, apdu: bytes) -> bytes:
        """Its answer.

        :raises CcidMuteError: it gives none.
        """


class CcidMuteError(CardReaderError):
    """The card does not answer."""


class CcidReader:
    """The reader's side of CCID, one message at a time."""

    def __init__(self, card: CcidCard) -> None:
        self._card = card
        self._powered = False
        self._protocol = 0

    def power_lost(self) -> None:
        """The card has lost its power: it was removed, or the host went away."""
        self._powered = False

    def answer(self, message: bytes) -> bytes:
        """The answer to a message of the host.

        :param message: header and data as the host sent them, at least the header.
        """
        kind, length, slot, _sequence = struct.unpack_from("<BIBB", message)
        data = message[HEADER_LENGTH:]
        if length != len(data) or length > MAX_DATA:
            return self._failed(message, _BAD_LENGTH)
        if slot:
            return self._failed(message, _BAD_SLOT)
        if kind == _Out.POWER_ON:
            return self._run(message, self._power_on)
        if kind == _Out.EXCHANGE:
            if message[8:HEADER_LENGTH] != b"\0\0":
                return self._failed(message, _BAD_LEVEL)
            return self._run(message, lambda: self._exchange(data))
        if kind == _Out.POWER_OFF:
            self._powered = False
            self._card.power_off()
        elif kind in (_Out.GET_PARAMETERS, _Out.RESET_PARAMETERS, _Out.SET_PARAMETERS):
            if kind == _Out.SET_PARAMETERS and message[7] in (0, 1):
                self._protocol = message[7]
            own = _T1_PARAMETERS if self._protocol else _T0_PARAMETERS
            return self._message(message, own, last=self._protocol)
        elif kind not in (_Out.SLOT_STATUS, _Out.ABORT):
            return self._failed(message, _NOT_SUPPORTED)
        return self._message(message)

    def more_time(self, message: bytes) -> bytes:
        """What asks the host for more time while the card works on a message."""
        return self._message(message, status=_MORE_TIME, error=1)

    @property
    def slot_change(self) -> bytes:
        """NotifySlotChange of the interrupt endpoint, with the card as it is now."""
        return bytes((0x50, 0x02 | self._card.present))

    def _run(self, message: bytes, action: Callable[[], bytes]) -> bytes:
        try:
            return self._message(message, action())
        except CcidMuteError:
            self._powered = False
            return self._failed(message, _MUTE)

    def _power_on(self) -> bytes:
        if not self._card.present:
            raise CcidMuteError("no card in the slot")
        atr = self._card.power()
        self._powered = True
        self._protocol = int(_speaks_t1(atr))
        return atr

    def _exchange(self, apdu: bytes) -> bytes:
        if not (self._card.present and self._powered):
            raise CcidMuteError("the card has no power")
        return self._card.exchange(apdu)

    def _failed(self, message: bytes, error: int) -> bytes:
        return self._message(message, status=_FAILED, error=error)

    def _message(
        self, asked: bytes, data: bytes = b"", *, status: int = 0, error: int = 0, last: int = 0
    ) -> bytes:
        kind = _ANSWERS.get(asked[0], _STATUS)
        state = _ABSENT if not self._card.present else _INACTIVE
        if self._card.present and self._powered:
            state = _ACTIVE
        head = struct.pack(
            "<BIBBBBB", kind, len(data), asked[5], asked[6], status | state, error, last
        )
        return head + data


def _speaks_t1(atr: bytes) -> bool:
    """Whether a byte TDi of an ATR offers T=1 (ISO/IEC 7816-3 clause 8.2.3)."""
    at, given = 1, atr[1] if len(atr) > 1 else 0
    while given & 0x80:
        at += (given >> 4).bit_count()
        if at >= len(atr):
            return False
        given = atr[at]
        if given & 0x0F == 1:
            return True
    return False
