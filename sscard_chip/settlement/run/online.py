# SPDX-License-Identifier: Apache-2.0
"""Debits of modes 1 and 2 that the on-line authorisation knows: checked, not booked again.

| the settlement is | a debit with a right TAC |
|---|---|
| settled, cancelled | is in the books already |
| held | has paid, its confirmation is missing: it is confirmed now |
| released, reversed, not known | is booked as any other: the card has paid |

A bill that differs from the one that was authorised is code 6. A refund whose cancellation is
known is in the books already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.columns import DebitColumns, given
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    SettlementState,
    confirm_settlement,
    confirmation_msgid,
    find_by_msgid,
)
from sscard_chip.settlement.schema.authorisation import authorisation, step

_PIECE: Final = 500
_IN_BOOKS: Final = frozenset({SettlementState.SETTLED, SettlementState.CANCELLED})


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Online:
    """Which rows are in the books already, and which are held and to be confirmed."""

    in_books: NDArray[np.bool_]
    held: NDArray[np.bool_]

    def settle_held(
        self, t: LedgerTransaction, columns: DebitColumns, rows: NDArray[np.int64]
    ) -> None:
        """Confirm the holds of ``rows``, debits that are posted now.

        One that was released a moment ago is not held any more: it is booked as any other.
        """
        for at in rows[self.held[rows]].tolist():
            msgid = columns.msgid[at].decode()
            settlement = find_by_msgid(t, msgid)
            if settlement is not None:
                time = columns.time[at].tobytes().hex()
                try:
                    confirm_settlement(t, settlement, confirmation_msgid(msgid), time)
                except AuthorisationRefusedError:
                    self.held[at] = False


def look_up(t: LedgerTransaction, columns: DebitColumns, masks: Masks) -> Online:
    """What the ledger has of the rows with a setl_id; adds code 6 where bills differ."""
    in_books = np.zeros(len(columns), np.bool_)
    held = np.zeros(len(columns), np.bool_)
    online = Online(in_books, held)
    rows = np.flatnonzero(given(columns.setl_id))
    if (
        not len(rows)
        or t.connection.execute(sa.select(authorisation.c.id).limit(1)).first() is None
    ):
        return online
    debits, refunds = rows[~columns.refund[rows]], rows[columns.refund[rows]]
    known = _settlements(t, columns, debits)
    for at in debits.tolist():
        found = known.get(columns.msgid[at].decode())
        if found is None:
            continue
        bill = columns.account_fen[at], columns.cash_fen[at], columns.fund_fen[at]
        state = SettlementState(found.state)
        if bill != (found.account_fen, found.self_paid_fen, found.pooled_fen):
            masks[at] |= FindingCode.FIELD.bit
        in_books[at] = state in _IN_BOOKS
        held[at] = state is SettlementState.HELD
    cancelled = _cancellations(t, columns, refunds)
    for at in refunds.tolist():
        in_books[at] = columns.msgid[at].decode() in cancelled
    return online


def _settlements(
    t: LedgerTransaction, columns: DebitColumns, rows: NDArray[np.int64]
) -> dict[str, Any]:
    """Bill and state of the settlements that debits name by their msgid."""
    state = (
        sa.select(step.c.state)
        .where(step.c.authorisation == authorisation.c.id)
        .order_by(step.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    statement = sa.select(
        authorisation.c.msgid,
        authorisation.c.account_fen,
        authorisation.c.self_paid_fen,
        authorisation.c.pooled_fen,
        state.label("state"),
    )
    found: dict[str, Any] = {}
    for begin in range(0, len(rows), _PIECE):
        msgids = _msgids(columns, rows[begin : begin + _PIECE])
        for row in t.connection.execute(statement.where(authorisation.c.msgid.in_(msgids))):
            found[row.msgid] = row
    return found


def _cancellations(
    t: LedgerTransaction, columns: DebitColumns, rows: NDArray[np.int64]
) -> set[str]:
    """The msgids of refunds that have cancelled a settlement."""
    found: set[str] = set()
    for begin in range(0, len(rows), _PIECE):
        msgids = _msgids(columns, rows[begin : begin + _PIECE])
        statement = sa.select(step.c.msgid).where(
            step.c.msgid.in_(msgids), step.c.state == str(SettlementState.CANCELLED)
        )
        found |= set(t.connection.execute(statement).scalars())
    return found


def _msgids(columns: DebitColumns, rows: NDArray[np.int64]) -> list[str]:
    return [one.decode() for one in columns.msgid[rows].tolist()]
