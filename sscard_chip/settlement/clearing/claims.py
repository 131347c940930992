# SPDX-License-Identifier: Apache-2.0
"""Monthly claims of pharmacies: application (3203), cancellation (3204), status (3205), payment.

A claim is for a pharmacy, a month and a clearing type. It takes in everything that is settled by
then, up to the last day of the month, and is counted in no claim yet (:mod:`.counted`): what came
too late for its own month, or was changed after it, goes into a later one [L]. The centre accepts
a claim whose figures are those of its books, and pays no more than these owe the pharmacy.
A cancelled claim gives its rows free, and the month can be claimed again.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum, unique
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.clearing.books import Books
from sscard_chip.settlement.clearing.codes import ClearingType, ClearingWay
from sscard_chip.settlement.clearing.counted import unclaimed
from sscard_chip.settlement.clearing.period import totals_of
from sscard_chip.settlement.clearing.statement import Statement, statements
from sscard_chip.settlement.ledger import AccountKind, EntryKind, LedgerTransaction
from sscard_chip.settlement.schema.clearing import claim, claim_step, step_order
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.errors import SettlementError


class ClaimRefusedError(SettlementError):
    """A claim, or a step of one, that the centre does not accept; one line."""


@unique
class ClaimState(StrEnum):
    """Where a claim stands."""

    APPLIED = "applied"
    CANCELLED = "cancelled"
    PAID = "paid"

    @property
    def chinese(self) -> str:
        """As it is given to people."""
        return {"applied": "已申请", "cancelled": "已撤销", "paid": "已拨付"}[self]


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What 3203 asks with; amounts in fen, days YYYYMMDD, ``month`` (setlym) YYYYMM.

    ``visits`` is psntime, the net count; ``recognised_fen`` med_sumfee, ``claimed_fen``
    fund_appy_sum.
    """

    pharmacy: str
    month: str
    visits: int
    total_fen: int
    recognised_fen: int
    claimed_fen: int
    cash_fen: int
    account_fen: int
    first_day: str
    last_day: str
    clr_type: str = ClearingType.PHARMACY.value
    clr_way: str = ClearingWay.ITEM.value


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that the centre has accepted; ``number`` is its clr_appy_evt_id.

    ``division`` is clr_optins: the place of treatment, whose bank account pays.
    """

    number: str
    division: str
    request: ClaimRequest
    state: ClaimState
    note: str = ""

    @property
    def payable_fen(self) -> int:
        """What it pays: the fund's part and that of the accounts."""
        return self.request.claimed_fen + self.request.account_fen

    @property
    def unpaid_fen(self) -> int:
        """What of it is still to be paid: nothing of one that is paid or cancelled."""
        return self.payable_fen if self.state is ClaimState.APPLIED else 0

    def to_dict(self) -> dict[str, Any]:
        """For programs; amounts are fen."""
        request = self.request
        return {
            "clr_appy_evt_id": self.number,
            "clr_optins": self.division,
            "state": self.state.value,
            "note": self.note,
            "fixmedins_code": request.pharmacy,
            "clr_type": request.clr_type,
            "clr_way": request.clr_way,
            "setlym": request.month,
            "psntime": request.visits,
            "medfee_sumamt_fen": request.total_fen,
            "med_sumfee_fen": request.recognised_fen,
            "fund_appy_sum_fen": request.claimed_fen,
            "cash_payamt_fen": request.cash_fen,
            "acct_pay_fen": request.account_fen,
            "payable_fen": self.payable_fen,
            "begndate": request.first_day,
            "enddate": request.last_day,
        }


# --- what can be claimed ------------------------------------------------------------------------


def due(t: LedgerTransaction, pharmacy: str, month: str) -> ClaimRequest:
    """The claim of a pharmacy for a month as the books have it.

    :param month: YYYYMM.
    :raises ClaimRefusedError: it is no month.
    """
    return _request(pharmacy, month, due_statement(t, pharmacy, month))


def _request(pharmacy: str, month: str, statement: Statement | None) -> ClaimRequest:
    first, last = month_days(month)
    if statement is None:
        return ClaimRequest(pharmacy, month, 0, 0, 0, 0, 0, 0, first, last)
    net = statement.posted.net
    return ClaimRequest(
        pharmacy,
        month,
        statement.posted.net_count,
        net.total_fen,
        net.total_fen,
        net.fund_fen,
        net.cash_fen,
        net.account_fen,
        first,
        last,
    )


def due_statement(t: LedgerTransaction, pharmacy: str, month: str) -> Statement | None:
    """The statement of what can be claimed for a month; None when there is nothing.

    It is of posted rows, and of those that were claimed and are not posted any more.
    """
    _, last = month_days(month)
    return next(statements(totals_of(unclaimed(t, pharmacy, last))), None)


