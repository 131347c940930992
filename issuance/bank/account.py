# SPDX-License-Identifier: Apache-2.0
"""The account of a ``HOLDER.json``: the object ``bank``, checked.

::

    {"pan": "6239990000000012344", "expiry": "203612", "pan_sequence": "00", "pin": "135790",
     "service_code": "220", "state": "active", "variant": "debit", "pdol": false,
     "suite": "sm4", "oda": "sm2",
     "ecash": {"balance_fen": 0, "limit_fen": 100000, "single_limit_fen": 100000,
               "reset_threshold_fen": 0},
     "purse": {"balance_fen": 0, "deposit_fen": 0}}

``pan`` alone is required; what ``purse`` may hold is in :mod:`issuance.bank.purse`. Rules name
the item and never quote a value.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from issuance.bank.purse import PurseOptions, check_purse
from sscard_chip.standard.identifiers import ALGORITHMS
from sscard_chip.standard.pan import pan_rule

STATES: Final = ("active", "dormant")
VARIANTS: Final = ("debit", "credit", "quasi-credit", "electronic-cash")
ODA_KINDS: Final = ("none", "sda", "dda", "sm2")
MAX_ECASH_FEN: Final = 9_999_999_999
"""What the balance in 9F10 can say: ten digits."""

_PIN: Final = re.compile("[0-9]{4,12}")
_MONTH: Final = re.compile("20[0-9]{2}(0[1-9]|1[0-2])")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")

Rule = tuple[str, str]
"""Item below ``bank`` and the rule that it breaks."""


@dataclass(frozen=True, slots=True)
class ElectronicCash:
    """Electronic cash (电子现金), amounts in fen; below the threshold it asks the issuer."""

    balance_fen: int = 0
    limit_fen: int = 100_000
    single_limit_fen: int = 100_000
    reset_threshold_fen: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class BankAccount:
    """A checked account. ``expiry`` is YYYYMMDD; ``suite`` None: the card's own."""

    pan: str
    expiry: str
    pan_sequence: str = "00"
    pin: str | None = None
    service_code: str = "220"
    state: str = "active"
    variant: str = "debit"
    pdol: bool = False
    suite: str | None = None
    oda: str = "none"
    ecash: ElectronicCash = field(default_factory=ElectronicCash)
    purse: PurseOptions | None = None

    @classmethod
    def from_object(cls, value: Mapping[str, Any], *, card_expiry: str) -> BankAccount:
        """From an object that :func:`check_account` found right.

        ``card_expiry`` (YYYYMMDD) is the expiry of an account that names none.
        """
        given = dict(value)
        given["expiry"] = last_day(given.get("expiry", card_expiry))
        given["ecash"] = ElectronicCash(**given.get("ecash", {}))
        if "purse" in given:
            given["purse"] = PurseOptions.from_object(given["purse"])
        return cls(**given)

    def __repr__(self) -> str:
        return f"<BankAccount, {self.variant}, {self.state}>"


def last_day(text: str) -> str:
    """YYYYMM as its last day, YYYYMMDD as it is."""
    if len(text) != 6:
        return text
    return f"{text}{calendar.monthrange(int(text[:4]), int(text[4:]))[1]:02d}"


def check_account(value: object, *, issued: str) -> list[Rule]:
    """All broken rules of an object ``bank``; ``issued`` is the card's issue date, YYYYMMDD."""
    if not isinstance(value, dict):
        return [("", "must be an object")]
    unknown = [name for name in value if name not in _CHECKS]
    broken = [(_shown(name), "is not a field of the account") for name in unknown]
    if "pan" not in value:
        broken.append(("pan", "is required"))
    for name, check in _CHECKS.items():
        if name in value:
            broken += [(f"{name} {item}".strip(), rule) for item, rule in check(value[name])]
    expiry = value.get("expiry")
    if isinstance(expiry, str) and not _expiry_rules(expiry) and last_day(expiry) < issued:
        broken.append(("expiry", "is before the issue date of the card"))
    return broken


def _shown(name: str) -> str:
    """The name of a field for an error, unless it may be a value in the wrong place."""
    return name if _PLAIN_NAME.fullmatch(name) else "a name"


def _text(rule: Callable[[str], str | None]) -> Callable[[object], list[Rule]]:
    def check(value: object) -> list[Rule]:
        broken = rule(value) if isinstance(value, str) else "must be a text"
        return [("", broken)] if broken else []

    return check


def _matching(pattern: str, rule: str) -> Callable[[object], list[Rule]]:
    return _text(lambda text: None if re.fullmatch(pattern, text) else rule)


def _one_of(values: tuple[str, ...]) -> Callable[[object], list[Rule]]:
    return _text(lambda text: None if text in values else f"must be one of {', '.join(values)}")


def _expiry_rules(value: object) -> list[Rule]:
    rule = "must be a month, YYYYMM, or a day, YYYYMMDD, of this century"
    if not isinstance(value, str) or len(value) not in (6, 8) or not _MONTH.fullmatch(value[:6]):
        return [("", rule)]
    if len(value) == 8:
        days = calendar.monthrange(int(value[:4]), int(value[4:6]))[1]
        if not re.fullmatch("[0-9]{2}", value[6:]) or not 1 <= int(value[6:]) <= days:
            return [("", rule)]
    return []


def _pin_rules(value: object) -> list[Rule]:
    right = value is None or (isinstance(value, str) and _PIN.fullmatch(value))
    return [] if right else [("", "must be 4 to 12 digits, or null for none")]


def _flag_rules(value: object) -> list[Rule]:
    return [] if isinstance(value, bool) else [("", "must be true or false")]


def _amounts(names: tuple[str, ...], most: int) -> Callable[[object], list[Rule]]:
    def check(value: object) -> list[Rule]:
        if not isinstance(value, dict):
            return [("", "must be an object")]
        broken = []
        for name, given in value.items():
            if name not in names:
                broken.append((_shown(name), "is not a field of it"))
            elif type(given) is not int or not 0 <= given <= most:
                broken.append((name, f"must be a whole number of fen from 0 to {most}"))
        return broken

    return check


_ECASH_AMOUNTS: Final = _amounts(
    ("balance_fen", "limit_fen", "single_limit_fen", "reset_threshold_fen"), MAX_ECASH_FEN
)


def _ecash_rules(value: object) -> list[Rule]:
    broken = _ECASH_AMOUNTS(value)
    if not broken and isinstance(value, dict):
        cash = ElectronicCash(**value)
        if cash.balance_fen > cash.limit_fen:
            broken.append(("balance_fen", "is above limit_fen"))
    return broken


_CHECKS: Final[dict[str, Callable[[object], list[Rule]]]] = {
    "pan": _text(pan_rule),
    "expiry": _expiry_rules,
    "pan_sequence": _matching("[0-9]{2}", "must be 2 digits"),
    "pin": _pin_rules,
    "service_code": _matching("[0-9]{3}", "must be 3 digits"),
    "state": _one_of(STATES),
    "variant": _one_of(VARIANTS),
    "pdol": _flag_rules,
    "suite": _one_of(ALGORITHMS),
    "oda": _one_of(ODA_KINDS),
    "ecash": _ecash_rules,
    "purse": check_purse,
}
