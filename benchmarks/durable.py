# SPDX-License-Identifier: Apache-2.0
"""Row 5: a purchase that survives a power cut, against the write alone.

The card lies in an image file with ``Durability.DISK``; the other side writes as many bytes to
a preallocated file in the same folder and waits for the disk in the same way.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.debit import Counter
from benchmarks.rows import Row, UnavailableError, paired
from sscard_chip.card import Card
from sscard_chip.memory import Durability, create_image
from sscard_chip.memory.image import open_medium
from sscard_chip.memory.medium import FileMedium

GOAL: Final = 1.10
PAIRS: Final = 150
WINDOW: Final = 10
FOLDER: Final = Path(__file__).resolve().parent.parent / "build"
_FILE_SIZE: Final = 65536
_MEMORY_FILE_SYSTEMS: Final = frozenset(("tmpfs", "ramfs"))


class _Counting(FileMedium):
    """A file that keeps count of what is written and how often it waits for the disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sizes: list[int] = []
        self.syncs = 0

    def write(self, offset: int, data: bytes) -> None:
        self.sizes.append(len(data))
        super().write(offset, data)

    def sync(self) -> None:
        self.syncs += 1
        super().sync()


def rows(*, pairs: int = PAIRS) -> list[Row]:
    """Measure and return row 5. Raises UnavailableError where a file is not on a disk."""
    FOLDER.mkdir(exist_ok=True)
    _require_disk(FOLDER)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name)
        counter = Counter(2, "3des", WINDOW * (pairs + 2))
        size = _bytes_of_a_purchase(folder, counter)
        image = folder / "card.ssc"
        image.write_bytes(create_image(counter.card.files.memory))
        with Card.open(image, durability=Durability.DISK) as card:
            counter.use(card)
            result = paired(
                counter.window(WINDOW), _bare(folder / "bare", size), time.perf_counter, pairs=pairs
            )
            counter.check(WINDOW * (pairs + 1))
    first, second = (1e6 * time_s / WINDOW for time_s in (result.first, result.second))
    detail = f"{first:.0f} µs, the write alone ({size} bytes) {second:.0f} µs"
    what = "durable INITIALIZE and DEBIT / write and fdatasync"
    return [Row(5, what, result.ratio, GOAL, "<=", detail)]


def _bytes_of_a_purchase(folder: Path, counter: Counter) -> int:
    """What one purchase writes: one run of bytes, and it waits once."""
    path = folder / "counting.ssc"
    path.write_bytes(create_image(counter.card.files.memory))
    medium = _Counting(path)
    with Card(open_medium(medium, Durability.DISK)) as card:
        counter.use(card)
        counter.window(1)()
        if len(medium.sizes) != 1 or medium.syncs != 1:
            raise RuntimeError("a purchase is more than one write")
        return medium.sizes[0]


def _bare(path: Path, size: int) -> Callable[[], None]:
    """A window of writes one behind the other, and again from the beginning."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    os.write(descriptor, bytes(_FILE_SIZE))
    os.fsync(descriptor)
    data = os.urandom(size)
    offsets = itertools.cycle(range(0, _FILE_SIZE - size + 1, size))

    def work() -> None:
        for _ in range(WINDOW):
            os.pwrite(descriptor, data, next(offsets))
            os.fdatasync(descriptor)

    return work


def _require_disk(folder: Path) -> None:
    """The folder's file system is the last mount that is above it."""
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, name, *_ = line.split(" ")
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, name
    if kind in _MEMORY_FILE_SYSTEMS:
        raise UnavailableError(f"the project's folder is on {kind}, not on a disk")
