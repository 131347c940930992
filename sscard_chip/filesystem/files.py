# SPDX-License-Identifier: Apache-2.0
"""Elementary files (基本文件) as views of the memory: transparent, linear, cyclic, internal.

Reading gives the committed state; writing stages. A view caches nothing that a command can
change, but for the record index of a linear file, which an update that moves records drops.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final

from sscard_chip.filesystem import tlv
from sscard_chip.filesystem.layout import (
    COUNT_IN_HEADER,
    USED_IN_HEADER,
    FileHeader,
    FileType,
    FoundFile,
)
from sscard_chip.memory import Memory
from sscard_chip.memory.cells import READ
from sscard_chip.security.access import AccessRule
from sscard_chip.standard.status import StatusError, StatusWord

_USED: Final = struct.Struct(">H")
_TLV: Final = 0x01
_GROWS: Final = 0x02
_BER: Final = 0x04
_WIDE: Final = 0x08


class Occurrence(IntEnum):
    """Which instance of a record identifier: the low bits 0 to 3 of P2 (LD/T 32.5)."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3


RecordPlace = tuple[int, int, Callable[..., Any]]
"""Where a record starts in the memory, its length, and what reads so many bytes."""
_NONE_FREE: Final[Mapping[int, RecordPlace]] = {}


class ElementaryFile:
    """What all EFs have: identifiers, a body in the memory, two access rules.

    ``free_records``: by number, the records that anybody may read and that have been located; of
    a linear file only.
    """

    __slots__ = (
        "body",
        "fid",
        "free_records",
        "memory",
        "offset",
        "read_rule",
        "sfi",
        "size",
        "write_rule",
    )

    def __init__(self, memory: Memory, found: FoundFile, header: FileHeader) -> None:
        self.free_records: Mapping[int, RecordPlace] = _NONE_FREE
        self.memory = memory
        self.offset = found.offset
        self.body = found.body
        self.fid = header.fid
        self.sfi = header.fid & 0x1F
        self.size = header.size
        self.read_rule = AccessRule.decode(header.read_access, header.read_right)
        self.write_rule = AccessRule.decode(header.write_access, header.write_right)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.fid:04X}>"


