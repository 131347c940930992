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
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.columns import NO_DIVISION, DebitColumns, number_of_bcd
from sscard_chip.settlement.judge.localities import Locality, localities
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

_DIVISIONS: Final = 1_000_000


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Shares:
    """What rows bring into a division's suspense, below zero what they repay."""

    row: Integers
    division: NDArray[np.uint32]
    fen: Integers

    @classmethod
    def of(cls, shares: Sequence[tuple[int, int, int]]) -> Shares:
        """From row, division and fen of each."""
        row, division, fen = np.array(shares, np.int64).reshape(-1, 3).T
        return cls(row, division.astype(np.uint32), fen)


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


def insured_divisions(columns: DebitColumns, rows: Integers) -> NDArray[np.uint32]:
    """Where the holders are insured: as the row says, else the division of the card."""
    said = columns.insured_division[rows]
    silent = said == NO_DIVISION
    said[silent] = number_of_bcd(columns.card_id_code[rows[silent], :3])
    return said


def book(
    t: LedgerTransaction,
    name: str,
    columns: DebitColumns,
    rows: Integers,
    personal: Integers,
    headers: Sequence[DayHeader],
) -> None:
    """Post the money of ``rows``: those of a segment, or of a piece of one, whose ``name`` it is.

    ``personal`` are numbers of the holders' accounts for all rows of ``columns``, -1 for none;
    ``headers`` are those of the files that ``columns.file`` counts.
    """
    if not len(rows):
        return
    treatment, insured = columns.treatment_division[rows], insured_divisions(columns, rows)
    account, fund = columns.account_fen[rows], columns.fund_fen[rows]
    cash, owner, file = columns.cash_fen[rows], personal[rows], columns.file[rows]
    here = (localities(treatment, insured) == Locality.OWN) | (owner >= 0)
    charged, shares = _charge(t, account, columns.refund[rows], owner, insured)
    pharmacies = [header.pharmacy_code for header in headers]
    payable = t.accounts(AccountKind.PHARMACY, pharmacies)[file]
    collected = t.accounts(AccountKind.COLLECTED, pharmacies)[file]
    of_place = _by_division(t, AccountKind.SELF_PAID, treatment)
    funds = _by_division(t, AccountKind.FUND, insured)
    suspense = _by_division(t, AccountKind.SUSPENSE, insured)
    shared = _by_division(t, AccountKind.SUSPENSE, shares.division)
    receivable = _by_division(t, AccountKind.RECEIVABLE, insured)
    greatest = max(
        int(one.max(initial=0))
        for one in (owner, payable, collected, of_place, funds, suspense, receivable, shared)
    )
    dates = np.array([int(header.business_date) for header in headers], np.int64)[file]
    for date in np.unique(dates[np.flatnonzero(np.diff(dates, prepend=-1))]).tolist():
        day = dates == date
        own, at_home, away = day & (owner >= 0), day & here, day & ~here
        lines = _Lines(greatest)
        nobodys = at_home & (owner < 0)
        of_day = day[shares.row]
        lines.add(owner[own], -charged[own])
        lines.add(suspense[nobodys], -account[nobodys])
        lines.add(shared[of_day], -shares.fen[of_day])
        lines.add(funds[at_home], -fund[at_home])
        lines.add(receivable[away], -(account + fund)[away])
        lines.add(payable[day], (account + fund)[day])
        lines.add(of_place[day], -cash[day])
        lines.add(collected[day], cash[day])
        accounts, fen = lines.moved()
        if len(accounts):
            source = f"{EntryKind.DEBITS}:{name}:{date:08d}"
            entry = t.post(EntryKind.DEBITS, f"{date:08d}", source, accounts, fen)
            keep_shares(
                t,
                entry,
                owner[shares.row[of_day]],
                shares.division[of_day],
                shares.fen[of_day],
            )


def _charge(
    t: LedgerTransaction,
    fen: Integers,
    refund: NDArray[np.bool_],
    owner: Integers,
    insured: NDArray[np.uint32],
) -> tuple[Integers, Shares]:
    """What the holders' accounts pay of each debit, and get back by each refund; and what goes
    into suspense or comes out of it.

    All debits are heard before all refunds: in the end an account has the same as in any order.
    """
    charged = np.where(owner >= 0, fen, 0)
    rows = np.flatnonzero(owner >= 0)
    if not len(rows):
        return charged, Shares.of([])
    size = int(owner.max()) + 1
    there, asked = np.zeros(size, np.bool_), np.zeros(size, np.int64)
    there[owner[rows]] = True
    debits, refunds = rows[~refund[rows]], rows[refund[rows]]
    np.add.at(asked, owner[debits], fen[debits])
    accounts = np.flatnonzero(there)
    balances = np.zeros(size, np.int64)
    balances[accounts] = t.balances(accounts, for_update=True)
    short = debits[(asked > balances)[owner[debits]]]  # the others pay all that is asked of them
    charged[short], missing = split_by_balance(owner[short], fen[short], balances[owner[short]])
    lacking = np.concatenate([short[missing > 0], refunds])
    homes = home_divisions(t, np.unique(owner[lacking]).tolist()) if len(lacking) else {}

    def home(row: int) -> int:
        return homes.get(int(owner[row]), int(insured[row]))

    shares = [
        (row, home(row), amount)
        for row, amount in zip(short.tolist(), missing.tolist(), strict=True)
        if amount
    ]
    if len(refunds):
        open_shares = suspense_of(t, np.unique(owner[refunds]).tolist())
        for row, division, amount in shares:
            if int(owner[row]) in open_shares:
                open_shares[int(owner[row])][division] += amount
        for row in refunds.tolist():
            back = -int(fen[row])
            for division, amount in repay(open_shares[int(owner[row])], home(row), back):
                shares.append((row, division, -amount))
                back -= amount
            charged[row] = -back
    return charged, Shares.of(shares)


def _by_division(
    t: LedgerTransaction, kind: AccountKind, divisions: NDArray[np.uint32]
) -> Integers:
    """The account of a kind for the division of each row."""
    there = np.zeros(_DIVISIONS, np.bool_)
    there[divisions] = True
    distinct = np.flatnonzero(there)
    accounts = np.zeros(_DIVISIONS, np.int64)
    accounts[distinct] = t.accounts(kind, [f"{one:06d}" for one in distinct.tolist()])
    found: Integers = accounts[divisions]
    return found
