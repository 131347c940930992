# SPDX-License-Identifier: Apache-2.0
"""Enquiries of insurance data: participation, contributions, pension, benefits, settlements.

What was paid from the medical account is read from the ledger, the rest from the person's
records. Lists come in pages.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any, Final, Literal

import msgspec
import sqlalchemy as sa

from sscard_chip.settlement.schema.authorisation import authorisation
from sscard_chip.settlement.schema.authorisation import step as authorisation_step
from sscard_chip.settlement.schema.books import entry, line
from sscard_chip.settlement.schema.kinds import EntryKind
from sscard_chip.standard.documents import Model, rule
from sscard_service.fields import OptionalMonth
from sscard_service.records import STATUS_TEXTS, Insurance, PensionYear
from sscard_service.store.cards import balance_fen
from sscard_service.store.records import read_records
from sscard_service.work import NoDetails, OperationEffect, Work, operation

PAGE: Final = 100
"""Rows of a page, at most."""
_INTO: Final = frozenset({EntryKind.OPENING, EntryKind.ALLOCATION})


class MonthsDetails(Model, frozen=True):
    """From and to which month (YYYYMM), and which page from 1; ``order`` ``newest`` begins with
    the last row."""

    WHAT = "the details"

    first: OptionalMonth = ""
    last: OptionalMonth = ""
    insurance: Annotated[
        str, rule("must be a code of AAE140", pattern="|".join((*Insurance, "")))
    ] = ""
    page: Annotated[int, rule(ge=1, le=100_000)] = 1
    order: Literal["", "newest"] = ""

    def range(self) -> tuple[int, int]:
        """As numbers."""
        return int(self.first or 0), int(self.last or 999_912)


@operation("insurances", OperationEffect.SHOWS)
def show_insurances(work: Work, _: NoDetails) -> dict[str, Any]:
    """参保信息, with the months and years that were paid of each."""
    months: dict[str, set[str]] = defaultdict(set)
    for one in read_records(work.t, work.person.id, "contribution"):
        if one["paid"]:
            months[one["insurance"]].add(one["period"])
    shown = [
        one
        | {
            "insurance_text": Insurance(one["insurance"]).chinese,
            "status_text": STATUS_TEXTS[one["status"]],
            "months_paid": len(months[one["insurance"]]),
        }
        for one in read_records(work.t, work.person.id, "participation")
    ]
    return {"insurances": shown}


@operation("contributions", OperationEffect.SHOWS, MonthsDetails)
def show_contributions(work: Work, details: MonthsDetails) -> dict[str, Any]:
    """缴费明细 and bases by month; sums are of the whole range, rows of the page."""
    rows = [
        one | {"insurance_text": Insurance(one["insurance"]).chinese}
        for one in read_records(work.t, work.person.id, "contribution", *details.range())
        if details.insurance in ("", one["insurance"])
    ]
    sums = {
        name: sum(one[name] for one in rows if one["paid"])
        for name in ("personal_fen", "unit_fen", "account_fen")
    }
    return _paged(rows, details, "contributions") | {"sums": sums}


@operation("pension", OperationEffect.SHOWS)
def show_pension(work: Work, _: NoDetails) -> dict[str, Any]:
    """养老个人账户: each year, and what is there now."""
    years = [
        msgspec.convert(one, PensionYear) for one in read_records(work.t, work.person.id, "pension")
    ]
    paid = {
        one["period"]
        for one in read_records(work.t, work.person.id, "contribution")
        if one["paid"] and one["insurance"] in (Insurance.PENSION, Insurance.RESIDENTS_PENSION)
    }
    return {
        "years": [msgspec.to_builtins(one) | {"total_fen": one.total_fen} for one in years],
        "total_fen": years[-1].total_fen if years else 0,
        "actual_months": len(paid),
        "deemed_months": years[-1].deemed_months if years else 0,
    }


@operation("benefits", OperationEffect.SHOWS, MonthsDetails)
def show_benefits(work: Work, details: MonthsDetails) -> dict[str, Any]:
    """待遇: of pension, unemployment, work injury and maternity."""
    rows = [
        one | {"insurance_text": Insurance(one["insurance"]).chinese}
        for one in read_records(work.t, work.person.id, "benefit", *details.range())
        if details.insurance in ("", one["insurance"])
    ]
    total = sum(one["fen"] for one in rows if one["paid"])
    return _paged(rows, details, "benefits") | {"total_fen": total}


@operation("settlements", OperationEffect.SHOWS, MonthsDetails)
def show_settlements(work: Work, details: MonthsDetails) -> dict[str, Any]:
    """The medical account: balance, what came in and was paid this year, movement by movement.

    On-line settlements have their pharmacy and the parts of the bill; debits of day files what
    the account has paid.
    """
    card = work.card_to_show()
    own = (
        sa.select(
            entry.c.id, entry.c.kind, entry.c.business_date, sa.func.sum(line.c.fen).label("fen")
        )
        .join_from(line, entry, entry.c.id == line.c.entry)
        .where(line.c.account == card.account)
        .group_by(entry.c.id, entry.c.kind, entry.c.business_date)
        .order_by(entry.c.business_date, entry.c.id)
    )
    bills = {
        row.entry: row
        for row in work.t.connection.execute(
            sa.select(
                authorisation_step.c.entry, authorisation.c.pharmacy, authorisation.c.time,
                authorisation.c.account_fen, authorisation.c.self_paid_fen,
                authorisation.c.pooled_fen,
            )
            .join_from(
                authorisation, authorisation_step,
                authorisation_step.c.authorisation == authorisation.c.id,
            )
            .where(authorisation.c.account == card.account)
        )
    }  # fmt: skip
    rows, year, into, paid = [], work.day[:4], 0, 0
    first, last = details.range()
    for one in work.t.connection.execute(own):
        fen, bill = int(one.fen), bills.get(one.id)
        if one.business_date.startswith(year):
            into += fen if one.kind in _INTO else 0
            paid -= 0 if one.kind in _INTO else fen
        if first <= int(one.business_date[:6]) <= last and fen:
            rows.append(
                {"date": one.business_date, "kind": one.kind, "fen": fen}
                | ({} if bill is None else {
                    "institution": bill.pharmacy,
                    "time": bill.time,
                    "total_fen": int(bill.account_fen + bill.self_paid_fen + bill.pooled_fen),
                    "account_fen": int(bill.account_fen),
                    "cash_fen": int(bill.self_paid_fen),
                    "pool_fen": int(bill.pooled_fen),
                })
            )  # fmt: skip
    return _paged(rows, details, "settlements") | {
        "balance_fen": balance_fen(work.t, card.account),
        "into_account_this_year_fen": into,
        "paid_this_year_fen": paid,
    }


def _paged(rows: list[dict[str, Any]], details: MonthsDetails, name: str) -> dict[str, Any]:
    begin = (details.page - 1) * PAGE
    if details.order == "newest":
        rows = rows[::-1]
    return {name: rows[begin : begin + PAGE], "rows": len(rows), "page": details.page,
            "pages": -(-len(rows) // PAGE)}  # fmt: skip
