# SPDX-License-Identifier: Apache-2.0
"""Whether a batch that was judged while others wrote would still be judged so.

SQLite has one writer, and whoever wants to write waits for him. So on SQLite a run judges without
being the writer, and looks here as soon as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.judge.codes import posted
from sscard_chip.settlement.judge.keys import NOBODY
from sscard_chip.settlement.judge.times import moments
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.run.history import LedgerHistory
from sscard_chip.settlement.run.judging import JudgedBatch
from sscard_chip.settlement.schema.authorisation import step
from sscard_chip.settlement.schema.books import card, card_status
from sscard_chip.settlement.schema.debits import terminal_owner
from sscard_chip.settlement.schema.run import segment

_ROW: sa.ColumnElement[Any] = sa.literal_column("rowid")


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The last rows of the tables of SQLite that verdicts hang on: they only grow."""

    segment: int
    card: int
    owner: int
    status: int
    step: int

    @classmethod
    def of(cls, t: LedgerTransaction) -> LedgerState:
        """As it is in a transaction."""
        tables = (segment, card, terminal_owner, card_status, step)
        return cls(*(_last(t, table) for table in tables))


def still_holds(t: LedgerTransaction, judged: JudgedBatch, before: LedgerState) -> bool:
    """Whether rows that were judged in the state ``before`` would be judged so now.

    A loss report is about the time from then on, and a sale about another debit: they change
    nothing, however many there are.
    """
    now = LedgerState.of(t)
    if (now.segment, now.card, now.owner) != (before.segment, before.card, before.owner):
        return False
    if now.status != before.status and _is_reported(t, judged, before.status):
        return False
    return now.step == before.step or not confirmed_meanwhile(t, judged)


def confirmed_meanwhile(t: LedgerTransaction, judged: JudgedBatch) -> bool:
    """Whether on-line confirmations have taken numbers of these rows, or something else was done
    with their settlements."""
    contest, good = judged.contest, posted(judged.batch.masks)
    rows = np.flatnonzero((judged.online.settlement != NOBODY) & good)
    return (
        LedgerHistory(t).online_of(judged.batch.columns, contest.heard) != contest.taken
        or judged.online.have_moved(t, rows.tolist())
        or contest.online.have_moved(t, judged.come)
    )


def _is_reported(t: LedgerTransaction, judged: JudgedBatch, after: int) -> bool:
    """Whether a change of status is of one of these cards, in a time that they have debits of."""
    statement = (
        sa.select(card.c.card_id_code, card_status.c.since)
        .join_from(card_status, card, card.c.id == card_status.c.card)
        .where(sa.literal_column("card_status.rowid") > after)
    )
    columns = judged.batch.columns
    for code, since in t.connection.execute(statement):
        own = (columns.card_id_code == np.frombuffer(bytes(code), np.uint8)).all(axis=1)
        if (moments(columns.time[own]) >= since).any():
            return True
    return False


def _last(t: LedgerTransaction, table: sa.Table) -> int:
    last = sa.select(sa.func.max(_ROW)).select_from(table)
    return int(t.connection.execute(last).scalar_one() or 0)
