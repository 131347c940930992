# SPDX-License-Identifier: Apache-2.0
"""From a profile to the memory of a card that is not yet anybody's.

The files are created one by one, in order, by the very functions that a blank card's CREATE
FILE uses; so template and grown card are the same bytes.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.applications import amounts
from sscard_chip.filesystem.files import CyclicFile, InternalFile, LinearFile, TransparentFile
from sscard_chip.filesystem.layout import (
    COUNT_IN_HEADER,
    HISTORICAL_LENGTH,
    STATE_AT,
    DirectoryHeader,
    FileHeader,
    FileType,
    LifeCycle,
    create_directory,
    create_file,
    format_memory,
)
from sscard_chip.filesystem.tree import MF_FID, FileSystem
from sscard_chip.filesystem.tree import Directory as MountedDirectory
from sscard_chip.memory import Memory
from sscard_chip.profile.model import (
    Directory,
    ElementaryFile,
    Key,
    KeyUse,
    Profile,
    Rule,
    Structure,
)
from sscard_chip.security.access import encode_rule, key_level
from sscard_chip.security.keys import RECORD_LENGTH, encode_key, encode_pin
from sscard_chip.security.suite import SUITES, Suite

MEMORY_SIZE: Final = 65536
"""Bytes of a card's memory; trailing unused bytes take no room in an image."""

_ATR_FID, _KEY_FID, _FCI_FID = 0x0001, 0x0002, 0xEF1D
_MF_ACCESS, _DF_ACCESS = 0x38, 0x3D  # master key of 16 bytes, replaced enciphered and MACed
_MASTER_TRIES: Final = 3
_STK_KID: Final = 0x02
_PUK_KID: Final = 0x06
_BY_MASTER: Final = 0x80  # access byte: master key of the environment
_TLV, _GROWS = 0x01, 0x02
_BY_INDEX: Final = (KeyUse.PURCHASE, KeyUse.LOAD, KeyUse.TAC)

_TYPES: Final = {
    Structure.TRANSPARENT: FileType.TRANSPARENT,
    Structure.LINEAR_FIXED: FileType.LINEAR_FIXED,
    Structure.LINEAR_VARIABLE: FileType.LINEAR_VARIABLE,
    Structure.CYCLIC: FileType.CYCLIC,
    Structure.AMOUNT: FileType.AMOUNT,
}


def compile_template(profile: Profile, algorithm: str | None = None) -> Memory:
    """The memory of a pre-personalised card: all files with initial content, keys all 00.

    ``algorithm`` is "3des" or "sm4", by default the profile's first. Raises ValueError for one
    that the generation does not know.
    """
    name = algorithm or profile.algorithms[0]
    if name not in profile.algorithms:
        raise ValueError(f"generation {profile.generation} does not know algorithm {name}")
    suite = SUITES[name]
    memory = format_memory(
        MEMORY_SIZE, historical_bytes=bytes(HISTORICAL_LENGTH), contactless=profile.contactless
    )
    mf = _create_mf(memory, profile)
    environment = _create_environment(memory, mf, profile, suite)
    for application in profile.applications:
        _create_application(memory, environment, application, suite)
    memory.write(STATE_AT, bytes((LifeCycle.WORKING,)))
    memory.commit()
    return memory


def _create_mf(memory: Memory, profile: Profile) -> int:
    header = DirectoryHeader(
        FileType.MF,
        MF_FID,
        atr_sfi=_ATR_FID,
        dir_sfi=profile.dir_sfi,
        write_access=_MF_ACCESS,
        limit=_MASTER_TRIES,
        master_key=bytes(16),
    )
    mf = create_directory(memory, 0, header)
    memory.commit()
    atr = FileHeader(FileType.TRANSPARENT, _ATR_FID, HISTORICAL_LENGTH, write_access=_BY_MASTER)
    _create(memory, mf, atr)
    _create_directory_file(memory, mf, profile.dir_sfi, (profile.environment,))
    return mf


