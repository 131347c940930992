# SPDX-License-Identifier: Apache-2.0
"""The PSAM of a run: its environments, its level, and the keys that the run was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.profile.psam_keys import SamKeyRow
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES, SessionCipher, Suite
from sscard_chip.standard.commands import DELIVERY_SESSION_KEY, READ_BINARY, SELECT
from sscard_chip.standard.identifiers import PSAM_AID, PSAM_PUBLIC, PSAM_TERMINAL
from sscard_chip.terminal.conformance.subject import SubjectError, ask
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.psam_client import ENVIRONMENTS

CARD_FACTOR: Final = bytes.fromhex("86845101C0666779")
"""T6 to TD of an invented card."""
_IRK_TYPE, _IRK = 0x07, 0x08
_PUBLIC, _TERMINAL = 15, 6


@dataclass(frozen=True, slots=True, repr=False)
class OwnSecrets:
    """The PSAM's own keys of one environment, 16 bytes each: that of DF01, and KID-01 to KID-03."""

    application_key: bytes
    access: tuple[bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class SamEnvironment:
    """One environment. ``steps`` of diversification are left to the PSAM: 1 city, 3 ministry."""

    algorithm: str
    steps: int
    terminal: bytes

    @property
    def suite(self) -> Suite:
        """Its algorithm."""
        return SUITES[self.algorithm]


@dataclass(frozen=True, slots=True)
class PsamSubject:
    """What a run knows of its PSAM."""

    atr: bytes
    public: bytes
    environments: Mapping[str, SamEnvironment]
    city: str
    store: KeyStore | None = field(repr=False, default=None)
    own: Callable[[str], OwnSecrets] | None = field(repr=False, default=None)

    kind: str = "psam"
    generation: int = 0
    interface: str = "contact"

    @property
    def algorithm(self) -> str:
        """Those of its environments, ``3des+sm4``."""
        return "+".join(self.environments)

    @property
    def mark(self) -> bytes:
        """What tells it from others."""
        return self.public + self.atr

    def factors(self, count: int) -> bytes:
        """The first ``count`` of card, city, province."""
        chain = (CARD_FACTOR, city_factor(self.city), province_factor(self.city))
        return b"".join(chain[:count])

    def secret(self, algorithm: str, row: SamKeyRow, version: int) -> bytes:
        """The invented card's key that a row means, from the root keys.

        :raises KeyStoreError:
        """
        if self.store is None:
            raise ValueError("no root keys were given")
        chain = (province_factor(self.city), city_factor(self.city), CARD_FACTOR)
        found = self.store.diversify(algorithm, row.root, version, [chain])[0]
        return found[:8] if row.single and SUITES[algorithm].block == 8 else found

    def session(self, algorithm: str, row: SamKeyRow, version: int, factor: bytes) -> SessionCipher:
        """A session under that key."""
        suite = SUITES[algorithm]
        secret = self.secret(algorithm, row, version)
        return suite.session(suite.session_key(suite.encryptor(secret), factor))


def examine_psam(
    connection: Connection,
    *,
    city: str = "",
    store: KeyStore | None = None,
    own: Callable[[str], OwnSecrets] | None = None,
) -> PsamSubject:
    """Power on a PSAM and find out what it has; uses no key for more than a session key.

    :param city: the area whose keys it has; without it the first six digits of its terminal.
    :raises SubjectError: it has no environment that is known.
    :raises TerminalConnectionError: the connection failed.
    """
    atr = bytes(connection.power_on())
    found: dict[str, SamEnvironment] = {}
    public = b""
    for algorithm, name in ENVIRONMENTS.items():
        if ask(connection, SELECT.apdu(0x04, 0x00, name))[1] != 0x9000:
            continue
        public = public or _file(connection, PSAM_PUBLIC, _PUBLIC)
        terminal = _file(connection, PSAM_TERMINAL, _TERMINAL)
        if ask(connection, SELECT.apdu(0x04, 0x00, PSAM_AID))[1] != 0x9000:
            continue
        steps = _steps(connection, SUITES[algorithm].block)
        if steps:
            found[algorithm] = SamEnvironment(algorithm, steps, terminal)
    if not found:
        raise SubjectError("no environment of a PSAM is there, or none has a key IRK")
    digits = next(iter(found.values())).terminal.hex()[:6]
    return PsamSubject(atr, public, found, city or (digits if digits.isdecimal() else ""),
                       store, own)  # fmt: skip


def _file(connection: Connection, fid: int, length: int) -> bytes:
    ask(connection, SELECT.apdu(0x02, 0x00, fid.to_bytes(2)))
    data, sw = ask(connection, READ_BINARY.apdu(le=length))
    return data if sw == 0x9000 else b""


def _steps(connection: Connection, block: int) -> int:
    """How many factors its keys want: 0 where no number is taken."""
    for count in (1, 2, 3):
        data = bytes(8 * count + block)
        apdu = DELIVERY_SESSION_KEY.apdu(count << 5 | _IRK_TYPE, _IRK, data)
        if ask(connection, apdu)[1] == 0x9000:
            return count
    return 0
