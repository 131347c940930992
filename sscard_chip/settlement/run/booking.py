# SPDX-License-Identifier: Apache-2.0
"""The money of a segment: one entry for each business date, one line for each account in it.

| what a debit has | is charged to | and paid to |
|---|---|---|
| account money | the holder's account, suspense for what it cannot bear | the pharmacy |
| pooled money | the fund of the insured division | the pharmacy |
| cash | self-paid of the place of treatment | collected by the pharmacy, which has it |

Of a card that is insured elsewhere and has no account here, account and pooled money are a
receivable from its division. A refund is the same with all signs changed; account money goes back
to the holder's account. What the on-line authorisation has settled already is not booked again.
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
        for refunds, kind in ((False, EntryKind.DEBITS), (True, EntryKind.REFUNDS)):
            own = rows[columns.refund[rows] == refunds]
            if not len(own):
                continue
            lines = _Lines()
            at_home, away = own[here[own]], own[~here[own]]
            lines.add(personal[own[personal[own] >= 0]], -charged[own[personal[own] >= 0]])
            lines.add(suspense[at_home], charged[at_home] - account[at_home])
            lines.add(funds[at_home], -fund[at_home])
            lines.add(receivable[away], -account[away] - fund[away])
            lines.add(payable[columns.file[own]], account[own] + fund[own])
            lines.add(of_place[own], -cash[own])
            lines.add(collected[columns.file[own]], cash[own])
            accounts, fen = lines.joined()
            if len(accounts):
                t.post(kind, date, f"{kind}:{segment}:{date}", accounts, fen)


def _charge(
    t: Transaction, columns: DebitColumns, personal: NDArray[np.int64], charged: Fen
) -> None:
    """What the holders' accounts bear of each debit, and get back by each refund."""
    has = personal >= 0
    debits = np.flatnonzero(has & ~columns.refund)
    if len(debits):
        accounts = personal[debits]
        balances = t.balances(accounts, for_update=True)
        charged[debits], _ = bear(accounts, columns.account_fen[debits], balances)
    refunds = np.flatnonzero(has & columns.refund)
    charged[refunds] = columns.account_fen[refunds]


def _by_division(
    t: Transaction, kind: AccountKind, divisions: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """The account of a kind for the division of each row."""
    distinct = np.unique(divisions)
    accounts = t.accounts(kind, [f"{one:06d}" for one in distinct.tolist()])
    return accounts[np.searchsorted(distinct, divisions)]
