# SPDX-License-Identifier: Apache-2.0
"""A PSAM (社会保障PSAM卡) from root keys: which keys it holds at its level, and its own files.

A PSAM of level 1 holds the ministry's roots as they are, one of level 2 a province's keys, one
of level 3 a city's: the roots already diversified by the factors that it need not know.

>>> from issuance.roots import create_roots
>>> memory = make_psam(create_roots(), level=3, terminal_id="510100000001")
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sscard_chip.applications.psam.keys import KeyType
from sscard_chip.memory import Memory
from sscard_chip.profile import psam
from sscard_chip.profile.psam import SamContents, SamSecrets
from sscard_chip.profile.psam_keys import KEYS, TRANSPORT_KEYS, SamKeyRow
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.amounts import MAX_NUMBER
from sscard_chip.standard.dates import is_digits, written_day, years_after
from sscard_chip.standard.divisions import DivisionError, check_division
from sscard_chip.standard.errors import BAD_INPUT, IssuingError
from sscard_chip.standard.identifiers import ALGORITHM_3DES
from sscard_chip.standard.keys import DF01_MASTER_KEY, MF_MASTER_KEY, SSSE_MASTER_KEY
from sscard_chip.standard.messages.psam import APPLICATION

TERMINAL_DIGITS: Final = 12
SERIAL_DIGITS: Final = 20
VALID_YEARS: Final = 10

_PSAM_VERSION: Final = 0x01
_TRANSPORT_STEPS: Final = 2  # issuer and serial number
_HISTORICAL_HEAD: Final = b"SSCPSAM"

# A PSAM's own keys have no roots in a key file. They come from the cards' master roots, by first
# factors that no province has and the PSAM's serial number [L].
_OF_MASTER: Final = b"PSAM-MK\0"
_OF_ACCESS: Final = (b"PSAMKID1", b"PSAMKID2", b"PSAMKID3")


class PsamError(IssuingError, ValueError):
    """A PSAM that cannot be made as it was asked for; one line, ``field: rule``."""

    exit_code = BAD_INPUT


@dataclass(frozen=True, slots=True, repr=False)
class OwnKeys:
    """What guards an environment of the PSAM, 16 bytes each; ``access``: KID-01 to KID-03."""

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
    transaction_number: int = 1,
    stk_reloads_pin: bool = True,
    wrong_mac2_is_63cf: bool = False,
    own_keys: Mapping[str, OwnKeys] | None = None,
) -> Memory:
    """A PSAM as a memory, ready for ``Card(memory)`` or ``Card.save``.

    ``algorithm`` (``"3des"``, ``"sm4"``) chooses the environment that gets keys, None both. The
    DES environment is the MF and so always there; that of SM4 only with keys. ``terminal_id`` is
    12 digits; ``city``, needed for levels 2 and 3, is by default its first 6. ``serial`` has up
    to 20 digits, by default random ones. ``key_version`` (1 to 3) is that of all keys but DPK,
    every version of which is there. ``valid_from`` is today unless said; the PSAM is valid for
    ten years. ``transaction_number`` is the first that INIT SAM gives out. ``stk_reloads_pin``
    False makes STK a key that only MACs (type 6, as the guide's annex has it).
    ``wrong_mac2_is_63cf`` is what CREDIT SAM answers instead of 9302. ``own_keys`` by suite
    replace those that come from the roots.

    Level 1 needs a store that gives its roots away.

    :raises KeyStoreError:
    :raises PsamError:
    """
    _check_range("level", level, 1, 3)
    _check_range("issuer", issuer, 0, 0xFF)
    _check_range("key version", key_version, 1, 3)
    _check_range("transaction number", transaction_number, 0, MAX_NUMBER)
    terminal = _terminal_number(terminal_id)
    number = _serial(serial, terminal_id)
    factors = _factors(level, terminal_id[:6] if city is None else city)
    if algorithm is not None and algorithm not in SUITES:
        raise PsamError(f"algorithm: must be one of {', '.join(SUITES)}")
    own = dict(own_keys or {})
    keys = {}
    for suite in (algorithm,) if algorithm else tuple(SUITES):
        guards = own.get(suite) or derive_own_keys(roots, suite, number)
        served = _served_keys(roots, suite, factors, key_version)
        keys[suite] = SamSecrets(guards.master_key, guards.application_key, guards.access, served)
    information = _information(key_version, valid_from or date.today())
    files = {
        psam.PUBLIC_DATA.fid: bytes((issuer, *number, _PSAM_VERSION, level)),
        psam.TERMINAL.fid: terminal,
        psam.TRANSACTION_NUMBER.fid: transaction_number.to_bytes(4),
    }
    contents = SamContents(
        historical_bytes=_HISTORICAL_HEAD + terminal[:2] + number[-4:],
        steps=4 - level,
        secrets=keys,
        files=files | {file.fid: information for file in psam.INFORMATION},
        stk_type=KeyType.MAC_AND_ENCRYPTION if stk_reloads_pin else KeyType.MAC,
        wrong_mac2_is_63cf=wrong_mac2_is_63cf,
    )
    return psam.compile_psam(contents)


def make_transport_psam(
    roots: KeyStore,
    *,
    terminal_id: str,
    algorithm: str | None = None,
    serial: str | None = None,
    issuer: int = 1,
    valid_from: date | None = None,
    transaction_number: int = 1,
) -> Memory:
    """The PSAM of a gate, a bus or a desk of 交通联合, as a memory.

    ``roots`` is the transport issuer's store, which gives DPK and DAMK away; the PSAM diversifies
    both by issuer and serial number of a card. Its own keys are random and kept by nobody: after
    issuing it is never written. The others as :func:`make_psam`.

    :raises KeyStoreError:
    :raises PsamError:
    """
    _check_range("issuer", issuer, 0, 0xFF)
    _check_range("transaction number", transaction_number, 0, MAX_NUMBER)
    terminal = _terminal_number(terminal_id)
    number = _serial(serial, terminal_id)
    if algorithm is not None and algorithm not in SUITES:
        raise PsamError(f"algorithm: must be one of {', '.join(SUITES)}")
    keys = {}
    for suite in (algorithm,) if algorithm else tuple(SUITES):
        served = {(row, 1): roots.diversify(suite, row.root, 1, [()])[0] for row in TRANSPORT_KEYS}
        master, application, first, second, third = (secrets.token_bytes(16) for _ in range(5))
        keys[suite] = SamSecrets(master, application, (first, second, third), served)
    information = _information(1, valid_from or date.today())
    contents = SamContents(
        historical_bytes=_HISTORICAL_HEAD + terminal[:2] + number[-4:],
        steps=_TRANSPORT_STEPS,
        secrets=keys,
        files={
            psam.PUBLIC_DATA.fid: bytes((issuer, *number, _PSAM_VERSION, 1)),
            psam.TERMINAL.fid: terminal,
            psam.TRANSACTION_NUMBER.fid: transaction_number.to_bytes(4),
            **{file.fid: information for file in psam.INFORMATION},
        },
        application=psam.TRANSPORT_SAM,
    )
    return psam.compile_psam(contents)


def derive_own_keys(store: KeyStore, algorithm: str, serial: bytes) -> OwnKeys:
    """The master and access keys that a PSAM with this serial number (10 bytes) gets [L]."""
    tail = serial[-8:]
    environment = MF_MASTER_KEY if algorithm == ALGORITHM_3DES else SSSE_MASTER_KEY
    (master,) = store.diversify(algorithm, environment, 1, [(_OF_MASTER, tail)])
    chains = [(factor, tail) for factor in (_OF_MASTER, *_OF_ACCESS)]
    application, first, second, third = store.diversify(algorithm, DF01_MASTER_KEY, 1, chains)
    return OwnKeys(master, application, (first, second, third))


def _served_keys(
    store: KeyStore, algorithm: str, factors: Sequence[bytes], version: int
) -> dict[tuple[SamKeyRow, int], bytes]:
    """The keys of the PSAM's level. Where the cards have one version only, that one.

    Level 1 has no factors and so asks the store for its roots, which an HSM refuses.
    """
    keys = {}
    for row in KEYS:
        last = row.versions
        versions = range(1, last + 1) if row.type is KeyType.PURCHASE else (min(version, last),)
        for number in versions:
            (keys[row, number],) = store.diversify(algorithm, row.root, number, [factors])
    return keys


def _factors(level: int, city: str) -> tuple[bytes, ...]:
    """The factors that the keys of a level have behind them."""
    if level == 1:
        return ()
    try:
        check_division(city)
    except DivisionError as error:
        raise PsamError(f"city: {error}") from None
    return (province_factor(city), city_factor(city))[: level - 1]


def _information(key_version: int, start: date) -> bytes:
    """001A to 001C: index of the purchase key, key version, first and last day.

    All three levels' files are filled alike [L].
    """
    first = written_day(start)
    information: bytes = APPLICATION.build(
        {
            "key_index": key_version,
            "key_version": key_version,
            "valid_from": bytes.fromhex(first),
            "valid_to": bytes.fromhex(years_after(first, VALID_YEARS)),
        }
    )
    return information


def _serial(digits: str | None, terminal_id: str) -> bytes:
    """PSAM序列号, 10 bytes: the digits given, or the terminal's number and random ones."""
    if digits is None:
        rest = SERIAL_DIGITS - TERMINAL_DIGITS
        digits = f"{terminal_id}{secrets.randbelow(10**rest):0{rest}}"
    if not is_digits(digits, *range(1, SERIAL_DIGITS + 1)):
        raise PsamError(f"serial: must be 1 to {SERIAL_DIGITS} digits")
    return bytes.fromhex(digits.rjust(SERIAL_DIGITS, "0"))


def _terminal_number(digits: str) -> bytes:
    """终端机编号, 6 bytes."""
    if not is_digits(digits, TERMINAL_DIGITS):
        raise PsamError(f"terminal id: must be {TERMINAL_DIGITS} digits")
    return bytes.fromhex(digits)


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise PsamError(f"{name}: must be from {least} to {most}")
