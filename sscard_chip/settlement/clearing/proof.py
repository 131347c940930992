# SPDX-License-Identifier: Apache-2.0
"""The lines of the books computed again from what they were made of: settled rows, on-line sales.

Books can be even and wrong: whoever may change a database moves money from one pharmacy to another
with balances and all. What a pharmacy is owed for its rows, what it has collected, what holders
paid at the counter and what a fund of the own region paid follow from the rows alone. Of a personal
account the rows say how far its lines may go: how much of a debit it could pay depends on what it
had then, and what it could not pay stands in suspense. An on-line sale says each of its lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.clearing.books import BookedRows, Books
from sscard_chip.settlement.columns import DebitColumns, given
from sscard_chip.settlement.judge.codes import posted
from sscard_chip.settlement.judge.localities import Locality, localities
from sscard_chip.settlement.ledger import AccountKind, EntryKind, LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import SettlementState
from sscard_chip.settlement.ledger.bulk import raw_rows, select_keys
from sscard_chip.settlement.ledger.register import CardRegister, read_register
from sscard_chip.settlement.run.money import insured_divisions
from sscard_chip.settlement.run.pieces import unposted
from sscard_chip.settlement.schema.authorisation import authorisation, step
from sscard_chip.settlement.schema.books import account, entry, line

_SHOWN: Final = 10
_CHECKED: Final = (
    AccountKind.PHARMACY,
    AccountKind.COLLECTED,
    AccountKind.SELF_PAID,
    AccountKind.FUND,
    AccountKind.PERSONAL,
)
_IN_BOOKS: Final = frozenset({str(SettlementState.SETTLED), str(SettlementState.CANCELLED)})
_State = SettlementState


def recompute_lines(t: LedgerTransaction) -> list[str]:
    """Which lines are not those of what they were made of: a line each, at most ten of a kind."""
    problems = [
        f"account {number}: its lines are not those of the settled rows"
        for number in _accounts_that_differ(t)
    ]
    sales = (
        f"on-line settlement {number}: its lines are not those of its bill"
        for number in _sales_that_differ(t)
    )
    return [*problems[:_SHOWN], *(one for one, _ in zip(sales, range(_SHOWN), strict=False))]


# --- day files -----------------------------------------------------------------------------------


class _Bounds:
    """How far the lines of each account go, least and most, by kind and key."""

    def __init__(self) -> None:
        self.least: dict[tuple[str, str], int] = defaultdict(int)
        self.most: dict[tuple[str, str], int] = defaultdict(int)

    def add(
        self,
        kind: AccountKind,
        keys: NDArray[Any],
        fen: Integers,
        certain: Mask,
        *,
        at_least: Mask | None = None,
    ) -> None:
        """Amounts of accounts; one that is not certain may be a line or none.

        ``at_least`` are certain for the least alone.
        """
        distinct, place = np.unique(keys, return_inverse=True)
        below = certain if at_least is None else at_least
        for sums, limit, sure in (
            (self.least, np.minimum, below),
            (self.most, np.maximum, certain),
        ):
            total = np.zeros(len(distinct), np.int64)
            np.add.at(total, place, np.where(sure, fen, limit(fen, 0)))
            for key, amount in zip(distinct.tolist(), total.tolist(), strict=True):
                sums[str(kind), key] += amount


def _accounts_that_differ(t: LedgerTransaction) -> Iterator[int]:
    bounds, register = _Bounds(), read_register(t)
    personal = sa.select(account.c.id, account.c.key).where(
        account.c.kind == str(AccountKind.PERSONAL)
    )
    owners: dict[int, str] = dict(raw_rows(t.connection.execute(personal)))
    left = unposted(t)
    for rows in Books(t).of_all():
        whole = rows.segment not in left  # else its money may be there or not
        _add_rows(t, bounds, rows.some(posted(rows.masks)), register, owners, whole=whole)
    booked = (
        sa.select(line.c.account, sa.func.sum(line.c.fen).label("fen"))
        .join_from(line, entry, entry.c.id == line.c.entry)
        .where(entry.c.source.like(f"{EntryKind.DEBITS}:%"))
        .group_by(line.c.account)
        .subquery()
    )
    statement = (
        sa.select(account, sa.func.coalesce(booked.c.fen, 0).label("fen"))
        .join_from(account, booked, booked.c.account == account.c.id, isouter=True)
        .where(account.c.kind.in_(_CHECKED))
        .order_by(account.c.id)
    )
    for one in t.connection.execute(statement):
        key = one.kind, one.key
        least, most = bounds.least.pop(key, 0), bounds.most.pop(key, 0)
        if not least <= one.fen <= most:
            yield one.id


def _add_rows(
    t: LedgerTransaction,
    bounds: _Bounds,
    rows: BookedRows,
    register: CardRegister,
    owners: dict[int, str],
    *,
    whole: bool,
) -> None:
    columns, code = rows.columns, rows.header.pharmacy_code
    settled, doubtful = _online(t, columns)
    which = np.flatnonzero(~settled)
    columns, certain = columns.rows(which), ~doubtful[which] & whole
    if not len(columns):
        return
    insured = insured_divisions(columns, np.arange(len(columns)))
    own = localities(columns.treatment_division, insured) == Locality.OWN
    pharmacy = np.full(len(columns), code)
    account_fen, fund, cash = columns.account_fen, columns.fund_fen, columns.cash_fen
    bounds.add(AccountKind.PHARMACY, pharmacy, account_fen + fund, certain)
    bounds.add(AccountKind.COLLECTED, pharmacy, cash, certain)
    bounds.add(AccountKind.SELF_PAID, _divisions(columns.treatment_division), -cash, certain)
    bounds.add(AccountKind.FUND, _divisions(insured), -fund, certain & own)
    place = register.find(columns.card_id_code)
    there = np.flatnonzero(place >= 0)
    keys = np.array([owners[one] for one in register.account[place[there]].tolist()], object)
    # what it cannot pay is in suspense, and what comes back repays that first: never less than all
    bounds.add(
        AccountKind.PERSONAL,
        keys.astype(str),
        -account_fen[there],
        np.zeros(len(there), np.bool_),
        at_least=certain[there],
    )


def _divisions(numbers: NDArray[np.uint32]) -> NDArray[np.str_]:
    return np.char.zfill(numbers.astype(str), 6)


def _online(t: LedgerTransaction, columns: DebitColumns) -> tuple[Mask, Mask]:
    """Which rows are of on-line settlements that are in the books, and which may be.

    What was released or reversed may have been so before the row came, or after.
    """
    settled, doubtful = np.zeros(len(columns), np.bool_), np.zeros(len(columns), np.bool_)
    rows = np.flatnonzero(given(columns.setl_id)).tolist()
    if not rows:
        return settled, doubtful
    named = [{_text(columns.setl_id[at]), _text(columns.msgid[at])} for at in rows]
    states = _states(t, set().union(*named))
    for at, names in zip(rows, named, strict=True):
        of = {states[name] for name in names if name in states}
        settled[at] = bool(of & _IN_BOOKS)
        doubtful[at] = bool(of - _IN_BOOKS)
    return settled, doubtful


def _text(cell: bytes) -> str:
    return cell.decode("utf-8", "replace")


def _states(t: LedgerTransaction, names: set[str]) -> dict[str, str]:
    """The state now of settlements by their setl_id and msgid, and by those of their steps."""
    last = step.alias()
    state = (
        sa.select(last.c.state)
        .where(last.c.authorisation == step.c.authorisation)
        .order_by(last.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    found: dict[str, str] = {}
    for column in (authorisation.c.setl_id, step.c.setl_id, step.c.msgid):
        statement = sa.select(column.label("name"), state.label("state")).join_from(
            authorisation, step, step.c.authorisation == authorisation.c.id
        )
        for result in select_keys(t.connection, statement, column, names):
            found |= {row.name: row.state for row in result if row.name in names}
    return found


# --- on-line sales -------------------------------------------------------------------------------


def _sales_that_differ(t: LedgerTransaction) -> Iterator[int]:
    """Numbers of settlements whose entries, all steps together, are not what their state says."""
    own = account.alias()
    moved = (
        sa.select(step.c.authorisation, account.c.kind, account.c.key, line.c.fen)
        .join_from(step, line, line.c.entry == step.c.entry)
        .join(account, account.c.id == line.c.account)
        .subquery()
    )
    last = step.alias()
    state = (
        sa.select(last.c.state)
        .where(last.c.authorisation == authorisation.c.id)
        .order_by(last.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = (moved.c.kind, moved.c.key)
    statement = (
        sa.select(authorisation, own.c.key.label("own_key"), state.label("state"), *columns)
        .add_columns(sa.func.sum(moved.c.fen).label("fen"))
        .join_from(authorisation, own, own.c.id == authorisation.c.account)
        .join(moved, moved.c.authorisation == authorisation.c.id, isouter=True)
        .group_by(*authorisation.c, own.c.key, *columns)
        .order_by(authorisation.c.id)
    )
    sale: Any = None
    lines: dict[tuple[str, str], int] = {}
    for row in t.connection.execute(statement):
        if sale is not None and row.id != sale.id:
            if not _is_bill(sale, lines):
                yield sale.id
            lines = {}
        sale = row
        if row.fen:
            lines[row.kind, row.key] = int(row.fen)
    if sale is not None and not _is_bill(sale, lines):
        yield sale.id


def _is_bill(sale: Any, lines: dict[tuple[str, str], int]) -> bool:
    """Whether the sums of lines are those of a settlement in its state."""
    kind = AccountKind
    settled, held = sale.state == _State.SETTLED, sale.state == _State.HELD
    account_fen = sale.account_fen if settled else 0
    cash, pool = (sale.self_paid_fen, sale.pooled_fen) if settled else (0, 0)
    frozen = sale.account_fen if held else 0
    due = {
        (str(kind.PHARMACY), sale.pharmacy): account_fen + pool,
        (str(kind.FUND), sale.insured_division): -pool,
        (str(kind.SELF_PAID), sale.treatment_division): -cash,
        (str(kind.COLLECTED), sale.pharmacy): cash,
        (str(kind.HELD), sale.own_key): frozen,
    }
    holder = lines.pop((str(kind.PERSONAL), sale.own_key), 0)
    for one in [one for one in lines if one[0] == kind.SUSPENSE]:
        holder += lines.pop(one)  # of whatever division: what comes back repays it
    return holder == -account_fen - frozen and lines == {
        one: fen for one, fen in due.items() if fen
    }
