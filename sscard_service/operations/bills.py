# SPDX-License-Identifier: Apache-2.0
"""缴费单: the bill by which a flexible worker pays the months of the levels that were chosen.

A bill names months and insurances, counts what each month's level costs, and is paid from the
account of the bank-linked card or at a bank's counter by its number. Until it is paid it may be
withdrawn. What was paid stands in the contributions of the person from that moment on.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.fields import MonthText, PrivateModel, ReceiptNumber
from sscard_service.operations.level import months_from, require_chooser
from sscard_service.records import Contribution, Insurance, record_key
from sscard_service.region.model import ServiceRegion
from sscard_service.store.bills import (
    OPEN,
    PAID,
    WITHDRAWN,
    ContributionBill,
    add_bill,
    bills_of,
    end_bill,
    find_bill,
)
from sscard_service.store.levels import choices_of, level_in
from sscard_service.store.persons import read_person
from sscard_service.store.records import add_records
from sscard_service.work import NoDetails, OperationEffect, Work, operation

_MOST_MONTHS: Final = 12
WAYS: Final = {"card": "社保卡银行账户扣款", "counter": "银行柜面缴费"}
"""How a bill is paid: debited from the bank account of the card, or at a bank's counter."""


def _insurances_rule(value: list[str]) -> str | None:
    if not value or len(set(value)) != len(value) or not set(value) <= set(Insurance):
        return "must be different codes of AAE140, one at least"
    return None


class BillDetails(PrivateModel, frozen=True):
    """Months (at most 12, from this one on), insurances (AAE140) and the way it is paid."""

    WHAT = "the details"

    first: MonthText
    last: MonthText
    insurances: Annotated[list[str], rule(check=_insurances_rule)]
    way: Literal["card", "counter"] = "card"


class BillNumber(PrivateModel, frozen=True):
    """Which bill."""

    WHAT = "the details"

    bill: ReceiptNumber


class PaidDetails(BillNumber, frozen=True):
    """A bill that was paid, with the bank's own reference."""

    reference: Annotated[
        str, rule("must be 1 to 64 letters and digits", pattern="[0-9A-Za-z_.-]{1,64}")
    ]


@operation("bill", OperationEffect.KEEPS, BillDetails)
def make_bill(work: Work, details: BillDetails) -> dict[str, Any]:
    """A bill of months that have a level; no month of an insurance is billed twice."""
    require_chooser(work)
    if details.way == "card":
        for field in ("bank", "phone"):
            if not getattr(work.person.data, field):
                raise ServiceRefusedError(Code.DOCUMENTS, field=field)
    wanted = _months(work, details)
    lines = _lines(work, details, wanted)
    for one in bills_of(work.t, work.person.id):
        same = {(line["insurance"], line["month"]) for line in lines} & one.billed(work.person.key)
        if same:
            raise ServiceRefusedError(Code.RUNNING if one.state == OPEN else Code.ALREADY)
    number = add_bill(
        work.t, work.person, details.first, details.last, details.way, lines, work.time
    )
    fen = sum(one["fen"] for one in lines)
    if details.way == "card":
        work.notify("debit", {"bank": work.person.data.bank, "bill": number, "fen": fen})
    work.notify_holder("bill", bill=number, fen=fen)
    work.after = OPEN
    return {
        "bill": number, "first": details.first, "last": details.last, "way": details.way,
        "way_text": WAYS[details.way], "fen": fen, "state": OPEN, "lines": lines,
        "time": work.time,
    }  # fmt: skip


@operation("bills", OperationEffect.SHOWS)
def show_bills(work: Work, _: NoDetails) -> dict[str, Any]:
    """The person's bills with their states."""
    return {
        "bills": [
            {
                "bill": one.number, "first": one.first, "last": one.last, "way": one.way,
                "way_text": WAYS[one.way], "fen": one.fen, "state": one.state,
                "insurances": sorted({line["insurance"] for line in one.lines(work.person.key)}),
                "time": one.time,
            }
            for one in bills_of(work.t, work.person.id)
        ]
    }  # fmt: skip


