# SPDX-License-Identifier: Apache-2.0
"""One holder (持卡人) as given by a ``HOLDER.json`` file.

``social_security_number``, ``name``, ``sex``, ``nation``, ``birthplace``, ``birth_date``,
``card_number`` and ``city`` are required; ``card_class``, ``issue_date``, ``expiry_date``,
``pin``, ``account`` and ``files`` have the standard's defaults. All values are texts, dates
``YYYYMMDD``, but for the amounts of the account, whole numbers of fen. A ``pin`` of ``null``
makes a card without a PIN. What ``files`` may hold is described in :mod:`issuance.values`, and
``bank``, the account of a bank-linked card, in :mod:`issuance.bank.account`.

Every error is one line ``FILE: ITEM: RULE`` and never shows a value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from issuance import validity
from issuance.bank.account import BankAccount, check_account
from issuance.jsonfile import JsonFileError, read_json
from sscard_chip.standard.amounts import MAX_COUNTER, MAX_FEN
from sscard_chip.standard.dates import DATE_RULE, parse_date
from sscard_chip.standard.divisions import DivisionError, check_division
from sscard_chip.standard.errors import InputError

DEFAULT_PIN: Final = "123456"
DEFAULT_CARD_CLASS: Final = "3"
VALID_YEARS: Final = 10

REQUIRED: Final = (
    "social_security_number",
    "name",
    "sex",
    "nation",
    "birthplace",
    "birth_date",
    "card_number",
    "city",
)
_OPTIONAL_TEXTS: Final = ("card_class", "issue_date", "expiry_date")
_FIELDS: Final = frozenset((*REQUIRED, *_OPTIONAL_TEXTS, "pin", "account", "bank", "files"))
_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


class HolderError(InputError):
    """A holder of whom no card can be made: one line with file, item and rule, no value."""

    def __init__(self, source: str, item: str, rule: str) -> None:
        super().__init__(source, item, rule)
        self.source = source
        self.item = item
        self.rule = rule

    def __str__(self) -> str:
        return ": ".join(part for part in self.args if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule of one item of a holder."""

    item: str
    rule: str


@dataclass(frozen=True, slots=True)
class Account:
    """Starting values of the medical account (医疗保险金额文件), amounts in fen.

    ``starting_day`` is MMDD; ``year`` the 支付年度 YYYY, 0000 when nothing has been paid yet.
    The counters are those of the next load and purchase.
    """

    balance_fen: int = 0  # 账户余额 CIA
    self_paid_total_fen: int = 0  # 年度个人自付累计 SPIP
    pooled_total_fen: int = 0  # 年度统筹累计 SPFP
    year: str = "0000"
    starting_day: str = "0101"
    load_counter: int = 0  # 联网计数器
    purchase_counter: int = 0  # 脱网计数器


_ACCOUNT_NUMBERS: Final = {
    "balance_fen": MAX_FEN,
    "self_paid_total_fen": MAX_FEN,
    "pooled_total_fen": MAX_FEN,
    "load_counter": MAX_COUNTER,
    "purchase_counter": MAX_COUNTER,
}
# 2000 is a leap year: 29 February is a day of some year.
_ACCOUNT_TEXTS: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "year": (lambda text: bool(re.fullmatch("[0-9]{4}", text)), "must be a year, YYYY"),
    "starting_day": (
        lambda text: parse_date(f"2000{text}") is not None,
        "must be a day of the year, MMDD",
    ),
}


@dataclass(frozen=True, slots=True, repr=False)
class Holder:
    """A checked holder. ``folder`` is where paths in ``files`` start; ``source`` names the file."""

    social_security_number: str
    name: str
    sex: str
    nation: str
    birthplace: str
    birth_date: str
    card_number: str
    city: str
    card_class: str
    issue_date: str
    expiry_date: str
    pin: str | None = DEFAULT_PIN
    account: Account | None = None
    bank: BankAccount | None = None
    files: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    folder: Path = Path()
    source: str = "holder"

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, today: date | None = None) -> Holder:
        """Read and check a holder file. Raises :class:`HolderError` at the first broken rule."""
        source = os.fspath(path)
        try:
            document = read_json(Path(path))
        except JsonFileError as error:
            raise HolderError(source, "", str(error)) from None
        return cls.from_object(document, source=source, folder=Path(path).parent, today=today)

    @classmethod
    def from_object(
        cls,
        document: object,
        *,
        source: str = "holder",
        folder: Path = Path(),
        today: date | None = None,
    ) -> Holder:
        """Check the object of a holder file.

        ``today`` (default: the day here) is what dates are judged against and the default of
        ``issue_date``. Raises :class:`HolderError` at the first broken rule.
        """
        if not isinstance(document, dict):
            raise HolderError(source, "", "must be a JSON object")
        day = today or date.today()
        problems = check_holder(document, today=day)
        if problems:
            raise HolderError(source, problems[0].item, problems[0].rule)
        issued = document.get("issue_date", f"{day:%Y%m%d}")
        account = document.get("account")
        expiry = document.get("expiry_date", years_after(issued, VALID_YEARS))
        bank = document.get("bank")
        return cls(
            **{name: document[name] for name in REQUIRED},
            card_class=document.get("card_class", DEFAULT_CARD_CLASS),
            issue_date=issued,
            expiry_date=expiry,
            pin=document.get("pin", DEFAULT_PIN),
            account=None if account is None else Account(**account),
            bank=None if bank is None else BankAccount.from_object(bank, card_expiry=expiry),
            files=document.get("files", {}),
            folder=folder,
            source=source,
        )

    def __repr__(self) -> str:
        return f"<Holder from {self.source}>"


