# SPDX-License-Identifier: Apache-2.0
"""A journal: one object of JSON a line, each on the disk before it counts."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sscard_chip.dayfile.errors import DayFileError


class Journal:
    """A journal at a path, which need not be there yet."""

    def __init__(self, path: Path, apply: Callable[[Any], None], what: str) -> None:
        """Read it: ``apply`` gets each entry, now and as it is written, and raises LookupError,
        TypeError, AttributeError or ValueError for one that is no ``what``.

        The last line without LF was not finished before the step it announces, so it is void.

        :raises DayFileError: a line that is no entry.
        :raises OSError: the file cannot be read.
        """
        self.path = path
        self._apply = apply
        self._size = 0
        with contextlib.suppress(FileNotFoundError):
            content = path.read_bytes()
            whole = content[: content.rstrip(b"\0").rfind(b"\n") + 1]
            self._size = len(whole)
            for number, line in enumerate(whole.decode("utf-8", "replace").splitlines(), 1):
                try:
                    apply(json.loads(line))
                except (ValueError, LookupError, TypeError, AttributeError):
                    raise DayFileError(f"{path}: row {number}: is no {what}") from None

    def write(self, entry: dict[str, Any]) -> None:
        """Have an entry on the disk, then apply it.

        :raises OSError: then it did not happen.
        """
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, self._size)
            write_at(descriptor, line, self._size)
        finally:
            os.close(descriptor)
        if not self._size:
            sync_folder(self.path.parent)
        self._size += len(line)
        self._apply(entry)

    def remove(self) -> None:
        """Take the file away: it begins anew with the next entry."""
        self.path.unlink(missing_ok=True)
        sync_folder(self.path.parent)
        self._size = 0


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` and have it on the disk.

    :raises OSError:
    """
    done = 0
    while done < len(data):
        written = os.pwrite(descriptor, data[done:], offset + done)
        if not written:
            raise OSError("the file takes no more bytes")
        done += written
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk.

    :raises OSError:
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
