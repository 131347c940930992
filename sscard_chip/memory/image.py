# SPDX-License-Identifier: Apache-2.0
"""The image file: one card, one file.

::

    0        header, twice (64 bytes apart): magic, version, sizes, salt, checksum
    4096     slot A: head twice (sequence, length, checksum), cells (trailing zeros left out),
             checksum over head and cells
    ...      slot B: the same
    ...      journal: the commits since the newer slot, see journal.py

A commit is one write into the preallocated journal. When that is full, the cells go into the
older slot and the journal starts again from its beginning; until a new commit overwrites it, it
still leads from the other slot to the same state, so a cut at any write loses nothing.

A slot's cells are written before its head. So a head whose cells are damaged shows how far the
commits once went: when nothing else leads there, the image is refused, for the other slot would
pass off an old state as the true one.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from sscard_chip.memory.errors import CardImageError, CardMemoryError
from sscard_chip.memory.journal import SECTOR, encode_frame, replay
from sscard_chip.memory.medium import FileMedium, Medium, read_file
from sscard_chip.memory.store import Memory, Write

JOURNAL_SIZE: Final = 131072
"""Bytes of the journal of a new image: about 250 debits between two compactions."""

_MAGIC: Final = b"SSCARD\x1a\n"
_READ_ATTEMPTS: Final = 5
_VERSION: Final = 2
_FIRST_VERSION: Final = 1
"""Its journal has both copies of a record in one sector; the first commit makes it version 2."""
_HEADER: Final = struct.Struct(">8sHxxIIII")  # magic, version, sizes of slot, journal, memory; salt
_CHECK: Final = struct.Struct(">I")
_HEADER_COPIES: Final = (0, 64)
_SLOTS_AT: Final = 4096
_SLOT_HEAD: Final = struct.Struct(">4sQII")  # mark, sequence, length of the cells, checksum
_SLOT_MARK: Final = b"SnAp"
_CELLS_IN_SLOT: Final = 2 * _SLOT_HEAD.size


class Durability(Enum):
    """When a commit counts as done: the caller's choice between speed and safety.

    MEMORY: at once; the file is written when the card is closed. OS: when the operating system
    has it, so it survives the end of the process (``kill -9``). DISK: after fdatasync, so it
    survives a power cut of the machine.
    """

    MEMORY = "memory"
    OS = "os"
    DISK = "disk"


class _Layout:
    """Where things lie in an image of given sizes."""

    __slots__ = (
        "journal_at",
        "journal_size",
        "memory_size",
        "salt",
        "size",
        "slot_size",
        "version",
    )

    def __init__(
        self,
        slot_size: int,
        journal_size: int,
        memory_size: int,
        salt: int,
        version: int = _VERSION,
    ) -> None:
        self.version = version
        self.slot_size = slot_size
        self.journal_size = journal_size
        self.memory_size = memory_size
        self.salt = salt
        self.journal_at = _SLOTS_AT + 2 * slot_size
        self.size = self.journal_at + journal_size

    def slot_at(self, index: int) -> int:
        return _SLOTS_AT + index * self.slot_size

    def header(self) -> bytes:
        sizes = (self.slot_size, self.journal_size, self.memory_size)
        head = _HEADER.pack(_MAGIC, self.version, *sizes, self.salt)
        return head + _CHECK.pack(zlib.crc32(head))


def _headers(layout: _Layout) -> bytes:
    """Both copies of the header, each in 64 bytes."""
    return layout.header().ljust(_HEADER_COPIES[1], b"\0") * 2


def _read_layout(data: bytes) -> _Layout:
    for at in _HEADER_COPIES:
        end = at + _HEADER.size
        if len(data) < end + _CHECK.size:
            break
        if _CHECK.unpack_from(data, end)[0] != zlib.crc32(data[at:end]):
            continue
        magic, version, *sizes = _HEADER.unpack_from(data, at)
        if magic != _MAGIC:
            continue
        if not _FIRST_VERSION <= version <= _VERSION:
            raise CardImageError(f"image version {version}; this program reads up to {_VERSION}")
        slot, journal, memory, salt = sizes
        layout = _Layout(slot, journal, memory, salt, version)
        if layout.slot_size < _CELLS_IN_SLOT + layout.memory_size + _CHECK.size:
            raise CardImageError("the header of the card image is malformed")
        if len(data) != layout.size:
            raise CardImageError(
                f"the card image has {len(data)} bytes and should have {layout.size}"
            )
        return layout
    if not any(data[at : at + len(_MAGIC)] == _MAGIC for at in _HEADER_COPIES):
        raise CardImageError("not a card image")
    what = "damaged" if len(data) > _SLOTS_AT else "cut off"
    raise CardImageError(f"the header of the card image is {what}")


def _slot_head(sequence: int, length: int) -> bytes:
    """The head of a slot, twice, so that one damaged byte leaves the other."""
    check = zlib.crc32(_SLOT_HEAD.pack(_SLOT_MARK, sequence, length, 0))
    return _SLOT_HEAD.pack(_SLOT_MARK, sequence, length, check) * 2


def _slot_parts(sequence: int, cells: bytes | bytearray) -> tuple[bytes, bytes]:
    """Head and cells of a slot. The checksum behind the cells covers the head too."""
    used = bytes(cells.rstrip(b"\0"))
    head = _slot_head(sequence, len(used))
    return head, used + _CHECK.pack(zlib.crc32(used, zlib.crc32(head)))


class _Slot:
    """What a slot says.

    ``claims`` is the highest sequence in its heads, -1 when both are damaged or blank. ``cells``
    is the state ``sequence``, ``head`` what its two heads should be; None when no head fits
    the cells.
    """

    __slots__ = ("cells", "claims", "head", "sequence", "sound_head")

    def __init__(self, data: bytes, layout: _Layout, index: int) -> None:
        self.claims = self.sequence = -1
        self.cells: bytearray | None = None
        self.head = b""
        at = layout.slot_at(index)
        start = at + _CELLS_IN_SLOT
        heads = data[at:start]
        for copy in (0, _SLOT_HEAD.size):
            mark, sequence, length, _ = _SLOT_HEAD.unpack_from(heads, copy)
            head = _slot_head(sequence, length)
            if mark != _SLOT_MARK or heads[copy : copy + _SLOT_HEAD.size] * 2 != head:
                continue
            self.claims = max(self.claims, sequence)
            if self.cells is not None or length > layout.memory_size:
                continue
            used = data[start : start + length]
            if _CHECK.unpack_from(data, start + length)[0] == zlib.crc32(used, zlib.crc32(head)):
                self.cells = bytearray(used.ljust(layout.memory_size, b"\0"))
                self.sequence, self.head = sequence, head
        self.sound_head = heads == self.head


class _State:
    """What an image says: the cells, how far the commits go, where the next one goes.

    ``repairs`` are writes that restore what is there once instead of twice, after a cut or
    damage: until they are done, one more damaged byte could take back what was shown as true.
    """

    __slots__ = ("cells", "layout", "position", "repairs", "sequence", "slot")

    def __init__(self, data: bytes) -> None:
        self.layout = layout = _read_layout(data)
        slots = [_Slot(data, layout, index) for index in (0, 1)]
        self.slot = 0 if slots[0].sequence >= slots[1].sequence else 1
        newer = slots[self.slot]
        if newer.cells is None:
            raise CardImageError("the memory slots of the card image are damaged")
        self.cells, self.sequence = newer.cells, newer.sequence
        self.repairs: list[Write] = []
        if not newer.sound_head:
            self.repairs.append((layout.slot_at(self.slot), newer.head))
        self.position = 0
        sector = SECTOR if layout.version > _FIRST_VERSION else 1
        for commit in replay(data[layout.journal_at :], self.sequence, layout.salt, sector):
            for offset, content in commit.writes:
                if offset + len(content) > layout.memory_size:
                    raise CardImageError("journal damaged: a write outside the memory")
                self.cells[offset : offset + len(content)] = content
            if not commit.whole:
                self.repairs.append((layout.journal_at + commit.start, commit.frame))
            self.sequence += 1
            self.position = commit.end
        for name, slot in zip("AB", slots, strict=True):
            if slot.claims > self.sequence:
                raise CardImageError(
                    f"memory slot {name} of the card image is damaged, and the journal does not"
                    " lead to what it held"
                )


class ImageLog:
    """The log of a :class:`Memory` that lies in an image on a medium.

    ``failed`` is set while a commit is under way and stays so when it does not come to its end,
    by whatever exception: what arrived on the medium is not known then, and no later commit may
    rest on it.
    """

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
        self._closed = False
        self.failed = False
        for offset, data in state.repairs:
            medium.write(offset, data)
            medium.sync()

    def append(self, writes: Sequence[Write]) -> None:
        """Make one commit durable. The caller clears ``failed`` when the cells have it too."""
        if self.failed:
            raise CardMemoryError("an earlier write failed, or the card is closed")
        if self._durability is Durability.MEMORY:
            self.failed = self._dirty = True
            return
        layout, sequence = self._layout, self._sequence + 1
        frame = encode_frame(sequence, writes, layout.salt, self._position)
        fits = self._position + len(frame) <= layout.journal_size
        if not fits:
            frame = encode_frame(sequence, writes, layout.salt, 0)
            if len(frame) > layout.journal_size:
                raise CardMemoryError("one commit is larger than the journal")
        self.failed = True
        try:
            if layout.version < _VERSION:
                frame = encode_frame(sequence, writes, layout.salt, 0)
                self._upgrade()
            elif not fits:
                self._compact(sync=self._sync)
            self._medium.write(self._layout.journal_at + self._position, frame)
            if self._sync:
                self._medium.sync()
        except OSError as error:
            raise CardMemoryError(error.strerror or "write failed") from error
        self._position += len(frame)
        self._sequence += 1

    def _upgrade(self) -> None:
        """Make the image one of this version: its journal starts again in the new form."""
        self._compact(sync=self._sync)
        self._layout.version = _VERSION
        self._medium.write(0, _headers(self._layout))
        if self._sync:
            self._medium.sync()

    def _compact(self, *, sync: bool) -> None:
        """Put the cells into the older slot; the journal may then start again.

        First the cells: with a head of its own, an unfinished slot would claim a state that it
        does not hold.
        """
        self._slot ^= 1
        head, cells = _slot_parts(self._sequence, self._cells)
        at = self._layout.slot_at(self._slot)
        for offset, part in ((at + _CELLS_IN_SLOT, cells), (at, head)):
            self._medium.write(offset, part)
            if sync:
                self._medium.sync()
        self._position = 0

    def close(self) -> None:
        """Release the medium, everything committed on it.

        :raises OSError:
        """
        if self._closed:
            return
        self._closed = True
        failed, self.failed = self.failed, True
        try:
            if self._dirty and not failed:
                # The journal does not lead here, so neither slot may fall back on the other:
                # both get the same content, one after the other.
                self._sequence += 1
                self._compact(sync=True)
                self._compact(sync=True)
        finally:
            self._medium.close()


def open_medium(medium: Medium, durability: Durability) -> Memory:
    """Recover the memory that lies on ``medium``.

    :raises CardImageError:
    :raises OSError:
    """
    state = _State(medium.read())
    return Memory(state.cells, ImageLog(medium, state, durability))


def open_image(path: str | os.PathLike[str], durability: Durability = Durability.OS) -> Memory:
    """Open an image file for one owner and recover it.

    :raises CardImageError: (foreign, truncated, damaged).
    :raises CardInUseError:
    :raises OSError: any other.
    """
    medium = FileMedium(Path(path))
    try:
        return open_medium(medium, durability)
    except BaseException as error:
        medium.close()
        if isinstance(error, CardImageError):
            raise CardImageError(f"{path}: {error}") from None
        raise


def read_image(path: str | os.PathLike[str]) -> Memory:
    """The memory that an image file holds at this moment, also while a card is open on it.

    It is a copy: what is written to it is kept nowhere. A write that is under way is seen whole
    or not at all.

    :raises CardImageError: (foreign, truncated, damaged).
    :raises OSError: any other.
    """
    for attempt in range(_READ_ATTEMPTS):
        try:
            return load_image(read_file(Path(path)))
        except CardImageError as error:
            if attempt == _READ_ATTEMPTS - 1:  # not just a slot in the middle of being written
                raise CardImageError(f"{path}: {error}") from None
            time.sleep(0.02)
    raise AssertionError


def load_image(image: bytes) -> Memory:
    """The memory that ``image`` (the content of an image file) holds, on no medium."""
    return Memory(_State(image).cells)


def create_image(memory: Memory, *, journal_size: int = JOURNAL_SIZE) -> bytes:
    """The content of a new image file that holds the committed cells of ``memory``.

    ``journal_size`` in bytes; no commit may be larger. The salt of the journal's checksums
    comes from the cells, the keys among them: whoever writes to files of the card by commands
    can not make their content look like a commit.
    """
    cells = memory.cells
    slot_size = -(-(_CELLS_IN_SLOT + len(cells) + _CHECK.size) // 4096) * 4096
    layout = _Layout(slot_size, journal_size, len(cells), zlib.crc32(cells))
    image = bytearray(layout.size)
    image[: _HEADER_COPIES[1] * 2] = _headers(layout)
    slot = b"".join(_slot_parts(0, cells))
    image[_SLOTS_AT : _SLOTS_AT + len(slot)] = slot
    return bytes(image)
