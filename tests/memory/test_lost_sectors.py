# SPDX-License-Identifier: Apache-2.0
"""A disk that says "written" and loses a sector of 512 bytes: harmless, or an error when opened.

Images of version 1, whose two copies of a record share sectors, become version 2 with the first
commit.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

import pytest

from sscard_chip.memory import CardImageError, Durability, Memory, create_image, load_image
from sscard_chip.memory.image import open_medium
from sscard_chip.memory.journal import encode_frame
from tests.memory.medium import RamMedium

SECTOR = 512
SIZE = 3000


class Logged(RamMedium):
    """Remembers every write, in order."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.log: list[tuple[int, bytes]] = []

    def write(self, offset: int, data: bytes) -> None:
        self.log.append((offset, bytes(data)))
        super().write(offset, data)


def with_one_lost(start: bytes, log: list[tuple[int, bytes]]) -> Iterator[bytes]:
    """The medium after ``log``, each sector of each of its writes lost in turn."""
    for lost, (offset, data) in enumerate(log):
        for sector in range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1):
            content = bytearray(start)
            for number, (at, written) in enumerate(log):
                old = bytes(content[sector * SECTOR : (sector + 1) * SECTOR])
                content[at : at + len(written)] = written
                if number == lost:
                    content[sector * SECTOR : (sector + 1) * SECTOR] = old
            yield bytes(content)


@pytest.mark.parametrize("commits", [1, 2, 9])
@pytest.mark.parametrize("size", [1, 40, 700])
def test_no_lost_sector_takes_back_a_commit(commits: int, size: int) -> None:
    rng = random.Random(commits)
    start = create_image(Memory(bytearray(rng.randbytes(SIZE))), journal_size=4096)
    medium = Logged(start)
    memory = open_medium(medium, Durability.DISK)
    for _ in range(commits):
        memory.write(rng.randrange(SIZE - size), rng.randbytes(size))
        memory.commit()
    harmless = 0
    images = list(with_one_lost(start, medium.log))
    for image in images:
        try:
            assert load_image(image).cells == memory.cells
            harmless += 1
        except CardImageError:
            continue
    assert len(images) >= 2 * commits
    assert harmless >= len(images) // 2


def as_version_1(image: bytes) -> bytearray:
    """The header that version 0.1.0 wrote."""
    old = bytearray(image)
    for at in (0, 64):
        old[at + 8 : at + 10] = struct.pack(">H", 1)
        old[at + 28 : at + 32] = zlib.crc32(old[at : at + 28]).to_bytes(4)
    return old


def test_an_image_of_version_1_is_read_and_becomes_version_2() -> None:
    cells = bytearray(random.Random(1).randbytes(SIZE))
    old = as_version_1(create_image(Memory(bytearray(cells)), journal_size=4096))
    journal = len(old) - 4096
    salt = int.from_bytes(old[24:28])
    position = 0
    for sequence in (1, 2, 3):
        record = encode_frame(sequence, [(sequence, b"old")], salt, 0)[: 16 + 8 + 3 + 4]
        for _ in range(2):
            old[journal + position : journal + position + len(record)] = record
            position += len(record)
        cells[sequence : sequence + 3] = b"old"
    assert load_image(bytes(old)).cells == cells
    medium = Logged(bytes(old))
    memory = open_medium(medium, Durability.DISK)
    assert medium.log == []  # looking at a card changes nothing
    for number in range(20):
        memory.write(100 + number, b"new")
        memory.commit()
    assert medium.read()[8:10] == b"\0\2"
    assert load_image(medium.read()).cells == memory.cells
    for upto in range(len(medium.log)):
        content = RamMedium(bytes(old))
        for offset, data in medium.log[:upto]:
            content.write(offset, data)
        found = load_image(content.read()).cells
        assert found[:100] == memory.cells[:100]  # no cut in between takes anything back
