# SPDX-License-Identifier: Apache-2.0
"""The image file: one card, one file.

::

    0        header, twice (64 bytes apart): magic, version, sizes, checksum
    4096     slot A: sequence, length, checksum, cells (trailing zeros left out)
    ...      slot B: the same
    ...      journal: the commits since the newer slot, see journal.py

A commit is one write into the preallocated journal. When that is full, the cells go into the
older slot and the journal starts again from its beginning; until a new commit overwrites it, it
still leads from the other slot to the same state, so a cut at any write loses nothing.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from sscard_chip.memory.errors import CardImageError, CardMemoryError
from sscard_chip.memory.journal import encode_frame, replay
from sscard_chip.memory.medium import FileMedium, Medium
from sscard_chip.memory.store import Memory, Write

_MAGIC: Final = b"SSCARD\x1a\n"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">8sHxxIII")  # magic, version, slot size, journal size, memory size
_CHECK: Final = struct.Struct(">I")
_HEADER_COPIES: Final = (0, 64)
_SLOTS_AT: Final = 4096
_SLOT: Final = struct.Struct(">4sQI")  # mark, sequence, length of the cells
_SLOT_MARK: Final = b"SnAp"
_JOURNAL_SIZE: Final = 65536


class Durability(Enum):
    """When a commit counts as done: the caller's choice between speed and safety.

    MEMORY: at once; the file is written when the card is closed. OS: when the operating system
    has it, so it survives the end of the process (``kill -9``). DISK: after fdatasync, so it
    survives a power cut of the machine.
    """

    MEMORY = "memory"
    OS = "os"
    DISK = "disk"


def _header(slot_size: int, memory_size: int) -> bytes:
    head = _HEADER.pack(_MAGIC, _VERSION, slot_size, _JOURNAL_SIZE, memory_size)
    return head + _CHECK.pack(zlib.crc32(head))


def _slot(sequence: int, cells: bytes | bytearray) -> bytes:
    used = bytes(cells.rstrip(b"\0"))
    body = _SLOT.pack(_SLOT_MARK, sequence, len(used)) + used
    return body + _CHECK.pack(zlib.crc32(body))


class _Layout:
    """Where things lie in an image of given sizes."""

    __slots__ = ("journal_at", "journal_size", "memory_size", "size", "slot_size")

    def __init__(self, slot_size: int, journal_size: int, memory_size: int) -> None:
        self.slot_size = slot_size
        self.journal_size = journal_size
        self.memory_size = memory_size
        self.journal_at = _SLOTS_AT + 2 * slot_size
        self.size = self.journal_at + journal_size

    def slot_at(self, index: int) -> int:
        return _SLOTS_AT + index * self.slot_size


def _read_layout(data: bytes) -> _Layout:
    for at in _HEADER_COPIES:
        end = at + _HEADER.size
        if len(data) < end + _CHECK.size:
            break
        if _CHECK.unpack_from(data, end)[0] != zlib.crc32(data[at:end]):
            continue
        magic, version, slot_size, journal_size, memory_size = _HEADER.unpack_from(data, at)
        if magic != _MAGIC:
            continue
        if version != _VERSION:
            raise CardImageError(f"image version {version}; this program reads {_VERSION}")
        return _Layout(slot_size, journal_size, memory_size)
    if any(data[at : at + len(_MAGIC)] == _MAGIC for at in _HEADER_COPIES):
        raise CardImageError("the header of the card image is damaged")
    raise CardImageError("not a card image")


def _read_slot(data: bytes, layout: _Layout, index: int) -> tuple[int, bytearray] | None:
    at = layout.slot_at(index)
    mark, sequence, length = _SLOT.unpack_from(data, at)
    end = at + _SLOT.size + length
    if mark != _SLOT_MARK or end + _CHECK.size > at + layout.slot_size:
        return None
    if _CHECK.unpack_from(data, end)[0] != zlib.crc32(data[at:end]):
        return None
    cells = bytearray(layout.memory_size)
    cells[:length] = data[at + _SLOT.size : end]
    return sequence, cells


class _State:
    """What an image says: the cells, how far the commits go, where the next one goes."""

    __slots__ = ("cells", "layout", "position", "sequence", "slot")

    def __init__(self, data: bytes) -> None:
        self.layout = layout = _read_layout(data)
        if len(data) != layout.size:
            raise CardImageError(
                f"the card image has {len(data)} bytes and should have {layout.size}"
            )
        slots = [(read, i) for i in (0, 1) if (read := _read_slot(data, layout, i))]
        if not slots:
            raise CardImageError("both memory slots of the card image are damaged")
        (self.sequence, self.cells), self.slot = max(slots, key=lambda entry: entry[0][0])
        self.position = 0
        for writes, position in replay(data[layout.journal_at :], self.sequence):
            for offset, content in writes:
                self.cells[offset : offset + len(content)] = content
            self.sequence += 1
            self.position = position


class ImageLog:
    """The log of a :class:`Memory` that lies in an image on a medium."""

    def __init__(self, medium: Medium, state: _State, durability: Durability) -> None:
        self._medium = medium
        self._layout = state.layout
        self._cells = state.cells
        self._sequence = state.sequence
        self._position = state.position
        self._slot = state.slot
        self._durability = durability
        self._sync = durability is Durability.DISK
        self._dirty = False
        self._failed = False

    def append(self, writes: Sequence[Write]) -> None:
        if self._durability is Durability.MEMORY:
            self._dirty = True
            return
        if self._failed:
            raise CardMemoryError("an earlier write failed")
        frame = encode_frame(self._sequence + 1, writes)
        if len(frame) > self._layout.journal_size:
            raise CardMemoryError("one commit is larger than the journal")
        try:
            if self._position + len(frame) > self._layout.journal_size:
                self._compact()
            self._medium.write(self._layout.journal_at + self._position, frame)
            if self._sync:
                self._medium.sync()
        except OSError as error:
            # Whether the frame arrived is not known: no later commit may rest on it.
            self._failed = True
            raise CardMemoryError(error.strerror or "write failed") from error
        self._position += len(frame)
        self._sequence += 1

    def _compact(self) -> None:
        """Put the cells into the older slot; the journal may then start again."""
        if self._sync:
            self._medium.sync()
        self._slot ^= 1
        self._medium.write(self._layout.slot_at(self._slot), _slot(self._sequence, self._cells))
        if self._sync:
            self._medium.sync()
        self._position = 0

    def close(self) -> None:
        try:
            if self._dirty and not self._failed:
                # The journal does not lead here, so neither slot may fall back on the other:
                # both get the same content, one after the other.
                self._sequence += 1
                for _ in range(2):
                    self._compact()
                    self._medium.sync()
        finally:
            self._medium.close()


def open_medium(medium: Medium, durability: Durability) -> Memory:
    """Recover the memory that lies on ``medium``. Raises CardImageError."""
    state = _State(medium.read())
    return Memory(state.cells, ImageLog(medium, state, durability))


def open_image(path: str | os.PathLike[str], durability: Durability = Durability.OS) -> Memory:
    """Open an image file for one owner and recover it.

    Raises CardImageError (foreign, truncated, damaged), CardInUseError, or another OSError.
    """
    medium = FileMedium(Path(path))
    try:
        return open_medium(medium, durability)
    except CardImageError as error:
        medium.close()
        raise CardImageError(f"{path}: {error}") from None


def load_image(image: bytes) -> Memory:
    """The memory that ``image`` (the content of an image file) holds, on no medium."""
    return Memory(_State(image).cells)


def create_image(memory: Memory) -> bytes:
    """The content of a new image file that holds the committed cells of ``memory``."""
    cells = memory.cells
    slot_size = -(-(_SLOT.size + len(cells) + _CHECK.size) // 4096) * 4096
    layout = _Layout(slot_size, _JOURNAL_SIZE, len(cells))
    image = bytearray(layout.size)
    header = _header(slot_size, len(cells))
    for at in _HEADER_COPIES:
        image[at : at + len(header)] = header
    slot = _slot(0, cells)
    image[_SLOTS_AT : _SLOTS_AT + len(slot)] = slot
    return bytes(image)
