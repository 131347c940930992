# SPDX-License-Identifier: Apache-2.0
"""Exchanges in a pcapng file, for Wireshark: each as a packet of GSMTAP, type SIM.

GSMTAP is what Wireshark knows smart cards by: command and answer in one packet, or an ATR, behind
IPv4, UDP to port 4729 and 16 bytes of GSMTAP. Its dissector gives SIM names to the instructions
of ISO/IEC 7816-4. The file holds the exchanges as they were, with PINs and citizens' data, so only
its owner can read it.
"""

from __future__ import annotations

import os
import struct
import threading
from typing import Final

from sscard_chip.closing import Closing

LINKTYPE_IPV4: Final = 228
GSMTAP_PORT: Final = 4729

_HEAD: Final = bytes.fromhex("0A0D0D0A 1C000000 4D3C2B1A 01000000 FFFFFFFFFFFFFFFF 1C000000")
"""Section header: little-endian, version 1.0, length not said."""
_INTERFACE, _PACKET = 1, 6
_NAME, _END = b"\x02\x00", bytes(4)
_LONGEST: Final = 0xFFFF - 44
"""Bytes that one IPv4 packet carries behind its headers; what is longer is cut."""
_APDU, _ATR = 0, 1
_LOCALHOST: Final = bytes((127, 0, 0, 1))


class PcapngFile(Closing):
    """A pcapng file that is being written; each slot is an interface of it.

    :param path: a new file.
    :param slots: how many slots there are.
    :raises OSError: also when the file exists.
    """

    def __init__(self, path: str | os.PathLike[str], slots: int = 1) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._lock = threading.Lock()
        head = _HEAD
        for number in range(1, slots + 1):
            name = f"slot {number}".encode()
            option = _NAME + struct.pack("<H", len(name)) + _padded(name) + _END
            head += _block(_INTERFACE, struct.pack("<HHI", LINKTYPE_IPV4, 0, 0) + option)
        self._write(head)

    def reset(self, slot: int, atr: bytes, at: float) -> None:
        """A power-on or a reset; ``at`` counts seconds since 1970."""
        self._packet(slot, _ATR, atr, at)

    def exchange(self, slot: int, command: bytes, answer: bytes, at: float) -> None:
        """A command and its answer."""
        self._packet(slot, _APDU, command + answer, at)

    def close(self) -> None:
        """End the file."""
        with self._lock:
            self._file.close()

    def _packet(self, slot: int, kind: int, data: bytes, at: float) -> None:
        packet = gsmtap_packet(slot, kind, data[:_LONGEST])
        time = int(at * 1_000_000)
        size = len(packet)
        body = struct.pack("<IIIII", slot, time >> 32, time & 0xFFFFFFFF, size, size)
        self._write(_block(_PACKET, body + _padded(packet)))

    def _write(self, data: bytes) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.write(data)
                self._file.flush()


def gsmtap_packet(slot: int, kind: int, data: bytes) -> bytes:
    """IPv4, UDP and GSMTAP (version 2, type SIM) around data; ``kind`` 0 an APDU, 1 an ATR."""
    gsmtap = struct.pack(">BBBBHbbIBBBB", 2, 4, 4, slot & 0xFF, 0, 0, 0, 0, kind, 0, 0, 0)
    udp = struct.pack(">HHHH", GSMTAP_PORT, GSMTAP_PORT, 8 + len(gsmtap) + len(data), 0)
    length = 20 + len(udp) + len(gsmtap) + len(data)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, _LOCALHOST, _LOCALHOST)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return head[:10] + struct.pack(">H", checksum) + head[12:] + udp + gsmtap + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size