def _create_environment(memory: Memory, mf: int, profile: Profile, suite: Suite) -> int:
    directory = profile.environment
    announced = profile.announce_algorithm or suite.name != "3des"
    header = DirectoryHeader(
        FileType.DDF,
        directory.fid,
        directory.df_name,
        dir_sfi=profile.dir_sfi,
        fci_sfi=_FCI_FID & 0x1F if announced else 0,
        write_access=_DF_ACCESS,
        block_kid=_STK_KID,
        limit=_MASTER_TRIES,
        algorithm=suite.key_code(16),
        master_key=bytes(16),
    )
    offset = create_directory(memory, mf, header)
    memory.commit()
    pin = encode_pin(b"", limit=profile.pin_tries, unblock_kid=_PUK_KID, reload_kid=_STK_KID)
    _create_key_file(memory, offset, directory, suite, pin)
    if announced:
        fci = FileHeader(FileType.TRANSPARENT, _FCI_FID, 3, write_access=_BY_MASTER)
        _create(memory, offset, fci, bytes((0x86, 0x01, suite.fci_code)))
    _create_directory_file(memory, offset, profile.dir_sfi, profile.applications)
    _create_files(memory, offset, directory)
    return offset


def _create_application(memory: Memory, parent: int, directory: Directory, suite: Suite) -> None:
    header = DirectoryHeader(
        FileType.ADF,
        directory.fid,
        directory.df_name,
        write_access=_DF_ACCESS,
        block_kid=_STK_KID,
        limit=_MASTER_TRIES,
        algorithm=suite.key_code(16),
        master_key=bytes(16),
    )
    offset = create_directory(memory, parent, header)
    memory.commit()
    _create_key_file(memory, offset, directory, suite)
    _create_files(memory, offset, directory)


def _create(memory: Memory, parent: int, header: FileHeader, content: bytes = b"") -> int:
    offset = create_file(memory, parent, header, content)
    memory.commit()
    return offset


def _create_files(memory: Memory, parent: int, directory: Directory) -> None:
    for file in directory.files:
        _create(memory, parent, _file_header(file), _initial_content(file))


def _file_header(file: ElementaryFile) -> FileHeader:
    read_access, read_right = _encode(file.read)
    write_access, write_right = _encode(file.write)
    tlv = file.structure in (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)
    repeated = file.structure in (Structure.LINEAR_FIXED, Structure.CYCLIC)
    size = amounts.BODY_LENGTH if file.structure is Structure.AMOUNT else file.content_size
    records = file.records or len(file.items)
    return FileHeader(
        _TYPES[file.structure],
        file.fid,
        size + file.spare,
        record_length=file.record_length if repeated else 0,
        records=records if repeated else 0,
        record_format=(_TLV if tlv else 0) | (_GROWS if file.spare else 0),
        read_access=read_access,
        write_access=write_access | (0x20 if file.secure_messaging else 0),
        read_right=read_right,
        write_right=write_right,
    )


def _encode(rule: Rule) -> tuple[int, int]:
    return encode_rule(pin=rule.pin, kid=rule.kid, both=rule.both, never=rule.never)


def _initial_content(file: ElementaryFile) -> bytes:
    if file.structure is Structure.AMOUNT:
        return amounts.initial_content()
    if file.structure in (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE):
        return b"".join(
            bytes((item.tag, item.length)) + item.initial_value() for item in file.items
        )
    return b""


def _create_directory_file(
    memory: Memory, parent: int, sfi: int, entries: tuple[Directory, ...]
) -> None:
    """DIR: a record 70 {61 {4F name, 50 label of an ADF}} for each directory below."""
    content = b""
    for entry in entries:
        label = entry.label.encode("gbk")
        template = _tlv(0x4F, entry.df_name) + (_tlv(0x50, label) if label else b"")
        content += _tlv(0x70, _tlv(0x61, template))
    header = FileHeader(
        FileType.LINEAR_VARIABLE,
        0xEF00 | sfi,
        max(len(content), 0x100),
        record_format=_TLV,
        write_access=_BY_MASTER,
    )
    _create(memory, parent, header, content)


def _tlv(tag: int, value: bytes) -> bytes:
    return bytes((tag, len(value))) + value


