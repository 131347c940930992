# SPDX-License-Identifier: Apache-2.0
"""A PSAM (社会保障PSAM卡) from root keys: which keys it holds at its level, and its own files.

A PSAM of level 1 holds the ministry's roots as they are, one of level 2 a province's keys, one
of level 3 a city's: the roots already diversified by the factors that it need not be told.

>>> from issuance.roots import RootKeys                                    # doctest: +SKIP
>>> roots = RootKeys.load("roots.json")                                    # doctest: +SKIP
>>> memory = make_psam(roots, level=3, terminal_id="510100000001")         # doctest: +SKIP
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from issuance.divisions import DivisionError, check_division
from issuance.roots import RootKeys
from sscard_chip.applications.psam.keys import KeyType
from sscard_chip.memory import Memory
from sscard_chip.profile import psam
from sscard_chip.profile.psam import SamContents, SamKeyRow, SamSecrets
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES

LEVELS: Final = (1, 2, 3)
TERMINAL_DIGITS: Final = 12
SERIAL_DIGITS: Final = 20

_STEPS_OF_LEVEL_0: Final = 4
_PSAM_VERSION: Final = 0x01
_VALID_YEARS: Final = 10
_FIRST_NUMBER: Final = 1
_MAX_NUMBER: Final = 0xFFFFFFFF
_HISTORICAL_HEAD: Final = b"SSCPSAM"

# The PSAM's own keys have no roots of their own in a key file. They come from the cards' master
# roots, by first factors that no card has, and the PSAM's serial number [L].
_MASTER: Final = b"PSAM-MK\0"
_ACCESS: Final = (b"PSAMKID1", b"PSAMKID2", b"PSAMKID3")


class PsamError(ValueError):
    """A PSAM that cannot be made as it was asked for; one line ``field: rule``."""


@dataclass(frozen=True, slots=True, repr=False)
class OwnKeys:
    """What guards a PSAM's environment: 16 bytes each; ``access`` are KID-01 to KID-03."""

    master_key: bytes
    application_key: bytes
    access: tuple[bytes, bytes, bytes]


def make_psam(
    roots: KeyStore,
    *,
    level: int,
    terminal_id: str,
    algorithm: str | None = None,
    city: str | None = None,
    serial: str | None = None,
    issuer: int = 1,
    key_version: int = 1,
    valid_from: date | None = None,
    transaction_number: int = _FIRST_NUMBER,
    stk_reloads_pin: bool = True,
    wrong_mac2_is_63cf: bool = False,
    own_keys: Mapping[str, OwnKeys] | None = None,
) -> Memory:
    """A PSAM as a memory, ready for ``Card(memory)`` or ``Card.save``.

    ``algorithm`` ``"3des"`` or ``"sm4"`` chooses the environment that gets keys, None both. The
    DES environment is the MF and always there, that of SM4 only with keys. ``terminal_id`` is 12
    digits; ``city`` of levels 2 and 3 is by default its first 6. ``serial`` has up to 20 digits,
    by default random. ``key_version`` (1 to 3) is that of the keys other than DPK, all of whose
    versions are there. ``stk_reloads_pin`` False gives STK the type that only MACs (6, as the
    guide's annex has it). ``own_keys`` by suite replace those that the roots give.

    Raises KeyStoreError or :class:`PsamError`. Only a plain store gives the roots of level 1.
    """
    if level not in LEVELS:
        raise PsamError("level: must be 1, 2 or 3")
    _check_digits("terminal id", terminal_id, TERMINAL_DIGITS, TERMINAL_DIGITS)
    own_serial = serial or terminal_id + f"{random.SystemRandom().randrange(10**8):08}"
    _check_digits("serial", own_serial, 1, SERIAL_DIGITS)
    own_serial = own_serial.rjust(SERIAL_DIGITS, "0")
    if algorithm is not None and algorithm not in SUITES:
        raise PsamError(f"algorithm: must be one of {', '.join(SUITES)}")
    for name, value, most in (("issuer", issuer, 0xFF), ("transaction number", 0, 0)):
        if not 0 <= value <= most:
            raise PsamError(f"{name}: must be from 0 to {most}")
    factors = _factors(level, city or terminal_id[:6])
    number = bytes.fromhex(own_serial)
    given = own_keys or {}
    secrets = {
        suite: _secrets(roots, suite, factors, key_version, given.get(suite), number)
        for suite in ([algorithm] if algorithm else SUITES)
    }
    start = valid_from or date.today()
    information = _information(key_version, start)
    contents = SamContents(
        historical_bytes=_HISTORICAL_HEAD + bytes.fromhex(terminal_id[:4]) + number[-4:],
        steps=_STEPS_OF_LEVEL_0 - level,
        secrets=secrets,
        files={
            psam.PUBLIC_DATA.fid: bytes((issuer,))
            + number
            + bytes((_PSAM_VERSION, level, 0, 0)),
            psam.TERMINAL.fid: bytes.fromhex(terminal_id),
            psam.TRANSACTION_NUMBER.fid: transaction_number.to_bytes(4),
            **{file.fid: information for file in psam.INFORMATION},
        },
        stk_type=KeyType.MAC_AND_ENCRYPTION if stk_reloads_pin else KeyType.MAC,
        wrong_mac2_is_63cf=wrong_mac2_is_63cf,
    )
    return psam.compile_psam(contents)
