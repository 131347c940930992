# SPDX-License-Identifier: Apache-2.0
"""What a C program hands over: numbers, and places in its memory, through cffi."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Final

from sscard_driver.skf.codes import Sar, SkfError

LONGEST: Final = 64 * 1024
"""Bytes that are read of a parameter."""
_NAME: Final = 256
_ULONG: Final = 4


@dataclass(frozen=True, slots=True)
class SkfValue:
    """A parameter: a number, or a place in the caller's memory."""

    ffi: Any
    number: int
    pointer: Any

    @property
    def is_null(self) -> bool:
        return bool(self.pointer == self.ffi.NULL)

    @property
    def handle(self) -> int:
        """A handle, which the program gives back as it got it."""
        return int(self.ffi.cast("uintptr_t", self.pointer))

    def _needed(self) -> None:
        if self.is_null:
            raise SkfError(Sar.INVALIDPARAMERR)

    def text(self) -> str:
        """A string that ends with NUL.

        :raises SkfError: NULL, or no text of at most 255 bytes.
        """
        self._needed()
        text: bytes = self.ffi.string(self.ffi.cast("char *", self.pointer), _NAME)
        if len(text) >= _NAME:
            raise SkfError(Sar.INDATALENERR)
        return text.decode("utf-8", "replace")

    def read(self, length: int) -> bytes:
        """So many bytes.

        :raises SkfError: NULL, or more than anything here can have.
        """
        self._needed()
        if length > LONGEST:
            raise SkfError(Sar.INDATALENERR)
        return bytes(self.ffi.buffer(self.pointer, length)) if length else b""

    def write(self, content: bytes) -> None:
        """Put bytes there.

        :raises SkfError: NULL.
        """
        self._needed()
        self.ffi.memmove(self.pointer, content, len(content))

    def write_number(self, number: int) -> None:
        """Put a ULONG or BOOL there."""
        self.write(number.to_bytes(_ULONG, sys.byteorder))

    def write_handle(self, handle: int) -> None:
        """Put a handle there."""
        self.write(handle.to_bytes(self.ffi.sizeof("void *"), sys.byteorder))

    def read_number(self) -> int:
        """The ULONG there."""
        return int.from_bytes(self.read(_ULONG), sys.byteorder)


def give(content: bytes, place: SkfValue, size: SkfValue) -> None:
    """Put ``content`` into a buffer, whose size stands in ``size``, and its length there.

    With NULL for the buffer the length alone.

    :raises SkfError: SAR_BUFFER_TOO_SMALL, and the length is told all the same.
    """
    room = size.read_number()
    size.write_number(len(content))
    if place.is_null:
        return
    if room < len(content):
        raise SkfError(Sar.BUFFER_TOO_SMALL)
    place.write(content)


def names(*found: str) -> bytes:
    """A list of names as the interface has it: each ends with NUL, the list with another."""
    return b"".join(name.encode() + b"\0" for name in found) + b"\0"
