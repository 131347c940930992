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
    FileType,
    LifeCycle,
    create_directory,
    format_memory,
    stage_file,
)
from sscard_chip.filesystem.tree import Directory as MountedDirectory
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.model import Key, Profile
from sscard_chip.profile.structure import (
    ATR_FID,
    PlannedDirectory,
    PlannedFile,
    key_length,
    plan_directories,
    record_kid,
)
from sscard_chip.security.keys import encode_key_record, encode_pin_record
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.identifiers import MF
from sscard_chip.standard.keys import PUK_KID, STK_KID

__all__ = ["MEMORY_SIZE", "CardWriter", "compile_template", "key_length", "record_kid"]

MEMORY_SIZE: Final = 65536
"""Bytes of a card's memory; trailing unused bytes take no room in an image."""

_MASTER_VERSION: Final = 1


def compile_template(profile: Profile, algorithm: str | None = None) -> Memory:
    """The memory of a pre-personalised card: all files with initial content, keys all 00.

    ``algorithm`` is "3des" or "sm4", by default the profile's first.

    :raises ValueError: for one that the generation does not know.
    """
    name = algorithm or profile.algorithms[0]
    if name not in profile.algorithms:
        raise ValueError(f"generation {profile.generation} does not know algorithm {name}")
    memory = format_memory(
        MEMORY_SIZE, historical_bytes=bytes(HISTORICAL_LENGTH), contactless=profile.contactless
    )
    offsets = {0: 0}
    for directory in plan_directories(profile, SUITES[name]):
        offset = create_directory(memory, offsets[directory.parent], directory.header)
        offsets[directory.header.fid] = offset
        memory.commit()
        for file in directory.files:
            _create(memory, offset, directory, file)
    memory.write(STATE_AT, bytes((LifeCycle.WORKING,)))
    memory.commit()
    return memory


def _create(memory: Memory, parent: int, directory: PlannedDirectory, file: PlannedFile) -> None:
    header, content = file.header, file.content or b"".join(file.records)
    if header.type is FileType.AMOUNT:
        content = amounts.initial_content()
    if header.type is not FileType.KEY:
        stage_file(memory, parent, header, content)
        memory.commit()
        return
    records = _key_records(directory)
    offset = stage_file(memory, parent, header, b"".join(records))
    memory.write(offset + COUNT_IN_HEADER, bytes((len(records),)))
    memory.commit()


def _key_records(directory: PlannedDirectory) -> list[bytes]:
    records = [
        encode_key_record(
            planned.key.use.value,
            planned.kid,
            planned.version,
            planned.algorithm,
            bytes(planned.length),
            limit=planned.key.retry_limit,
            level=planned.level,
        )
        for planned in directory.keys
    ]
    if directory.pin_retry_limit:
        tries = directory.pin_retry_limit
        records.append(encode_pin_record(b"", limit=tries, unblock_kid=PUK_KID, reload_kid=STK_KID))
    return records


class CardWriter:
    """Puts a holder's values and a card's keys into a copy of a template.

    Everything is staged; :meth:`finish` commits it at once. A directory or file that the card
    does not have raises KeyError, a value that does not fit StatusError or ValueError.
    """

    def __init__(self, template: Memory) -> None:
        self._memory = template.copy()
        self._files = FileSystem(self._memory)
        self._by_fid = {one.fid: one for one in reversed(self._files.directories)}

    def _directory(self, fid: int) -> MountedDirectory:
        return self._by_fid[fid]

    def historical_bytes(self, value: bytes) -> None:
        """The 13 historical bytes."""
        mf = self._directory(MF)
        self._binary(mf, ATR_FID, value)

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
        self._directory(directory).stored_master_key.stage_secret(secret, _MASTER_VERSION)

    def record(self, directory: int, fid: int, number: int, value: bytes) -> None:
        """The value of a record of a linear file, padded to its length."""
        file = self._directory(directory).files[fid]
        if not isinstance(file, LinearFile):
            raise KeyError(f"{fid:04X}")
        tag = file.record(number)[0]
        file.stage_update(number, bytes((tag, len(value))) + value)

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
            if directory.pin and not directory.application_type:
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