def years_after(day: str, years: int) -> str:
    """The same day ``years`` later, YYYYMMDD; 29 February becomes 28 February where it must."""
    later = f"{int(day[:4]) + years:04d}{day[4:]}"
    return later if parse_date(later) else later[:6] + "28"


def check_holder(document: Mapping[str, object], *, today: date) -> list[Problem]:
    """All broken rules of the object of a holder file; empty for a holder who is right."""
    problems = [
        Problem(_shown(name), "is not a field of a holder")
        for name in document
        if name not in _FIELDS
    ]
    good: dict[str, str] = {}
    for name in (*REQUIRED, *_OPTIONAL_TEXTS):
        if name not in document:
            if name in REQUIRED:
                problems.append(Problem(name, "is required"))
            continue
        value = document[name]
        rule = _CHECKS[name](value, today) if isinstance(value, str) else "must be a text"
        if rule:
            problems.append(Problem(name, rule))
        elif isinstance(value, str):
            good[name] = value
    problems += _check_together(good, today)
    pin = document.get("pin", DEFAULT_PIN)
    if pin is not None:
        rule = validity.check_pin(pin) if isinstance(pin, str) else "must be a text of digits"
        if rule:
            problems.append(Problem("pin", rule))
    if "account" in document:
        problems += _check_account(document["account"])
    if "bank" in document:
        issued = good.get("issue_date", f"{today:%Y%m%d}")
        broken = check_account(document["bank"], issued=issued)
        problems += [Problem(f"bank {item}".strip(), rule) for item, rule in broken]
    problems += _check_files(document.get("files", {}))
    return problems


def _shown(name: str) -> str:
    """The name of a field for an error, unless it may be a value in the wrong place."""
    return name if _PLAIN_NAME.fullmatch(name) else "a name"


def _one_of(values: frozenset[str], rule: str) -> Callable[[str, date], str | None]:
    return lambda value, _today: None if value in values else rule


def _check_city(value: str, _today: date) -> str | None:
    try:
        check_division(value)
    except DivisionError as error:
        return str(error)
    return None


def _check_issue_date(value: str, today: date) -> str | None:
    day = parse_date(value)
    if day is None:
        return DATE_RULE
    return "is a date in the future" if day > today else None


_CHECKS: Final[dict[str, Callable[[str, date], str | None]]] = {
    "social_security_number": validity.check_social_security_number,
    "name": lambda value, _today: validity.check_name(value),
    "sex": _one_of(validity.SEXES, "must be 1 (male), 2 (female) or 9"),
    "nation": _one_of(validity.NATIONS, "must be 01 to 56 or 99 (57, 90 and 98 become 99)"),
    "birthplace": lambda value, _today: validity.check_birthplace(value),
    "birth_date": validity.check_birth_date,
    "card_number": lambda value, _today: validity.check_card_number(value),
    "city": _check_city,
    "card_class": _one_of(validity.CARD_CLASSES, "must be 1, 2, 3 or 4"),
    "issue_date": _check_issue_date,
    "expiry_date": lambda value, _today: None if parse_date(value) else DATE_RULE,
}


def _check_together(good: Mapping[str, str], today: date) -> list[Problem]:
    """Rules between items, of those items that are right by themselves.

    A card may be out of date already: programs are tested with such cards too.
    """
    problems = []
    number = good.get("social_security_number", "")
    if validity.is_citizen_number(number):
        if good.get("birth_date", number[6:14]) != number[6:14]:
            problems.append(
                Problem("birth_date", "differs from digits 7 to 14 of the social security number")
            )
        if good.get("sex", validity.sex_of(number)) != validity.sex_of(number):
            problems.append(Problem("sex", "differs from digit 17 of the social security number"))
    issued = good.get("issue_date", f"{today:%Y%m%d}")
    if good.get("expiry_date", "99991231") < issued:
        problems.append(Problem("expiry_date", "is before the issue date"))
    if good.get("birth_date", "00000101") > issued:
        problems.append(Problem("issue_date", "is before the birth date"))
    return problems


def _check_account(value: object) -> list[Problem]:
    if not isinstance(value, dict):
        return [Problem("account", "must be an object")]
    problems = []
    for name, given in value.items():
        item = f"account {_shown(name)}"
        if name in _ACCOUNT_TEXTS:
            right, rule = _ACCOUNT_TEXTS[name]
            if not isinstance(given, str) or not right(given):
                problems.append(Problem(item, rule))
        elif name not in _ACCOUNT_NUMBERS:
            problems.append(Problem(item, "is not a field of the account"))
        elif type(given) is not int or not 0 <= given <= _ACCOUNT_NUMBERS[name]:
            unit = " of fen" if name.endswith("_fen") else ""
            rule = f"must be a whole number{unit} from 0 to {_ACCOUNT_NUMBERS[name]}"
            problems.append(Problem(item, rule))
    return problems


def _check_files(value: object) -> list[Problem]:
    """The outer shape of ``files``; the values wait for the profile of the card."""
    if not isinstance(value, dict):
        return [Problem("files", "must be an object of DFs")]
    return [
        Problem(f"files {_shown(name)}", "must be an object of EFs")
        for name, files in value.items()
        if not isinstance(files, dict)
    ]
