# SPDX-License-Identifier: Apache-2.0
"""The money of a segment: one entry for each business date, one line for each account in it.

| what a debit has | is charged to | and paid to |
|---|---|---|
| account money | the holder's account, suspense for what it cannot bear | the pharmacy |
| pooled money | the fund of the insured division | the pharmacy |
| cash | self-paid of the place of treatment | collected by the pharmacy, which has it |

Of a card that is insured elsewhere and has no account here, account and pooled money are a
receivable from its division. A refund is the same with all signs changed; account money goes back
to the holder's account, and may be spent again by the next debit: debits and refunds of a date are
one entry. What the on-line authorisation has settled already is not booked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.clearing.localities import Locality, localities
from sscard_chip.settlement.columns import NO_DIVISION, DebitColumns
from sscard_chip.settlement.ledger import AccountKind, EntryKind, Transaction, bear

Fen = NDArray[np.int64]


@dataclass(slots=True)
class _Lines:
    """Lines that grow account by account."""

    accounts: list[NDArray[np.int64]] = field(default_factory=list)
    fen: list[Fen] = field(default_factory=list)

    def add(self, accounts: NDArray[np.int64], fen: Fen) -> None:
        """Amounts of accounts, which may occur many times."""
        self.accounts.append(accounts)
        self.fen.append(fen)

    def joined(self) -> tuple[NDArray[np.int64], Fen]:
        """One line for each account that something is left of."""
        accounts, fen = np.concatenate(self.accounts), np.concatenate(self.fen)
        order = np.argsort(accounts)
        accounts, fen = accounts[order], fen[order]
        starts = np.flatnonzero(np.diff(accounts, prepend=-1))
        sums = np.add.reduceat(fen, starts) if len(starts) else fen
        moved = sums != 0
        return accounts[starts][moved], sums[moved]


def insured_divisions(columns: DebitColumns) -> NDArray[np.uint32]:
    """Where the holder is insured: as the row says, else the division of the card."""
    return np.where(
        columns.insured_division == NO_DIVISION, columns.divisions(), columns.insured_division
    ).astype(np.uint32)


def book(
    t: Transaction,
    segment: int,
    columns: DebitColumns,
    personal: NDArray[np.int64],
    pharmacies: Sequence[str],
    dates: Sequence[str],
) -> None:
    """Post the money of ``columns``, rows to be booked of a segment.

    ``personal`` are numbers of the holders' accounts, -1 for none; ``pharmacies`` and ``dates``
    are those of the files that ``columns.file`` counts.
    """
    if not len(columns):
        return
    code_of = np.array([*pharmacies])
    treatment, insured = columns.treatment_division, insured_divisions(columns)
    account, fund, cash = columns.account_fen, columns.fund_fen, columns.cash_fen
    here = (localities(treatment, insured) == Locality.OWN) | (personal >= 0)
    charged = np.zeros(len(columns), np.int64)
    _charge(t, columns, personal, charged)
    pharmacy_names, pharmacy = np.unique(code_of, return_inverse=True)
    payable = t.accounts(AccountKind.PHARMACY, pharmacy_names.tolist())[pharmacy]
    collected = t.accounts(AccountKind.COLLECTED, pharmacy_names.tolist())[pharmacy]
    of_place = _by_division(t, AccountKind.SELF_PAID, treatment)
    funds = _by_division(t, AccountKind.FUND, insured)
    suspense = _by_division(t, AccountKind.SUSPENSE, insured)
    receivable = _by_division(t, AccountKind.RECEIVABLE, insured)
    days, day = np.unique(np.array([*dates]), return_inverse=True)
    row_day = day[columns.file]
    for number, date in enumerate(days.tolist()):
        rows = np.flatnonzero(row_day == number)
        if not len(rows):
            continue
        at_home, away = rows[here[rows]], rows[~here[rows]]
        own = rows[personal[rows] >= 0]
        lines = _Lines()
        lines.add(personal[own], -charged[own])
        lines.add(suspense[at_home], charged[at_home] - account[at_home])
        lines.add(funds[at_home], -fund[at_home])
        lines.add(receivable[away], -account[away] - fund[away])
        lines.add(payable[columns.file[rows]], account[rows] + fund[rows])
        lines.add(of_place[rows], -cash[rows])
        lines.add(collected[columns.file[rows]], cash[rows])
        accounts, fen = lines.joined()
        if len(accounts):
            source = f"{EntryKind.DEBITS}:{segment}:{date}"
            t.post(EntryKind.DEBITS, date, source, accounts, fen)


def _charge(
    t: Transaction, columns: DebitColumns, personal: NDArray[np.int64], charged: Fen
) -> None:
    """What the holders' accounts bear of each debit, and get back by each refund, in order."""
    rows = np.flatnonzero(personal >= 0)
    if not len(rows):
        return
    accounts = personal[rows]
    amounts = columns.account_fen[rows]
    balances = t.balances(accounts, for_update=True)
    refunded = np.unique(accounts[columns.refund[rows]])
    mixed = np.isin(accounts, refunded) if len(refunded) else np.zeros(len(rows), np.bool_)
    plain = ~mixed
    charged[rows[plain]], _ = bear(accounts[plain], amounts[plain], balances[plain])
    left: dict[int, int] = {}
    for row, account, fen, balance in zip(
        rows[mixed].tolist(),
        accounts[mixed].tolist(),
        amounts[mixed].tolist(),
        balances[mixed].tolist(),
        strict=True,
    ):
        charged[row] = min(fen, left.get(account, balance))
        left[account] = left.get(account, balance) - int(charged[row])


def _by_division(
    t: Transaction, kind: AccountKind, divisions: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """The account of a kind for the division of each row."""
    distinct = np.unique(divisions)
    accounts = t.accounts(kind, [f"{one:06d}" for one in distinct.tolist()])
    return accounts[np.searchsorted(distinct, divisions)]
