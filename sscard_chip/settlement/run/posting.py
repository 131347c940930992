# SPDX-License-Identifier: Apache-2.0
"""One transaction of a run: judge files in their order by what is posted, and post what is good.

Everything happens inside one writing transaction, which no other poster shares: the rows that it
posts, the numbers and counters that they take, the money. Killed at any moment it is there whole
or not at all. A file that is settled already, by an earlier run or by another process a moment
ago, keeps the findings that it has got then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.columnar import DayFileHead
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import Masks, posted
from sscard_chip.settlement.judge.keys import Keys
from sscard_chip.settlement.judge.sequence import HighestNumbers, judge_sequence
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.run.archive import parts
from sscard_chip.settlement.run.history import LedgerHistory
from sscard_chip.settlement.run.ranges import Ranges
from sscard_chip.settlement.schema import run as tables


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Batch:
    """Rows of whole files in their order, with what each shows by itself.

    ``columns.file`` are places in ``heads``; ``first`` (files + 1) is where each file's rows
    begin.
    """

    heads: tuple[DayFileHead, ...]
    columns: DebitColumns
    masks: Masks

    @property
    def first(self) -> NDArray[np.int64]:
        """Where the rows of each file begin, and where the last end."""
        return np.searchsorted(self.columns.file, np.arange(len(self.heads) + 1))

    def files(self, which: NDArray[np.bool_]) -> Batch:
        """The batch of some of its files."""
        rows = which[self.columns.file]
        columns = self.columns.rows(rows)
        columns.file[:] = (np.cumsum(which) - 1)[columns.file]
        heads = tuple(head for head, kept in zip(self.heads, which, strict=True) if kept)
        return Batch(heads, columns, self.masks[rows])


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


def keep(
    t: LedgerTransaction, segment: int, batch: Batch, keys: Keys, highest_numbers: HighestNumbers
) -> None:
    """Write a segment: its files, its rows, and what they take."""
    good = posted(batch.masks)
    count = len(batch.columns)
    own = {"id": segment, "rows": count, "posted": int(good.sum())}
    t.connection.execute(sa.insert(tables.segment), own)
    _keep_files(t, segment, batch)
    for first, rows, content in parts(batch.columns, batch.masks):
        part = {"segment": segment, "first_row": first, "rows": rows, "columns": content}
        t.connection.execute(sa.insert(tables.part), part)
    debits = good & ~batch.columns.refund
    _keep_terminals(t, segment, keys, debits, highest_numbers)
    _keep_cards(t, segment, keys, debits)
    _keep_refunds(t, segment, batch.columns, keys, np.flatnonzero(good & batch.columns.refund))


def _keep_files(t: LedgerTransaction, segment: int, batch: Batch) -> None:
    first = batch.first.tolist()
    msgid = batch.columns.msgid
    rows: list[dict[str, Any]] = []
    for at, head in enumerate(batch.heads):
        own = sorted(msgid[first[at] : first[at + 1]].tolist())
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
                "least_msgid": own[0].decode() if own else "",
                "greatest_msgid": own[-1].decode() if own else "",
            }
        )
    if rows:
        t.connection.execute(sa.insert(tables.file), rows)


def _keep_terminals(
    t: LedgerTransaction,
    segment: int,
    keys: Keys,
    debits: NDArray[np.bool_],
    highest_numbers: HighestNumbers,
) -> None:
    order = keys.terminal_order
    rows = order[debits[order]]
    ranges = Ranges.of(keys.terminal[rows], keys.algorithm[rows], keys.number[rows])
    owners = list(zip(ranges.high.tolist(), ranges.low.tolist(), strict=True))
    rest = sorted(highest_numbers.highest.keys() - set(owners))  # proven, and nothing posted
    none = np.full(len(rest), -1, np.int64)
    t.insert(
        tables.terminal,
        {
            "terminal": np.append(ranges.high, [one for one, _ in rest]).astype(np.int64),
            "algorithm": np.append(ranges.low, [other for _, other in rest]).astype(np.int64),
            "last": np.append(ranges.last, none),
            "segment": segment,
            "first": np.append(ranges.first, none + 1),
            "highest": [highest_numbers.highest[owner] for owner in (*owners, *rest)],
            "numbers": [*ranges.lists("<u4"), *(None for _ in rest)],
        },
    )


def _keep_cards(t: LedgerTransaction, segment: int, keys: Keys, debits: NDArray[np.bool_]) -> None:
    order = keys.card_order
    rows = order[debits[order]]
    ranges = Ranges.of(keys.factor[rows], keys.division[rows], keys.counter[rows])
    by_factor = np.argsort(ranges.high)  # as the table is sorted
    lists = ranges.lists("<u2")
    t.insert(
        tables.card,
        {
            "factor": ranges.high[by_factor],
            "division": ranges.low[by_factor],
            "last": ranges.last[by_factor],
            "segment": segment,
            "first": ranges.first[by_factor],
            "counters": [lists[place] for place in by_factor.tolist()],
        },
    )


def _keep_refunds(
    t: LedgerTransaction, segment: int, columns: DebitColumns, keys: Keys, rows: NDArray[np.int64]
) -> None:
    if not len(rows):
        return
    t.insert(
        tables.refund,
        {
            "terminal": keys.terminal[rows],
            "algorithm": keys.algorithm[rows].astype(np.int64),
            "number": keys.number[rows].astype(np.int64),
            "msgid": [one.decode() for one in columns.msgid[rows].tolist()],
            "segment": segment,
            "account_fen": -columns.account_fen[rows],
            "cash_fen": -columns.cash_fen[rows],
            "fund_fen": -columns.fund_fen[rows],
        },
    )


def judge_and_keep(t: LedgerTransaction, batch: Batch) -> int:
    """Judge new files by what is posted and keep them as the next segment; its number."""
    history = LedgerHistory(t)
    keys = Keys(batch.columns)
    highest_numbers = judge_sequence(batch.columns, batch.masks, keys, history)
    segment = history.newest + 1
    keep(t, segment, batch, keys, highest_numbers)
    return segment
