# SPDX-License-Identifier: Apache-2.0
"""Whose the money in suspense is: what of it each personal account could not pay.

An account of suspense is a division's. Beside its lines stands how much is of which personal
account, so that what comes back to that account repays it first. The rows of a day file may say
different insured places of one account; the division that bears what it lacks is its own
(:func:`home_divisions`), whichever row came last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.ledger.bulk import raw_rows, select_keys
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema.books import card
from sscard_chip.settlement.schema.debits import suspense_share as table


def home_divisions(t: LedgerTransaction, accounts: Sequence[int]) -> dict[int, int]:
    """The division that keeps each personal account: the insured place of the card that was
    registered for it first. Nothing that comes later changes it."""
    found: dict[int, tuple[int, int]] = {}
    wanted = set(accounts)
    statement = sa.select(card.c.account, card.c.id, card.c.division)
    for result in select_keys(t.connection, statement, card.c.account, wanted):
        for account, *own in raw_rows(result):
            if account in wanted:
                first = own[0], own[1]
                found[account] = min(first, found.get(account, first))
    return {account: division for account, (_, division) in found.items()}


def suspense_of(t: LedgerTransaction, accounts: Sequence[int]) -> dict[int, Counter[int]]:
    """What personal accounts have in suspense now, in fen by division; for each of them."""
    found: dict[int, Counter[int]] = {account: Counter() for account in accounts}
    statement = sa.select(table.c.account, table.c.division, table.c.fen)
    for result in select_keys(t.connection, statement, table.c.account, found):
        for account, division, fen in raw_rows(result):
            if account in found:
                found[account][division] += fen
    return found


def repay(shares: Counter[int], division: int, fen: int) -> Iterator[tuple[int, int]]:
    """Take up to ``fen`` out of an account's shares: that of ``division`` first, then by number.

    Each division with what is repaid of it.
    """
    for one in sorted(shares, key=lambda other: (other != division, other)):
        amount = min(shares[one], fen)
        if amount > 0:
            shares[one] -= amount
            fen -= amount
            yield one, amount


def keep_shares(
    t: LedgerTransaction,
    entry: int,
    accounts: Integers,
    divisions: NDArray[np.uint32],
    fen: Integers,
) -> None:
    """Note what an entry brings into suspense for personal accounts, or takes out of it."""
    order = np.lexsort((divisions, accounts))
    account, division = accounts[order], divisions[order].astype(np.int64)
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (account[1:] != account[:-1]) | (division[1:] != division[:-1])
    starts = np.flatnonzero(fresh)
    sums = np.add.reduceat(fen[order], starts) if len(starts) else fen[order]
    kept = starts[sums != 0]
    if len(kept):
        columns = {"account": account[kept], "division": division[kept], "fen": sums[sums != 0]}
        t.insert(table, {"entry": entry} | columns)
