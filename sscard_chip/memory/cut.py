# SPDX-License-Identifier: Apache-2.0
"""A medium whose power can be cut in the middle of a write, as when a card is pulled out."""

from __future__ import annotations

from enum import StrEnum, unique

from sscard_chip.memory.medium import Medium


@unique
class Kept(StrEnum):
    """How much of the write that is under way arrives on the medium."""

    NONE = "none"
    HALF = "half"
    ALL = "all"


class CutMedium:
    """A medium around another one. After a cut nothing arrives until :meth:`restore`."""

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self._left = 0
        self._kept = Kept.NONE
        self._dead = False

    def cut_at(self, write: int, kept: Kept) -> None:
        """Cut the power at the write of that number from now on, counted from 1; 0 for none."""
        self._left, self._kept = write, kept

    def restore(self) -> None:
        """The power is back, and no cut is set."""
        self._left, self._dead = 0, False

    def read(self) -> bytes:
        """The whole content."""
        return self._medium.read()

    def write(self, offset: int, data: bytes) -> None:
        """Put ``data`` at ``offset``, or of the write at which the power goes what is kept.

        :raises OSError: without power.
        """
        if self._left and not self._dead:
            self._left -= 1
            if not self._left:
                self._dead = True
                length = {Kept.NONE: 0, Kept.HALF: len(data) // 2, Kept.ALL: len(data)}[self._kept]
                if length:
                    self._medium.write(offset, data[:length])
        self._need_power()
        self._medium.write(offset, data)

    def sync(self) -> None:
        """Return when everything written is on the disk.

        :raises OSError: without power.
        """
        self._need_power()
        self._medium.sync()

    def close(self) -> None:
        """Release the medium."""
        self._medium.close()

    def _need_power(self) -> None:
        if self._dead:
            raise OSError("the power is cut")
