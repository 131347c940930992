# SPDX-License-Identifier: Apache-2.0
"""The medium an image lies on: bytes at offsets, and a way to make them last."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from sscard_chip.memory.errors import CardImageError, CardInUseError

_MAX_SIZE: Final = 1 << 26  # an image has a fifth of a megabyte


class Medium(Protocol):
    """A fixed run of bytes that outlives the process."""

    def read(self) -> bytes:
        """The whole content."""

    def write(self, offset: int, data: bytes) -> None:
        """Put ``data`` at ``offset``.

        :raises OSError:
        """

    def sync(self) -> None:
        """Return when everything written is on the disk.

        :raises OSError:
        """

    def close(self) -> None:
        """Release the medium."""


def _check(descriptor: int, path: Path) -> None:
    """Refuse what can not be read to an end: devices, pipes, files of gigabytes."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_SIZE:
        raise CardImageError(f"{path}: not a card image")


def read_file(path: Path) -> bytes:
    """The content of an image file as it is, whoever has it.

    :raises CardImageError: it is no regular file, or far too long.
    :raises OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as stream:
        _check(descriptor, path)
        return stream.read()


class FileMedium:
    """A regular file, locked while it is open so that one card has one owner."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check(self._fd, path)
            _lock(self._fd, path)
        except BaseException:
            os.close(self._fd)
            raise

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


@contextmanager
def image_held(path: Path) -> Iterator[None]:
    """Own the file at ``path``, if there is one, so that no program uses it as a card meanwhile.

    For whoever puts another file in its place.

    :raises CardInUseError:
    :raises OSError: any other.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        descriptor = None
    try:
        if descriptor is not None and stat.S_ISREG(os.fstat(descriptor).st_mode):
            _lock(descriptor, path)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    """Own a file; one that was replaced between opening and locking is in use too."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return
    except (BlockingIOError, FileNotFoundError):
        pass
    raise CardInUseError(f"{path}: the card is in use, one program at a time")
