# SPDX-License-Identifier: Apache-2.0
"""The money of a segment of very many accounts, in pieces of accounts and cards.

Where one writer makes all others wait, moving the money of a whole day would keep them out for
seconds. So the rows of such a segment are posted first, with the numbers of terminals, and with
all money but that of holders' accounts: what these are asked for stands in suspense. Then come its
pieces, each in a transaction of its own: some accounts, all of each, pay that out of suspense as
far as they can, and the counters of some cards are kept. What the verdicts say is decided
then, and what a piece has follows from the rows alone. Pieces that a run has left behind when it
was killed are posted by the next one before anything else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.columns import DebitColumns, given
from sscard_chip.settlement.judge.codes import BORNE, Masks, posted
from sscard_chip.settlement.judge.keys import NOBODY, Keys
from sscard_chip.settlement.ledger import Ledger, LedgerTransaction
from sscard_chip.settlement.ledger.register import card_count, read_register
from sscard_chip.settlement.run.archive import Archive
from sscard_chip.settlement.run.booking import book
from sscard_chip.settlement.run.history import header_of
from sscard_chip.settlement.run.judging import JudgedBatch
from sscard_chip.settlement.run.money import (
    Money,
    MoneyTask,
    OtherSums,
    dates_of,
    sum_money,
    sum_others,
)
from sscard_chip.settlement.run.numbers import CardCounters
from sscard_chip.settlement.schema import run as tables
from sscard_chip.workers import Pool, SingleThread

_TOGETHER: Final = 1 << 17
"""Rows that are summed up at once: what is made for them does not fill the memory."""
_PAUSE_SECONDS: Final = 0.12
"""A little more than SQLite's longest pause between two looks, 100 ms."""
_MOST_SECONDS: Final = 0.25
"""After so much writing others are let in: a piece more, and nobody has waited for a second."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Pieces:
    """What is posted of a segment behind its rows, in ``count`` pieces.

    ``later`` are the rows whose money it is: posted ones with an account, but for those that name
    an on-line settlement. What they come to beside the holders' accounts are the ``others``, which
    are posted with the rows.
    """

    segment: int
    count: int
    columns: DebitColumns
    later: Mask
    personal: Integers
    headers: list[DayHeader]
    counters: CardCounters | None
    others: list[OtherSums]

    @classmethod
    def of(cls, judged: JudgedBatch, most_accounts: int | None, pool: Pool | None = None) -> Pieces:
        """Those of a segment that is to be posted: none when it has ``most_accounts`` at most.

        Nothing is asked of the ledger. ``pool``: threads that sum up, this one without it.
        """
        columns, masks = judged.batch.columns, judged.batch.masks
        later = _later(columns, masks, judged.personal)
        count = 0
        if most_accounts is not None:
            count = -(-int(np.count_nonzero(_accounts(judged.personal, later))) // most_accounts)
        headers = list(judged.headers)
        if count <= 1:
            nothing = np.zeros(len(columns), np.bool_)
            return cls(judged.segment, 0, columns, nothing, judged.personal, headers, None, [])
        dates = dates_of(headers)

        def sums(begin: int) -> list[OtherSums]:
            rows = begin + np.flatnonzero(later[begin : begin + _TOGETHER])
            return sum_others(columns, rows, dates)

        begins = range(0, len(columns), _TOGETHER)
        others = [one for some in (pool or SingleThread()).map(sums, begins) for one in some]
        return cls(
            judged.segment,
            count,
            columns,
            later,
            judged.personal,
            headers,
            judged.counters,
            others,
        )

    def keep(self, t: LedgerTransaction) -> None:
        """Note that pieces are to come; the others are posted in the same transaction."""
        split = {"segment": self.segment, "pieces": self.count, "last_card": card_count(t)}
        t.connection.execute(sa.insert(tables.split), split)

    @classmethod
    def left(cls, t: LedgerTransaction, segment: int, count: int, last_card: int) -> Pieces:
        """Those of a segment that is posted already, from its rows."""
        parts = list(Archive(t, now=False).parts(segment))
        columns = DebitColumns.join([rows for _, rows, _ in parts])
        masks = np.concatenate([found for _, _, found in parts])
        register = read_register(t, columns.card_id_code)
        place = register.find(columns.card_id_code)
        known = place >= 0
        known[known] = register.id[place[known]] <= last_card
        personal = np.full(len(columns), NOBODY, np.int64)
        personal[known] = register.account[place[known]]
        personal[(masks & BORNE) != 0] = NOBODY
        later = _later(columns, masks, personal)
        files = sa.select(tables.file).where(tables.file.c.segment == segment)
        found = t.connection.execute(files.order_by(tables.file.c.first_row)).all()
        headers = [header_of(one) for one in found]
        columns.file[:] = np.repeat(np.arange(len(found)), [one.rows for one in found])
        counters = CardCounters.of(Keys(columns), posted(masks) & ~columns.refund)
        return cls(segment, count, columns, later, personal, headers, counters, [])

    def post(
        self, t: LedgerTransaction, number: int, rows: NDArray[np.signedinteger], money: Money
    ) -> None:
        """Post a piece, whose rows are summed, unless somebody has done so."""
        table = tables.booked
        own = {"segment": self.segment, "piece": number}
        done = sa.select(table.c.piece).filter_by(**own)
        if self.counters is None or t.connection.execute(done).first() is not None:
            return
        t.connection.execute(sa.insert(table), own)
        self.counters.piece(number, self.count).keep(t, self.segment)
        name = f"{self.segment}.{number}"
        book(t, name, self.columns, rows, self.personal, self.headers, money=money)

    def post_all(self, ledger: Ledger, numbers: Sequence[int], pool: Pool) -> Iterator[int]:
        """Post some pieces, each in a transaction of its own, while workers sum up the next ones;
        the number of each that is posted.

        :raises LedgerError: as :meth:`~sscard_chip.settlement.ledger.Ledger.run`.
        """
        order, first = self._order()
        dates = dates_of(self.headers)
        rows = {at: order[first[at] : first[at + 1]] for at in numbers}
        tasks = (
            MoneyTask(self.columns, rows[at], self.personal, dates, put_off=True) for at in numbers
        )
        if not pool.shares_files:
            tasks = (task.cut_out() for task in tasks)
        written = _MOST_SECONDS  # the rows before them
        for at, money in zip(numbers, pool.map(sum_money, tasks), strict=True):
            if written >= _MOST_SECONDS:
                give_way(ledger)
                written = 0.0
            begun = time.monotonic()
            work = partial(self.post, number=at, rows=rows[at], money=money)
            ledger.run(work, exclusive=True)
            written += time.monotonic() - begun
            yield at

    def _order(self) -> tuple[NDArray[np.int32], Integers]:
        """The rows of all pieces, by piece, and where those of each begin, and the last end.

        A piece has accounts of neighbouring numbers, whose pages in the database it writes alone.
        """
        rows = np.flatnonzero(self.later).astype(np.int32)
        rank = np.cumsum(_accounts(self.personal, self.later)) - 1
        piece = (rank * self.count // max(int(rank[-1]) + 1, 1)).astype(np.uint16)
        number = piece[self.personal[rows]]
        order = np.argsort(number, kind="stable")  # so few are sorted by their digits
        return rows[order], np.searchsorted(number[order], np.arange(self.count + 1))


def _accounts(personal: Integers, later: Mask) -> Mask:
    """Which accounts, by number, are those of the rows ``later``."""
    there = np.zeros(int(personal.max(initial=0)) + 1, np.bool_)
    there[personal[later]] = True
    return there


def _later(columns: DebitColumns, masks: Masks, personal: Integers) -> Mask:
    found: Mask = posted(masks) & (personal >= 0) & ~given(columns.setl_id)
    return found


def unposted(t: LedgerTransaction) -> dict[int, tuple[int, int, list[int]]]:
    """Segments that are not posted whole: how many pieces each has, the last card that was
    registered then, and the pieces that are left."""
    split, booked = tables.split.c, tables.booked.c
    done = (
        sa.select(sa.func.count())
        .where(booked.segment == split.segment)
        .correlate(tables.split)
        .scalar_subquery()
    )
    found = {}
    for row in t.connection.execute(sa.select(tables.split).where(done < split.pieces)):
        pieces = t.connection.execute(
            sa.select(booked.piece).where(booked.segment == row.segment)
        ).scalars()
        left = sorted(set(range(row.pieces)) - set(pieces))
        found[row.segment] = row.pieces, row.last_card, left
    return found


def post_what_is_left(ledger: Ledger) -> None:
    """Post the pieces that other runs have left behind, each in a transaction of its own.

    :raises LedgerError: as :meth:`~sscard_chip.settlement.ledger.Ledger.run`.
    """
    with ledger.reading() as t:
        left = {
            segment: (Pieces.left(t, segment, count, last_card), pieces)
            for segment, (count, last_card, pieces) in unposted(t).items()
        }
    for found, pieces in left.values():
        for _ in found.post_all(ledger, pieces, SingleThread()):
            pass


def give_way(ledger: Ledger) -> None:
    """Let those write who wait for SQLite's one writer: they look every now and then only whether
    it is free, and would miss a gap of a moment."""
    if ledger.database.is_sqlite:
        time.sleep(_PAUSE_SECONDS)
