# SPDX-License-Identifier: Apache-2.0
"""How files lie in the memory, and how creating one puts it there.

::

    0     system area, 64 bytes: life-cycle state, kind of card, first free byte, default
          historical bytes, transport key, end of what is still to be erased
    64    files, one behind the other in the order of creation: header, body
    ...   free cells, all 00

Headers hold what the CREATE FILE command of a blank card carries (personalisation page, section
2.2 [M]); so a template made from a profile and a card grown by commands are the same bytes.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from sscard_chip.memory import CardImageError, Memory
from sscard_chip.standard.status import StatusError, StatusWord

SYSTEM_SIZE: Final = 64
STATE_AT: Final = 0
KIND_AT: Final = 1
CONTACTLESS_AT: Final = 2
_TOP: Final = struct.Struct(">I")
_TOP_AT: Final = 4
HISTORICAL_AT: Final = 8
HISTORICAL_LENGTH: Final = 13
TRANSPORT_KEY_AT: Final = 24  # limit 1, tries 1, algorithm 1, version 1, key 16
TRANSPORT_KEY_LENGTH: Final = 20
ERASE_AT: Final = 44  # 4 bytes; see structure.py

_COMMON: Final = struct.Struct(">BBHIII")  # type, state, FID, parent, bytes in all, body length
_EF: Final = struct.Struct(">BBBBBBBBHHBxH")
_DF: Final = struct.Struct(">BBBBBBBBBBB16sB16s4x")
EF_HEADER: Final = _COMMON.size + _EF.size
DF_HEADER: Final = _COMMON.size + _DF.size
STATE_IN_HEADER: Final = 1
COUNT_IN_HEADER: Final = _COMMON.size + 2  # record count, then index of the newest record
USED_IN_HEADER: Final = _COMMON.size + 14
WRITE_ACCESS_IN_HEADER: Final = _COMMON.size + 4
MASTER_KEY_IN_HEADER: Final = _COMMON.size + 7  # limit 1, tries 1, algorithm 1, version 1, key 16
DELETED: Final = 0xFF
"""In place of a file's type: the file is gone, its cells are not used again [L]."""


class LifeCycle(IntEnum):
    """State of the card, as GET INFO shows it (personalisation page, section 1.1 [M])."""

    INITIAL = 0x0A
    DEVELOPMENT = 0x0B
    WORKING = 0x0C
    BLOCKED = 0x0D
    DAMAGED = 0x0E


class ApplicationState(IntEnum):
    """State of a DF.

    BLOCKED is for good and answers 9303 in every application. The codes of DORMANT, not yet
    activated and not to be found, and SUSPENDED, blocked until the issuer takes the block away,
    are our own [L]; what they forbid is the application's to say.
    """

    WORKING = 0x38
    BLOCKED = 0xB8
    DORMANT = 0x30
    SUSPENDED = 0xB0


class ApplicationType(IntEnum):
    """Whose commands a DF takes: the high four bits of ``app_type`` in its header [L].

    The low four are the application's own. ``card.py`` says what each one brings.
    """

    SOCIAL_SECURITY = 0x00
    BANK = 0x10
    PURSE = 0x20
    TRANSIT = 0x30
    PKI = 0x40


APPLICATION_TYPE: Final = 0xF0
SECOND_NAME: Final = 0x08
"""Of ``app_type``: the directory is another name of its parent, with the same files, keys and
state [L]."""


class FileType(IntEnum):
    """Type of a file: P2 of CREATE FILE."""

    MF = 0x00
    DDF = 0x01
    ADF = 0x02
    TRANSPARENT = 0x03
    LINEAR_FIXED = 0x04
    LINEAR_VARIABLE = 0x05
    CYCLIC = 0x07
    KEY = 0x0B
    AMOUNT = 0x0C  # 医疗保险金额文件; no public coding, our own [L]
    INTERNAL = 0x0D  # data of an application, known to it only; not made by commands [L]


_TYPE_OF: Final = {int(one): one for one in FileType}


class DirectoryHeader(NamedTuple):
    """Header of an MF, DDF or ADF. ``master_key`` is empty when there is none."""

    type: FileType
    fid: int
    name: bytes = b""
    quota: int = 0
    app_type: int = 0
    atr_sfi: int = 0
    dir_sfi: int = 0
    fci_sfi: int = 0
    write_access: int = 0
    reload_kid: int = 0
    block_kid: int = 0
    limit: int = 0
    algorithm: int = 0
    master_key: bytes = b""


class FileHeader(NamedTuple):
    """Header of an EF.

    ``record_format`` b0: TLV records; b1: records may grow [L]; b2: BER-TLV records, whose
    length may take two bytes [L]; b3: identifiers of two bytes [L].
    """

    type: FileType
    fid: int
    size: int
    record_length: int = 0
    records: int = 0
    record_format: int = 0
    read_access: int = 0
    write_access: int = 0
    read_right: int = 0
    write_right: int = 0
    read_kid: int = 0
    write_kid: int = 0


