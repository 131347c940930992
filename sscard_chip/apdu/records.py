# SPDX-License-Identifier: Apache-2.0
"""READ RECORD, UPDATE RECORD and APPEND RECORD (LD/T 32.5)."""

from __future__ import annotations

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.messaging import OpenData, update_data
from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.files import CyclicFile, Occurrence, RecordFile
from sscard_chip.standard.status import StatusError, StatusWord

_BY_NUMBER, _TO_LAST, _FROM_LAST = 4, 5, 6


def addressed_file(session: Session, p2: int) -> RecordFile:
    """The record file that the high five bits of P2 name (00: the current EF).

    6986 no current EF, 6A82 no such SFI, 6981 no record file.
    """
    sfi = p2 >> 3
    if sfi:
        ef = session.df.files_by_sfi.get(sfi)
        if ef is None:
            raise StatusError(StatusWord.FILE_NOT_FOUND)
    else:
        ef = session.ef
        if ef is None:
            raise StatusError(StatusWord.NO_CURRENT_EF)
    if not isinstance(ef, RecordFile):
        raise StatusError(StatusWord.FILE_STRUCTURE_INCOMPATIBLE)
    return ef


def read_record(session: Session, command: Command) -> bytes:
    """READ RECORD 00 B2: by number (P2 low bits 4), from P1 to the last (5), from the last back
    to P1 (6), or an instance of identifier P1 (0 first, 1 last, 2 next, 3 previous).

    Linear records come with tag and length, cyclic ones raw. 6A83 when there is none.
    """
    if command.data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    p1, mode = command.p1, command.p2 & 0x07
    if mode > _FROM_LAST:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    file = addressed_file(session, command.p2)
    if not file.read_rule.free:
        session.require(file.read_rule)
    number = session.record if file is session.ef else 0
    if mode == _BY_NUMBER:
        number = p1 or number
        body = file.record(number)
    elif mode < _BY_NUMBER:
        number = file.find(p1, Occurrence(mode), number)
        body = file.record(number)
    else:
        numbers = range(p1 or number, file.count + 1)
        if not numbers or not numbers[0]:
            raise StatusError(StatusWord.RECORD_NOT_FOUND)
        ordered = numbers if mode == _TO_LAST else reversed(numbers)
        body = b"".join([file.record(n) for n in ordered])
    if command.ne < len(body):
        command.check_ne(len(body))
    session.ef = file  # an SFI makes its file current
    session.record = number
    return body


def read_record_quickly(session: Session, apdu: bytes) -> bytes | None:
    """The shortcut for a record by number from a linear file that is free to read."""
    if len(apdu) != 5:
        return None
    p2 = apdu[3]
    if p2 & 0x07 != _BY_NUMBER:
        return None
    file = session.df.files_by_sfi.get(p2 >> 3) if p2 > _BY_NUMBER else session.ef
    if file is None:
        return None
    number = apdu[2]
    place = file.free_records.get(number)
    if place is None:
        return None
    start, length, read = place
    if 0 < apdu[4] < length:
        return None
    session.ef = file
    session.record = number
    session.transaction = None
    record: bytes = read(session.memory.cells, start)[0]
    return record


def update_record(session: Session, command: Command, open_data: OpenData = update_data) -> bytes:
    """UPDATE RECORD 00/04 DC, P2 as READ RECORD's.

    Linear: a number or tag that is not there yet appends. Cyclic: the low bits 3 append, and so
    does number 00 or 01 with the low bits 4, as programs of the field send it. 6A85 when the
    lengths of the TLV do not add up, 6A84 when the file is full. ``open_data`` is the
    application's secure messaging.
    """
    p1, mode = command.p1, command.p2 & 0x07
    if mode > _BY_NUMBER:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    file = addressed_file(session, command.p2)
    rule = session.write_rule(file.write_rule)
    session.require(rule)
    data = open_data(session, command, rule)
    if not data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    if isinstance(file, CyclicFile):
        if mode != Occurrence.PREVIOUS and not (mode == _BY_NUMBER and p1 <= 1):
            raise StatusError(StatusWord.FILE_STRUCTURE_INCOMPATIBLE)
        number = 1
    else:
        current = session.record if file is session.ef else 0
        number = _updated_number(file, p1, mode, current, data)
    appends = isinstance(file, CyclicFile) or number > file.count
    if not (rule.append if appends else rule.update):
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    if appends:
        file.stage_append(data)
    else:
        file.stage_update(number, data)
    session.ef = file  # an SFI makes its file current
    session.record = number
    return b""


def append_record(session: Session, command: Command) -> bytes:
    """APPEND RECORD 00/04 E2 00, P2 the SFI in its high five bits: a record behind the last.

    Cyclic files always take one, as the newest. 6A84 when a linear file is full.
    """
    if command.p1 or command.p2 & 0x07:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    file = addressed_file(session, command.p2)
    rule = session.write_rule(file.write_rule)
    session.require(rule)
    if not rule.append:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    data = update_data(session, command, rule)
    if not data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    number = 1 if isinstance(file, CyclicFile) else file.count + 1
    file.stage_append(data)
    session.ef = file  # an SFI makes its file current
    session.record = number
    return b""


def _updated_number(file: RecordFile, p1: int, mode: int, current: int, data: bytes) -> int:
    """Number of the record to update; one behind the last is to be appended."""
    if mode == _BY_NUMBER:
        number = p1 or current
        if not number:
            raise StatusError(StatusWord.RECORD_NOT_FOUND)
        return min(number, file.count + 1)
    if p1 and data[file.tag_at : file.tag_at + 1] != bytes((p1,)):
        raise StatusError(StatusWord.WRONG_DATA)
    if p1 and not file.numbers(p1):
        return file.count + 1
    return file.find(p1, Occurrence(mode), current)
