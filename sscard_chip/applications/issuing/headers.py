# SPDX-License-Identifier: Apache-2.0
"""Data fields of CREATE FILE, and the headers they make (personalisation page, section 2.2 [M]).

One table for both directions: the card reads a field into a header, a personalisation plan
writes a header into a field. What a header of ours has and the table has not lies in RFU bytes
[L]: the algorithm of a directory's master key in the first of them, behind it the option of a
medical account, and "records may grow" in bit 2 of RF.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from sscard_chip.applications import amounts
from sscard_chip.filesystem.layout import DirectoryHeader, FileHeader, FileType
from sscard_chip.security.access import NEVER
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.identifiers import AMOUNT_FILE, MF
from sscard_chip.standard.keys import STK_KID
from sscard_chip.standard.status import StatusError, StatusWord

NAME_MAX: Final = 16
_MF: Final = struct.Struct(">HBBBBBBBBB")
_DDF: Final = struct.Struct(">HHBBxBBBBBB")
_ADF: Final = struct.Struct(">HHBB2xBBBBB")
_TRANSPARENT: Final = struct.Struct(">HHxBBHHBB")
_FIXED: Final = struct.Struct(">HBBBxBBBHHBB")
_VARIABLE: Final = struct.Struct(">HHxBBBHHBB")
_CYCLIC: Final = struct.Struct(">HBBBBBBHHBB")
_KEY: Final = struct.Struct(">HHBBH")
_AMOUNT: Final = struct.Struct(">H")
_ACCOUNT: Final = struct.Struct(">HHIII2s2s")
_NAMED: Final = {FileType.MF: _MF, FileType.DDF: _DDF, FileType.ADF: _ADF}

_TLV: Final = 0x01
_TLV_OR_GROWS: Final = 0x03
_FORBIDDEN: Final = (0x0000, 0xFFFF)
_MAX_LIMIT: Final = 15
_MAX_SFI: Final = 0x1F
_DIRECTORY_RFU: Final = 0xC2  # EPL must be 0; b6 and b1 mean nothing
_LONG_KEY: Final = 0x08  # KT: a master key of 16 bytes
_READ_UNKNOWN: Final = 0x3C  # b5 to b2: reading is never secured here
_ALGORITHMS: Final = frozenset(suite.key_code(16) for suite in SUITES.values())


@dataclass(frozen=True, slots=True)
class Creation:
    """What a CREATE FILE asks for. ``content`` is the initial body, ``opened`` the number of
    records that a cyclic file has from the start."""

    header: DirectoryHeader | FileHeader
    content: bytes = b""
    opened: int = 0


def decode_header(file_type: FileType, data: bytes) -> Creation:
    """Read a data field; 6700 for its length, 6A80 for what it says."""
    if file_type in _NAMED:
        return Creation(_directory(file_type, data))
    return _FILES[file_type](data)


def encode_header(header: DirectoryHeader | FileHeader, account: bytes = b"") -> bytes:
    """The data field that makes a file with this header, without initial content.

    ``account`` is the body of an amount file that is not to start at zero.
    """
    h = header
    if isinstance(h, DirectoryHeader):
        tail = (h.write_access, h.reload_kid, h.block_kid, h.limit)
        if h.type is FileType.MF:
            sfis = (h.atr_sfi, h.dir_sfi, h.fci_sfi)
            return _MF.pack(h.fid, h.app_type, h.algorithm, *sfis, *tail) + h.name
        if h.type is FileType.DDF:
            head = (h.fid, h.quota, h.app_type, h.algorithm, h.dir_sfi, h.fci_sfi)
            return _DDF.pack(*head, *tail) + h.name
        return _ADF.pack(h.fid, h.quota, h.algorithm, h.app_type, h.fci_sfi, *tail) + h.name
    rights = (h.read_access, h.write_access, h.read_right, h.write_right, h.read_kid, h.write_kid)
    if h.type is FileType.TRANSPARENT:
        return _TRANSPARENT.pack(h.fid, h.size, *rights)
    if h.type is FileType.LINEAR_VARIABLE:
        return _VARIABLE.pack(h.fid, h.size, h.record_format, *rights)
    if h.type is FileType.LINEAR_FIXED:
        return _FIXED.pack(h.fid, h.record_length, h.records, 0, h.record_format, *rights)
    if h.type is FileType.CYCLIC:
        return _CYCLIC.pack(h.fid, h.record_length, h.records, 0, h.record_format, *rights)
    if h.type is FileType.KEY:
        return _KEY.pack(h.fid, h.size, h.write_kid, h.write_access, h.write_right)
    return _AMOUNT.pack(h.fid) + (_short_account(account) if account else b"")


def space(header: DirectoryHeader | FileHeader) -> int:
    """Bytes that a file takes of its directory's LNG: DF 48, EF 16, key file 12, and the body."""
    if isinstance(header, DirectoryHeader):
        return 48 + header.quota
    return (12 if header.type is FileType.KEY else 16) + header.size


