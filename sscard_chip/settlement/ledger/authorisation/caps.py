# SPDX-License-Identifier: Apache-2.0
"""How much account and pooled fund pay in a day: of a card, and at a pharmacy.

Each settlement keeps its day, and what its pharmacy had come to on that day with it. So the sum of
a pharmacy is one look-up, and no row is counted up that all its sales would wait for.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger.authorisation.settlement import SettlementState
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema.authorisation import authorisation, step

TAKEN_BACK: Final = (
    SettlementState.RELEASED,
    SettlementState.CANCELLED,
    SettlementState.REVERSED,
)
"""States in which nothing is paid."""


def spent_by_card(t: LedgerTransaction, card: int, day: str) -> int:
    """What is held and settled for a card on a day (YYYYMMDD), in fen."""
    return _sum(t, authorisation.c.card == card, day)


def spent_at_pharmacy(t: LedgerTransaction, pharmacy: str, day: str, room_fen: int) -> int:
    """The same for a pharmacy; until it is above ``room_fen`` also what was taken back counts.

    Other sales of the pharmacy wait until this transaction ends.
    """
    begun = begun_at_pharmacy(t, pharmacy, day)
    if begun <= room_fen:
        return begun
    return _sum(t, authorisation.c.pharmacy == pharmacy, day)


def begun_at_pharmacy(t: LedgerTransaction, pharmacy: str, day: str) -> int:
    """What was ever held or settled for a pharmacy on a day, in fen; its other sales wait."""
    t.lock_name(f"pharmacy:{pharmacy}")
    found = t.connection.execute(_LAST, {"pharmacy": pharmacy, "day": day}).scalar_one_or_none()
    return found or 0


_LAST: Final = (
    sa.select(authorisation.c.pharmacy_fen)
    .where(
        authorisation.c.pharmacy == sa.bindparam("pharmacy"),
        authorisation.c.day == sa.bindparam("day"),
    )
    .order_by(authorisation.c.id.desc())
    .limit(1)
)


def _sum(t: LedgerTransaction, condition: sa.ColumnElement[bool], day: str) -> int:
    state = (
        sa.select(step.c.state)
        .where(step.c.authorisation == authorisation.c.id)
        .order_by(step.c.number.desc())
        .limit(1)
        .correlate(authorisation)
        .scalar_subquery()
    )
    total = sa.func.sum(authorisation.c.account_fen + authorisation.c.pooled_fen)
    paid = state.not_in([str(one) for one in TAKEN_BACK])
    statement = sa.select(total).where(condition, authorisation.c.day == day, paid)
    return int(t.connection.execute(statement).scalar_one() or 0)
