# SPDX-License-Identifier: Apache-2.0
"""Frames of the vpcd protocol: a big-endian 16-bit length, then so many bytes."""

from __future__ import annotations

import socket
from typing import Final

from sscard_chip.standard.errors import CardReaderError

MAX_PAYLOAD: Final = 0xFFFF
"""Most bytes that one frame holds."""

_RECEIVE_SIZE: Final = 4096

# Linux only. The driver sends length and body as two segments, and holds the second one back
# (Nagle) until the first is acknowledged; a delayed acknowledgement costs 40 ms per command.
# The option wears off, so it is set again before every recv.
_QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


class PeerClosedError(CardReaderError, ConnectionError):
    """The other side closed the connection."""


class FrameSocket:
    """A connected TCP socket that receives and sends whole frames."""

    __slots__ = ("_buffer", "_socket")

    def __init__(self, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._buffer = b""

    def receive(self) -> bytes:
        """Wait for the next frame and return its payload, 0 to 65535 bytes.

        :raises PeerClosedError: at the end of the stream, also in the middle of a frame.
        :raises OSError: when the connection breaks.
        """
        buffer = self._buffer
        while True:
            if len(buffer) >= 2:
                end = 2 + (buffer[0] << 8 | buffer[1])
                if len(buffer) >= end:
                    self._buffer = buffer[end:]
                    return buffer[2:end]
            if _QUICKACK is not None:
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            chunk = self._socket.recv(_RECEIVE_SIZE)
            if not chunk:
                raise PeerClosedError("the reader closed the connection")
            buffer += chunk
            # Kept at once: an interrupted recv (timeout) must not lose what is here already.
            self._buffer = buffer

    def send(self, payload: bytes) -> None:
        """Send one frame in one call, so that it leaves as one segment.

        :param payload: 1 to 65535 bytes; an empty frame would hang the reader for ever.
        :raises ValueError: when the payload is empty or too long; nothing is sent.
        :raises OSError: when the connection breaks.
        """
        length = len(payload)
        if not 1 <= length <= MAX_PAYLOAD:
            raise ValueError(f"frame payload: {length} bytes, 1 to {MAX_PAYLOAD} are possible")
        self._socket.sendall(length.to_bytes(2, "big") + payload)
