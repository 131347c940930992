# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse of a ``HOLDER.json``: the object ``purse`` of its ``bank``, and what it puts
onto the card.

::

    {"balance_fen": 5000, "deposit_fen": 20000, "overdraft_limit_fen": 0,
     "issuer": "9900000000000001", "serial": "1234", "version": 1,
     "start_date": "20250102", "expiry_date": "20350102",
     "free_log": false, "grey_locked": false, "compound": {"AA": 41}}

Nothing is required. ``balance_fen`` is in the purse (电子钱包), ``deposit_fen`` the holder's own
money in the deposit (电子存折), to which the overdraft limit comes. ``serial`` (应用序列号) is up
to 20 digits, by default 16 random ones; ``issuer`` 16 hex digits, by default the first 6 digits
of the PAN and F [L]. The dates are by default those of card and account. ``compound`` names the
records of compound applications by identifier, with the length of their value. ``grey_locked``:
the card was left so by a terminal that locks purses while it sells. The PIN is that of the
account.

Rules name the item and never quote a value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.profile.purse import (
    CARDHOLDER,
    COMPOUND_LENGTH,
    COMPOUND_TAG,
    PUBLIC,
    PurseContents,
    root_names,
)
from sscard_chip.security.diversify import Chains
from sscard_chip.security.purse import card_factors
from sscard_chip.standard.amounts import MAX_FEN, MAX_LIMIT_FEN
from sscard_chip.standard.dates import DATE_RULE, parse_date

if TYPE_CHECKING:
    from sscard_chip.security.keystore import KeyStore

SERIAL_DIGITS: Final = 20
ISSUER_DIGITS: Final = 6
_RANDOM_DIGITS: Final = 16
MAX_COMPOUND: Final = 10
MAX_COMPOUND_LENGTH: Final = 250

_BOTH_PURSES: Final = 0x03  # 应用类型标识: deposit and purse [M]
_KEY_VERSION: Final = 1
_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_IDENTIFIER: Final = re.compile("[0-9A-F]{2}")

Rule = tuple[str, str]
"""Item below ``purse`` and the rule that it breaks."""


@dataclass(frozen=True, slots=True, repr=False)
class PurseOptions:
    """A checked object ``purse``. None stands for what the account or chance gives."""

    balance_fen: int = 0
    deposit_fen: int = 0
    overdraft_limit_fen: int = 0
    issuer: str | None = None
    serial: str | None = None
    version: int = 1
    start_date: str | None = None
    expiry_date: str | None = None
    free_log: bool = False
    grey_locked: bool = False
    compound: tuple[tuple[int, int], ...] = ((COMPOUND_TAG, COMPOUND_LENGTH),)

    @classmethod
    def from_object(cls, value: Mapping[str, Any]) -> PurseOptions:
        """From an object that :func:`check_purse` found right."""
        given = dict(value)
        if "compound" in given:
            records = given["compound"].items()
            given["compound"] = tuple((int(tag, 16), length) for tag, length in records)
        return cls(**given)

    def __repr__(self) -> str:
        return "<PurseOptions>"


# --- rules ----------------------------------------------------------------------------------------


def check_purse(value: object) -> list[Rule]:
    """All broken rules of an object ``purse``."""
    if not isinstance(value, dict):
        return [("", "must be an object")]
    broken = [(_shown(name), "is not a field of it") for name in value if name not in _CHECKS]
    for name, check in _CHECKS.items():
        if name in value:
            rule = check(value[name])
            broken += [(name, rule)] if rule else []
    if not broken:
        limit = value.get("overdraft_limit_fen", 0)
        if value.get("deposit_fen", 0) + limit > MAX_FEN:
            rule = f"together with overdraft_limit_fen must be at most {MAX_FEN}"
            broken.append(("deposit_fen", rule))
        if value.get("expiry_date", "99991231") < value.get("start_date", "00000101"):
            broken.append(("expiry_date", "is before start_date"))
    return broken


def _shown(name: object) -> str:
    """The name of a field for an error, unless it may be a value in the wrong place."""
    return name if isinstance(name, str) and _PLAIN_NAME.fullmatch(name) else "a name"