@operation("bill_withdraw", OperationEffect.KEEPS, BillNumber)
def withdraw_bill(work: Work, details: BillNumber) -> dict[str, Any]:
    """撤销缴费单: until it is paid; its months may be billed anew, or get another level."""
    found = find_bill(work.t, details.bill)
    if found is None or found.person != work.person.id:
        raise ServiceRefusedError(Code.NOT_FOUND)
    _end(work, found, WITHDRAWN)
    if found.way == "card":
        work.notify("debit", {"bank": work.person.data.bank, "bill": found.number, "fen": 0})
    return {"bill": found.number, "state": WITHDRAWN, "time": work.time}


@operation("bill_paid", OperationEffect.KEEPS, PaidDetails, about="nothing")
def report_paid(work: Work, details: PaidDetails) -> dict[str, Any]:
    """到账: the bank or the office says that a bill was paid: contributions are posted by it."""
    found = find_bill(work.t, details.bill)
    person = None if found is None else read_person(work.t, work.keys, found.person)
    if found is None or person is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    _end(work, found, PAID, details.reference)
    records = [
        Contribution(
            line["month"], line["month"], line["insurance"], person.data.class_, line["base_fen"],
            line["fen"], 0, line["account_fen"], posted=work.day,
        )
        for line in found.lines(person.key)
    ]  # fmt: skip
    add_records(
        work.t, person.id,
        [("contribution", record_key(one), int(one.period), msgspec.to_builtins(one))
         for one in records],
    )  # fmt: skip
    return {"bill": found.number, "state": PAID, "fen": found.fen, "time": work.time}


def _end(work: Work, found: ContributionBill, event: str, reference: str = "") -> None:
    """One end for a bill: paid or withdrawn."""
    if found.state == event:
        raise ServiceRefusedError(Code.ALREADY)
    if found.state != OPEN:
        raise ServiceRefusedError(Code.TOO_LATE, now=found.state)
    end_bill(work.t, found.id, event, work.time, reference)
    work.before, work.after = found.state, event


def _months(work: Work, details: BillDetails) -> list[str]:
    """The months of a bill, from this one on."""
    months = months_from(work.day[:6], _MOST_MONTHS)
    for field in ("first", "last"):
        if getattr(details, field) not in months:
            raise ServiceRefusedError(
                Code.FORMAT, field=field, rule=f"must be from {months[0]} to {months[-1]}"
            )
    if details.last < details.first:
        raise ServiceRefusedError(Code.FORMAT, field="last", rule="must not be before first")
    return [one for one in months if details.first <= one <= details.last]


def _lines(work: Work, details: BillDetails, months: list[str]) -> list[dict[str, Any]]:
    """What each month of each insurance costs, halves of a fen up."""
    choices = choices_of(work.t, work.person.id)
    found = []
    for insurance in details.insurances:
        for month in months:
            code = level_in(choices, insurance, month)
            if not code:
                raise ServiceRefusedError(
                    Code.FORMAT, field="insurances", rule=f"{insurance}: no level in {month}"
                )
            found.append(_line(work.region, insurance, code, month))
    return found


def _line(region: ServiceRegion, insurance: str, code: str, month: str) -> dict[str, Any]:
    level = region.contribution_levels.get(insurance, {}).get(code)
    if level is None or not level.rate:
        raise ServiceRefusedError(
            Code.FORMAT, field="insurances", rule=f"{insurance}: the region bills no level {code}"
        )
    fen, account = (
        (level.base_fen * rate + 5_000) // 10_000 for rate in (level.rate, level.account_rate)
    )
    return {
        "insurance": insurance, "level": code, "month": month, "base_fen": level.base_fen,
        "fen": fen, "account_fen": account,
    }  # fmt: skip
