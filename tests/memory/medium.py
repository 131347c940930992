# SPDX-License-Identifier: Apache-2.0
"""Media under the control of a test: one that remembers every write, one that fails."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class RamMedium:
    """A medium in memory, as reliable as can be."""

    def __init__(self, image: bytes) -> None:
        self.content = bytearray(image)
        self.closed = False

    def read(self) -> bytes:
        return bytes(self.content)

    def write(self, offset: int, data: bytes) -> None:
        if offset < 0 or offset + len(data) > len(self.content):
            raise OSError("a write outside the preallocated image")
        self.content[offset : offset + len(data)] = data

    def sync(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True


class Done(Enum):
    """How much of a write is on the medium when the power goes."""

    NONE = "none"
    FIRST_HALF = "first half"
    LAST_HALF = "last half"
    ALTERNATING = "alternating bits"
    RANDOM = "a random half of the bits"
    ALL = "all"


def torn(old: bytes | bytearray, new: bytes, done: Done, rng: random.Random) -> bytes:
    """What lies there after a cut: ``new`` where its bits are done, else ``old``."""
    size, half = len(new), len(new) // 2
    mask = {
        Done.NONE: bytes(size),
        Done.FIRST_HALF: b"\xff" * half + bytes(size - half),
        Done.LAST_HALF: bytes(half) + b"\xff" * (size - half),
        Done.ALTERNATING: b"\x55" * size,
        Done.RANDOM: rng.randbytes(size),
        Done.ALL: b"\xff" * size,
    }[done]
    # As numbers: a bit of the result is old, and turned over where it differs and is done.
    before, after, chosen = (int.from_bytes(part) for part in (old, new, mask))
    return (before ^ (before ^ after) & chosen).to_bytes(size)


@dataclass(frozen=True)
class Cut:
    """The power goes in a write, or in the sync behind it.

    ``command`` numbers what was running, ``index`` the writes and syncs of all commands.
    """

    command: int
    index: int
    done: Done
    content: bytes


@dataclass(frozen=True)
class _Event:
    command: int
    offset: int
    data: bytes  # empty for a sync


class RecordingMedium(RamMedium):
    """Remembers writes and syncs, so that :meth:`cuts` can show the medium cut at any of them.

    ``volatile`` is a disk with a cache: what has not been synced may be there or not when the
    power goes. Else a write that is over is there, as when only the process dies.
    """

    def __init__(self, image: bytes, *, volatile: bool) -> None:
        super().__init__(image)
        self.command = 0
        self.volatile = volatile
        self._image = bytes(image)
        self._events: list[_Event] = []

    def write(self, offset: int, data: bytes) -> None:
        super().write(offset, data)
        self._events.append(_Event(self.command, offset, bytes(data)))

    def sync(self) -> None:
        self._events.append(_Event(self.command, 0, b""))

    @property
    def events(self) -> int:
        return len(self._events)

    def cuts(self, rng: random.Random, share: float = 1) -> Iterator[Cut]:
        """The medium after a cut at every write and sync, with each measure of its being done.

        ``share`` below 1 shows only so many of them, taken at random.
        """
        content = bytearray(self._image)
        waiting: list[_Event] = []
        for index, event in enumerate(self._events):
            if event.data:
                waiting.append(event)
            elif not self.volatile:
                continue
            for done in Done:
                if share < 1 and rng.random() >= share:
                    continue
                yield Cut(event.command, index, done, _cut(content, waiting, done, rng))
            if not self.volatile or not event.data:
                for write in waiting:
                    content[write.offset : write.offset + len(write.data)] = write.data
                waiting.clear()


def _cut(
    content: bytes | bytearray, waiting: list[_Event], done: Done, rng: random.Random
) -> bytes:
    """``content`` with the waiting writes, the last of them ``done``, the others at random."""
    result = bytearray(content)
    for write in waiting:
        how = done if write is waiting[-1] else rng.choice(list(Done))
        end = write.offset + len(write.data)
        result[write.offset : end] = torn(result[write.offset : end], write.data, how, rng)
    return bytes(result)


class FailingMedium(RamMedium):
    """Takes ``good`` writes and syncs, then fails with ``error``, for good."""

    def __init__(self, image: bytes, good: int, error: OSError, *, partial: bool = False) -> None:
        super().__init__(image)
        self.good = good
        self._error = error
        self._partial = partial

    def _spend(self) -> bool:
        self.good -= 1
        return self.good >= 0

    def write(self, offset: int, data: bytes) -> None:
        if not self._spend():
            if self._partial:
                super().write(offset, data[: len(data) // 2])
            raise self._error
        super().write(offset, data)

    def sync(self) -> None:
        if not self._spend():
            raise self._error
