# SPDX-License-Identifier: Apache-2.0
"""QEMU's side of its passthru protocol on loopback, under the control of a test."""

from __future__ import annotations

import socket
import struct
from typing import Self

from sscard_chip.closing import Closing

INIT, ERROR, READER_ADD, ATR, CARD_REMOVE, APDU = 1, 2, 3, 5, 6, 7
HELLO = b"VSCD" + bytes.fromhex("00000002 00000000")
GOOD = bytes(4)
TIMEOUT_S = 60.0


class FakeQemu(Closing):
    """Listens on one port and speaks to the card that connects."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(TIMEOUT_S)
        self.port: int = self._listener.getsockname()[1]
        self._card: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    @property
    def card(self) -> socket.socket:
        if self._card is None:
            self._card, _ = self._listener.accept()
            self._card.settimeout(TIMEOUT_S)
        return self._card

    def close(self) -> None:
        self.eject()
        self._listener.close()

    def eject(self) -> None:
        if self._card is not None:
            self._card.close()
            self._card = None

    def begin(self) -> bytes:
        """The greeting, as ccid-card-passthru does it; the ATR of the card."""
        assert self.receive() == (INIT, HELLO)
        self.send(INIT, HELLO)
        assert self.receive() == (READER_ADD, b"sscard")
        self.send(ERROR, GOOD)
        return self.inserted()

    def inserted(self) -> bytes:
        kind, atr = self.receive()
        assert kind == ATR
        self.send(ERROR, GOOD)
        return atr

    def ask(self, apdu: str) -> str:
        self.send(APDU, bytes.fromhex(apdu))
        kind, answer = self.receive()
        assert kind == APDU
        return answer.hex()

    def send(self, kind: int, data: bytes = b"", length: int | None = None) -> None:
        size = len(data) if length is None else length
        self.card.sendall(struct.pack(">III", kind, 0, size) + data)

    def receive(self) -> tuple[int, bytes]:
        kind, _reader, length = struct.unpack(">III", self._exactly(12))
        return kind, self._exactly(length)

    def at_end(self) -> bool:
        try:
            return self.card.recv(1) == b""
        except ConnectionResetError:
            return True

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.card.recv(size - len(data))
            if not chunk:
                raise EOFError("the card closed the connection")
            data += chunk
        return data
