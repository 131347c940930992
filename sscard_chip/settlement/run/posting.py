# SPDX-License-Identifier: Apache-2.0
"""Post what was judged: the rows, the numbers and counters that they take, the money.

Everything happens inside one writing transaction, which no other poster shares. Killed at any
moment it is there whole or not at all. A segment of very many accounts is the exception, where
others wait for the writer: of that the rows are posted at once, and its money in pieces behind
them (:mod:`.pieces`). A file that is settled already, by an earlier run or by another process a
moment ago, keeps the findings that it has got then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.columnar import DayFileHead
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import posted
from sscard_chip.settlement.judge.keys import NOBODY, Keys
from sscard_chip.settlement.ledger import LedgerConflictError, LedgerTransaction
from sscard_chip.settlement.run.archive import PackedPart, parts
from sscard_chip.settlement.run.batch import Batch
from sscard_chip.settlement.run.booking import book
from sscard_chip.settlement.run.contested import Contest
from sscard_chip.settlement.run.history import Place, keep_beside
from sscard_chip.settlement.run.judging import AccountsOf, JudgedBatch, judge_rows
from sscard_chip.settlement.run.money import OtherSums
from sscard_chip.settlement.run.numbers import CardCounters
from sscard_chip.settlement.run.online import numbers_at
from sscard_chip.settlement.run.owners import keep_owners
from sscard_chip.settlement.run.pieces import Pieces
from sscard_chip.settlement.run.state import confirmed_meanwhile
from sscard_chip.settlement.schema import run as tables
from sscard_chip.workers import Pool


def settled_before(
    t: LedgerTransaction, heads: Sequence[DayFileHead]
) -> dict[bytes, tuple[int, int, int]]:
    """Which files are settled: segment, first row there, number of rows, by digest."""
    table = tables.file
    found: dict[bytes, tuple[int, int, int]] = {}
    digests = [head.trailer.digest for head in heads]
    for start in range(0, len(digests), 500):
        statement = sa.select(
            table.c.digest, table.c.segment, table.c.first_row, table.c.rows
        ).where(table.c.digest.in_(digests[start : start + 500]))
        for digest, segment, first, rows in t.connection.execute(statement):
            found[bytes(digest)] = segment, first, rows
    return found


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PreparedSegment:
    """What of a segment follows from its rows alone, and is better made before others have to
    wait: what its ``pieces`` post behind it, its rows as packed ``parts``, and its ``files``."""

    pieces: Pieces
    parts: Iterable[PackedPart]
    files: list[dict[str, Any]]

    @classmethod
    def of(
        cls, judged: JudgedBatch, most_accounts: int | None, pool: Pool | None = None
    ) -> PreparedSegment:
        """``most_accounts``: of so many at most money is moved at once. ``pool``: threads that
        pack all parts now; without it each is packed when it is asked for."""
        batch = judged.batch
        pieces = Pieces.of(judged, most_accounts, pool)
        packed = parts(batch.columns, batch.masks, pool)
        files = _files(judged.segment, batch)
        return cls(pieces, packed if pool is None else list(packed), files)


def _keep(t: LedgerTransaction, judged: JudgedBatch, prepared: PreparedSegment) -> None:
    """Write a segment: its files, its rows, and where those stand that are no posted debits."""
    segment, batch = judged.segment, judged.batch
    good = int(np.count_nonzero(posted(batch.masks)))
    own = {"id": segment, "rows": len(batch.columns), "posted": good}
    t.connection.execute(sa.insert(tables.segment), own)
    t.connection.execute(sa.insert(tables.indexed), {"segment": segment})
    if prepared.files:
        t.connection.execute(sa.insert(tables.file), prepared.files)
    for first, rows, content in prepared.parts:
        part = {"segment": segment, "first_row": first, "rows": rows, "columns": content}
        t.connection.execute(sa.insert(tables.part), part)
    keep_beside(t, segment, 0, batch.columns, batch.masks, judged.refunds)


def _files(segment: int, batch: Batch) -> list[dict[str, Any]]:
    first = batch.first.tolist()
    msgid = batch.columns.msgid
    rows: list[dict[str, Any]] = []
    for at, head in enumerate(batch.heads):
        own = msgid[first[at] : first[at + 1]].tolist()
        rows.append(
            {
                "digest": head.trailer.digest,
                "segment": segment,
                "first_row": first[at],
                "rows": first[at + 1] - first[at],
                "pharmacy": head.header.pharmacy_code,
                "terminal_id": head.header.terminal_id,
                "business_date": head.header.business_date,
                "hotlist_version": head.header.hotlist_version,
                "psam_number": head.header.psam_number,
                "least_msgid": min(own, default=b"").decode(),
                "greatest_msgid": max(own, default=b"").decode(),
            }
        )
    return rows


def post_rows(
    t: LedgerTransaction,
    batch: Batch,
    headers: Sequence[DayHeader],
    accounts_of: AccountsOf,
    *,
    decided: bool = False,
) -> int:
    """Judge rows as :func:`~.judging.judge_rows` does and post what is good; their segment.

    :raises LedgerConflictError: an on-line confirmation came in between.
    """
    judged = judge_rows(t, batch, headers, accounts_of, decided=decided)
    post(t, judged)
    return judged.segment


def post(
    t: LedgerTransaction,
    judged: JudgedBatch,
    *,
    most_accounts: int | None = None,
    prepared: PreparedSegment | None = None,
) -> Pieces:
    """Post rows as they were judged, as the next segment; what is left to be posted of it.

    :param most_accounts: of so many accounts at most money is moved at once. What is left of a
        segment that has more is posted in transactions behind this one.
    :param prepared: what follows from the rows alone, where it is made already.
    :raises LedgerConflictError: an on-line confirmation came in between.
    """
    segment, batch, contest = judged.segment, judged.batch, judged.contest
    columns, good = batch.columns, posted(batch.masks)
    keep_owners(t, judged.owners)
    prepared = prepared or PreparedSegment.of(judged, most_accounts)
    _keep(t, judged, prepared)
    judged.terminals.keep(t, segment)
    fresh = [at for at in judged.come if not contest.columns.refund[at]]
    more = Keys(contest.columns.rows(np.array(fresh, int)))
    CardCounters.of(more, np.ones(len(fresh), np.bool_)).keep(t, segment)
    pieces = prepared.pieces
    if pieces.count:
        pieces.keep(t)
    else:
        judged.counters.keep(t, segment)
    gone = [at for at in judged.gone if not contest.columns.refund[at]]
    _keep_displaced(t, segment, contest, gone)
    _keep_changes(t, segment, judged.changes)
    if t.lock_debits(exclusive=True) and confirmed_meanwhile(t, judged):
        raise LedgerConflictError("on-line confirmations came in between")
    online = replace(judged.online, held=judged.online.held.copy())
    rows = np.flatnonzero(good & (online.settlement != NOBODY))
    keys = Keys(columns) if len(rows) else None
    for refunds in (False, True):  # one may cancel what another row of this run confirms
        if keys is not None:
            online.settle(t, columns, keys, rows[columns.refund[rows] == refunds].tolist())
        old = [at for at in judged.come if contest.columns.refund[at] == refunds]
        contest.online.settle(t, contest.columns, contest.keys, old)
    rows = np.flatnonzero(good & ~online.in_books & ~online.held & ~pieces.later)
    _book(t, judged, rows, pieces.others)
    return pieces


def _book(
    t: LedgerTransaction, judged: JudgedBatch, rows: Any, beside: Sequence[OtherSums]
) -> None:
    """The money of rows, and of what is booked of earlier segments."""
    columns, headers, earlier = judged.batch.columns, judged.headers, judged.earlier
    name = str(judged.segment)
    if not len(earlier.columns):
        book(t, name, columns, rows, judged.personal, headers, beside=beside)
        return
    own = earlier.columns.rows(np.arange(len(earlier.columns)))
    own.file[:] += len(headers)
    whole = DebitColumns.join([columns.rows(rows), own])
    personal = np.concatenate([judged.personal[rows], earlier.personal])
    every = [*headers, *earlier.headers]
    book(t, name, whole, np.arange(len(whole)), personal, every, beside=beside)


def _keep_displaced(
    t: LedgerTransaction, segment: int, contest: Contest, rows: Sequence[int]
) -> None:
    for at in rows:
        numbers = numbers_at(contest.keys, at)._asdict()
        t.connection.execute(sa.insert(tables.displaced).values(segment=segment, **numbers))


def _keep_changes(t: LedgerTransaction, segment: int, changes: dict[Place, int]) -> None:
    """Note what is found about earlier rows now."""
    table = tables.change
    for (of, row), findings in sorted(changes.items()):
        count = sa.select(sa.func.count()).where(table.c.segment == of, table.c.row == row)
        number = t.connection.execute(count).scalar_one() + 1
        values = {"number": number, "findings": findings, "by_segment": segment}
        t.connection.execute(sa.insert(table).values(segment=of, row=row, **values))
