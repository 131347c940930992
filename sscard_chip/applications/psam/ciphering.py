# SPDX-License-Identifier: Apache-2.0
"""DELIVERY SESSION KEY and CIPHER DATA: one session key, one encryption and one MAC with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.psam.keys import MAX_STEPS, KeyType, SamKeys
from sscard_chip.security.diversify import FACTOR_LENGTH
from sscard_chip.security.suite import Suite
from sscard_chip.standard.status import StatusError, StatusWord

_MAX_BLOCKS: Final = 8


class SessionKeyUse(Flag):
    """What a session key may still do."""

    NOTHING = 0
    ENCRYPTION = auto()
    MAC = auto()


_KINDS: Final[dict[int, SessionKeyUse]] = {
    KeyType.MAC: SessionKeyUse.MAC,
    KeyType.ENCRYPTION: SessionKeyUse.ENCRYPTION,
    KeyType.MAC_AND_ENCRYPTION: SessionKeyUse.MAC | SessionKeyUse.ENCRYPTION,
}


@dataclass(frozen=True, slots=True)
class _Step:
    """One P1 of CIPHER DATA. ``begins``: an IV block leads; ``ends``: it answers a MAC, or the
    encryption is over; ``least`` blocks of data with the IV.
    """

    kind: SessionKeyUse
    begins: bool = False
    ends: bool = False
    least: int = 1


_STEPS: Final = {
    0x00: _Step(SessionKeyUse.ENCRYPTION, ends=True),
    0x02: _Step(SessionKeyUse.ENCRYPTION),
    0x05: _Step(SessionKeyUse.MAC, begins=True, ends=True, least=2),
    0x07: _Step(SessionKeyUse.MAC, begins=True),
    0x03: _Step(SessionKeyUse.MAC),
    0x01: _Step(SessionKeyUse.MAC, ends=True),
}


class SessionKey:
    """The register of the session key (过程密钥): what the key may do, what it has still to do.

    It serves one encryption and one MAC, as far as its type allows; then it is spent.
    """

    __slots__ = ("_between", "_chain", "_encrypt", "_short", "allowed", "block", "left")

    def __init__(self, suite: Suite, secret: bytes, allowed: SessionKeyUse) -> None:
        self.block = suite.block
        self.allowed = self.left = allowed
        self._encrypt = self._between = suite.encryptor(secret)
        self._short = short_mac
        self._chain: bytes | None = None

    def run(self, step: _Step, data: bytes) -> bytes:
        """One step over whole blocks: ciphertext, MAC of 4, or nothing.

        6901 for a kind that is over, a chain that was not begun, or an encryption in one.
        """
        begins = step.begins or step.kind is SessionKeyUse.ENCRYPTION
        if step.kind not in self.left or begins == (self._chain is not None):
            raise StatusError(StatusWord.INVALID_STATE)
        answer = (
            self._encrypt(data) if step.kind is SessionKeyUse.ENCRYPTION else self._mac(step, data)
        )
        if step.ends:
            self.left &= ~step.kind
        return answer

    def _mac(self, step: _Step, data: bytes) -> bytes:
        size = self.block
        if self._chain is None:
            self._chain, data = data[:size], data[size:]
        for at in range(0, len(data), size):
            mixed = int.from_bytes(self._chain) ^ int.from_bytes(data[at : at + size])
            last = step.ends and at + size == len(data)
            self._chain = (self._encrypt if last else self._between)(mixed.to_bytes(size))
        if not step.ends:
            return b""
        block, self._chain = self._chain, None
        return self._short(block)


class MaintenanceKey(SessionKey):
    """A card's maintenance key itself in the register, for one MAC: a command of the issuer.

    The MAC is that of the purse (``command_mac``): in DES the retail MAC, single DES with the left
    half up to the last block; in both suites the leftmost 4 bytes.
    """

    __slots__ = ()

    def __init__(self, suite: Suite, secret: bytes) -> None:
        super().__init__(suite, secret, SessionKeyUse.MAC)
        if suite.block == 8:
            self._between = suite.encryptor(secret[:8])
        self._short = leftmost_mac


def leftmost_mac(block: bytes) -> bytes:
    """MAC of 4 bytes: the leftmost of the last block."""
    return block[:4]


def short_mac(block: bytes) -> bytes:
    """MAC of 4 bytes from the last block: left half of 8 bytes, XOR of the words of 16."""
    if len(block) == 8:
        return block[:4]
    value = 0
    for at in range(0, len(block), 4):
        value ^= int.from_bytes(block[at : at + 4])
    return value.to_bytes(4)


def deliver_session_key(session: Session, command: Command) -> bytes:
    """DELIVERY SESSION KEY BF DE 用途 id: factors 8 each, innermost first || session factor.

    The session factor has the length of a block. In this order [L]: 6A88 no such key, 6A80 the
    steps in P1 or the number of factors are not those of the key, 6700, 6985 a key that neither
    enciphers nor MACs. A terminal that does not know the PSAM's level tries all three.
    """
    keys, data = SamKeys.of(session), command.data
    suite = keys.suite
    key = keys.find(command.p1 & 0x1F, command.p2)
    if key is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    if key.steps != command.p1 >> 5:
        raise StatusError(StatusWord.WRONG_DATA)
    count, rest = divmod(len(data) - suite.block, FACTOR_LENGTH)
    if rest or not 0 <= count <= MAX_STEPS:
        raise StatusError(StatusWord.WRONG_LENGTH)
    if count != key.steps:
        raise StatusError(StatusWord.WRONG_DATA)
    allowed = _KINDS.get(key.type)
    if allowed is None:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    secret = key.derive(split_factors(data[: -suite.block]))
    factor = data[-suite.block :]
    session.transaction = SessionKey(
        suite, suite.session_key(suite.encryptor(secret), factor), allowed
    )
    return b""


def split_factors(data: bytes) -> list[bytes]:
    """Diversification factors of 8 bytes, in the order in which they were sent."""
    return [data[at : at + FACTOR_LENGTH] for at in range(0, len(data), FACTOR_LENGTH)]


def cipher_data(session: Session, command: Command) -> bytes:
    """CIPHER DATA 80 FA P1 00: 1 to 8 blocks under the delivered session key.

    P1 00 encryption, ends; 02 encryption, more follows; 05 the only MAC command, 07, 03 and 01
    first, next and last of a chain; with 05 and 07 an IV block leads. Nothing is padded here.
    In this order [L]: 6901 no key, 6700, 6985 the key's type does not allow it, 6901.
    """
    step = _STEPS.get(command.p1)
    if step is None or command.p2:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    key = session.transaction
    if not isinstance(key, SessionKey):
        raise StatusError(StatusWord.INVALID_STATE)
    blocks, rest = divmod(len(command.data), key.block)
    if rest or not step.least <= blocks <= _MAX_BLOCKS:
        raise StatusError(StatusWord.WRONG_LENGTH)
    if step.kind not in key.allowed:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    if command.ne:  # 6Cxx before anything is spent: the command comes again
        mac = 4 if step.ends else 0
        command.check_ne(len(command.data) if step.kind is SessionKeyUse.ENCRYPTION else mac)
    answer = key.run(step, command.data)
    if not key.left:
        session.transaction = None
    return answer
