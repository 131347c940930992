# SPDX-License-Identifier: Apache-2.0
"""The reader's side of the vpcd protocol on loopback, under the control of a test."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from tests.ports import free_port

TIMEOUT_S = 60.0
POWER_OFF = b"\x00"
POWER_ON = b"\x01"
RESET = b"\x02"
GET_ATR = b"\x04"


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(2, "big") + payload


class FakeVpcd:
    """Listens on one port (0: any free one) and speaks to the card that connects."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port or free_port()))
        self._listener.settimeout(TIMEOUT_S)
        self.port: int = self._listener.getsockname()[1]
        self._card: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.eject()
        self._listener.close()

    @property
    def card(self) -> socket.socket:
        if self._card is None:
            self._card, _ = self._listener.accept()
            self._card.settimeout(TIMEOUT_S)
            self._card.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._card

    def eject(self) -> None:
        """Close the connection to the card, as a stopping pcscd does."""
        if self._card is not None:
            self._card.close()
            self._card = None

    def raw(self, data: bytes) -> None:
        self.card.sendall(data)

    def control(self, payload: bytes) -> None:
        self.raw(frame(payload))

    def answer(self) -> bytes:
        size = int.from_bytes(self._exactly(2), "big")
        return self._exactly(size)

    def ask(self, payload: bytes) -> bytes:
        self.raw(frame(payload))
        return self.answer()

    def ask_hex(self, payload: str) -> str:
        return self.ask(bytes.fromhex(payload)).hex()

    def at_end(self) -> bool:
        """Wait for the card to close; True when it did so without sending anything."""
        return self.card.recv(1) == b""

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.card.recv(size - len(data))
            if not chunk:
                raise EOFError("the card closed the connection")
            data += chunk
        return data


def two_ports() -> tuple[FakeVpcd, FakeVpcd]:
    """Return two listeners on neighbouring ports."""
    port = free_port(neighbours=1)
    return FakeVpcd(port), FakeVpcd(port + 1)
