# SPDX-License-Identifier: Apache-2.0
"""The medium an image lies on: bytes at offsets, and a way to make them last."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Protocol

from sscard_chip.memory.errors import CardInUseError


class Medium(Protocol):
    """A fixed run of bytes that outlives the process."""

    def read(self) -> bytes:
        """The whole content."""

    def write(self, offset: int, data: bytes) -> None:
        """Put ``data`` at ``offset``. Raises OSError."""

    def sync(self) -> None:
        """Return when everything written is on the disk. Raises OSError."""

    def close(self) -> None:
        """Release the medium."""


class FileMedium:
    """A regular file, locked while it is open so that one card has one owner."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise CardInUseError(f"{path}: the card is in use by another process") from None

    def read(self) -> bytes:
        content = bytearray()
        while part := os.pread(self._fd, 1 << 20, len(content)):
            content += part
        return bytes(content)

    def write(self, offset: int, data: bytes) -> None:
        written = os.pwrite(self._fd, data, offset)
        while written < len(data):
            more = os.pwrite(self._fd, data[written:], offset + written)
            if not more:
                raise OSError("the medium takes no more bytes")
            written += more

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)
