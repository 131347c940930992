# SPDX-License-Identifier: Apache-2.0
"""The money of a segment: one entry for each business date, one line for each account in it.

| what a debit has | is charged to | and paid to |
|---|---|---|
| account money | the holder's account, suspense for what it cannot pay | the pharmacy |
| pooled money | the fund of the insured division | the pharmacy |
| cash | self-paid of the place of treatment | collected by the pharmacy, which has it |

Of a card that is insured elsewhere and has no account here, account and pooled money are a
receivable from its division. A refund is the same with all signs changed; account money first
repays what its account has in suspense, and the rest goes back to the holder's account: so it does
not matter what came first. What an account cannot pay stands in the suspense of the division that
keeps it, whatever insured place a row says. Debits and refunds of a date are one entry. What the
on-line authorisation has settled already is not booked again.

Where holders' accounts are charged in pieces behind the rest (:mod:`.pieces`), all that they are
asked for stands in the suspense of the insured division first, and each piece takes out what its
accounts can pay: in the end it is the same.

What follows from the rows apart, :mod:`.money` has summed; here it meets the balances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers, among, distinct
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.ledger import (
    AccountKind,
    EntryKind,
    LedgerTransaction,
    split_by_balance,
)
from sscard_chip.settlement.ledger.suspense import (
    home_divisions,
    keep_shares,
    repay,
    suspense_of,
)
from sscard_chip.settlement.run.money import (
    Money,
    MoneyRows,
    MoneyTask,
    OtherSums,
    dates_of,
    sum_money,
)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _Shares:
    """What rows bring into a division's suspense, below zero what they repay."""

    row: Integers
    division: NDArray[np.uint32]
    fen: Integers


class _Lines:
    """The sum of each account."""

    def __init__(self, greatest: int) -> None:
        self._fen = np.zeros(greatest + 1, np.int64)

    def add(self, accounts: Integers, fen: Integers) -> None:
        """Amounts of accounts, which may occur many times."""
        np.add.at(self._fen, accounts, fen)

    def moved(self) -> tuple[Integers, Integers]:
        """One line for each account that something is left of."""
        accounts = np.flatnonzero(self._fen)
        return accounts, self._fen[accounts]


class _Accounts:
    """The accounts of pharmacies and divisions that money is booked on, each looked for once."""

    def __init__(self, t: LedgerTransaction, headers: Sequence[DayHeader]) -> None:
        self._t = t
        self._headers = headers
        self._own: dict[AccountKind, Integers] = {}
        self._known: dict[AccountKind, dict[int, int]] = {}

    def of_pharmacies(self, kind: AccountKind) -> Integers:
        """The accounts of a kind for the headers."""
        if kind not in self._own:
            codes = [header.pharmacy_code for header in self._headers]
            self._own[kind] = self._t.accounts(kind, codes)
        return self._own[kind]

    def of_divisions(self, kind: AccountKind, divisions: Integers) -> Integers:
        """The accounts of a kind for some divisions; those that are missing are opened."""
        known = self._known.setdefault(kind, {})
        asked = divisions.tolist()
        fresh = sorted({one for one in asked if one not in known})
        if fresh:
            names = [f"{one:06d}" for one in fresh]
            known |= dict(zip(fresh, self._t.accounts(kind, names).tolist(), strict=True))
        return np.fromiter((known[one] for one in asked), np.int64, len(asked))

    def of_sums(self, every: Sequence[OtherSums]) -> Iterator[tuple[Integers, Integers]]:
        """Accounts of sums of one date, and what is added to them."""
        for one in every:
            if len(one.payable):
                yield self.of_pharmacies(AccountKind.PHARMACY)[: len(one.payable)], one.payable
                yield self.of_pharmacies(AccountKind.COLLECTED)[: len(one.collected)], one.collected
            for kind, sums in (
                (AccountKind.SELF_PAID, one.self_paid),
                (AccountKind.FUND, one.fund),
                (AccountKind.SUSPENSE, one.suspense),
                (AccountKind.RECEIVABLE, one.receivable),
            ):
                yield self.of_divisions(kind, sums.division), -sums.fen