# --- reading a field -----------------------------------------------------------------------------


def _require(condition: bool) -> None:
    if not condition:
        raise StatusError(StatusWord.WRONG_DATA)


def _unpack(layout: struct.Struct, data: bytes, *, more: int = 0) -> tuple[int, ...]:
    """The fields; 6700 for a wrong length, 6A80 for RFU bytes that are not 00."""
    if not layout.size <= len(data) <= layout.size + more:
        raise StatusError(StatusWord.WRONG_LENGTH)
    fields = layout.unpack_from(data)
    _require(layout.pack(*fields) == data[: layout.size])
    return fields


def _directory(file_type: FileType, data: bytes) -> DirectoryHeader:
    layout = _NAMED[file_type]
    fields = _unpack(layout, data, more=NAME_MAX)
    name = data[layout.size :]
    quota = app_type = atr_sfi = dir_sfi = option = 0
    *head, fci_sfi, access, reload_kid, block_kid, limit = fields
    if file_type is FileType.MF:
        fid, app_type, algorithm, atr_sfi, dir_sfi = head
    elif file_type is FileType.DDF:
        fid, quota, app_type, algorithm, dir_sfi = head
    else:
        fid, quota, algorithm, app_type = head
        option = amounts.PROOF_BY_NEXT_NUMBER
    _require((fid == MF) == (file_type is FileType.MF) and fid not in _FORBIDDEN)
    _require(app_type in (0, option) and algorithm in _ALGORITHMS and limit <= _MAX_LIMIT)
    _require(max(atr_sfi, dir_sfi, fci_sfi) <= _MAX_SFI)
    _require(not access & _DIRECTORY_RFU and bool(access & _LONG_KEY))
    _require(block_kid in (0, STK_KID))
    return DirectoryHeader(
        file_type,
        fid,
        name,
        quota=quota,
        app_type=app_type,
        atr_sfi=atr_sfi,
        dir_sfi=dir_sfi,
        fci_sfi=fci_sfi,
        write_access=access,
        reload_kid=reload_kid,
        block_kid=block_kid,
        limit=limit,
        algorithm=algorithm,
    )


def _checked(
    header: FileHeader,
    read_access: int,
    write_access: int,
    read_right: int,
    write_right: int,
    read_kid: int,
    write_kid: int,
) -> FileHeader:
    """An EF's header with its rights.

    RT-KID and WT-KID can only be 00 or STK, the one key that secures messages here.
    """
    _require(header.fid not in (*_FORBIDDEN, MF) and header.size > 0)
    _require(not read_access & _READ_UNKNOWN)
    _require(read_kid in (0, STK_KID) and write_kid in (0, STK_KID))
    return header._replace(
        read_access=read_access,
        write_access=write_access,
        read_right=read_right,
        write_right=write_right,
        read_kid=read_kid,
        write_kid=write_kid,
    )


def _transparent(data: bytes) -> Creation:
    fid, size, *rights = _unpack(_TRANSPARENT, data)
    return Creation(_checked(FileHeader(FileType.TRANSPARENT, fid, size), *rights))


