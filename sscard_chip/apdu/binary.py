# SPDX-License-Identifier: Apache-2.0
"""READ BINARY and UPDATE BINARY (LD/T 32.5)."""

from __future__ import annotations

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.messaging import OpenData, update_data
from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.memory.cells import READ
from sscard_chip.standard.status import StatusError, StatusWord


def _addressed(session: Session, command: Command) -> tuple[TransparentFile, int]:
    """File and offset: P1 100xxxxx is an SFI with the offset in P2, else P1 P2 is the offset."""
    p1 = command.p1
    if p1 & 0x80:
        if p1 & 0x60:
            raise StatusError(StatusWord.INCORRECT_P1_P2)
        ef = session.df.files_by_sfi.get(p1 & 0x1F)
        if ef is None:
            raise StatusError(StatusWord.FILE_NOT_FOUND)
        offset = command.p2
    else:
        ef = session.ef
        if ef is None:
            raise StatusError(StatusWord.NO_CURRENT_EF)
        offset = p1 << 8 | command.p2
    if not isinstance(ef, TransparentFile):
        raise StatusError(StatusWord.FILE_STRUCTURE_INCOMPATIBLE)
    return ef, offset


def read_binary(session: Session, command: Command) -> bytes:
    """READ BINARY 00 B0: Le bytes, or up to the end of the file; Le 00 is at most 256 bytes."""
    if command.data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    file, offset = _addressed(session, command)
    session.require(file.read_rule)
    data = file.read(offset, command.ne or 256)
    _make_current(session, file)
    return data


def read_binary_quickly(session: Session, apdu: bytes) -> bytes | None:
    """The shortcut for a transparent file that is free to read."""
    if len(apdu) != 5:
        return None
    p1 = apdu[2]
    if p1 < 0x80:
        file, offset = session.ef, p1 << 8 | apdu[3]
    else:
        file, offset = session.df.files_by_sfi.get(p1 - 0x80), apdu[3]
    if type(file) is not TransparentFile or not file.read_rule.free:
        return None
    length = apdu[4] or 256
    if length > file.size - offset:
        length = file.size - offset
        if length <= 0:
            return None
    if file is not session.ef:
        session.select_file(file)
    session.transaction = None
    data: bytes = READ[length](session.memory.cells, file.body + offset)[0]
    return data


def update_binary(session: Session, command: Command, open_data: OpenData = update_data) -> bytes:
    """UPDATE BINARY 00/04 D6: 6B00 when the offset is outside the file, 6A84 beyond its end.

    ``open_data`` is the application's secure messaging.
    """
    file, offset = _addressed(session, command)
    rule = session.write_rule(file.write_rule)
    session.require(rule)
    if not rule.update:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    data = open_data(session, command, rule)
    if not data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    file.stage_update(offset, data)
    _make_current(session, file)
    return b""


def _make_current(session: Session, file: TransparentFile) -> None:
    """An SFI makes its file current when the command succeeds."""
    if file is not session.ef:
        session.select_file(file)