def format_memory(
    size: int, *, historical_bytes: bytes, kind: int = 0, contactless: bool = False
) -> Memory:
    """A memory of ``size`` bytes without files, in the development state."""
    cells = bytearray(size)
    cells[STATE_AT] = LifeCycle.DEVELOPMENT
    cells[KIND_AT] = kind
    cells[CONTACTLESS_AT] = contactless
    cells[HISTORICAL_AT : HISTORICAL_AT + HISTORICAL_LENGTH] = historical_bytes
    _TOP.pack_into(cells, _TOP_AT, SYSTEM_SIZE)
    return Memory(cells)


def top(memory: Memory) -> int:
    """Offset of the first free byte."""
    return int(_TOP.unpack_from(memory.cells, _TOP_AT)[0])


def stage_top(memory: Memory, offset: int) -> None:
    """Stage another first free byte."""
    memory.write(_TOP_AT, _TOP.pack(offset))


def _allocate(memory: Memory, header: bytes, content: bytes, size: int) -> int:
    """Stage a file at the top of the memory; return its offset. 6A84 when there is no room.

    The free cells are 00, so of the body only ``content`` is written.
    """
    offset = top(memory)
    end = offset + len(header) + size
    if end > len(memory.cells):
        raise StatusError(StatusWord.NOT_ENOUGH_SPACE)
    memory.write(offset, header + content)
    stage_top(memory, end)
    return offset


def create_directory(memory: Memory, parent: int, header: DirectoryHeader) -> int:
    """Stage a DF below the directory at ``parent`` (0 for the MF); return its offset."""
    common = _COMMON.pack(
        header.type, ApplicationState.WORKING, header.fid, parent, DF_HEADER, header.quota
    )
    extension = _DF.pack(
        header.app_type,
        header.atr_sfi,
        header.dir_sfi,
        header.fci_sfi,
        header.write_access,
        header.reload_kid,
        header.block_kid,
        header.limit,
        header.limit,
        header.algorithm,
        0,
        header.master_key,
        len(header.name),
        header.name,
    )
    return _allocate(memory, common + extension, b"", 0)


def stage_file(
    memory: Memory, parent: int, header: FileHeader, content: bytes = b"", opened: int = 0
) -> int:
    """Stage an EF below the directory at ``parent``; return its offset.

    ``content`` is the initial body, padded with 00: records of a linear file, bytes of a
    transparent one, ``opened`` records of a cyclic one. A key file starts empty.
    """
    total = EF_HEADER + header.size
    common = _COMMON.pack(header.type, 0, header.fid, parent, total, header.size)
    linear = header.type in (FileType.LINEAR_FIXED, FileType.LINEAR_VARIABLE)
    extension = _EF.pack(
        header.record_length,
        header.records,
        opened,
        max(opened - 1, 0),
        header.record_format,
        header.read_access,
        header.write_access,
        header.read_kid,
        header.read_right,
        header.write_right,
        header.write_kid,
        len(content) if linear else 0,
    )
    return _allocate(memory, common + extension, content, header.size)


class FoundFile(NamedTuple):
    """A header read back: where the file lies and what its header says."""

    offset: int
    parent: int
    header: DirectoryHeader | FileHeader

    @property
    def body(self) -> int:
        """Offset of an EF's body."""
        return self.offset + EF_HEADER

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        header = self.header
        return (
            self.body + header.size if isinstance(header, FileHeader) else self.offset + DF_HEADER
        )


def scan(memory: Memory) -> list[FoundFile]:
    """All files that are not deleted, in the order of creation.

    :raises CardImageError: for cells that are no files.
    """
    cells, end, offset = memory.cells, top(memory), SYSTEM_SIZE
    found: list[FoundFile] = []
    while offset < end:
        if offset + EF_HEADER > end or end > len(cells):
            raise CardImageError("the card image holds no file system")
        file_type, _, fid, parent, total, length = _COMMON.unpack_from(cells, offset)
        is_deleted = file_type == DELETED
        smallest = DF_HEADER if file_type <= FileType.ADF else EF_HEADER + (not is_deleted) * length
        if not (is_deleted or file_type in _TYPE_OF) or not smallest <= total <= end - offset:
            raise CardImageError(f"the card image holds no file at offset {offset}")
        if is_deleted:
            offset += total
            continue
        header: DirectoryHeader | FileHeader
        if file_type <= FileType.ADF:
            d = _DF.unpack_from(cells, offset + _COMMON.size)
            header = DirectoryHeader(
                _TYPE_OF[file_type],
                fid,
                name=d[13][: d[12]],
                quota=length,
                app_type=d[0],
                atr_sfi=d[1],
                dir_sfi=d[2],
                fci_sfi=d[3],
                write_access=d[4],
                reload_kid=d[5],
                block_kid=d[6],
                limit=d[7],
                algorithm=d[9],
                master_key=d[11],
            )
        else:
            e = _EF.unpack_from(cells, offset + _COMMON.size)
            header = FileHeader(
                _TYPE_OF[file_type],
                fid,
                length,
                e[0],  # record_length
                e[1],  # records
                e[4],  # record_format
                e[5],  # read_access
                e[6],  # write_access
                e[8],  # read_right
                e[9],  # write_right
                e[7],  # read_kid
                e[10],  # write_kid
            )
        found.append(FoundFile(offset, parent, header))
        offset += total
    return found
