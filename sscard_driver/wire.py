# SPDX-License-Identifier: Apache-2.0
"""What goes between a Windows library and the driver server; numbers are big-endian.

::

    hello      u32 length | "SSCD" | u8 version 1 | u8 length, token
    request    u32 length | u8 length, library | u8 length, function |
               u8 count, parameters: 'i' i32, or 's' u32 length, bytes |
               u8 count, sizes of buffers: u32
    answer     u32 length | i32 code | each buffer: u32 length, bytes without NUL

The answer to a hello has code 0 and no buffer, or a code and one buffer that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from sscard_chip.standard.errors import TerminalError
from sscard_driver.library import INPUT_LIMIT

MAGIC: Final = b"SSCD"
VERSION: Final = 1
BUFFER_LIMIT: Final = 0x10000
"""Bytes of a buffer that are used, NUL included; a caller may have larger ones."""
HELLO_LIMIT: Final = 4 + 2 + 255
REQUEST_LIMIT: Final = 3 * 256 + 8 * (5 + INPUT_LIMIT)
"""Bytes behind the length."""
NUMBER: Final = Struct(">I")
_SIGNED: Final = Struct(">i")
_MOST: Final = 8


class WireError(TerminalError):
    """A message that is none; one line."""


@dataclass(frozen=True, slots=True, repr=False)
class CallRequest:
    """A call. ``sizes`` of the buffers are at most :data:`BUFFER_LIMIT`."""

    library: str
    function: str
    arguments: tuple[int | bytes, ...]
    sizes: tuple[int, ...]


class _Content:
    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, count: int) -> bytes:
        taken = self._content[self._at : self._at + count]
        if len(taken) != count:
            raise WireError("the message is too short")
        self._at += count
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int(NUMBER.unpack(self.take(4))[0])

    def name(self) -> str:
        text = self.take(self.byte())
        if not text.isascii():
            raise WireError("a name must be ASCII")
        return text.decode()

    def end(self) -> None:
        if self._at != len(self._content):
            raise WireError("the message is too long")


def read_hello(content: bytes) -> bytes:
    """The token of a hello.

    :raises WireError: it is none, or of another version.
    """
    parts = _Content(content)
    if parts.take(4) != MAGIC:
        raise WireError("this is the driver server; it speaks with its libraries alone")
    if parts.byte() != VERSION:
        raise WireError(f"the library is of another version, this server of {VERSION}")
    token = parts.take(parts.byte())
    parts.end()
    return token


def read_request(content: bytes) -> CallRequest:
    """A request.

    :raises WireError:
    """
    parts = _Content(content)
    library, function = parts.name(), parts.name()
    arguments: list[int | bytes] = []
    for _ in range(_count(parts)):
        match parts.byte():
            case 0x69:  # i
                arguments.append(int(_SIGNED.unpack(parts.take(4))[0]))
            case 0x73:  # s
                arguments.append(parts.take(parts.number()))
            case _:
                raise WireError("a parameter must be a number or a string")
    sizes = [min(parts.number(), BUFFER_LIMIT) for _ in range(_count(parts))]
    parts.end()
    if not all(sizes):
        raise WireError("a buffer must have room")
    return CallRequest(library, function, tuple(arguments), tuple(sizes))


def _count(parts: _Content) -> int:
    count = parts.byte()
    if count > _MOST:
        raise WireError(f"must be at most {_MOST}")
    return count


def write_answer(code: int, texts: Sequence[bytes]) -> bytes:
    """An answer; the texts end at their NUL."""
    content = _SIGNED.pack(code)
    for text in texts:
        data = text.partition(b"\0")[0]
        content += NUMBER.pack(len(data)) + data
    return NUMBER.pack(len(content)) + content
