# SPDX-License-Identifier: Apache-2.0
"""Journal records: one commit each, with a sequence number and a checksum, stored twice.

A frame is a record and, from the next sector on, the same record again. So one damaged byte is
distinguished from a write that was cut: a cut write is the last one and was never acknowledged, a
damaged byte leaves the other copy, and so does a whole sector that the disk has lost. One sound
copy in its place proves a commit, and recovery restores the other. Nothing here is guessed: what
neither copy proves, and is followed by a later commit, is an error.

In images of version 1 the second copy follows the first at once.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sscard_chip.memory.errors import CardImageError
from sscard_chip.memory.store import Write

_MARK: Final = b"CmIt"
_HEAD: Final = struct.Struct(">4sQI")  # mark, sequence, length of the writes
_WRITE: Final = struct.Struct(">II")  # offset, length
_CHECK: Final = struct.Struct(">I")
SECTOR: Final = 512
"""Bytes that a disk writes, or loses, at once; the journal begins at a multiple of it."""
_pack_head: Final = _HEAD.pack
_pack_write: Final = _WRITE.pack


def encode_frame(sequence: int, writes: Sequence[Write], salt: int, start: int) -> bytes:
    """The frame of one commit at ``start`` of the journal.

    ``salt`` begins the checksum, see ``create_image``.
    """
    body = b""
    for at, data in writes:  # one to three: quicker than a join
        body += _pack_write(at, len(data)) + data
    record = _pack_head(_MARK, sequence, len(body)) + body
    record += zlib.crc32(record, salt).to_bytes(4)
    return _frame(record, start, SECTOR)


def _frame(record: bytes, start: int, sector: int) -> bytes:
    """Both copies of a record at ``start``; ``sector`` 1 for images of version 1."""
    return record + bytes(-(start + len(record)) % sector) + record


class Commit(NamedTuple):
    """One commit read back. ``frame`` is what should lie between ``start`` and ``end``;
    ``whole`` says that it does, and not in one copy only."""

    writes: list[Write]
    start: int
    end: int
    frame: bytes
    whole: bool


class _Record(NamedTuple):
    """A sound record: which commit it is, and its bytes."""

    sequence: int
    data: bytes


def _decode_record(journal: bytes, start: int, salt: int) -> _Record | None:
    """The sound record at ``start``; None if there is none."""
    if start + _HEAD.size + _CHECK.size > len(journal):
        return None
    mark, sequence, length = _HEAD.unpack_from(journal, start)
    check = start + _HEAD.size + length
    end = check + _CHECK.size
    if mark != _MARK or end > len(journal):
        return None
    if _CHECK.unpack_from(journal, check)[0] != zlib.crc32(journal[start:check], salt):
        return None
    return _Record(sequence, journal[start:end])


def _decode_writes(record: _Record) -> list[Write]:
    writes, position, body = [], 0, record.data[_HEAD.size : -_CHECK.size]
    try:
        while position < len(body):
            offset, size = _WRITE.unpack_from(body, position)
            position += _WRITE.size
            writes.append((offset, body[position : position + size]))
            position += size
    except struct.error:
        raise CardImageError(f"journal damaged: commit {record.sequence} is malformed") from None
    return writes


def _find_record(
    journal: bytes, start: int, sequence: int, salt: int, sector: int
) -> _Record | None:
    """The record of commit ``sequence`` that a frame at ``start`` proves; None if unproven.

    Raises CardImageError when it is not there although a later commit is.
    """
    record = _decode_record(journal, start, salt)
    if record and record.sequence == sequence:
        return record
    if journal[start:] == bytes(len(journal) - start):  # as of most cards; a search takes longer
        return None
    search = start
    while (search := journal.find(_MARK, search)) >= 0:
        record = _decode_record(journal, search, salt)
        if record and record.sequence == sequence:
            first = start + len(record.data)
            if search == first + -first % sector:
                return record  # the second copy
        if record and record.sequence >= sequence:
            raise CardImageError(f"journal damaged: commit {sequence} is not readable")
        search += 1
    return None


def replay(journal: bytes, sequence: int, salt: int, sector: int = SECTOR) -> Iterator[Commit]:
    """Yield the commits behind ``sequence``; ``sector`` 1 for images of version 1.

    :raises CardImageError: when a commit is damaged and a later one is there to prove it.
    """
    start = 0
    while record := _find_record(journal, start, sequence + 1, salt, sector):
        frame = _frame(record.data, start, sector)
        end = start + len(frame)
        whole = journal[start:end] == frame
        yield Commit(_decode_writes(record), start, end, frame, whole)
        sequence += 1
        start = end
