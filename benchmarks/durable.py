# SPDX-License-Identifier: Apache-2.0
"""Row 5: what the journal of a purchase that survives a power cut takes of the processor.

Two cards make the same purchases: one with its image on a medium that takes everything and does
nothing, one without an image. What lies between them is the journal; the disk takes its own time,
which the detail shows. A purchase must be one write and one fdatasync.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.debit import Counter
from benchmarks.paired import processor_paired
from benchmarks.rows import Row, UnavailableError
from sscard_chip.card import Card
from sscard_chip.memory import Durability, create_image
from sscard_chip.memory.image import open_medium

GUARD_US: Final = 4.0
PAIRS: Final = 200
WINDOW: Final = 50
DURABLE: Final = 200
"""Purchases that are timed on the disk."""
FOLDER: Final = Path(__file__).resolve().parent.parent / "build"
_MEMORY_FILE_SYSTEMS: Final = frozenset(("tmpfs", "ramfs"))


class _Nowhere:
    """A medium that keeps count and nothing else."""

    def __init__(self, image: bytes) -> None:
        self._image = image
        self.writes = self.syncs = self.size = 0

    def read(self) -> bytes:
        return self._image

    def write(self, offset: int, data: bytes) -> None:
        self.writes += 1
        self.size = len(data)

    def sync(self) -> None:
        self.syncs += 1

    def close(self) -> None:
        pass


def rows(*, pairs: int = PAIRS) -> list[Row]:
    """Measure and return row 5. Raises UnavailableError where a file is not on a disk."""
    FOLDER.mkdir(exist_ok=True)
    _require_disk(FOLDER)
    count = WINDOW * (pairs + 2)
    journalled, plain = Counter(2, "3des", count), Counter(2, "3des", count)
    image = create_image(journalled.card.files.memory)
    medium = _Nowhere(image)
    with Card(open_medium(medium, Durability.DISK)) as card:
        journalled.use(card)
        journalled.window(1)()
        size, alone = medium.size, (medium.writes, medium.syncs) == (1, 1)
    with Card(open_medium(_Nowhere(image), Durability.DISK)) as card:
        journalled.use(card)
        result = processor_paired(journalled.window(WINDOW), plain.window(WINDOW), pairs=pairs)
        journalled.check(WINDOW * (pairs + 1))
    each = (result.first - result.second) / WINDOW / 1000
    detail = f"{size} bytes, one write and one fdatasync; with the disk {_on_disk():.0f} µs"
    what = "journal of a durable INITIALIZE and DEBIT, µs of the processor"
    return [Row(5, what, each, GUARD_US, "<=", detail, extra=alone)]


def _on_disk() -> float:
    """Microseconds of a purchase that waits for the disk."""
    counter = Counter(2, "3des", DURABLE)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        path = Path(name) / "card.ssc"
        path.write_bytes(create_image(counter.card.files.memory))
        with Card.open(path, durability=Durability.DISK) as card:
            counter.use(card)
            started = time.perf_counter()
            counter.window(DURABLE)()
            return 1e6 * (time.perf_counter() - started) / DURABLE


def _require_disk(folder: Path) -> None:
    """The folder's file system is the last mount that is above it."""
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, name, *_ = line.split(" ")
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, name
    if kind in _MEMORY_FILE_SYSTEMS:
        raise UnavailableError(f"the project's folder is on {kind}, not on a disk")
