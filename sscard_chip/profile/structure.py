# SPDX-License-Identifier: Apache-2.0
"""From a profile to the files of a card: headers, initial content, key records, in order.

Two readers: the compiler puts them into a memory, a personalisation plan turns them into the
commands that make a blank card grow into the same memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sscard_chip.applications import amounts
from sscard_chip.applications.issuing.headers import space
from sscard_chip.filesystem.layout import (
    HISTORICAL_LENGTH,
    DirectoryHeader,
    FileHeader,
    FileType,
)
from sscard_chip.profile.model import (
    BY_INDEX,
    DirectoryDeclaration,
    FileDeclaration,
    Key,
    KeyUse,
    Profile,
    Rule,
    Structure,
)
from sscard_chip.security.access import encode_rule, key_level
from sscard_chip.security.keys import RECORD_LENGTH
from sscard_chip.security.suite import Suite
from sscard_chip.standard.identifiers import ALGORITHM_3DES, EF, FCI_FILE, MF
from sscard_chip.standard.keys import LOCAL_KEY, STK_KID
from sscard_chip.standard.messages.directory import DIR_RECORD
from sscard_chip.standard.text import encode_text

ATR_FID: Final = 0x0001
KEY_FID: Final = 0x0002
MASTER_TRIES: Final = 3

_MF_ACCESS, _DF_ACCESS = 0x38, 0x3D  # master key of 16 bytes, replaced enciphered and MACed
_KEY_FILE_ACCESS: Final = 0x73  # keys come and change enciphered and MACed
_BY_MASTER: Final = 0x80  # access byte: master key of the environment
_SECURE_MESSAGING: Final = 0x20  # access byte: MAC
_TLV, _GROWS, _WIDE = 0x01, 0x02, 0x08
_DIR_SIZE: Final = 0x100
_RESERVE: Final = 0x400
_MAX_QUOTA: Final = 0xFFFF

_PROVEN: Final = (KeyUse.EXTERNAL, KeyUse.PIN_KEY)
"""Keys that set a security level when they are proven."""

_TYPES: Final = {
    Structure.TRANSPARENT: FileType.TRANSPARENT,
    Structure.LINEAR_FIXED: FileType.LINEAR_FIXED,
    Structure.LINEAR_VARIABLE: FileType.LINEAR_VARIABLE,
    Structure.CYCLIC: FileType.CYCLIC,
    Structure.AMOUNT: FileType.AMOUNT,
}


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """An EF to create. ``records`` of a linear file, or ``content`` of a transparent one, are
    there from the start. ``file`` is its declaration, None for ATR, FCI, DIR and key files."""

    header: FileHeader
    records: tuple[bytes, ...] = ()
    content: bytes = b""
    file: FileDeclaration | None = None


@dataclass(frozen=True, slots=True)
class PlannedKey:
    """A key of a directory: what WRITE KEY says of it before the key itself."""

    key: Key
    version: int
    kid: int
    algorithm: int
    length: int
    level: int


@dataclass(frozen=True, slots=True)
class PlannedDirectory:
    """A directory to create, its EFs and keys in order. ``parent`` is a FID, 0 for the MF.

    ``pin_retry_limit`` is 0 where there is no PIN; its record stands behind the keys.
    """

    header: DirectoryHeader
    parent: int
    files: tuple[PlannedFile, ...]
    keys: tuple[PlannedKey, ...] = ()
    pin_retry_limit: int = 0


def plan_directories(profile: Profile, suite: Suite) -> list[PlannedDirectory]:
    """All directories of a card in the order of creation: MF, SSSE, its ADFs."""
    applications = [_application(a, profile, suite) for a in profile.applications]
    room = sum(space(a.header) for a in applications)
    environment = _environment(profile, suite, room)
    return [_mf(profile, suite), environment, *applications]


def _mf(profile: Profile, suite: Suite) -> PlannedDirectory:
    header = DirectoryHeader(
        FileType.MF,
        MF,
        atr_sfi=ATR_FID,
        dir_sfi=profile.dir_sfi,
        write_access=_MF_ACCESS,
        limit=MASTER_TRIES,
        algorithm=suite.key_code(16),
    )
    atr = FileHeader(FileType.TRANSPARENT, ATR_FID, HISTORICAL_LENGTH, write_access=_BY_MASTER)
    entries = _directory_file(profile.dir_sfi, (profile.environment,))
    return PlannedDirectory(header, 0, (PlannedFile(atr), entries))


def _environment(profile: Profile, suite: Suite, room: int) -> PlannedDirectory:
    """SSSE; ``room`` is what its ADFs take of its LNG."""
    directory = profile.environment
    announced = profile.announce_algorithm or suite.name != ALGORITHM_3DES
    keys = tuple(plan_keys(directory, suite))
    files = [_key_file(len(keys) + 1)]
    if announced:
        fci = FileHeader(FileType.TRANSPARENT, FCI_FILE, 3, write_access=_BY_MASTER)
        files.append(PlannedFile(fci, content=bytes((0x86, 0x01, suite.fci_code))))
    files.append(_directory_file(profile.dir_sfi, profile.applications))
    files += [_file(file) for file in directory.files]
    header = DirectoryHeader(
        FileType.DDF,
        directory.fid,
        directory.df_name,
        dir_sfi=profile.dir_sfi,
        fci_sfi=FCI_FILE & 0x1F if announced else 0,
        write_access=_DF_ACCESS,
        block_kid=STK_KID,
        limit=MASTER_TRIES,
        algorithm=suite.key_code(16),
    )
    header = header._replace(quota=_quota(files, room))
    return PlannedDirectory(header, MF, tuple(files), keys, profile.pin_retry_limit)


def _application(
    directory: DirectoryDeclaration, profile: Profile, suite: Suite
) -> PlannedDirectory:
    keys = tuple(plan_keys(directory, suite))
    files = [_key_file(len(keys)), *(_file(file) for file in directory.files)]
    account = any(file.structure is Structure.AMOUNT for file in directory.files)
    ahead = account and profile.proof_by_next_number
    header = DirectoryHeader(
        FileType.ADF,
        directory.fid,
        directory.df_name,
        quota=_quota(files),
        app_type=amounts.PROOF_BY_NEXT_NUMBER if ahead else 0,
        write_access=_DF_ACCESS,
        block_kid=STK_KID,
        limit=MASTER_TRIES,
        algorithm=suite.key_code(16),
    )
    return PlannedDirectory(header, profile.environment.fid, tuple(files), keys)


def _quota(files: list[PlannedFile], room: int = 0) -> int:
    """LNG: what the files take, and a kilobyte or two to spare; 0, no bound, beyond 64 KB [L]."""
    needed = room + sum(space(file.header) for file in files)
    quota = -(-(needed + _RESERVE) // _RESERVE) * _RESERVE
    return quota if quota <= _MAX_QUOTA else 0


def _file(file: FileDeclaration) -> PlannedFile:
    linear = file.structure in (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)
    records = tuple(
        bytes((item.tag, item.length)) + item.initial_value() for item in file.items if linear
    )
    return PlannedFile(file_header(file), records, file=file)


def file_header(file: FileDeclaration) -> FileHeader:
    """The header that a declared file gets."""
    read_access, read_right = _encode(file.read)
    write_access, write_right = _encode(file.write)
    tlv = file.structure in (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)
    wide = tlv and any(item.tag > 0xFF for item in file.items)
    repeated = file.structure in (Structure.LINEAR_FIXED, Structure.CYCLIC)
    size = amounts.BODY_LENGTH if file.structure is Structure.AMOUNT else file.content_size
    records = file.records or len(file.items)
    return FileHeader(
        _TYPES[file.structure],
        file.fid,
        size + file.spare,
        record_length=file.record_length if repeated else 0,
        records=records if repeated else 0,
        record_format=(_TLV if tlv else 0) | (_GROWS if file.spare else 0) | (_WIDE if wide else 0),
        read_access=read_access,
        write_access=write_access | (_SECURE_MESSAGING if file.secure_messaging else 0),
        read_right=read_right,
        write_right=write_right,
    )


def _encode(rule: Rule) -> tuple[int, int]:
    access, right = encode_rule(pin=rule.pin, kid=rule.kid, both=rule.both, never=rule.never)
    if rule.kid is not None and rule.last_kid > rule.kid:
        last = rule.last_kid & 0x0F
        right = right & 0xF0F0 | (last if rule.kid & LOCAL_KEY else last << 8)
    return access, right


def _directory_file(sfi: int, entries: tuple[DirectoryDeclaration, ...]) -> PlannedFile:
    """DIR: a record 70 {61 {4F name, 50 label of an ADF}} for each directory below."""
    records = []
    for entry in entries:
        named = {"name": entry.df_name, "label": encode_text(entry.label) or None}
        records.append(DIR_RECORD.build(named))
    header = FileHeader(
        FileType.LINEAR_VARIABLE,
        EF | sfi,
        max(sum(map(len, records)), _DIR_SIZE),
        record_format=_TLV,
        write_access=_BY_MASTER,
    )
    return PlannedFile(header, tuple(records))


# --- keys ----------------------------------------------------------------------------------------


def _key_file(records: int) -> PlannedFile:
    size = records * RECORD_LENGTH
    return PlannedFile(FileHeader(FileType.KEY, KEY_FID, size, write_access=_KEY_FILE_ACCESS))


def plan_keys(directory: DirectoryDeclaration, suite: Suite) -> Iterator[PlannedKey]:
    """The key records of a directory in the order of the key file."""
    for key in directory.keys:
        length = key_length(key, suite)
        level = key_level(key.kid) if key.use in _PROVEN else 0
        for version in range(1, key.versions + 1):
            kid = record_kid(key, version)
            yield PlannedKey(key, version, kid & 0x7F, suite.key_code(length), length, level)


def record_kid(key: Key, version: int) -> int:
    """Identifier in the key's record: keys of transactions are found by key index."""
    return version if key.use in BY_INDEX else key.kid


def key_length(key: Key, suite: Suite) -> int:
    """Length in bytes: single keys are 8 in the DES suite, all others 16."""
    return 8 if key.single and suite.block == 8 else 16
