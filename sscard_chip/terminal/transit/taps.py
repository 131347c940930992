# SPDX-License-Identifier: Apache-2.0
"""What a gate keeps: its records for the day file, debits whose answer it lost, cards to remember.

A record is written ahead, before the debit is sent, and again with the TAC when the card has
answered: no power cut leaves a doubt that the card's proof cannot decide.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from sscard_chip.closing import Closing
from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.transit import TapRecord
from sscard_chip.terminal.journal import Journal

CardKey = tuple[bytes, bytes]
"""Issuer of 11 characters and serial number of 8 bytes."""


class TapJournal:
    """In memory. ``records`` are those of the day that is open, 146 bytes each."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.remembered: set[CardKey] = set()
        self.file_number = 1
        self.made = 0
        self._open: dict[CardKey, bytes] = {}

    @property
    def waiting(self) -> list[bytes]:
        """Records of debits whose answer was lost, oldest first."""
        return list(self._open.values())

    def pending(self, key: CardKey) -> bytes | None:
        """The debit of a card whose answer was lost."""
        return self._open.get(key)

    def begin(self, key: CardKey, record: bytes) -> None:
        """A debit is about to be sent; ``record`` has no TAC."""
        self._open[key] = record

    def done(self, key: CardKey, record: bytes) -> None:
        """It was made."""
        self._open.pop(key, None)
        self.records.append(record)
        self.made += 1

    def drop(self, key: CardKey) -> None:
        """It was not made."""
        self._open.pop(key, None)

    def remember(self, key: CardKey) -> None:
        """A card whose MAC2 was wrong."""
        self.remembered.add(key)

    def closed(self) -> None:
        """The records of the day are in a day file; the next one begins."""
        self.records.clear()
        self.file_number += 1


def _locked(path: str | os.PathLike[str]) -> int:
    """The file, locked; one that has gone meanwhile is opened anew."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise DayFileError(f"{os.fspath(path)}: another program has this journal") from None
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


class FileTapJournal(TapJournal, Closing):
    """The same in a file, each line on the disk before it counts. It has no key and no name.

    One program has it open at a time.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the journal at ``path``, which need not be there yet.

        :raises DayFileError: a line that is none of a gate's journal, or another program has it.
        :raises OSError:
        """
        super().__init__()
        self._lock = _locked(path)
        try:
            self._journal = Journal(Path(path), self._apply, "line of a gate's journal")
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Let others have it; one in which nothing was ever written goes again."""
        if self._lock < 0:
            return
        if not os.fstat(self._lock).st_size:
            self._journal.remove()
        os.close(self._lock)
        self._lock = -1

    def _apply(self, entry: Any) -> None:
        ((name, value),) = entry.items()
        if name == "closed":
            super().closed()
            return
        data = bytes.fromhex(value)
        if name in ("begin", "done"):
            record = TapRecord.decode(data)
            getattr(super(), name)((record.issuer, record.serial), data)
        elif name in ("drop", "remember"):
            getattr(super(), name)((data[:11], data[11:]))
        else:
            raise ValueError

    def begin(self, key: CardKey, record: bytes) -> None:
        self._journal.write({"begin": record.hex()})

    def done(self, key: CardKey, record: bytes) -> None:
        self._journal.write({"done": record.hex()})

    def drop(self, key: CardKey) -> None:
        self._journal.write({"drop": b"".join(key).hex()})

    def remember(self, key: CardKey) -> None:
        self._journal.write({"remember": b"".join(key).hex()})

    def closed(self) -> None:
        self._journal.write({"closed": self.file_number})
