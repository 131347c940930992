# SPDX-License-Identifier: Apache-2.0
"""SELECT (LD/T 32.5; ISO/IEC 7816-4 section 11.2.2)."""

from __future__ import annotations

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.tree import Directory
from sscard_chip.standard.identifiers import MF
from sscard_chip.standard.status import StatusError, StatusWord

_BY_FID, _CHILD_DF, _EF, _PARENT, _BY_NAME = range(5)
_NEXT = 0x02
_EF_FORM = bytes((_EF, 0, 2))
_NAME_FORM = bytes((_BY_NAME, 0))


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
        return enter_found(session, session.files.find_name(data, after))
    if p1 == _PARENT:
        if data:
            raise StatusError(StatusWord.WRONG_LENGTH)
        return enter_found(session, session.df.parent)
    if not data and p1 == _BY_FID:
        return enter_found(session, session.files.mf)
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
        return enter_found(session, session.files.find_child(session.df, fid))
    if fid == MF:
        return enter_found(session, session.files.mf)
    return enter_found(session, session.files.find_directory(session.df, fid))


def select_quickly(session: Session, apdu: bytes) -> bytes | None:
    """The shortcut for SELECT of an EF by FID, or of a DF by a name that has been found before."""
    form, length = apdu[2:5], len(apdu)
    if form == _EF_FORM and length == 7:
        ef = session.df.files.get(int.from_bytes(apdu[5:]))
        if ef is None:
            return None
        session.transaction = None
        session.ef = ef
        session.record = 0
        return b""
    if form[:2] == _NAME_FORM and length > 9 and length == 5 + form[2]:
        directory = session.files.found.get(apdu[5:])
        if directory is None or directory.blocked:
            return None
        session.transaction = None
        session.select_directory(directory)
        return directory.fci
    return None


def enter_found(session: Session, directory: Directory | None) -> bytes:
    """Enter a directory that was looked for, in whatever application it is; 6A82 for None."""
    if directory is None:
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    return session.enter(directory)


def enter(session: Session, directory: Directory) -> bytes:
    """Make a directory current and answer its FCI; 9303 when it is blocked for good."""
    if directory.blocked:
        raise StatusError(StatusWord.APPLICATION_BLOCKED)
    session.select_directory(directory)
    return directory.fci
