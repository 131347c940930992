# SPDX-License-Identifier: Apache-2.0
"""CREATE FILE 80 E0 (personalisation page, section 2.2 [M])."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.issuing.headers import Creation, decode_header, space
from sscard_chip.filesystem import layout
from sscard_chip.filesystem.layout import STATE_AT, DirectoryHeader, FileType, LifeCycle, scan
from sscard_chip.filesystem.structure import erase
from sscard_chip.filesystem.tree import Directory
from sscard_chip.standard.status import StatusError, StatusWord

_PURSES: Final = (0x09, 0x0A)
_TYPES: Final = frozenset(FileType) - {FileType.INTERNAL}
_HAS_MASTER_KEY: Final = 0x01


def create_file(session: Session, command: Command) -> bytes:
    """CREATE FILE 80 E0 00 type: one file below the current DF; type 00 makes the MF.

    The MF needs the transport key, all else the master key of the current DF. A new MF is
    current; other directories have to be selected. In this order: 6A86 P1 or type, 6A81 purses,
    6985 an MF twice, a file without MF or a DF where none can be, 6982, 6700, 6A80 values, a FID
    or name that is there already, 6A84 room of the card or of the directory.
    """
    if command.p1 or command.p2 not in (*_TYPES, *_PURSES):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if command.p2 in _PURSES:
        raise StatusError(StatusWord.FUNCTION_NOT_SUPPORTED)
    file_type = FileType(command.p2)
    _check_place(session, file_type)
    if session.df.offset not in session.status.masters | session.fresh:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    creation = decode_header(file_type, command.data)
    _check_names(session, creation)
    _check_quota(session.df, creation)
    erase(session.memory)  # what a power cut left over
    _create(session, creation)
    return b""


def _check_place(session: Session, file_type: FileType) -> None:
    """6985 unless a file of this type can be made here: DDF below the MF, ADF below both."""
    blank = session.files.mf is None
    above = session.df.header.type
    wrong = blank != (file_type is FileType.MF)
    wrong = wrong or (file_type is FileType.DDF and above is not FileType.MF)
    wrong = wrong or (file_type is FileType.ADF and above is FileType.ADF)
    if wrong:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)


def _check_names(session: Session, creation: Creation) -> None:
    """6A80 for a FID that the directory has, a name that the card has, a second key file."""
    header, df = creation.header, session.df
    taken = {found.header.fid for found in scan(session.memory) if found.parent == df.offset}
    if header.type is not FileType.MF and header.fid in taken | {df.fid}:
        raise StatusError(StatusWord.WRONG_DATA)
    if isinstance(header, DirectoryHeader):
        if header.name and any(d.name == header.name for d in session.files.directories):
            raise StatusError(StatusWord.WRONG_DATA)
    elif (header.type is FileType.KEY and df.key_file) or (
        header.type is FileType.AMOUNT and df.amount_file
    ):
        raise StatusError(StatusWord.WRONG_DATA)


def used_space(directory: Directory) -> int:
    """Bytes that the files below a directory take of its LNG."""
    files = scan(directory.memory)
    return sum(space(f.header) for f in files if f.parent == directory.offset)


def _check_quota(directory: Directory, creation: Creation) -> None:
    """6A84 when the directory's LNG would be exceeded; 0000 sets no bound [L]."""
    quota = directory.header.quota
    if quota and used_space(directory) + space(creation.header) > quota:
        raise StatusError(StatusWord.NOT_ENOUGH_SPACE)


def _create(session: Session, creation: Creation) -> None:
    memory, header, df = session.memory, creation.header, session.df
    if isinstance(header, DirectoryHeader):
        offset = layout.create_directory(memory, df.offset, header)
    else:
        content, opened = creation.content, creation.opened
        offset = layout.stage_file(memory, df.offset, header, content, opened)
    if header.type is FileType.MF:
        memory.write(STATE_AT, bytes((LifeCycle.DEVELOPMENT,)))
    memory.commit()
    session.remount()
    if header.type is FileType.DDF or header.type is FileType.ADF:
        if not header.write_access & _HAS_MASTER_KEY:
            session.fresh.add(offset)
    elif header.type is FileType.MF:
        session.status.leave_directory()
