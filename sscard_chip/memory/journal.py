# SPDX-License-Identifier: Apache-2.0
"""Journal records: one commit each, with a sequence number and a checksum, stored twice.

A frame is ``length(4) length(4) record record``. The record is there twice so that one damaged
byte is told from a write that was cut: a cut write is the last one and was never acknowledged,
a damaged byte leaves the other copy. Nothing here is guessed: what neither copy proves, and is
followed by a later commit, is an error.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

from sscard_chip.memory.errors import CardImageError
from sscard_chip.memory.store import Write

_MARK: Final = b"CmIt"
_HEAD: Final = struct.Struct(">4sQI")  # mark, sequence, length of the writes
_WRITE: Final = struct.Struct(">II")  # offset, length
_CHECK: Final = struct.Struct(">I")
_LENGTHS: Final = struct.Struct(">II")


def encode_frame(sequence: int, writes: Sequence[Write]) -> bytes:
    """The frame of one commit."""
    pack = _WRITE.pack
    body = b"".join([part for at, data in writes for part in (pack(at, len(data)), data)])
    record = _HEAD.pack(_MARK, sequence, len(body)) + body
    record += _CHECK.pack(zlib.crc32(record))
    return _LENGTHS.pack(len(record), len(record)) + record + record


def _decode_record(data: bytes, start: int) -> tuple[int, list[Write], int] | None:
    """Sequence, writes and length of a sound record at ``start``; None if there is none."""
    if start + _HEAD.size + _CHECK.size > len(data):
        return None
    mark, sequence, length = _HEAD.unpack_from(data, start)
    end = start + _HEAD.size + length
    if mark != _MARK or end + _CHECK.size > len(data):
        return None
    if _CHECK.unpack_from(data, end)[0] != zlib.crc32(data[start:end]):
        return None
    writes, position = [], start + _HEAD.size
    while position < end:
        offset, size = _WRITE.unpack_from(data, position)
        position += _WRITE.size
        writes.append((offset, data[position : position + size]))
        position += size
    return sequence, writes, end + _CHECK.size - start


def _decode_frame(data: bytes, start: int, sequence: int) -> tuple[list[Write], int] | None:
    """Writes and length of the frame of commit ``sequence`` at ``start``; None if unproven."""
    if start + _LENGTHS.size > len(data):
        return None
    first = start + _LENGTHS.size
    for length in {*_LENGTHS.unpack_from(data, start)}:
        for copy in (first, first + length):
            record = _decode_record(data, copy)
            if record and record[0] == sequence and record[2] == length:
                return record[1], _LENGTHS.size + 2 * length
    return None


def replay(journal: bytes, sequence: int) -> Iterator[tuple[list[Write], int]]:
    """Yield the writes of the commits behind ``sequence``, each with the end of its frame.

    Raises CardImageError when a commit is damaged and a later one is there to prove it.
    """
    position = 0
    while frame := _decode_frame(journal, position, sequence + 1):
        sequence += 1
        position += frame[1]
        yield frame[0], position
    search = position
    while (search := journal.find(_MARK, search)) >= 0:
        record = _decode_record(journal, search)
        if record and record[0] > sequence:
            raise CardImageError(f"journal damaged: commit {sequence + 1} is not readable")
        search += 1
