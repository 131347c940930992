# SPDX-License-Identifier: Apache-2.0
"""The money of a segment: one entry for each business date, one line for each account in it.

| what a debit has | is charged to | and paid to |
|---|---|---|
| account money | the holder's account, suspense for what it cannot pay | the pharmacy |
| pooled money | the fund of the insured division | the pharmacy |
| cash | self-paid of the place of treatment | collected by the pharmacy, which has it |

Of a card that is insured elsewhere and has no account here, account and pooled money are a
receivable from its division. A refund is the same with all signs changed; account money goes back
to the holder's account, and may be spent again by the next debit: debits and refunds of a date are
one entry. What the on-line authorisation has settled already is not booked again.
"""

from __future__ import annotations

from collections.abc import Sequence
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

_DIVISIONS: Final = 1_000_000


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
    segment: int,
    columns: DebitColumns,
    rows: Integers,
    personal: Integers,
    headers: Sequence[DayHeader],
) -> None:
    """Post the money of ``rows`` of a segment.

    ``personal`` are numbers of the holders' accounts for all rows of ``columns``, -1 for none;
    ``headers`` are those of the files that ``columns.file`` counts.
    """
    if not len(rows):
        return
    treatment, insured = columns.treatment_division[rows], insured_divisions(columns, rows)
    account, fund = columns.account_fen[rows], columns.fund_fen[rows]
    cash, owner, file = columns.cash_fen[rows], personal[rows], columns.file[rows]
    here = (localities(treatment, insured) == Locality.OWN) | (owner >= 0)
    charged = _charge(t, account, columns.refund[rows], owner)
    pharmacies = [header.pharmacy_code for header in headers]
    payable = t.accounts(AccountKind.PHARMACY, pharmacies)[file]
    collected = t.accounts(AccountKind.COLLECTED, pharmacies)[file]
    of_place = _by_division(t, AccountKind.SELF_PAID, treatment)
    funds = _by_division(t, AccountKind.FUND, insured)
    suspense = _by_division(t, AccountKind.SUSPENSE, insured)
    receivable = _by_division(t, AccountKind.RECEIVABLE, insured)
    greatest = max(
        int(one.max()) for one in (owner, payable, collected, of_place, funds, suspense, receivable)
    )
    dates = np.array([int(header.business_date) for header in headers], np.int64)[file]
    for date in np.unique(dates[np.flatnonzero(np.diff(dates, prepend=-1))]).tolist():
        day = dates == date
        own, at_home, away = day & (owner >= 0), day & here, day & ~here
        lines = _Lines(greatest)
        lines.add(owner[own], -charged[own])
        lines.add(suspense[at_home], (charged - account)[at_home])
        lines.add(funds[at_home], -fund[at_home])
        lines.add(receivable[away], -(account + fund)[away])
        lines.add(payable[day], (account + fund)[day])
        lines.add(of_place[day], -cash[day])
        lines.add(collected[day], cash[day])
        accounts, fen = lines.moved()
        if len(accounts):
            source = f"{EntryKind.DEBITS}:{segment}:{date:08d}"
            t.post(EntryKind.DEBITS, f"{date:08d}", source, accounts, fen)


def _charge(
    t: LedgerTransaction, fen: Integers, refund: NDArray[np.bool_], owner: Integers
) -> Integers:
    """What the holders' accounts pay of each debit, and get back by each refund, in order."""
    charged = np.where(owner >= 0, fen, 0)
    rows = np.flatnonzero(owner >= 0)
    if not len(rows):
        return charged
    size = int(owner.max()) + 1
    there, asked = np.zeros(size, np.bool_), np.zeros(size, np.int64)
    there[owner[rows]] = True
    debits = rows[~refund[rows]]
    np.add.at(asked, owner[debits], fen[debits])
    accounts = np.flatnonzero(there)
    balances = np.zeros(size, np.int64)
    balances[accounts] = t.balances(accounts, for_update=True)
    short = rows[(asked > balances)[owner[rows]]]  # the others pay all that is asked of them
    refunded = np.zeros(size, np.bool_)
    refunded[owner[short[refund[short]]]] = True
    mixed = refunded[owner[short]]
    plain = short[~mixed]
    charged[plain], _ = split_by_balance(owner[plain], fen[plain], balances[owner[plain]])
    left: dict[int, int] = {}
    rest = short[mixed]
    for row, account, amount in zip(
        rest.tolist(), owner[rest].tolist(), fen[rest].tolist(), strict=True
    ):
        before = left.get(account, int(balances[account]))
        charged[row] = share = min(amount, before)
        left[account] = before - share
    return charged


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
