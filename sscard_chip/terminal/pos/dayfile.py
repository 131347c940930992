# SPDX-License-Identifier: Apache-2.0
"""The day file that a terminal writes: appended sale by sale, closed with a trailer.

A row counts when its LF is on the disk. What a power cut leaves behind the last LF is cut off
when the file is opened again; the sale that it belonged to still stands in the journal beside it
(:mod:`sscard_chip.terminal.pos.pending`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from hashlib import sha256
from pathlib import Path
from typing import Self

from sscard_chip.closing import Closing
from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import DayHeader, DayRow, DayTrailer, sums
from sscard_chip.dayfile.text import DayContents, parse_day
from sscard_chip.terminal.journal import sync_folder, write_at
from sscard_chip.terminal.pos.errors import Refusal, SaleRefusedError


class DayFile(Closing):
    """A day file that a terminal writes. One program has it open at a time.

    ``header`` is its header row, ``trailer`` None while the day is open.
    """

    def __init__(self, path: Path, descriptor: int, day: DayContents) -> None:
        self.path = path
        self._descriptor = descriptor
        self.header = day.header
        self._rows = list(day.rows)
        self.trailer = day.trailer

    @classmethod
    def open(cls, path: str | os.PathLike[str], header: DayHeader | None = None) -> Self:
        """Open a day file, repairing a torn end; create it from ``header`` where there is none.

        :raises DayFileError: it is malformed, or belongs to another pharmacy or terminal.
        :raises SaleRefusedError: another program has it open.
        :raises OSError: FileNotFoundError without ``header``, or any other.
        """
        target = Path(path)
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if header else 0)
        descriptor = os.open(target, flags, 0o600)
        try:
            _lock(descriptor, target)
            content = _read_all(descriptor)
            whole = content[: content.rstrip(b"\0").rfind(b"\n") + 1]
            if len(whole) < len(content):
                os.ftruncate(descriptor, len(whole))
                os.fsync(descriptor)
            if not whole and header is not None:
                whole = f"{header.encode()}\n".encode()
                write_at(descriptor, whole, 0)
                sync_folder(target.parent)
            day = parse_day(whole, str(target))
            if header is not None:
                _check_owner(target, day.header, header)
            return cls(target, descriptor, day)
        except BaseException:
            os.close(descriptor)
            raise

    @property
    def rows(self) -> tuple[DayRow, ...]:
        """All rows so far."""
        return tuple(self._rows)

    def holds(self, row: DayRow) -> bool:
        """Whether the sale or refund of ``row`` stands in the file."""
        return any(one.msgid == row.msgid for one in self._rows)

    def append(self, row: DayRow) -> None:
        """Add a row; it is on the disk when this returns.

        :raises SaleRefusedError: the day is closed.
        :raises DayFileError: a value that a column cannot hold, or a sale that is there already.
        :raises OSError: nothing was added.
        """
        self.require_open()
        row.check()
        if self.holds(row):
            raise DayFileError(f"{self.path}: msgid {row.msgid}: stands in the file already")
        self._write(row.encode())
        self._rows.append(row)

    def finish(self) -> DayTrailer:
        """Write the trailer: the day is closed.

        :raises SaleRefusedError: it is closed already.
        :raises OSError: nothing was added.
        """
        self.require_open()
        digest = sha256(_read_all(self._descriptor)).digest()
        trailer = DayTrailer(len(self._rows), sums(self._rows), digest)
        self._write(trailer.encode())
        self.trailer = trailer
        return trailer

    def require_open(self) -> None:
        """See that the day is open.

        :raises SaleRefusedError: when the day is closed.
        """
        if self.trailer is not None:
            raise SaleRefusedError(Refusal.DAY, f"{self.path}: the day is closed")

    def close(self) -> None:
        """Release the file. The day stays open."""
        os.close(self._descriptor)

    def _write(self, line: str) -> None:
        end = os.fstat(self._descriptor).st_size
        try:
            write_at(self._descriptor, f"{line}\n".encode(), end)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SaleRefusedError(Refusal.DAY, f"{path}: another program has it open") from None


def _check_owner(path: Path, found: DayHeader, expected: DayHeader) -> None:
    for name, is_, must in (
        ("fixmedins_code", found.pharmacy_code, expected.pharmacy_code),
        ("terminal_id", found.terminal_id, expected.terminal_id),
        ("PSAM number", found.psam_number, expected.psam_number),
    ):
        if is_ != must:
            raise DayFileError(f"{path}: row 1: {name}: the day file belongs to another one")


def _read_all(descriptor: int) -> bytes:
    content = bytearray()
    while part := os.pread(descriptor, 1 << 20, len(content)):
        content += part
    return bytes(content)
