# SPDX-License-Identifier: Apache-2.0
"""SELECT (LD/T 32.5; ISO/IEC 7816-4 section 11.2.2)."""

from __future__ import annotations

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.tree import MF_FID, Directory
from sscard_chip.status import StatusError, StatusWord

_BY_FID, _CHILD_DF, _EF, _PARENT, _BY_NAME = range(5)
_NEXT = 0x02


def select(session: Session, command: Command) -> bytes:
    """SELECT 00 A4: by FID (P1 00, 01, 02), the parent (03) or by name (04).

    An EF gives no data, a directory its FCI. A blocked application answers 9303. A failed
    SELECT leaves everything as it was.
    """
    p1, p2, data = command.p1, command.p2, command.data
    if p1 > _BY_NAME or (p2 and not (p1 == _BY_NAME and p2 == _NEXT)):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if p1 == _BY_NAME:
        if not 5 <= len(data) <= 16:
            raise StatusError(StatusWord.WRONG_LENGTH)
        after = session.df if p2 == _NEXT else None
        return _enter(session, session.files.find_name(data, after))
    if p1 == _PARENT:
        if data:
            raise StatusError(StatusWord.WRONG_LENGTH)
        return _enter(session, session.df.parent)
    if not data and p1 == _BY_FID:
        return _enter(session, session.files.mf)
    if len(data) != 2:
        raise StatusError(StatusWord.WRONG_LENGTH)
    fid = int.from_bytes(data)
    if p1 in (_BY_FID, _EF) and (ef := session.df.files.get(fid)):
        if session.df.blocked:
            raise StatusError(StatusWord.APPLICATION_BLOCKED)
        session.select_file(ef)
        return b""
    if p1 == _EF:
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    if p1 == _CHILD_DF:
        return _enter(session, next((d for d in session.df.directories if d.fid == fid), None))
    if fid == MF_FID:
        return _enter(session, session.files.mf)
    return _enter(session, session.files.find_directory(session.df, fid))


def _enter(session: Session, directory: Directory | None) -> bytes:
    if directory is None:
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    if directory.blocked:
        raise StatusError(StatusWord.APPLICATION_BLOCKED)
    session.select_directory(directory)
    return directory.fci
