# SPDX-License-Identifier: Apache-2.0
"""Key records and the PIN record as they lie in a key file.

A record of 26 bytes: the eight header bytes of WRITE KEY (use, kid, version, algorithm, access
right 2, limit, level), tries left, key length, key padded with FF to 16.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import ClassVar, Final

from sscard_chip.memory import CardImageError, Memory
from sscard_chip.security.suite import SUITE_OF_KEY_CODE, SessionCipher, Suite
from sscard_chip.standard.keys import (
    USE_PIN,
)

RECORD: Final = struct.Struct(">BBBBHBBBB16s")
RECORD_LENGTH: Final = RECORD.size


_ALGORITHM_AT: Final = 3
_LENGTH_AT: Final = 9
_SECRET_AT: Final = 10


def encode_key_record(
    use: int, kid: int, version: int, algorithm: int, secret: bytes, *, limit: int, level: int
) -> bytes:
    """The record of a key of 8 or 16 bytes; ``limit`` 0: failures never lock it."""
    padded = secret.ljust(16, b"\xff")
    return RECORD.pack(
        use, kid & 0x7F, version, algorithm, 0, limit, level, limit, len(secret), padded
    )


def encode_pin_record(pin: bytes, *, limit: int, unblock_kid: int, reload_kid: int) -> bytes:
    """The record of the PIN, BCD of 0 (none set) or 2 to 8 bytes; ``limit`` 1 to 15 tries."""
    padded = pin.ljust(16, b"\xff")
    return RECORD.pack(USE_PIN, 0, unblock_kid, reload_kid, 0, limit, 0, limit, len(pin), padded)


class _Record:
    """A view of one record in the memory; what changes is read from the cells each time.

    Rules of the retry counter (LD/T 32.4): it begins at ``retry_limit`` tries; a wrong proof takes
    one and answers 63Cx, x tries left; at none the key or PIN is locked and answers 6983, whatever
    is given; a right one gives all tries back. It is in the memory and outlives power. Limit 0, as
    BK and LK have it, never locks. A locked PIN is opened by PIN CHANGE/UNBLOCK only, a locked key
    by nothing.
    """

    __slots__ = ("memory", "offset", "retry_limit")

    RETRY_LIMIT_AT: ClassVar[int] = 6
    RETRY_COUNTER_AT: ClassVar[int] = 8

    def __init__(self, memory: Memory, offset: int) -> None:
        self.memory = memory
        self.offset = offset
        self.retry_limit: int = memory.cells[offset + self.RETRY_LIMIT_AT]

    @property
    def retry_counter(self) -> int:
        """Tries left; meaningless when ``retry_limit`` is 0."""
        return self.memory.cells[self.offset + self.RETRY_COUNTER_AT]

    @property
    def locked(self) -> bool:
        return self.retry_limit > 0 and self.retry_counter == 0

    def stage_retry_counter(self, tries: int) -> None:
        """Stage a new count of tries, if it is one."""
        if self.retry_limit and tries != self.retry_counter:
            self.memory.write(self.offset + self.RETRY_COUNTER_AT, bytes((tries,)))

    def stage_failure(self) -> int:
        """Stage one try less; return the x of 63Cx (F when failures never lock the key)."""
        if not self.retry_limit:
            return 0x0F
        remaining = max(self.retry_counter - 1, 0)
        self.stage_retry_counter(remaining)
        return remaining


def suite_of(algorithm: int) -> Suite:
    """The suite of an algorithm byte; CardImageError for one that no key can have been given."""
    suite = SUITE_OF_KEY_CODE.get(algorithm)
    if suite is None:
        raise CardImageError(f"a key has the unknown algorithm {algorithm:02X}")
    return suite


def check_key_records(cells: bytes | bytearray, start: int, count: int) -> int | None:
    """Check the algorithms of a key file's records; where its PIN record lies, None for none.

    :raises CardImageError: for an algorithm that no key can have been given.
    """
    end = start + count * RECORD_LENGTH
    uses = bytes(cells[start:end:RECORD_LENGTH])
    algorithms = cells[start + _ALGORITHM_AT : end : RECORD_LENGTH]
    for use, algorithm in set(zip(uses, algorithms, strict=False)):
        if use != USE_PIN:  # which has an identifier in that place
            suite_of(algorithm)
    pin = uses.rfind(USE_PIN)
    return None if pin < 0 else start + pin * RECORD_LENGTH


class KeyRecord(_Record):
    """A secret key of 8 or 16 bytes with its suite and a kept encryptor, made on first use."""

    __slots__ = ("_encrypt", "algorithm", "kid", "level", "suite", "use", "version")

    def __init__(self, memory: Memory, offset: int) -> None:
        super().__init__(memory, offset)
        fields = RECORD.unpack_from(memory.cells, offset)
        self.use, self.kid, self.version, self.algorithm = fields[:4]
        self.level: int = fields[6]
        self.suite = suite_of(self.algorithm)
        self._encrypt: Callable[[bytes], bytes] | None = None

    @property
    def secret(self) -> bytes:
        """The key itself."""
        at = self.offset + _SECRET_AT
        return bytes(self.memory.cells[at : at + self.memory.cells[self.offset + _LENGTH_AT]])

    def stage_secret(self, secret: bytes) -> None:
        """Stage another key of the same length."""
        if len(secret) != self.memory.cells[self.offset + _LENGTH_AT]:
            raise ValueError(f"the key has {len(secret)} bytes, its record another length")
        self.memory.write(self.offset + _SECRET_AT, secret)

    @property
    def levels(self) -> int:
        """Bit mask of the security levels X..Y that the level byte XY grants."""
        return sum(1 << level for level in range(self.level >> 4, (self.level & 0x0F) + 1))

    @property
    def encrypt(self) -> Callable[[bytes], bytes]:
        """ECB encryption under this key."""
        if self._encrypt is None:
            self._encrypt = self.suite.encryptor(self.secret)
        return self._encrypt

    def session(self, factor: bytes) -> SessionCipher:
        """A session under the key that a random of 4, 8 or 16 bytes gives."""
        suite = self.suite
        return suite.session(suite.session_key(self.encrypt, factor))

    def __repr__(self) -> str:
        return f"<KeyRecord use {self.use:02X} kid {self.kid:02X} version {self.version}>"


class MasterKey(_Record):
    """The master key (主控密钥) of a directory, or the transport key (传输密钥) of a blank card.

    It lies in a header, not in a key file: limit, tries, algorithm, version, key of 16.
    """

    __slots__ = ("algorithm", "suite")

    RETRY_LIMIT_AT = 0
    RETRY_COUNTER_AT = 1

    def __init__(self, memory: Memory, offset: int) -> None:
        super().__init__(memory, offset)
        self.algorithm: int = memory.cells[offset + 2]
        self.suite = suite_of(self.algorithm)

    @property
    def secret(self) -> bytes:
        """The key itself, 16 bytes."""
        return bytes(self.memory.cells[self.offset + 4 : self.offset + 20])

    def stage_secret(self, secret: bytes, version: int) -> None:
        """Stage another key of 16 bytes; its algorithm stays."""
        if len(secret) != 16:
            raise ValueError("a master key has 16 bytes")
        self.memory.write(self.offset + 3, bytes((version,)) + secret)

    def __repr__(self) -> str:
        return f"<MasterKey, {self.retry_counter} of {self.retry_limit} tries left>"


def encode_master_key(secret: bytes, *, algorithm: int, limit: int, version: int = 0) -> bytes:
    """A master key or transport key as it lies in a header: 20 bytes."""
    return bytes((limit, limit, algorithm, version)) + secret


class PinRecord(_Record):
    """The holder's PIN (个人密码), BCD."""

    __slots__ = ()

    @property
    def value(self) -> bytes:
        """The PIN's bytes; empty when none is set."""
        at = self.offset + _SECRET_AT
        return bytes(self.memory.cells[at : at + self.memory.cells[self.offset + _LENGTH_AT]])

    @property
    def is_set(self) -> bool:
        return self.memory.cells[self.offset + _LENGTH_AT] > 0

    def stage_value(self, pin: bytes) -> None:
        """Stage a new PIN, and the full count of tries with it."""
        self.memory.write(self.offset + _LENGTH_AT, bytes((len(pin),)) + pin.ljust(16, b"\xff"))
        self.stage_retry_counter(self.retry_limit)

    def __repr__(self) -> str:
        return f"<PinRecord, {self.retry_counter} of {self.retry_limit} tries left>"


def valid_pin(pin: bytes) -> bool:
    """Whether ``pin`` is 2 to 8 bytes of BCD, at least four digits, only the last nibble F."""
    digits = pin.hex()
    return 2 <= len(pin) <= 8 and (
        digits.isdecimal() or (digits[:-1].isdecimal() and digits[-1] == "f" and len(digits) > 4)
    )