def month_days(month: str) -> tuple[str, str]:
    """First and last day of a month.

    :raises ClaimRefusedError: when it is none.
    """
    if not is_digits(month, 6):
        raise ClaimRefusedError("setlym: must be a month as YYYYMM")
    year, number = int(month[:4]), int(month[4:])
    if not (year and 1 <= number <= 12):
        raise ClaimRefusedError("setlym: must be a month as YYYYMM")
    return f"{month}01", f"{month}{calendar.monthrange(year, number)[1]:02d}"


# --- the life of a claim ------------------------------------------------------------------------


def apply_claim(t: LedgerTransaction, request: ClaimRequest) -> Claim:
    """3203: accept a claim. The same request again gives the same claim.

    ``t`` is an exclusive transaction.

    :raises ClaimRefusedError: the month is claimed already, a figure is not that of the books, or
        there is nothing to claim.
    """
    t.lock_name(_TURN)
    earlier = [one for one in _claims(t, request.pharmacy) if one.month == request.month]
    earlier = [one for one in earlier if one.clr_type == request.clr_type]
    standing = next((one for one in earlier if one.state != ClaimState.CANCELLED), None)
    if standing is not None:
        found = _claim(standing)
        if found.request == request:
            return found
        raise ClaimRefusedError(f"{request.month}: is claimed already, {found.number}")
    if request.clr_type != ClearingType.PHARMACY:
        raise ClaimRefusedError(f"clr_type: must be {ClearingType.PHARMACY}, a pharmacy's")
    statement = due_statement(t, request.pharmacy, request.month)
    if statement is None or not statement.posted.net.rows:
        raise ClaimRefusedError(f"{request.month}: there is nothing to claim")
    _compare(request, _request(request.pharmacy, request.month, statement))
    return _accept(t, request, statement, len(earlier) + 1)


def apply_all(t: LedgerTransaction, month: str) -> list[Claim]:
    """A claim for every pharmacy that has something to claim for a month and no claim of it yet:
    the new ones, by pharmacy. The books are read once for all of them.

    ``t`` is an exclusive transaction.

    :param month: YYYYMM.
    :raises ClaimRefusedError: it is no month.
    """
    _, last = month_days(month)
    t.lock_name(_TURN)
    rows = _claims(t, None)
    earlier = Counter(
        row.pharmacy
        for row in rows
        if (row.month, row.clr_type) == (month, ClearingType.PHARMACY.value)
    )
    standing = {
        row.pharmacy for row in rows if row.month == month and row.state != ClaimState.CANCELLED
    }
    made = []
    for statement in statements(totals_of(unclaimed(t, None, last))):
        pharmacy = statement.pharmacy
        if pharmacy not in standing and statement.posted.net.rows:
            request = _request(pharmacy, month, statement)
            made.append(_accept(t, request, statement, earlier[pharmacy] + 1))
    return made


def _accept(
    t: LedgerTransaction, request: ClaimRequest, statement: Statement, attempt: int
) -> Claim:
    division = str(statement.regions[0].keys["mdtrtarea_admvs"])
    count = int(t.connection.execute(sa.select(sa.func.count()).select_from(claim)).scalar_one())
    number = f"{division}{request.month}{request.clr_type}{count + 1:010d}"
    t.connection.execute(
        sa.insert(claim).values(
            id=number,
            division=division,
            attempt=attempt,
            newest_segment=Books(t).newest,
            **asdict(request),
        )
    )
    _step(t, number, 1, ClaimState.APPLIED, "")
    return Claim(number, division, request, ClaimState.APPLIED)


def _compare(request: ClaimRequest, expected: ClaimRequest) -> None:
    for name, field in (
        ("psntime", "visits"),
        ("medfee_sumamt", "total_fen"),
        ("med_sumfee", "recognised_fen"),
        ("fund_appy_sum", "claimed_fen"),
        ("cash_payamt", "cash_fen"),
        ("acct_pay", "account_fen"),
        ("begndate", "first_day"),
        ("enddate", "last_day"),
    ):
        is_, must = getattr(request, field), getattr(expected, field)
        if is_ != must:
            shown = yuan if field.endswith("_fen") else str
            raise ClaimRefusedError(f"{name}: is {shown(is_)}, the centre has {shown(must)}")


def cancel_claim(t: LedgerTransaction, number: str, note: str = "") -> Claim:
    """3204: take a claim back. Cancelled already is no error.

    :raises ClaimRefusedError: there is no such claim, or it is paid.
    """
    t.lock_name(_TURN)
    found = find_claim(t, number)
    if found.state is ClaimState.CANCELLED:
        return found
    if found.state is ClaimState.PAID:
        raise ClaimRefusedError(f"{number}: is paid")
    _step(t, number, _last_number(t, number) + 1, ClaimState.CANCELLED, note)
    return Claim(number, found.division, found.request, ClaimState.CANCELLED, note)


