# SPDX-License-Identifier: Apache-2.0
"""The till's hotlist: read anew between sales, and how old it may be for a sale off-line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.hotlist import Hotlist, HotlistDelta
from sscard_chip.standard.dates import TIME, parse_time
from sscard_chip.terminal.pos.errors import Refusal, SaleRefusedError
from sscard_chip.wholefile import whole_file


class HotlistFile:
    """A hotlist in a file that others replace; read again whenever it has changed.

    A list without a time in its version is as old as its file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read it.

        :raises DayFileError: it is malformed.
        :raises OSError: it cannot be read.
        """
        self.path = Path(path)
        self._seen = self._stamp()
        self.hotlist = Hotlist.load(self.path)

    @property
    def issued(self) -> str:
        """When the list was issued (YYYYMMDDhhmmss, local)."""
        return self.hotlist.issued or datetime.fromtimestamp(self._seen[0] / 1e9).strftime(TIME)

    def refresh(self) -> list[str]:
        """Read the file again if it has changed; a line for the operator where that failed.

        Then the list that was there goes on to count, and so does its age.
        """
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return []
            found = Hotlist.load(self.path)
            if found.is_before(self.hotlist.version):
                rule = f"{self.path}: version {found.version} is an earlier one"
                return [f"the hotlist is not taken, the one before it counts: {rule}"]
            self.hotlist, self._seen = found, stamp
        except DayFileError as error:
            return [f"the hotlist is not taken, the one before it counts: {error}"]
        except OSError as error:
            text = f"{self.path}: {error.strerror or 'cannot be read'}"
            return [f"the hotlist is not taken, the one before it counts: {text}"]
        return []

    def _stamp(self) -> tuple[int, int, int]:
        """Time, size and number of the file: another one has others."""
        found = self.path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino


def update_hotlist(
    path: str | os.PathLike[str], deltas: Iterable[str | os.PathLike[str]]
) -> Hotlist:
    """Bring the list in a file to a newer version by deltas, in their order; all or nothing.

    :raises DayFileError: a file is malformed, or a delta is for another version.
    :raises OSError: a file cannot be read or written.
    """
    target = Path(path)
    hotlist = Hotlist.load(target)
    for one in deltas:
        try:
            hotlist = hotlist.apply(HotlistDelta.load(one))
        except DayFileError as error:
            text, name = str(error), os.fspath(one)
            raise DayFileError(text if text.startswith(name) else f"{name}: {text}") from None
    with whole_file(target, durable=True) as temporary:
        hotlist.save(temporary)
    return hotlist


def require_fresh(hotlist: Hotlist | None, issued: str | None, time: str, hours: int) -> None:
    """See that a list may serve a sale off-line at ``time`` (YYYYMMDDhhmmss).

    ``issued`` is when it was issued, None where nobody knows.

    :raises SaleRefusedError: HOTLIST_OLD, it is older than ``hours``, or there is none.
    """
    if hotlist is None:
        raise SaleRefusedError(Refusal.HOTLIST_OLD, "the till has none")
    begun, now = parse_time(issued or ""), parse_time(time)
    if begun is None or now is None:
        raise SaleRefusedError(Refusal.HOTLIST_OLD, "its age is not known")
    if now - begun > timedelta(hours=hours):
        text = f"version {hotlist.version} is older than {hours} hours"
        raise SaleRefusedError(Refusal.HOTLIST_OLD, text)
    if begun - now > timedelta(hours=hours):  # it would never be too old
        text = f"version {hotlist.version} is ahead of the clock by more than {hours} hours"
        raise SaleRefusedError(Refusal.HOTLIST_OLD, text)
