# SPDX-License-Identifier: Apache-2.0
"""A run: day files in, verdicts and postings out.

Files are taken in their order, in batches of about :data:`BATCH_ROWS` rows. A batch is read and
judged row by row, its TACs are verified by pieces of cards; then it is judged against what is
posted, and posted, in one transaction on PostgreSQL. On SQLite it is judged while others may
write, and posted in transactions of :data:`SQLITE_ACCOUNTS` accounts. It does not matter where one
batch ends, and a run that was stopped is completed by the next one like it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import sqlalchemy as sa

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.columnar import DayFileHead, RefusedFile, content_of, pieces
from sscard_chip.settlement.columns import DebitColumns, DebitRoom
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.judge.fields import add
from sscard_chip.settlement.judge.keys import NOBODY, Keys
from sscard_chip.settlement.judge.register import (
    RegisterJudge,
    add_found,
    judge_of_rows,
    judge_register,
)
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import Ledger, LedgerTransaction
from sscard_chip.settlement.ledger.register import card_count, read_register
from sscard_chip.settlement.run.archive import NOTHING, Archive
from sscard_chip.settlement.run.batch import Batch
from sscard_chip.settlement.run.history import index_old_segments
from sscard_chip.settlement.run.judging import JudgedBatch, judge_rows
from sscard_chip.settlement.run.pieces import Pieces, post_what_is_left, unposted
from sscard_chip.settlement.run.pools import KeySource
from sscard_chip.settlement.run.posting import PreparedSegment, post, settled_before
from sscard_chip.settlement.run.state import LedgerState, still_holds
from sscard_chip.settlement.run.summary import RunProgress, RunProgressCallback, RunSummary
from sscard_chip.settlement.run.work import (
    CardTask,
    Reader,
    ReadTask,
    card_pieces,
    judge_cards,
    read_files,
)
from sscard_chip.settlement.schema.books import card, card_status
from sscard_chip.workers import Pool, SingleThread

BATCH_ROWS: Final = 1 << 21
"""Rows that are in memory at once, and posted in one transaction; a larger file is a batch."""

SQLITE_ACCOUNTS: Final = 1 << 13
"""Accounts whose money is moved in one transaction on SQLite, which has one writer: it takes a
good part of a second, and a loss report or a sale does not wait longer."""

_FEW_OF: Final = 2
"""Of a register with more cards than so many for each row, the cards of the rows are asked for."""

_TASK_ROWS: Final = 1 << 17
"""Debits of cards in a task: bulk TACs are at their fastest, memory has few of them, and over a
network they are some megabytes."""

READING: Final = "reading"
VERIFYING: Final = "verifying"
POSTING: Final = "posting"
WRITING: Final = "writing"
_SHARES: Final = {
    READING: (0.0, 0.2),
    VERIFYING: (0.2, 0.3),
    POSTING: (0.3, 0.6),
    WRITING: (0.6, 1),
}
"""Which part of a batch's time a step takes: from, to."""

_CACHE: Final = "PRAGMA cache_size=-16384"
"""KiB of pages that SQLite keeps: a run writes each page once, in the order of the table."""

_TRIES: Final = 3
"""How often a batch is judged while others write."""

Judged = Callable[[Batch, Masks], None]
"""Is told what is found about the rows of a batch."""


@dataclass(slots=True, repr=False, eq=False)
class JudgedCards:
    """What the pieces of cards have found about rows: the findings of the register as it was in
    the ``state``, and the personal accounts."""

    columns: DebitColumns
    keys: Keys
    masks: Masks
    accounts: Integers
    state: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, columns: DebitColumns) -> JudgedCards:
        """Nothing found yet."""
        count = len(columns)
        masks = np.zeros(count, np.uint16)
        return cls(columns, Keys(columns), masks, np.full(count, NOBODY, np.int64))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _Verdicts:
    """What is found about the rows of a batch, how many of its files are settled already, and
    whether others are to be posted."""

    masks: Masks
    old: int
    fresh: bool