def _number(least: int, most: int, unit: str = "") -> Callable[[object], str | None]:
    rule = f"must be a whole number{unit} from {least} to {most}"
    return lambda value: None if type(value) is int and least <= value <= most else rule


def _matching(pattern: str, rule: str) -> Callable[[object], str | None]:
    return lambda value: None if isinstance(value, str) and re.fullmatch(pattern, value) else rule


def _flag(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _date(value: object) -> str | None:
    right = isinstance(value, str) and parse_date(value)
    return None if right else DATE_RULE


def _compound(value: object) -> str | None:
    if not isinstance(value, dict) or not 1 <= len(value) <= MAX_COMPOUND:
        return f"must be an object of 1 to {MAX_COMPOUND} identifiers with their lengths"
    for identifier, length in value.items():
        if not _IDENTIFIER.fullmatch(identifier) or identifier in ("00", "FF"):
            return "an identifier must be 2 capital hex digits, not 00 or FF"
        if type(length) is not int or not 1 <= length <= MAX_COMPOUND_LENGTH:
            return f"a length must be a whole number from 1 to {MAX_COMPOUND_LENGTH}"
    return None


_FEN: Final = " of fen"
_CHECKS: Final[dict[str, Callable[[object], str | None]]] = {
    "balance_fen": _number(0, MAX_FEN, _FEN),
    "deposit_fen": _number(0, MAX_FEN, _FEN),
    "overdraft_limit_fen": _number(0, MAX_LIMIT_FEN, _FEN),
    "issuer": _matching("[0-9A-Fa-f]{16}", "must be 8 bytes, 16 hex digits"),
    "serial": _matching(f"[0-9]{{1,{SERIAL_DIGITS}}}", f"must be 1 to {SERIAL_DIGITS} digits"),
    "version": _number(0, 0xFF),
    "start_date": _date,
    "expiry_date": _date,
    "free_log": _flag,
    "grey_locked": _flag,
    "compound": _compound,
}


# --- the card -------------------------------------------------------------------------------------


def purse_contents(
    options: PurseOptions,
    store: KeyStore,
    algorithm: str,
    *,
    pan: str,
    pin: str | None,
    start: str,
    expiry: str,
    dormant: bool = False,
    random: Callable[[int], bytes] = os.urandom,
) -> PurseContents:
    """What :func:`sscard_chip.profile.purse.add_purse` puts onto a card.

    ``store`` is the bank's, ``random`` gives as many bytes as it is asked for; ``pan`` and ``pin``
    are the account's, ``start`` and ``expiry`` (YYYYMMDD) the dates that the options leave out.
    0016 stays empty: no personal data on the chip, as for the bank's records. Raises
    KeyStoreError.
    """
    number = options.serial or str(int.from_bytes(random(8)) % 10**_RANDOM_DIGITS)
    serial = bytes.fromhex(number.zfill(SERIAL_DIGITS))
    issuer = bytes.fromhex(options.issuer or f"{pan[:ISSUER_DIGITS]:F<16}")
    dates = (options.start_date or start) + (options.expiry_date or expiry)
    head = issuer + bytes((_BOTH_PURSES, options.version))
    chain = Chains([card_factors(issuer, serial)])
    keys = {root: store.diversify(algorithm, root, _KEY_VERSION, chain)[0] for root in root_names()}
    limit = options.overdraft_limit_fen
    return PurseContents(
        algorithm=algorithm,
        public=(head + serial + bytes.fromhex(dates)).ljust(PUBLIC.size, b"\0"),
        cardholder=bytes(CARDHOLDER.size),
        secrets=keys,
        pin=encode_pin(pin),
        deposit=Purse(options.deposit_fen + limit, limit, grey_locked=options.grey_locked),
        purse=Purse(options.balance_fen, grey_locked=options.grey_locked),
        compound=tuple((tag, bytes(length)) for tag, length in options.compound),
        free_log=options.free_log,
        dormant=dormant,
    )


def encode_pin(pin: str | None) -> bytes:
    """PIN digits as BCD, an odd count padded with F; empty for no PIN."""
    digits = pin or ""
    return bytes.fromhex(digits + "F" * (len(digits) % 2))
