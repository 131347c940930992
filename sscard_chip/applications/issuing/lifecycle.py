# SPDX-License-Identifier: Apache-2.0
"""CLEAR DF, FREEZE MF and GET INFO (personalisation page, sections 1.2 and 2.3 [M])."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.issuing.creation import used_space
from sscard_chip.filesystem.layout import (
    STATE_AT,
    TRANSPORT_KEY_AT,
    TRANSPORT_KEY_LENGTH,
    FileType,
    LifeCycle,
    top,
)
from sscard_chip.filesystem.structure import clear_directory, clear_mf, erase
from sscard_chip.standard.identifiers import MF
from sscard_chip.standard.status import StatusError, StatusWord

_CHIP: Final = bytes.fromhex("5353C1") + b"\x03\x01"
"""Chip supplier 2, COS id 1, COS version 1, revision 1: this emulator's own [L]."""
_KINDS: Final = {FileType.MF: 0x39, FileType.DDF: 0x3A, FileType.ADF: 0x38}
_NO_DIRECTORY: Final = bytes((0x00, 0x38))
_MOST: Final = 0xFFFF


def clear_df(session: Session, command: Command) -> bytes:
    """CLEAR DF BF CE 00 00: everything below the current DF disappears.

    Needs its master key. The MF itself disappears too, and the transport key is good again;
    6985 once it is frozen.
    """
    command.require(0, 0, 0)
    memory, df = session.memory, session.df
    if df.fid == MF and memory.cells[STATE_AT] != LifeCycle.DEVELOPMENT:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    if df.offset not in session.status.masters:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    erase(memory)  # what a power cut left over
    if df.fid == MF:
        clear_mf(memory)
        session.remount()
        erase(memory)
    else:
        holes = clear_directory(memory, df.offset)
        session.remount()
        erase(memory, holes)
    return b""


def freeze_mf(session: Session, command: Command) -> bytes:
    """FREEZE MF BF FE 00 00: the end of pre-personalisation (预个人化), once; then 6D00.

    Needs the MF current and its master key: 6985, 6982. The transport key has no use any more
    and is erased [L].
    """
    command.require(0, 0, 0)
    memory = session.memory
    if memory.cells[STATE_AT] != LifeCycle.DEVELOPMENT:
        raise StatusError(StatusWord.INS_NOT_SUPPORTED)
    if session.df.fid != MF:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    if session.df.offset not in session.status.masters:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    erase(memory)  # what a power cut left over
    memory.write(STATE_AT, bytes((LifeCycle.WORKING,)))
    memory.write(TRANSPORT_KEY_AT, bytes(TRANSPORT_KEY_LENGTH))
    return b""


def get_info(session: Session, command: Command) -> bytes:
    """GET INFO BF C8 00 00, Le 0F: chip and COS, state of card and DF, room. Never refused.

    Chip supplier 2, COS id 1, version 1, revision 1, memory 2, card state 1 (0A to 0E), 00, kind
    of the current DF 1 (39 MF, 3A DDF, 38 ADF, 00 none), its state 1, its size 2, free bytes 2.
    Sizes beyond FFFF stand as FFFF; a DF without a bound of its own has the card's.
    """
    command.require(0, 0, 0)
    memory, df = session.memory, session.df
    cells = memory.cells
    state = LifeCycle.DAMAGED if memory.failed else cells[STATE_AT]
    total, free = len(cells), len(cells) - top(memory)
    size, directory = 0, _NO_DIRECTORY
    if session.files.mf:
        directory = bytes((_KINDS[df.header.type], cells[session.state_at]))
        size = df.header.quota or total
        if df.header.quota:
            free = min(free, max(df.header.quota - used_space(df), 0))
    return (
        _CHIP
        + min(total, _MOST).to_bytes(2)
        + bytes((state, 0))
        + directory
        + min(size, _MOST).to_bytes(2)
        + min(free, _MOST).to_bytes(2)
    )
