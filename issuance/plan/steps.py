# SPDX-License-Identifier: Apache-2.0
"""What a personalisation plan is made of: steps that are commands, and the keys they need.

A step is everything of a command that is known before the card has given its challenge. What
depends on it is a :class:`ChallengeUse`, computed when the command is sent: by the runner, or by
the machine that plays the script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sscard_chip.apdu.authentication import direct_authentication
from sscard_chip.security.suite import SUITES, Suite, pad_if_needed

TRANSPORT: Final = "TRANSPORT"
TEMPORARY: Final = "TEMPORARY"
ZERO: Final = "ZERO"
"""Name of the master key that a new directory has: 16 bytes 00."""

CHALLENGE_LENGTH: Final = 8
_MAC_CHALLENGE_LENGTH: Final = 4
_MAC_LENGTH: Final = 4


class Phase(Enum):
    """The phases of D10: structure, keys and master keys are 预个人化, then 个人化."""

    STRUCTURE = "structure"
    KEYS = "keys"
    MASTER_KEYS = "master keys"
    PERSONALISATION = "personalisation"
    CHECK = "check"


class ChallengeUse(Enum):
    """What a command needs the last challenge for."""

    NONE = "none"
    DIRECT = "direct"  # EXTERNAL AUTHENTICATE with a master or transport key
    SESSION = "session"  # EXTERNAL AUTHENTICATE of LD/T 32.5, its data is the original
    MAC = "mac"  # WRITE KEY

    @property
    def challenge_length(self) -> int:
        """Bytes of GET CHALLENGE before the command, 0 for none."""
        if self is ChallengeUse.NONE:
            return 0
        return _MAC_CHALLENGE_LENGTH if self is ChallengeUse.MAC else CHALLENGE_LENGTH


@dataclass(frozen=True, slots=True, repr=False)
class PlainKey:
    """A key by value, with its algorithm suite."""

    algorithm: str
    secret: bytes

    @property
    def suite(self) -> Suite:
        return SUITES[self.algorithm]


@dataclass(frozen=True, slots=True, repr=False)
class PlanStep:
    """One command. ``header`` is CLA INS P1 P2, empty for a reset.

    ``key`` names what ``proof`` is computed with. A WRITE KEY has ``data`` in clear, up to the
    key itself; ``secret`` names that. ``ne`` and ``answer``: bytes wanted, and which.
    """

    phase: Phase
    name: str
    header: bytes = b""
    data: bytes = b""
    proof: ChallengeUse = ChallengeUse.NONE
    key: str = ""
    secret: str = ""
    ne: int | None = None
    answer: bytes | None = None

    def __repr__(self) -> str:
        return f"<Step {self.phase.value}: {self.name}>"


@dataclass(frozen=True, slots=True, repr=False)
class PersonRecord:
    """A record that tells whose a card is: the ``steps`` to it, the last reads it.

    ``own`` is what the card of the plan has there, ``blank`` what one of nobody has.
    """

    steps: tuple[PlanStep, ...]
    own: bytes
    blank: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Plan:
    """One card. ``keys`` by the names that the steps use, ``person`` are 卡号 and 社会保障号码."""

    generation: int
    algorithm: str
    historical_bytes: bytes
    steps: tuple[PlanStep, ...]
    keys: Mapping[str, PlainKey]
    person: tuple[PersonRecord, ...] = ()

    def __repr__(self) -> str:
        return f"<Plan, generation {self.generation}, {self.algorithm}, {len(self.steps)} steps>"

    def cryptogram(self, step: PlanStep) -> bytes:
        """What a WRITE KEY carries before its MAC: LD || information || key, enciphered."""
        key = self.keys[step.key]
        clear = step.data + self.keys[step.secret].secret
        plain = pad_if_needed(bytes((len(clear),)) + clear, key.suite.block)
        return key.suite.encryptor(key.secret)(plain)

    def command(self, step: PlanStep, challenge: bytes = b"") -> bytes:
        """The data field of ``step`` with its proof for ``challenge``; the whole command."""
        data = step.data
        if step.proof is ChallengeUse.DIRECT:
            key = self.keys[step.key]
            data = direct_authentication(key.suite, key.secret, challenge)
        elif step.proof is ChallengeUse.SESSION:
            key = self.keys[step.key]
            suite = key.suite
            session = suite.session(suite.session_key(suite.encryptor(key.secret), challenge))
            data = session.authentication_data(data[:8]) + data
        elif step.proof is ChallengeUse.MAC:
            key = self.keys[step.key]
            data = self.cryptogram(step)
            head = step.header + bytes((len(data) + _MAC_LENGTH,))
            data += key.suite.key_mac(key.secret, challenge, head + data)
        command = step.header + (bytes((len(data),)) + data if data else b"")
        return command + (b"" if step.ne is None else bytes((step.ne & 0xFF,)))
