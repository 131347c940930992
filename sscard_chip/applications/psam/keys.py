# SPDX-License-Identifier: Apache-2.0
"""Key records of the PSAM and how they are found (PSAM guide, section 6).

A record lies in the memory like one of a user card: use byte, identifier, algorithm, key. Bits 8
to 6 of the use byte (用途) count the diversification steps that the PSAM still has to do, 3 for
the ministry's roots, 2 for a province's keys, 1 for a city's; the others are the type.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.files import InternalFile
from sscard_chip.filesystem.layout import FileHeader, FileType, scan
from sscard_chip.filesystem.tree import Directory
from sscard_chip.security.keys import RECORD, RECORD_LENGTH, KeyRecord
from sscard_chip.security.suite import SUITE_OF_KEY_CODE, Suite
from sscard_chip.standard.identifiers import PSAM_CITY_KEYS, PSAM_COUNTRY_KEYS, PSAM_PROVINCE_KEYS
from sscard_chip.standard.keys import (
    USE_ENCRYPTION,
    USE_EXTERNAL,
    USE_LOAD,
    USE_MAC,
    USE_MAC_AND_ENCRYPTION,
    USE_PURCHASE,
    USE_SAM_MAINTENANCE,
    USE_TAC,
)
from sscard_chip.standard.status import StatusError, StatusWord

MAX_STEPS: Final = 3
KEY_FILES: Final = (PSAM_COUNTRY_KEYS, PSAM_PROVINCE_KEYS, PSAM_CITY_KEYS)
"""国家级, 省级 and 地市级密钥文件; KID-01 to KID-03 guard them in this order."""

_SINGLE_DES: Final = 0x01
_SINGLE_LENGTH: Final = 8
_TYPE_BITS: Final = 5


class KeyType(IntEnum):
    """Low five bits of the use byte: which command may use a key."""

    ACCESS = USE_EXTERNAL  # KID-01 to KID-03, the PSAM's own; the guide gives them no type [L]
    PURCHASE = USE_PURCHASE  # 医疗消费密钥: INIT SAM FOR PURCHASE, found by version
    MAC = USE_MAC
    ENCRYPTION = USE_ENCRYPTION
    MAC_AND_ENCRYPTION = USE_MAC_AND_ENCRYPTION
    LOAD = USE_LOAD  # 帐户划入密钥: no command of the guide uses it
    TAC = USE_TAC
    MAINTENANCE = USE_SAM_MAINTENANCE  # of a transport PSAM: INIT FOR DESCRYPT only


def use_byte(key_type: int, steps: int) -> int:
    """用途: ``steps`` of diversification left (0 to 3) and the type."""
    return steps << _TYPE_BITS | key_type


def encode_psam_key_record(
    use: int, identifier: int, algorithm: int, secret: bytes, *, limit: int = 0
) -> bytes:
    """The record of a key of 8 or 16 bytes; ``limit`` 0: failures never lock it."""
    padded = secret.ljust(16, b"\xff")
    return RECORD.pack(use, identifier, 0, algorithm, 0, limit, 0, limit, len(secret), padded)


class SamKey(KeyRecord):
    """A key of the PSAM: for a purchase ``kid`` is its version, else its identifier."""

    __slots__ = ()

    @property
    def type(self) -> int:
        return int(self.use) & (1 << _TYPE_BITS) - 1

    @property
    def steps(self) -> int:
        """Diversification steps still to do, 0 to 3."""
        return int(self.use) >> _TYPE_BITS

    def derive(self, factors: Sequence[bytes]) -> bytes:
        """The user card's key of 8 or 16 bytes; ``factors`` innermost first, as commands send.

        A single-DES key of 8 bytes gives DES(K, f) at each step. One that is kept as 16 bytes
        comes from a 16-byte root, whose card key is the left half of the last step [L].
        """
        key = self.secret
        for factor in reversed(factors):
            key = self.suite.diversify(key, factor)[: len(key)]
        return key[:_SINGLE_LENGTH] if self.algorithm == _SINGLE_DES else key


def suite_of_environment(directory: Directory) -> Suite:
    """The algorithm suite of an environment and its application, from their headers."""
    return SUITE_OF_KEY_CODE[directory.header.algorithm]


class SamKeys:
    """The keys of one DF01, mounted; a command that adds or changes one drops this."""

    __slots__ = ("_keys", "files", "master_key", "suite")

    def __init__(self, directory: Directory) -> None:
        self.suite = suite_of_environment(directory)
        single = directory.header.algorithm == _SINGLE_DES
        master_key = directory.header.master_key
        self.master_key = master_key[:_SINGLE_LENGTH] if single else master_key
        self.files: dict[int, InternalFile] = {}
        self._keys: dict[tuple[int, int], SamKey] = {}
        memory = directory.memory
        for found in scan(memory):
            header = found.header
            if found.parent != directory.offset or not isinstance(header, FileHeader):
                continue
            if header.type is FileType.KEY:
                file = self.files[header.fid] = InternalFile(memory, found, header)
                for position in range(file.count):
                    key = SamKey(memory, file.body + position * RECORD_LENGTH)
                    self._keys[key.type, key.kid] = key

    @classmethod
    def of(cls, session: Session) -> SamKeys:
        """The keys of the current application; 6985 when none is current."""
        directory = session.df
        if not directory.is_adf:
            raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
        keys = directory.application
        if not isinstance(keys, cls):
            directory.application = keys = cls(directory)
        return keys

    def find(self, key_type: int, identifier: int) -> SamKey | None:
        """The key of this type and identifier (of a purchase: version), whatever its steps."""
        return self._keys.get((key_type, identifier))

    def identifies(self, identifier: int) -> bool:
        """Whether a key other than for purchases has this identifier."""
        return any(kid == identifier and t != KeyType.PURCHASE for t, kid in self._keys)
