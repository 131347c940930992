# SPDX-License-Identifier: Apache-2.0
"""Insurance data of a person (S6), and the file that brings persons: ``sscard-persons/1``.

The medical account and what was paid from it are not here: they are the ledger's. Codes of
insurances are AAE140 of the human resources side, where 410 is work injury; the medical
platform's insutype 410 is long-term care and never stands in these records.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated, Final, Literal

import msgspec

from sscard_chip.standard.documents import rule
from sscard_service.fields import DayText, MonthText, OptionalDay, PrivateModel, plain
from sscard_service.store.persons import PersonData

FORMAT: Final = "sscard-persons/1"

MOST_FEN: Final = 10**13


@unique
class Insurance(StrEnum):
    """AAE140 险种类型 [M]."""

    PENSION = "110"
    RESIDENTS_PENSION = "170"
    UNEMPLOYMENT = "210"
    MEDICAL = "310"
    LARGE_AMOUNT = "330"
    WORK_INJURY = "410"
    MATERNITY = "510"

    @property
    def chinese(self) -> str:
        """Its name."""
        return _CHINESE[self.value]


_CHINESE: Final = {
    "110": "城镇职工基本养老保险",
    "170": "城乡居民基本养老保险",
    "210": "失业保险",
    "310": "职工基本医疗保险",
    "330": "大额医疗费用补助",
    "410": "工伤保险",
    "510": "生育保险",
}
STATUS_TEXTS: Final = {"1": "参保缴费", "2": "暂停缴费", "3": "终止缴费"}
"""AAC031 个人参保状态 [M]."""

_InsuranceCode = Annotated[
    str, rule(f"must be one of {', '.join(Insurance)}", pattern="|".join(Insurance))
]
_Year = Annotated[str, rule("must be YYYY", pattern="[0-9]{4}")]
_Fen = Annotated[int, rule(ge=0, le=MOST_FEN, unit=" of fen")]
_Months = Annotated[int, rule(ge=0, le=1200, unit=" of months")]
_Unit = Annotated[str, plain(100)]


class Participation(PrivateModel, frozen=True):
    """参保信息: an insurance of a person with a unit; ``ended`` empty while it lasts."""

    WHAT = "a participation"

    insurance: _InsuranceCode
    status: Annotated[str, rule("must be 1, 2 or 3 (AAC031)", pattern="[123]")]
    begun: DayText
    unit: _Unit
    ended: OptionalDay = ""


class Contribution(PrivateModel, frozen=True):
    """缴费明细: of one month and insurance; amounts in fen.

    ``month`` is that of the ledger (费款所属期 ``period``). ``account_fen`` goes into the
    person's account (pension or medical).
    """

    WHAT = "a contribution"

    month: MonthText
    period: MonthText
    insurance: _InsuranceCode
    unit: _Unit
    base_fen: _Fen
    personal_fen: _Fen
    unit_fen: _Fen
    account_fen: _Fen = 0
    wage_fen: _Fen = 0
    item: Annotated[str, plain(20)] = "正常应缴"
    paid: bool = True
    posted: OptionalDay = ""


class PensionYear(PrivateModel, frozen=True):
    """养老个人账户 of a year: carried over, credited, interest; in fen."""

    WHAT = "a year of a pension account"

    year: _Year
    base_fen: _Fen
    months: Annotated[int, rule(ge=0, le=12)]
    carried_personal_fen: _Fen
    carried_unit_fen: _Fen
    personal_fen: _Fen
    unit_fen: _Fen = 0
    carried_interest_fen: _Fen = 0
    interest_fen: _Fen = 0
    deemed_months: _Months = 0

    @property
    def total_fen(self) -> int:
        """Carried over, credited and both interests."""
        return (
            self.carried_personal_fen
            + self.carried_unit_fen
            + self.personal_fen
            + self.unit_fen
            + self.carried_interest_fen
            + self.interest_fen
        )


class Benefit(PrivateModel, frozen=True):
    """待遇: what was paid out in a month, of pension, unemployment, injury or maternity.

    ``event`` is the day of an accident or a birth, ``finding`` and ``grade`` of an injury.
    """

    WHAT = "a benefit"

    month: MonthText
    insurance: _InsuranceCode
    item: Annotated[str, plain(40)]
    fen: _Fen
    paid: bool = True
    event: OptionalDay = ""
    finding: Annotated[str, plain(40)] = ""
    grade: Annotated[str, plain(4)] = ""


Record = Participation | Contribution | PensionYear | Benefit
KINDS: Final[dict[str, type[Record]]] = {
    "participation": Participation,
    "contribution": Contribution,
    "pension": PensionYear,
    "benefit": Benefit,
}
"""Kinds of records by their names in the tables."""


def record_key(record: Record) -> str:
    """By what a record is known among those of its kind and person."""
    match record:
        case Participation():
            return f"{record.insurance}:{record.begun}:{record.unit[:40]}"
        case Contribution():
            return f"{record.period}:{record.insurance}:{record.month}:{record.item}"
        case PensionYear():
            return record.year
        case Benefit():
            return f"{record.month}:{record.insurance}:{record.item}"


def record_period(record: Record) -> int:
    """The month or year that it is of, 0 for none."""
    match record:
        case Participation():
            return 0
        case Contribution():
            return int(record.period)
        case PensionYear():
            return int(record.year)
        case Benefit():
            return int(record.month)


class PersonLine(PrivateModel, frozen=True):
    """A line of a file of persons, after the first: ``{"format": "sscard-persons/1"}``."""

    WHAT = "a person"

    psn_no: Annotated[str, rule("must be 1 to 30 letters and digits", pattern="[0-9A-Za-z]{1,30}")]
    division: Annotated[str, rule("must be 6 digits", pattern="[0-9]{6}")]
    data: PersonData
    participation: list[Participation] = msgspec.field(default_factory=list)
    contribution: list[Contribution] = msgspec.field(default_factory=list)
    pension: list[PensionYear] = msgspec.field(default_factory=list)
    benefit: list[Benefit] = msgspec.field(default_factory=list)

    def records(self) -> list[tuple[str, Record]]:
        """All records with their kinds."""
        found: list[tuple[str, Record]] = []
        for kind in KINDS:
            found += [(kind, one) for one in getattr(self, kind)]
        return found


class PersonFileHead(PrivateModel, frozen=True):
    """The first line of a file of persons."""

    WHAT = "the head of a file of persons"

    format: Annotated[Literal["sscard-persons/1"], rule(f'must be "{FORMAT}"')]