class Run:
    """One go at some files, batch by batch; what came of it is written by its caller."""

    def __init__(
        self,
        keys: KeySource,
        ledger: Ledger,
        rules: Rules,
        pool: Pool,
        report_progress: RunProgressCallback,
    ) -> None:
        self.summary = RunSummary()
        self.total = 0
        self._keys = keys
        self.threads = pool if pool.shares_files else SingleThread()
        """For work that is not sent away."""
        self._ledger = ledger
        self._reader = Reader(rules)
        self._listed = rules.pharmacies is not None
        self._late = rules.late_debits
        self._pool = pool
        self._report_progress = report_progress
        self._seen: set[bytes] = set()
        self._missing: Counter[str] = Counter()
        self._finished_rows = 0
        self._size = 0
        self._known: tuple[tuple[int, int], RegisterJudge] | None = None
        self._facts: JudgedCards | None = None

    def batch(
        self, heads: Sequence[DayFileHead], judged: Judged = lambda batch, masks: None
    ) -> tuple[Batch, Masks]:
        """Read, verify, judge and post some files; their rows and what is found about them now.

        ``judged`` is told both as soon as they are known, before all of it is posted; again, when
        another transaction was in the way and the rows are judged anew.
        """
        self._size = sum(head.trailer.count for head in heads)
        batch = self._read(heads)
        self._judge_cards(batch)
        self._show(POSTING, 0)
        if self._ledger.database.is_sqlite:
            found = self._judge_then_post(batch, judged)
        else:
            work = partial(self._judge_and_post, batch=batch, judged=judged)
            found, _ = self._ledger.run(work, exclusive=True)
        self._show(WRITING, 0)
        self.summary.settled_before += found.old
        return batch, found.masks

    def _judge_then_post(self, batch: Batch, judged: Judged) -> _Verdicts:
        """Judge while others may write, then be the one writer for moments only."""
        index_old_segments(self._ledger)
        for attempt in range(_TRIES + 1):
            post_what_is_left(self._ledger)
            if attempt < _TRIES:
                found, pieces = self._post_if_it_holds(batch, judged)
            else:  # it was judged anew again and again: nobody else may write now
                work = partial(self._judge_and_post, batch=batch, judged=judged)
                found, pieces = self._ledger.run(work, exclusive=True)
            if pieces is not None or not found.fresh:
                break
        if pieces is not None:
            for number in pieces.post_all(self._ledger, range(pieces.count), self._pool):
                self._show(POSTING, self._size * (number + 1) // pieces.count)
        return found

    def _post_if_it_holds(self, batch: Batch, judged: Judged) -> tuple[_Verdicts, Pieces | None]:
        """Judge, and post unless the rows would be judged otherwise by then."""
        with self._ledger.reading() as t:
            state = LedgerState.of(t)
            found, judgement = self._judge(t, batch)
        if self._finished_rows + self._size >= self.total:
            self._known = None  # the register: no batch is behind this one
        judged(batch, found.masks)
        if judgement is None:
            return found, None
        prepared = PreparedSegment.of(judgement, SQLITE_ACCOUNTS, self.threads)

        def work(t: LedgerTransaction) -> Pieces | None:
            t.connection.exec_driver_sql(_CACHE)
            if unposted(t) or not still_holds(t, judgement, state):
                return None
            return post(t, judgement, prepared=prepared)

        return found, self._ledger.run(work, exclusive=True)

    def look_again(self, t: LedgerTransaction, heads: Sequence[DayFileHead]) -> tuple[Batch, Masks]:
        """The rows of settled files as the ledger has them, and what is found about them now."""
        archive, settled = Archive(t), settled_before(t, heads)
        room = DebitRoom(sum(count for _, _, count in settled.values()))
        masks: list[Masks] = []
        for at, head in enumerate(heads):
            for piece, found in archive.rows(*settled[head.trailer.digest]):
                rows = piece.rows(np.arange(len(piece)))  # a copy of our own
                rows.file[:] = at
                room.add(rows)
                masks.append(found)
        now = np.concatenate([NOTHING, *masks])
        return Batch(tuple(heads), room.rows, now), now

    def finish_batch(self) -> None:
        """Report that the last batch is finished."""
        self._show(WRITING, self._size)
        self._finished_rows += self._size

    def _show(self, step: str, rows: int) -> None:
        """Report that a step has done some rows of the batch."""
        begin, end = _SHARES[step]
        share = begin + (end - begin) * rows / max(self._size, 1)
        self._report_progress(
            RunProgress(step, self._finished_rows + round(share * self._size), self.total)
        )

    def _read(self, heads: Sequence[DayFileHead]) -> Batch:
        taken: list[DayFileHead] = []
        room, count = DebitRoom(self._size), 0
        joined = np.zeros(self._size, np.uint16)
        for piece, found in self._pool.map(read_files, self._read_tasks(heads)):
            for block, masks in zip(piece.blocks, found, strict=True):
                block.file[:] += len(taken)
                room.add(block)
                joined[count : count + len(masks)] = masks
                count += len(masks)
            taken += piece.heads
            self.summary.refused_files += piece.refused
            self._show(READING, count)
        return self._once(Batch(tuple(taken), room.rows, joined[:count]))

    def _read_tasks(self, heads: Sequence[DayFileHead]) -> Iterator[ReadTask]:
        """Files that workers read, or, where they do not see them, take apart."""
        if self._pool.shares_files:
            yield from (ReadTask(tuple(piece), self._reader) for piece in pieces(heads))
            return
        for piece in pieces(heads):
            own: list[DayFileHead] = []
            contents: list[bytes | bytearray] = []
            for head in piece:
                try:
                    contents.append(content_of(head))
                    own.append(head)
                except (DayFileError, OSError) as error:
                    self.summary.refused_files.append(RefusedFile.of(head.path, error))
            yield ReadTask(own, self._reader, contents)

    def _once(self, batch: Batch) -> Batch:
        """Each content once, whatever its names."""
        keep = np.ones(len(batch.heads), np.bool_)
        for at, head in enumerate(batch.heads):
            if head.trailer.digest in self._seen:
                keep[at] = False
                self.summary.given_twice.append(Path(head.path).name)
            self._seen.add(head.trailer.digest)
        return batch if keep.all() else batch.files(keep)

    def _judge_cards(self, batch: Batch) -> None:
        """Code 1, and what the register says, by pieces of cards."""
        columns = batch.columns
        facts = JudgedCards.of(columns)
        with self._ledger.reading() as t:
            facts.state, register = register_state(t), self._register(t, columns)
        least = 1 if self._pool.size == 1 else self._pool.size * 2
        count = max(least, len(columns) // _TASK_ROWS + 1)
        rows = list(card_pieces(facts.keys, ~columns.malformed, count))
        tasks = (CardTask(columns, piece, self._keys, register) for piece in rows)
        if not self._pool.shares_files:
            tasks = (task.cut_out() for task in tasks)
        wrong = ~columns.has_tac & ~columns.grey & ~columns.malformed
        done = 0
        for piece, found in zip(rows, self._pool.map(judge_cards, tasks), strict=True):
            wrong[piece[found.wrong]] = True
            facts.masks[piece], facts.accounts[piece] = found.masks, found.accounts
            self._missing.update(found.absent)
            done += len(piece)
            self._show(VERIFYING, done)
        self._facts = facts
        self.summary.without_key = [
            f"{reason}: {rows:,} {'row' if rows == 1 else 'rows'}"
            for reason, rows in sorted(self._missing.items())
        ]
        add(batch.masks, FindingCode.TAC, wrong)
        add(batch.masks, FindingCode.GREY, wrong & columns.grey)
        only_grey = columns.grey & ~columns.has_tac & ~columns.malformed
        batch.masks[only_grey] = FindingCode.GREY.bit

    def _judge_and_post(
        self, t: LedgerTransaction, batch: Batch, judged: Judged
    ) -> tuple[_Verdicts, Pieces | None]:
        """Both in one writing transaction; may be called again after a conflict."""
        found, judgement = self._judge(t, batch)
        judged(batch, found.masks)
        if judgement is None:
            return found, None
        return found, post(t, judgement, most_accounts=_most_accounts(self._ledger))

    def _judge(self, t: LedgerTransaction, batch: Batch) -> tuple[_Verdicts, JudgedBatch | None]:
        """What is found about all rows, of files that are settled already as it is now."""
        settled = settled_before(t, batch.heads)
        is_old = np.array([head.trailer.digest in settled for head in batch.heads], np.bool_)
        masks = batch.masks.copy()
        judgement = None
        if not is_old.any():
            if is_old.size:
                judgement = self._judge_fresh(t, Batch(batch.heads, batch.columns, masks))
            return _Verdicts(masks, 0, judgement is not None), judgement
        if not is_old.all():
            fresh = Batch(batch.heads, batch.columns, masks).files(~is_old)
            judgement = self._judge_fresh(t, fresh)
            masks[~is_old[batch.columns.file]] = fresh.masks
        archive, begins = Archive(t), batch.first.tolist()
        for at in np.flatnonzero(is_old).tolist():
            segment, first, count = settled[batch.heads[at].trailer.digest]
            found = [NOTHING, *(piece for _, piece in archive.rows(segment, first, count))]
            masks[begins[at] : begins[at + 1]] = np.concatenate(found)
            for (of, row), now in judgement.changes.items() if judgement else ():
                if of == segment and first <= row < first + count:
                    masks[begins[at] + row - first] = now
        return _Verdicts(masks, int(is_old.sum()), judgement is not None), judgement

    def _judge_fresh(self, t: LedgerTransaction, batch: Batch) -> JudgedBatch:
        facts, self._facts = self._facts, None  # used once: they take memory
        if facts is not None and facts.columns is not batch.columns:
            facts = None
        is_new = facts is not None and facts.state == register_state(t)

        def accounts_of(columns: DebitColumns, masks: Masks) -> Integers:
            if facts is None or not is_new or columns is not facts.columns:
                return judge_register(columns, masks, self._register(t, columns))
            add_found(masks, facts.masks)
            return facts.accounts

        return judge_rows(
            t,
            batch,
            [head.header for head in batch.heads],
            accounts_of,
            keys=None if facts is None else facts.keys,
            pool=self._pool,
            listed=self._listed,
            late=self._late,
        )

    def _register(self, t: LedgerTransaction, columns: DebitColumns) -> RegisterJudge | None:
        """The register as it is now: of the cards of these rows, when it has many others.

        Read as a whole it is kept until it changes.
        """
        cards = card_count(t)
        if not cards:
            return None
        if len(columns) * _FEW_OF < cards:
            return judge_of_rows(t, columns)
        state = register_state(t)
        if self._known is None or self._known[0] != state:
            self._known = state, RegisterJudge(read_register(t))
        return self._known[1]


def _most_accounts(ledger: Ledger) -> int | None:
    return SQLITE_ACCOUNTS if ledger.database.is_sqlite else None


def register_state(t: LedgerTransaction) -> tuple[int, int]:
    """Changes whenever the card register does: it only grows."""
    cards = sa.select(sa.func.coalesce(sa.func.max(card.c.id), 0))
    changes = sa.select(sa.func.count()).select_from(card_status)
    found = t.connection.execute
    return int(found(cards).scalar_one()), int(found(changes).scalar_one())
