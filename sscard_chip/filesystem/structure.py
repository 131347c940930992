# SPDX-License-Identifier: Apache-2.0
"""Taking files away again: CLEAR DF, and the erasing of what they held.

One commit makes the files disappear, the keys among them; more commits then erase the cells, for
one commit cannot hold a whole card. A power cut between leaves cells that no command reaches;
``ERASE_AT`` in the system area says up to where the free cells are still to be erased.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from sscard_chip.filesystem.layout import (
    DELETED,
    ERASE_AT,
    STATE_AT,
    SYSTEM_SIZE,
    FileType,
    FoundFile,
    LifeCycle,
    scan,
    stage_top,
    top,
)
from sscard_chip.memory import Memory

_CHUNK: Final = 8192
_END: Final = struct.Struct(">I")
_KEPT: Final = 16
"""Bytes of a deleted file's header that say how long it was."""


def clear_mf(memory: Memory) -> None:
    """Commit the end of all files: the card is blank again, in the initial state."""
    memory.write(STATE_AT, bytes((LifeCycle.INITIAL,)))
    memory.write(ERASE_AT, _END.pack(top(memory)))
    stage_top(memory, SYSTEM_SIZE)
    memory.commit()


def clear_directory(memory: Memory, offset: int) -> list[FoundFile]:
    """Commit the end of all files below the DF at ``offset``; return what is to be erased.

    Room comes back when the files were the last that were created [L].
    """
    return _remove(memory, {offset}, set())


def remove_directories(memory: Memory, offsets: set[int]) -> list[FoundFile]:
    """The same for DFs themselves with all that is in them."""
    return _remove(memory, set(), offsets)


def _remove(memory: Memory, below: set[int], is_deleted: set[int]) -> list[FoundFile]:
    deleted, end = [], SYSTEM_SIZE
    for found in scan(memory):
        if found.parent in below or found.offset in is_deleted:
            deleted.append(found)
            below.add(found.offset)
        else:
            end = found.end
    holes = [found for found in deleted if found.offset < end]
    for found in holes:
        memory.write(found.offset, bytes((DELETED,)))
        if found.header.type in (FileType.KEY, FileType.ADF, FileType.DDF):
            memory.write(found.offset + _KEPT, bytes(found.end - found.offset - _KEPT))
    if end < top(memory):
        memory.write(ERASE_AT, _END.pack(top(memory)))
        stage_top(memory, end)
    memory.commit()
    return holes


def erase(memory: Memory, holes: Iterable[FoundFile] = ()) -> None:
    """Erase the cells of deleted files, commit by commit."""
    for found in holes:
        for start in range(found.offset + _KEPT, found.end, _CHUNK):
            memory.write(start, bytes(min(_CHUNK, found.end - start)))
            memory.commit()
    first = top(memory)
    while end := int(_END.unpack_from(memory.cells, ERASE_AT)[0]):
        start = max(first, end - _CHUNK)
        memory.write(start, bytes(max(end - start, 0)))
        memory.write(ERASE_AT, _END.pack(start if start > first else 0))
        memory.commit()