def pay_claim(t: LedgerTransaction, number: str, business_date: str, note: str = "") -> Claim:
    """Pay a claim: one entry, from the bank account of its division to the pharmacy.

    Paid already is no error; nothing is posted then.

    :param business_date: YYYYMMDD.
    :raises ClaimRefusedError: there is no such claim, it is cancelled, it comes to less than
        nothing, or to more than the books owe the pharmacy.
    """
    t.lock_name(_TURN)
    found = find_claim(t, number)
    if found.state is ClaimState.PAID:
        return found
    if found.state is ClaimState.CANCELLED:
        raise ClaimRefusedError(f"{number}: is cancelled")
    if found.payable_fen < 0:
        raise ClaimRefusedError(f"{number}: comes to {yuan(found.payable_fen)}, nothing to pay")
    payee = t.account(AccountKind.PHARMACY, found.request.pharmacy)
    owed = int(t.balances([payee], for_update=True)[0])
    if found.payable_fen > owed:
        raise ClaimRefusedError(
            f"{number}: is of {yuan(found.payable_fen)}, the books owe the pharmacy {yuan(owed)}:"
            " money was taken back since; cancel the claim and apply again"
        )
    accounts = [
        payee,
        t.account(AccountKind.BANK, found.division),
    ]
    fen = np.array([-found.payable_fen, found.payable_fen])
    entry = t.post(EntryKind.CLEARING, business_date, f"claim:{number}", accounts, fen)
    _step(t, number, _last_number(t, number) + 1, ClaimState.PAID, note, entry)
    return Claim(number, found.division, found.request, ClaimState.PAID, note)


def find_claim(t: LedgerTransaction, number: str) -> Claim:
    """3205: a claim and its state.

    :raises ClaimRefusedError: when there is none such.
    """
    row = next(iter(_claims(t, None, number)), None)
    if row is None:
        raise ClaimRefusedError(f"clr_appy_evt_id {number}: there is no such claim")
    return _claim(row)


def claims_of(
    t: LedgerTransaction, pharmacy: str | None = None, month: str | None = None
) -> list[Claim]:
    """All claims, of one pharmacy or of all, of one month (YYYYMM) or of all, by pharmacy and
    month."""
    return [_claim(row) for row in _claims(t, pharmacy) if month in (None, row.month)]


@dataclass(frozen=True, slots=True)
class Unpaid:
    """What pharmacies are owed by the books, in fen: ``claimed_fen`` in claims that are applied
    for, ``unclaimed_fen`` in none yet."""

    claimed_fen: int
    unclaimed_fen: int

    @property
    def total_fen(self) -> int:
        """Both together."""
        return self.claimed_fen + self.unclaimed_fen


def unpaid(t: LedgerTransaction, pharmacy: str | None = None) -> Unpaid:
    """What is owed to a pharmacy, or to all."""
    owed = t.balances_of(AccountKind.PHARMACY)
    total = sum(owed.values()) if pharmacy is None else owed.get(pharmacy, 0)
    applied = [one for one in claims_of(t, pharmacy) if one.state is ClaimState.APPLIED]
    claimed = sum(one.payable_fen for one in applied)
    return Unpaid(claimed, total - claimed)


def _claims(t: LedgerTransaction, pharmacy: str | None, number: str | None = None) -> Sequence[Any]:
    """Rows of claims with state and note of their last step."""
    last = (
        sa.select(claim_step.c.claim, sa.func.max(claim_step.c.number).label("number"))
        .group_by(claim_step.c.claim)
        .subquery()
    )
    statement = (
        sa.select(claim, claim_step.c.state, claim_step.c.note)
        .join(last, last.c.claim == claim.c.id)
        .join(
            claim_step,
            sa.and_(claim_step.c.claim == claim.c.id, claim_step.c.number == last.c.number),
        )
        .order_by(claim.c.pharmacy, claim.c.month, claim.c.clr_type, claim.c.attempt)
    )
    if pharmacy is not None:
        statement = statement.where(claim.c.pharmacy == pharmacy)
    if number is not None:
        statement = statement.where(claim.c.id == number)
    return t.connection.execute(statement).all()


def _claim(row: Any) -> Claim:
    request = ClaimRequest(*(getattr(row, one.name) for one in fields(ClaimRequest)))
    return Claim(row.id, row.division, request, ClaimState(row.state), row.note)


def _last_number(t: LedgerTransaction, number: str) -> int:
    newest = sa.select(sa.func.max(claim_step.c.number)).where(claim_step.c.claim == number)
    return int(t.connection.execute(newest).scalar_one())


def _step(
    t: LedgerTransaction,
    number: str,
    at: int,
    state: ClaimState,
    note: str,
    entry: int | None = None,
) -> None:
    t.connection.execute(
        sa.insert(claim_step).values(
            claim=number, number=at, state=state.value, note=note, entry=entry
        )
    )
    last = sa.select(sa.func.coalesce(sa.func.max(step_order.c.place), 0))
    place = t.connection.execute(last).scalar_one() + 1
    t.connection.execute(sa.insert(step_order).values(place=place, claim=number, number=at))


_TURN: Final = "clearing:claims"
"""Whoever takes a step with claims waits for others that do: their order is kept."""
