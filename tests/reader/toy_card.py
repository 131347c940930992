# SPDX-License-Identifier: Apache-2.0
"""A small card that behaves as the core promises, to test what is round the core."""

from __future__ import annotations

from sscard_chip.card import NotPoweredError

HISTORICAL = bytes.fromhex("0081310102") + bytes.fromhex("8650") + bytes.fromhex("999912345678")
ATR = bytes.fromhex("3B6D0000") + HISTORICAL

NAME = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
FCI = bytes.fromhex("6F16840F") + NAME + bytes.fromhex("A50388011E")
RECORDS = (
    bytes.fromhex("0110") + bytes(range(16)),
    bytes.fromhex("02013A"),
    bytes.fromhex("030432") + b".00",
)
LARGE = {0xF0: bytes(256), 0xF1: bytes(n & 0xFF for n in range(300)), 0xF2: bytes(600)}
"""Whole-file reads: P1 of a READ RECORD with P2 = 05, and what it gives."""

BINARY = bytes(range(0x20))
OK = b"\x90\x00"

INS_FAULT = 0xEE
INS_EMPTY = 0xE0
INS_ONE_BYTE = 0xE1
INS_ECHO = 0xEC


class ToyCard:
    """Whole commands in, whole answers out; counts what it is asked."""

    def __init__(self, *, contactless: bool = False, historical_bytes: bytes = HISTORICAL) -> None:
        self.contactless = contactless
        self.historical_bytes = historical_bytes
        self.atr = bytes.fromhex("3B6D0000") + historical_bytes
        self.powered = False
        self.record = 0
        self.log: list[bytes] = []
        self.power_log: list[str] = []

    def power_on(self) -> bytes:
        self.powered = True
        self.record = 0
        self.power_log.append("on")
        return self.atr

    def reset(self) -> bytes:
        self.record = 0
        self.power_log.append("reset")
        return self.atr

    def power_off(self) -> None:
        self.powered = False
        self.power_log.append("off")

    def transmit(self, apdu: bytes) -> bytes:
        if not self.powered:
            raise NotPoweredError("the card is not powered")
        self.log.append(apdu)
        if len(apdu) < 4:
            return b"\x67\x00"
        cla, ins, p1, p2 = apdu[:4]
        if ins == INS_FAULT:
            raise RuntimeError(f"secret {apdu.hex()}")
        if ins == INS_EMPTY:
            return b""
        if ins == INS_ONE_BYTE:
            return b"\x90"
        if cla != 0:
            return b"\x6e\x00"
        le = (apdu[4] or 256) if len(apdu) == 5 else 256
        if ins == INS_ECHO:
            return apdu[5 : 5 + apdu[4]] + OK
        if ins == 0xA4:
            return self._select(apdu)
        if ins == 0xB2:
            return self._read_record(p1, p2, le)
        if ins == 0xB0:
            return self._read_binary(p2, le)
        if ins == 0x84:
            return bytes(le) + OK if le in (4, 8, 16) and len(apdu) == 5 else b"\x67\x00"
        if ins == 0x88:
            return bytes(8) + OK if len(apdu) == 21 and apdu[4] == 16 else b"\x67\x00"
        if ins == 0x20:
            return b"\x63\xc2" if len(apdu) > 5 else b"\x63\xc3"
        return b"\x6d\x00"

    def _select(self, apdu: bytes) -> bytes:
        if len(apdu) <= 5 or apdu[5:20] == NAME:
            return FCI + OK
        if apdu[5:6] == b"\xef":
            return OK
        return b"\x6a\x82"

    def _read_record(self, p1: int, p2: int, le: int) -> bytes:
        if p2 == 5:
            body = LARGE[p1]
            return body + OK if le == 256 or le >= len(body) else b"\x6c\x00"
        # 2 is "next record"; as in the core, an answer of 6Cxx does not advance.
        number = self.record + 1 if p2 == 2 else p1
        if not 1 <= number <= len(RECORDS):
            return b"\x6a\x83"
        body = RECORDS[number - 1]
        if le < len(body):
            return bytes((0x6C, len(body)))
        self.record = number
        return body + OK

    def _read_binary(self, offset: int, le: int) -> bytes:
        return BINARY[offset : offset + le] + OK
