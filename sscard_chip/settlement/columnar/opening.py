# SPDX-License-Identifier: Apache-2.0
"""Files that somebody delivered: opened only when they are regular and not too large.

A folder of deliveries is written by others. A link in it could name any file of the centre, a
named pipe would never end, and a sparse file of gigabytes costs its sender nothing.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sscard_chip.dayfile.errors import DayFileError

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """What a delivered file may be at most.

    ``file_bytes`` of a file, and of the text that a Parquet file unpacks to; ``row_bytes`` of a
    row. The memory that reading takes is bounded by a few times ``file_bytes`` for each thread
    that reads.
    """

    file_bytes: int = 128 << 20
    row_bytes: int = 4096


LIMITS: Final = DeliveryLimits()
"""The limits where none are given."""


@contextmanager
def delivered(path: str, limits: DeliveryLimits) -> Iterator[tuple[int, int]]:
    """A file's descriptor, and how many bytes it has.

    :raises DayFileError: it is a link, no regular file, or larger than the limit.
    :raises OSError: it cannot be opened.
    """
    _check_kind(path, os.lstat(path).st_mode)
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):  # it was put there a moment ago
            raise DayFileError(f"{path}: is a link") from None
        raise
    try:
        state = os.fstat(descriptor)
        _check_kind(path, state.st_mode)
        if state.st_size > limits.file_bytes:
            raise DayFileError(
                f"{path}: has {state.st_size:,} bytes, the limit of a file is {limits.file_bytes:,}"
            )
        yield descriptor, state.st_size
    finally:
        os.close(descriptor)


def read_bytes(descriptor: int, size: int) -> bytes:
    """``size`` bytes from the beginning; fewer when the file has become shorter.

    :raises OSError:
    """
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        return file.read(size)


def _check_kind(path: str, mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise DayFileError(f"{path}: is a link")
    if not stat.S_ISREG(mode):
        raise DayFileError(f"{path}: is no regular file")