class TransparentFile(ElementaryFile):
    """Bytes at offsets (透明文件)."""

    __slots__ = ()

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset`` to the end at most; 6B00 outside the file."""
        if offset >= self.size:
            raise StatusError(StatusWord.WRONG_OFFSET)
        start = self.body + offset
        length = min(length, self.size - offset)
        data: bytes = READ[length](self.memory.cells, start)[0]
        return data

    def stage_update(self, offset: int, data: bytes) -> None:
        """Stage ``data`` at ``offset``; 6B00 outside the file, 6A84 beyond its end."""
        if offset >= self.size:
            raise StatusError(StatusWord.WRONG_OFFSET)
        if offset + len(data) > self.size:
            raise StatusError(StatusWord.NOT_ENOUGH_SPACE)
        self.memory.write(self.body + offset, data)


class RecordFile(ElementaryFile):
    """Numbered records, from 1. What a structure does not have or allow is refused here."""

    __slots__ = ()

    @property
    def tag_at(self) -> int:
        """Where in a record the byte stands that commands find it by."""
        return 0

    @property
    def count(self) -> int:
        """Number of records."""
        return 0

    def record(self, number: int) -> bytes:
        """Record ``number`` whole; 6A83 when there is none."""
        raise StatusError(StatusWord.RECORD_NOT_FOUND)

    def numbers(self, identifier: int) -> list[int]:
        """Numbers of the records with this identifier, all for 0."""
        return [] if identifier else list(range(1, self.count + 1))

    def find(self, identifier: int, occurrence: Occurrence, current: int) -> int:
        """Number of the wanted instance of ``identifier`` seen from record ``current`` (0: none).

        Identifier 0 means any record. 6A83 when there is none.
        """
        numbers = self.numbers(identifier)
        if occurrence is Occurrence.NEXT:
            numbers = [n for n in numbers if n > current]
        elif occurrence is Occurrence.PREVIOUS and current:
            numbers = [n for n in numbers if n < current]
        if not numbers:
            raise StatusError(StatusWord.RECORD_NOT_FOUND)
        return numbers[0 if occurrence in (Occurrence.FIRST, Occurrence.NEXT) else -1]

    def stage_update(self, number: int, data: bytes) -> None:
        """Stage new content of record ``number``."""
        raise StatusError(StatusWord.FILE_STRUCTURE_INCOMPATIBLE)

    def stage_append(self, data: bytes) -> None:
        """Stage a new record."""
        raise StatusError(StatusWord.FILE_STRUCTURE_INCOMPATIBLE)


class LinearFile(RecordFile):
    """Records of simple TLVs, of fixed or variable length (定长、变长记录文件).

    The record identifier is the tag, the first byte. A record keeps its length once it exists;
    files whose header allows it let records grow while there is room [L]. Raw records have no
    tag; those of variable length must be TLVs all the same, for nothing else keeps their
    length [L]. A record that was created empty takes its tag with the first update. Records of
    BER-TLVs are those of payment applications; their identifiers are one byte too. Records of
    transport applications have an identifier of two bytes, and commands find them by its second.
    """

    __slots__ = ("_ber", "_grows", "_index", "_record_length", "_tags", "_tlv", "_wide")

    def __init__(self, memory: Memory, found: FoundFile, header: FileHeader) -> None:
        super().__init__(memory, found, header)
        fixed = header.type is FileType.LINEAR_FIXED
        self._record_length = header.record_length if fixed else 0
        self._grows = bool(header.record_format & _GROWS)
        self._ber = bool(header.record_format & _BER)
        self._wide = int(bool(header.record_format & _WIDE))
        self._tlv = not fixed or bool(header.record_format & _TLV)
        self._index: list[tuple[int, int]] | None = None
        self._tags: dict[int, list[int]] = {}

    @property
    def tag_at(self) -> int:
        return self._wide

    @property
    def used(self) -> int:
        """Bytes of the body that hold records."""
        return int(_USED.unpack_from(self.memory.cells, self.offset + USED_IN_HEADER)[0])

    def _records(self) -> list[tuple[int, int]]:
        """Start in the memory and length of each record; kept until one moves."""
        if self._index is None:
            self._index, self._tags = [], {}
            start, end, cells = self.body, self.body + self.used, self.memory.cells
            wide = self._wide
            while start < end:
                length = self._record_length or self._length_at(start)
                self._index.append((start, length))
                self._tags.setdefault(cells[start + wide], []).append(len(self._index))
                start += length
            if self.read_rule.free:
                places = ((start, length, READ[length]) for start, length in self._index)
                self.free_records = dict(enumerate(places, 1))
        return self._index

    def _length_at(self, start: int) -> int:
        """Length of the TLV that begins at ``start`` in the memory."""
        cells = self.memory.cells
        if self._ber:
            _, length, at = tlv.read_header(cells, start)
            return at - start + length
        at = start + self._wide + 1
        return at + 1 - start + cells[at]

    @property
    def count(self) -> int:
        return len(self._records())

    def record(self, number: int) -> bytes:
        index = self._index or self._records()
        if not 0 < number <= len(index):
            raise StatusError(StatusWord.RECORD_NOT_FOUND)
        start, length = index[number - 1]
        record: bytes = READ[length](self.memory.cells, start)[0]
        return record

    def numbers(self, identifier: int) -> list[int]:
        index = self._records()
        return self._tags.get(identifier, []) if identifier else list(range(1, len(index) + 1))

    def _check_record(self, data: bytes) -> None:
        if self._tlv and not (_is_ber(data) if self._ber else _is_simple(data, self._wide)):
            raise StatusError(StatusWord.LC_INCONSISTENT_WITH_TLV)
        if self._record_length and len(data) != self._record_length:
            raise StatusError(StatusWord.WRONG_LENGTH)

    def stage_update(self, number: int, data: bytes) -> None:
        self._check_record(data)
        start, length = self._records()[number - 1]
        if self._tlv and not self._takes(start, data):
            raise StatusError(StatusWord.WRONG_DATA)
        growth = len(data) - length
        if growth == 0:
            self.memory.write(start, data)
            return
        if not (self._grows and growth > 0):
            raise StatusError(StatusWord.WRONG_LENGTH)
        tail = bytes(self.memory.cells[start + length : self.body + self.used])
        self._stage_tail(start, data + tail, growth)

    def _takes(self, start: int, data: bytes) -> bool:
        """Whether the record at ``start`` has the identifier of ``data``, or none yet."""
        tag = bytes(self.memory.cells[start : start + self._wide + 1])
        return not any(tag) or tag == data[: len(tag)]

    def stage_append(self, data: bytes) -> None:
        self._check_record(data)
        self._stage_tail(self.body + self.used, data, len(data))

    def _stage_tail(self, start: int, tail: bytes, growth: int) -> None:
        used = self.used + growth
        if used > self.size:
            raise StatusError(StatusWord.NOT_ENOUGH_SPACE)
        self.memory.write(start, tail)
        self.memory.write(self.offset + USED_IN_HEADER, _USED.pack(used))
        self._index = None
        self.free_records = _NONE_FREE


def _is_simple(data: bytes, wide: int) -> bool:
    head = 2 + wide
    return len(data) >= head and data[head - 1] == len(data) - head


def _is_ber(data: bytes) -> bool:
    try:
        return len(tlv.parse_objects(data)) == 1
    except ValueError:
        return False


class CyclicFile(RecordFile):
    """A ring of raw records without tags, record 1 the newest (循环记录文件)."""

    __slots__ = ("_count_at", "capacity", "record_length")

    def __init__(self, memory: Memory, found: FoundFile, header: FileHeader) -> None:
        super().__init__(memory, found, header)
        self._count_at = found.offset + COUNT_IN_HEADER
        self.capacity = header.records
        self.record_length = header.record_length

    @property
    def count(self) -> int:
        return self.memory.cells[self._count_at]

    def record(self, number: int) -> bytes:
        cells = self.memory.cells
        count, newest = cells[self._count_at], cells[self._count_at + 1]
        if not 0 < number <= count:
            raise StatusError(StatusWord.RECORD_NOT_FOUND)
        start = self.body + (newest - number + 1) % self.capacity * self.record_length
        record: bytes = READ[self.record_length](cells, start)[0]
        return record

    def stage_edit(self, number: int, data: bytes) -> None:
        """Stage other bytes of record ``number``, which no command can; 6A83 when there is none."""
        if len(data) != len(self.record(number)):
            raise StatusError(StatusWord.WRONG_LENGTH)
        newest = self.memory.cells[self._count_at + 1]
        place = (newest - number + 1) % self.capacity * self.record_length
        self.memory.write(self.body + place, data)

    def stage_append(self, data: bytes) -> None:
        if len(data) != self.record_length:
            raise StatusError(StatusWord.WRONG_LENGTH)
        memory, at = self.memory, self._count_at
        cells = memory.cells
        count, newest = cells[at], cells[at + 1]
        if count:
            newest = (newest + 1) % self.capacity
        if count < self.capacity:
            count += 1
        memory.staged += (
            (self.body + newest * self.record_length, data),
            (at, bytes((count, newest))),
        )


class InternalFile(ElementaryFile):
    """A file only the card itself touches: keys, the medical amounts. It cannot be selected."""

    __slots__ = ("count", "write_access", "write_kid")

    def __init__(self, memory: Memory, found: FoundFile, header: FileHeader) -> None:
        super().__init__(memory, found, header)
        self.count = memory.cells[found.offset + COUNT_IN_HEADER]
        self.write_access = header.write_access
        self.write_kid = header.write_kid