def _create_key_file(
    memory: Memory, parent: int, directory: Directory, suite: Suite, pin: bytes = b""
) -> None:
    records = [
        _key_record(key, v + 1, suite) for key in directory.keys for v in range(key.versions)
    ]
    records += [pin] if pin else []
    size = len(records) * RECORD_LENGTH
    header = FileHeader(FileType.KEY, _KEY_FID, size, write_access=0x73)
    offset = _create(memory, parent, header, b"".join(records))
    memory.write(offset + COUNT_IN_HEADER, bytes((len(records),)))
    memory.commit()


def record_kid(key: Key, version: int) -> int:
    """Identifier in the key's record: DPK, DLK and DTK are found by key index."""
    return version if key.use in _BY_INDEX else key.kid


def key_length(key: Key, suite: Suite) -> int:
    """Length in bytes: single keys are 8 in the DES suite, all others 16."""
    return 8 if key.single and suite.block == 8 else 16


def _key_record(key: Key, version: int, suite: Suite) -> bytes:
    length = key_length(key, suite)
    return encode_key(
        key.use.value,
        record_kid(key, version),
        version,
        suite.key_code(length),
        bytes(length),
        limit=key.tries,
        level=key_level(key.kid) if key.use is KeyUse.EXTERNAL else 0,
    )


class CardWriter:
    """Puts a holder's values and a card's keys into a copy of a template.

    Everything is staged; :meth:`finish` commits it at once. A directory or file that the card
    does not have raises KeyError, a value that does not fit StatusError or ValueError.
    """

    def __init__(self, template: Memory) -> None:
        self._memory = template.copy()
        self._files = FileSystem(self._memory)

    def _directory(self, fid: int) -> MountedDirectory:
        return next(d for d in self._files.directories if d.fid == fid)

    def historical_bytes(self, value: bytes) -> None:
        """The 13 historical bytes."""
        mf = self._directory(MF_FID)
        self._binary(mf, _ATR_FID, value)

    def _binary(self, directory: MountedDirectory, fid: int, value: bytes) -> None:
        file = directory.files[fid]
        if not isinstance(file, TransparentFile):
            raise KeyError(f"{fid:04X}")
        file.stage_update(0, value)

    def key(self, directory: int, key: Key, version: int, secret: bytes) -> None:
        """The secret of one version of a key, 8 or 16 bytes as the suite wants."""
        kid = record_kid(key, version)
        record = self._directory(directory).key(key.use.value, kid, version)
        if record is None:
            raise KeyError(f"{directory:04X} {key.root} version {version}")
        record.stage_secret(secret)

    def master_key(self, directory: int, secret: bytes) -> None:
        """The master key of a directory, 16 bytes."""
        self._directory(directory).stage_master_key(secret)

    def record(self, directory: int, fid: int, number: int, value: bytes) -> None:
        """The value of a record of a linear file, padded to its length."""
        file = self._directory(directory).files[fid]
        if not isinstance(file, LinearFile):
            raise KeyError(f"{fid:04X}")
        tag = file.record(number)[0]
        file.stage_update(number, _tlv(tag, value))

    def binary(self, directory: int, fid: int, value: bytes) -> None:
        """The content of a transparent file, from its beginning."""
        self._binary(self._directory(directory), fid, value)

    def append(self, directory: int, fid: int, record: bytes) -> None:
        """A record of a cyclic file, as the newest; committed on its own."""
        file = self._directory(directory).files[fid]
        if not isinstance(file, CyclicFile):
            raise KeyError(f"{fid:04X}")
        file.stage_append(record)
        self._memory.commit()

    def pin(self, pin: bytes) -> None:
        """The holder's PIN, BCD; empty for none."""
        for directory in self._files.directories:
            if directory.pin:
                directory.pin.stage_value(pin)

    def account(self, directory: int, content: bytes) -> None:
        """The amount file of the medical account, from ``amounts.initial_content``."""
        file = self._directory(directory).amount_file
        if not isinstance(file, InternalFile):
            raise KeyError(f"{directory:04X} amount file")
        self._memory.write(file.body, content)

    def finish(self) -> Memory:
        """Commit and return the card's memory."""
        self._memory.commit()
        return self._memory
