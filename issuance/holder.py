# SPDX-License-Identifier: Apache-2.0
"""One holder (持卡人) as given by a holder file, JSON or TOML. Every field: docs/holder.md.

What ``files`` may hold is described in :mod:`issuance.values`, and ``bank``, the account of a
bank-linked card, in :mod:`issuance.bank.account`.

Every error is one line ``FILE: ITEM: RULE; ITEM: RULE...`` and never shows a value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec.structs import fields

from issuance import validity
from issuance.bank.account import BankAccount, last_day
from issuance.names import trimmed
from issuance.pki.application import CertificateOptions
from issuance.transport import TransportOptions
from sscard_chip.standard.amounts import MAX_COUNTER
from sscard_chip.standard.dates import DATE_RULE, date_rule, parse_date, written_day, years_after
from sscard_chip.standard.divisions import DivisionError, check_division
from sscard_chip.standard.documents import (
    Broken,
    Document,
    DocumentError,
    Model,
    RuleFinding,
    convert,
    find,
    rule,
)
from sscard_chip.standard.models import Fen

DEFAULT_PIN: Final = "123456"
DEFAULT_CARD_CLASS: Final = "3"
VALID_YEARS: Final = 10


class HolderError(DocumentError):
    """A holder of whom no card can be made: file, items and rules in one line, no value."""


# --- the model ------------------------------------------------------------------------------------


def _city_rule(value: str) -> str | None:
    try:
        check_division(value)
    except DivisionError as error:
        return str(error)
    return None


def _issue_date_rule(value: str, today: date) -> str | None:
    day = parse_date(value)
    if day is None:
        return DATE_RULE
    return "is a date in the future" if day > today else None


def _day_of_year_rule(value: str) -> str | None:
    """2000 is a leap year: 29 February is a day of some year."""
    return None if parse_date(f"2000{value}") else "must be a day of the year, MMDD"


Count = Annotated[int, rule(ge=0, le=MAX_COUNTER)]
Year = Annotated[str, rule("must be a year, YYYY", pattern="[0-9]{4}")]
DayOfYear = Annotated[str, rule("must be a day of the year, MMDD", check=_day_of_year_rule)]


class InitialAccount(Model, frozen=True):
    """Starting values of the medical account (医疗保险金额文件).

    Amounts are fen; the counters are those of the next load and purchase.
    """

    WHAT = "the account"

    balance_fen: Annotated[Fen, rule(title="Balance (账户余额)")] = 0
    self_paid_total_fen: Annotated[Fen, rule(title="Self-paid in the year (年度个人自付累计)")] = 0
    pooled_total_fen: Annotated[Fen, rule(title="Paid by the fund in the year (年度统筹累计)")] = 0
    year: Annotated[Year, rule(title="Payment year (支付年度), 0000 before any payment")] = "0000"
    starting_day: Annotated[DayOfYear, rule(title="Day on which the year begins, MMDD")] = "0101"
    load_counter: Annotated[Count, rule(title="Counter of loads (联网计数器)")] = 0
    purchase_counter: Annotated[Count, rule(title="Counter of purchases (脱网计数器)")] = 0


class HolderDocument(Model, frozen=True):
    """The holder of a card (持卡人)."""

    WHAT = "a holder"
    NOT_OBJECT = "must be a JSON object"

    social_security_number: Annotated[
        str,
        rule(
            check=validity.check_social_security_number,
            context=True,
            title="社会保障号码: a citizen number (GB 11643) or a foreigner's number",
        ),
    ]
    name: Annotated[str, rule(check=validity.check_name, title="Name (姓名)")]
    sex: Annotated[
        Literal["1", "2", "9"],
        rule(
            "must be 1 (male), 2 (female) or 9 (性别, GB/T 2261.1)",
            title="Sex (性别, GB/T 2261.1): 1 male, 2 female, 9 not stated",
            few=True,
        ),
    ]
    nation: Annotated[
        str,
        rule(
            "must be 01 to 56 or 99 (57, 90 and 98 become 99; 民族, GB/T 3304)",
            pattern="0[1-9]|[1-4][0-9]|5[0-6]|99",
            title="Nation (民族, GB/T 3304): 01 to 56, 99 for others",
            few=True,
        ),
    ]
    birthplace: Annotated[
        str,
        rule(
            check=validity.check_birthplace,
            title="Birthplace (出生地): a division code of 6 digits (GB/T 2260)",
            few=True,
        ),
    ]
    birth_date: Annotated[
        str, rule(check=validity.check_birth_date, context=True, title="出生日期, YYYYMMDD")
    ]
    card_number: Annotated[
        str,
        rule(
            check=validity.check_card_number,
            title="卡号: a letter, 7 digits or letters, a check character (annex A)",
        ),
    ]
    city: Annotated[
        str,
        rule(
            check=_city_rule,
            title="City of issue: a division code of 6 digits (GB/T 2260)",
            few=True,
        ),
    ]
    card_class: Annotated[
        Literal["1", "2", "3", "4"],
        rule(
            "must be 1, 2, 3 or 4 (卡类别)",
            title="卡类别: 1 pre-school, 2 student, 3 adult or not told apart, 4 senior",
            few=True,
        ),
    ] = DEFAULT_CARD_CLASS
    issue_date: Annotated[
        str, rule(check=_issue_date_rule, context=True, title="发卡日期, YYYYMMDD; else today")
    ] = ""
    expiry_date: Annotated[
        str,
        rule(
            check=date_rule,
            title=f"有效期至, YYYYMMDD; else {VALID_YEARS} years after the issue date",
            few=True,
        ),
    ] = ""
    pin: Annotated[
        str | None,
        rule(
            "must be a text of digits",
            check=validity.check_personal_pin,
            title="PIN (个人密码): 4 to 16 digits; null makes a card without one",
        ),
    ] = DEFAULT_PIN
    account: Annotated[
        InitialAccount | None, rule(title="Starting values of the medical account")
    ] = None
    bank: Annotated[
        BankAccount | None, rule(title="Account of a bank-linked card; needs the bank's keys")
    ] = None
    transport: Annotated[
        TransportOptions | None,
        rule(title="Transport application (交通联合) of generation 3; needs its issuer's keys"),
    ] = None
    certificates: Annotated[
        CertificateOptions | None,
        rule(title="Certificate application (证书应用) of generation 3, as it is delivered"),
    ] = None
    files: Annotated[
        dict[str, Annotated[dict[str, Any], rule("must be an object of EFs")]],
        rule("must be an object of DFs", title="Contents of further files, by DF, EF and tag"),
    ] = {}

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: date) -> Iterator[Broken]:
        """Rules between fields, of those that are right by themselves.

        A card may be out of date already: programs are tested with such cards too.
        """
        number = good.get("social_security_number", "")
        if validity.is_citizen_number(number):
            if good.get("birth_date", number[6:14]) != number[6:14]:
                text = "differs from digits 7 to 14 of the social security number"
                yield ("birth_date",), text
            sex = validity.sex_of(number)
            if good.get("sex", sex) != sex:
                yield ("sex",), "differs from digit 17 of the social security number"
        issued = good.get("issue_date") or written_day(context)
        if (good.get("expiry_date") or "99991231") < issued:
            yield ("expiry_date",), "is before the issue date"
        if good.get("birth_date", "00000101") > issued:
            yield ("issue_date",), "is before the birth date"
        account = good.get("bank")
        if account and account.get("expiry") and last_day(account["expiry"]) < issued:
            yield ("bank", "expiry"), "is before the issue date of the card"


REQUIRED: Final = tuple(one.name for one in fields(HolderDocument) if one.required)


class Holder(HolderDocument, frozen=True):
    """A checked holder. ``folder`` is where paths in ``files`` start; ``source`` names the file."""

    folder: Path = Path()
    source: str = "holder"

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, today: date | None = None) -> Holder:
        """Read and check a holder file, TOML when its name ends so, else JSON.

        :raises HolderError: with every broken rule.
        """
        document = Document.load(path, HolderError)
        return cls._checked(document, Path(path).parent, today or date.today())

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
        ``issue_date``.

        :raises HolderError: with every broken rule.
        """
        read = Document(source, document, HolderError)
        return cls._checked(read, folder, today or date.today())

    @classmethod
    def _checked(cls, document: Document, folder: Path, today: date) -> Holder:
        document.check(HolderDocument, today)
        return cls.of(document.value, today=today, folder=folder, source=document.source)

    @classmethod
    def of(cls, document: Mapping[str, Any], *, today: date, folder: Path, source: str) -> Holder:
        """The holder of an object in which :func:`check_holder` finds nothing."""
        issued = document.get("issue_date") or written_day(today)
        expiry = document.get("expiry_date") or years_after(issued, VALID_YEARS)
        given = {
            **document, "issue_date": issued, "expiry_date": expiry,
            "name": trimmed(document["name"]), "folder": folder, "source": source,
        }  # fmt: skip
        if given.get("bank"):
            account = given["bank"]
            given["bank"] = {**account, "expiry": last_day(account.get("expiry", expiry))}
        return convert(cls, given)

    def __repr__(self) -> str:
        return f"<Holder from {self.source}>"


def check_holder(document: Mapping[str, object], *, today: date) -> list[RuleFinding]:
    """All broken rules of the object of a holder file; empty for a holder who is right."""
    return find(HolderDocument, document, today)