def _fixed(data: bytes) -> Creation:
    fid, length, records, opened, record_format, *rights = _unpack(_FIXED, data)
    _require(record_format <= _TLV and length > 2 * record_format and opened <= records)
    header = FileHeader(
        FileType.LINEAR_FIXED,
        fid,
        length * records,
        record_length=length,
        records=records,
        record_format=record_format,
    )
    empty = bytes((0, length - 2)) + bytes(length - 2) if record_format else bytes(length)
    return Creation(_checked(header, *rights), empty * opened)


def _variable(data: bytes) -> Creation:
    if len(data) < _VARIABLE.size:
        raise StatusError(StatusWord.WRONG_LENGTH)
    lengths = data[_VARIABLE.size :]
    fid, size, record_format, *rights = _unpack(_VARIABLE, data[: _VARIABLE.size])
    _require(record_format <= _TLV_OR_GROWS and all(n >= 2 for n in lengths))
    if sum(lengths) > size:
        raise StatusError(StatusWord.NOT_ENOUGH_SPACE)
    header = FileHeader(FileType.LINEAR_VARIABLE, fid, size, record_format=record_format)
    content = b"".join(bytes((0, n - 2)) + bytes(n - 2) for n in lengths)
    return Creation(_checked(header, *rights), content)


def _cyclic(data: bytes) -> Creation:
    fid, length, records, opened, record_format, *rights = _unpack(_CYCLIC, data)
    _require(record_format == 0 and opened <= records)
    header = FileHeader(
        FileType.CYCLIC, fid, length * records, record_length=length, records=records
    )
    return Creation(_checked(header, *rights), opened=opened)


def _key(data: bytes) -> Creation:
    fid, size, write_kid, access, right = _unpack(_KEY, data)
    _require(fid not in (*_FORBIDDEN, MF) and size > 0)
    header = FileHeader(
        FileType.KEY, fid, size, write_access=access, write_right=right, write_kid=write_kid
    )
    return Creation(header)


def _amount(data: bytes) -> Creation:
    """FID EF81; then, if it is not to start at zero, 20 bytes of account [L]."""
    if len(data) not in (_AMOUNT.size, _AMOUNT.size + _ACCOUNT.size):
        raise StatusError(StatusWord.WRONG_LENGTH)
    (fid,) = _AMOUNT.unpack_from(data)
    _require(fid == AMOUNT_FILE)
    never = NEVER << 8 | NEVER
    header = FileHeader(
        FileType.AMOUNT, fid, amounts.BODY_LENGTH, read_right=never, write_right=never
    )
    content = amounts.initial_content()
    if len(data) > _AMOUNT.size:
        content = _whole_account(data[_AMOUNT.size :])
    return Creation(header, content)


_FILES: Final = {
    FileType.TRANSPARENT: _transparent,
    FileType.LINEAR_FIXED: _fixed,
    FileType.LINEAR_VARIABLE: _variable,
    FileType.CYCLIC: _cyclic,
    FileType.KEY: _key,
    FileType.AMOUNT: _amount,
}


def _whole_account(data: bytes) -> bytes:
    """The body of an amount file from the 20 bytes that stand for a new account: counters of
    loads and purchases 2 each, CIA, SPIP, SPFP 4 each, year 2 and starting day 2 in BCD."""
    loads, purchases, *totals, year, day = _ACCOUNT.unpack(data)
    _require(year.hex().isdecimal() and day.hex().isdecimal())
    return amounts.initial_content(
        load_counter=loads,
        purchase_counter=purchases,
        balance_fen=totals[0],
        self_paid_total_fen=totals[1],
        pooled_total_fen=totals[2],
        year=year.hex(),
        starting_day=day.hex(),
    )


def _short_account(body: bytes) -> bytes:
    a = amounts.decode_account(body)
    return _ACCOUNT.pack(
        a.load_counter,
        a.purchase_counter,
        a.balance_fen,
        a.self_paid_total_fen,
        a.pooled_total_fen,
        a.year,
        a.starting_day,
    )
