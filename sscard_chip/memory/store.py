# SPDX-License-Identifier: Apache-2.0
"""Flat non-volatile memory with staged writes and atomic commits.

A command stages its writes and commits them at once. Between the two the cells hold the state
before the command, so whatever stops it in the middle leaves that state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sscard_chip.memory.cells import WRITE

Write = tuple[int, bytes]
"""Offset in the memory and the bytes to put there."""


class Log(Protocol):
    """Where commits are made durable before they show in the cells.

    ``failed`` says that a commit is under way or did not come to its end, or that the log is
    closed: no further one is taken.
    """

    failed: bool

    def append(self, writes: Sequence[Write]) -> None:
        """Make one commit durable and set ``failed`` until the cells have it too.

        :raises CardMemoryError: and leaves the cells as they are.
        """

    def close(self) -> None:
        """Release the medium, everything committed on it."""


class Memory:
    """The cells of one card. ``cells`` is read freely and changed by :meth:`commit` only."""

    __slots__ = ("cells", "log", "staged")

    def __init__(self, cells: bytearray, log: Log | None = None) -> None:
        self.cells = cells
        self.log = log
        self.staged: list[Write] = []

    @property
    def failed(self) -> bool:
        """Whether a write has failed: nobody knows then if the medium has that commit."""
        return self.log is not None and self.log.failed

    def write(self, offset: int, data: bytes) -> None:
        """Stage ``data`` for ``offset``.

        :raises ValueError: outside the memory.
        """
        if offset < 0 or offset + len(data) > len(self.cells):
            raise ValueError(f"write of {len(data)} bytes at {offset} is outside the memory")
        self.staged.append((offset, data))

    def commit(self) -> None:
        """Make all staged writes true at once; durable first where there is a medium."""
        staged = self.staged
        self.staged = []
        log = self.log
        if log is not None:
            log.append(staged)
        cells = self.cells
        for offset, data in staged:
            WRITE[len(data)](cells, offset, data)
        if log is not None:
            log.failed = False

    def discard(self) -> None:
        """Forget the staged writes."""
        self.staged = []

    def copy(self) -> Memory:
        """A memory of its own with the same committed cells, on no medium."""
        return Memory(bytearray(self.cells))

    def close(self) -> None:
        """Release the medium, if there is one; no commit is taken any more.

        :raises OSError:
        """
        if self.log is not None:
            self.log.close()