def book(
    t: LedgerTransaction,
    name: str,
    columns: DebitColumns,
    rows: NDArray[np.signedinteger],
    personal: Integers,
    headers: Sequence[DayHeader],
    *,
    money: Money | None = None,
    beside: Sequence[OtherSums] = (),
) -> None:
    """Post the money of ``rows``: those of a segment, or of a piece of one, whose ``name`` it is.

    ``personal`` are numbers of the holders' accounts for all rows of ``columns``, -1 for none;
    ``headers`` are those of the files that ``columns.file`` counts. ``money`` is the sum of the
    rows, where it is known already; ``beside`` are sums of other rows that are posted with them.
    """
    if not len(rows) and not beside:
        return
    dates = dates_of(headers)
    if money is None:
        money = sum_money(MoneyTask(columns, rows, personal, dates))
    accounts = _Accounts(t, headers)
    balances = t.balances(money.owners, for_update=True)
    apart = money.refunded | (money.asked > balances)  # their rows are looked at one by one
    special = rows[among(personal.take(rows), money.owners[apart])]
    few = MoneyRows.of(columns, special, personal)
    charged, shares = _charge(t, few, balances[np.searchsorted(money.owners, few.owner)])
    of_row = dates[few.file]
    others: dict[int, list[OtherSums]] = {}
    for sums in (*money.others, *beside):
        others.setdefault(sums.date, []).append(sums)
    for date in sorted(others):
        own, of_day = of_row == date, of_row[shares.row] == date
        owner, division = few.owner[shares.row[of_day]], shares.division[of_day]
        fen = shares.fen[of_day]
        divisions, place = distinct(division)
        shared = accounts.of_divisions(AccountKind.SUSPENSE, divisions)
        parts = [
            (few.owner[own], -charged[own]),
            (shared[place], -fen),
            *accounts.of_sums(others[date]),
        ]
        if date in money.days:
            parts.append((money.owners[~apart], -money.days[date][~apart]))
        lines = _Lines(max(int(one.max(initial=0)) for one, _ in parts))
        for one, amount in parts:
            lines.add(one, amount)
        moved, amounts = lines.moved()
        if len(moved):
            source = f"{EntryKind.DEBITS}:{name}:{date:08d}"
            entry = t.post(EntryKind.DEBITS, f"{date:08d}", source, moved, amounts)
            keep_shares(t, entry, owner, division, fen)


def _charge(t: LedgerTransaction, rows: MoneyRows, balances: Integers) -> tuple[Integers, _Shares]:
    """What the holders' accounts pay of each debit, and get back by each refund; and what goes
    into suspense or comes out of it. The rows are all that these accounts have; ``balances`` are
    those of each row's account.

    All debits are heard before all refunds: in the end an account has the same as in any order.
    """
    charged = rows.account.copy()
    nothing = np.zeros(0, np.int64)
    if not len(rows):
        return charged, _Shares(nothing, np.zeros(0, np.uint32), nothing)
    debits, refunds = np.flatnonzero(~rows.refund), np.flatnonzero(rows.refund)
    charged[debits], missing = split_by_balance(
        rows.owner[debits], rows.account[debits], balances[debits]
    )
    short = np.flatnonzero(missing)
    row, fen = debits[short], missing[short]
    division = _homes(t, rows, row)
    if not len(refunds):
        return charged, _Shares(row, division, fen)
    open_shares = suspense_of(t, np.unique(rows.owner[refunds]).tolist())
    known = np.flatnonzero(among(rows.owner[row], np.array(sorted(open_shares), np.int64)))
    for one, of, amount in zip(
        rows.owner[row[known]].tolist(),
        division[known].tolist(),
        fen[known].tolist(),
        strict=True,
    ):
        open_shares[one][of] += amount
    repaid: list[tuple[int, int, int]] = []
    paid = np.array([bool(open_shares[one]) for one in rows.owner[refunds].tolist()], np.bool_)
    charged[refunds[~paid]] = rows.account[refunds[~paid]]  # nothing is to be repaid
    refunds = refunds[paid]
    for at, own in zip(refunds.tolist(), _homes(t, rows, refunds).tolist(), strict=True):
        back = -int(rows.account[at])
        for of, amount in repay(open_shares[int(rows.owner[at])], own, back):
            repaid.append((at, of, -amount))
            back -= amount
        charged[at] = -back
    more = np.array(repaid, np.int64).reshape(-1, 3).T
    return charged, _Shares(
        np.append(row, more[0]),
        np.append(division, more[1].astype(np.uint32)),
        np.append(fen, more[2]),
    )


def _homes(t: LedgerTransaction, rows: MoneyRows, which: Integers) -> NDArray[np.uint32]:
    """The divisions that keep the accounts of some rows; for one that none keeps, as it says."""
    owners, place = np.unique(rows.owner[which], return_inverse=True)
    known = home_divisions(t, owners.tolist()) if len(owners) else {}
    divisions = np.array([known.get(one, -1) for one in owners.tolist()], np.int64)[place]
    return np.where(divisions < 0, rows.insured[which], divisions).astype(np.uint32)
