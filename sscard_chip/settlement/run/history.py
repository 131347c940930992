# SPDX-License-Identifier: Apache-2.0
"""What earlier segments have posted, asked for whole pieces at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Mask, UInt64Array
from sscard_chip.settlement.judge.keys import Keys, Lookup, TerminalKey, mix
from sscard_chip.settlement.judge.sequence import Debit, Refund, debit_of
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.bulk import raw_rows
from sscard_chip.settlement.run.archive import unpack
from sscard_chip.settlement.run.ranges import Ranges
from sscard_chip.settlement.schema import run as tables

_asked_metadata = sa.MetaData()
_asked = sa.Table(
    "settled_asked",
    _asked_metadata,
    sa.Column("high", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("low", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("least", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("greatest", sa.BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
"""The terminals or cards of a piece, with the range of numbers that it has of them."""


class LedgerHistory:
    """:class:`~sscard_chip.settlement.judge.sequence.PostedRows` of a ledger, in a transaction."""

    def __init__(self, transaction: LedgerTransaction) -> None:
        self._t = transaction
        newest = sa.select(sa.func.max(tables.segment.c.id))
        self.newest = int(transaction.connection.execute(newest).scalar_one() or 0)

    def taken(self, keys: Keys, which: Mask) -> Mask:
        """Rows, among ``which``, with a terminal's number or a card's counter that is posted."""
        found = np.zeros(len(which), np.bool_)
        if not self.newest or not which.any():
            return found
        for table, names, listed, kind, order, high, low, number in (
            (
                tables.terminal,
                ("terminal", "algorithm"),
                "numbers",
                "<u4",
                keys.terminal_order,
                keys.terminal,
                keys.algorithm,
                keys.number,
            ),
            (
                tables.card,
                ("factor", "division"),
                "counters",
                "<u2",
                keys.card_order,
                keys.factor,
                keys.division,
                keys.counter,
            ),
        ):
            rows = order[which[order]]
            ranges = Ranges.of(high[rows], low[rows], number[rows])
            found[rows] |= self._taken(table, names, listed, kind, ranges)
        return found

    def _taken(
        self, table: sa.Table, names: tuple[str, str], listed: str, kind: str, ranges: Ranges
    ) -> Mask:
        """Which numbers of their owners lie in stored ranges, and in their lists."""
        found = np.zeros(len(ranges.number), np.bool_)
        self._ask(ranges.high, ranges.low, ranges.first, ranges.last)
        one, other = (table.c[name] for name in names)
        overlapping = (
            sa.select(one, other, table.c.first, table.c.last, table.c[listed])
            .join_from(_asked, table, sa.and_(one == _asked.c.high, other == _asked.c.low))
            .where(table.c.last >= _asked.c.least, table.c.first <= _asked.c.greatest)
        )
        hits = raw_rows(self._t.connection.execute(overlapping))
        if not hits:
            return found
        one_of, other_of, first, last, blobs = zip(*hits, strict=True)
        owners = Lookup(_owner_hashes(ranges.high, ranges.low))
        searched = np.array(one_of, np.int64), np.array(other_of, np.int64)
        place = owners.find(_owner_hashes(*searched))
        mine = np.repeat(np.arange(len(ranges.high)), ranges.counts) << 32 | ranges.number
        stored = np.sort(_stored(place, first, last, blobs, kind))
        at = np.searchsorted(stored, mine)
        at[at == len(stored)] = 0
        taken: Mask = stored[at] == mine
        return taken

    def highest(self, terminals: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """The highest proven number of each of ``terminals`` that is known."""
        if not self.newest or not terminals:
            return {}
        high = np.array([one for one, _ in terminals], np.int64)
        low = np.array([other for _, other in terminals], np.int64)
        zeros = np.zeros(len(terminals), np.int64)
        self._ask(high, low, zeros, zeros)
        table = tables.terminal
        known = (
            sa.select(table.c.terminal, table.c.algorithm, sa.func.max(table.c.highest))
            .join_from(
                _asked,
                table,
                sa.and_(table.c.terminal == _asked.c.high, table.c.algorithm == _asked.c.low),
            )
            .group_by(table.c.terminal, table.c.algorithm)
        )
        rows = self._t.connection.execute(known)
        return {(terminal, algorithm): number for terminal, algorithm, number in rows}

    def debits(self, keys: Sequence[TerminalKey]) -> dict[TerminalKey, Debit]:
        """Posted debits by their terminal's number."""
        if not self.newest:
            return {}
        found: dict[TerminalKey, Debit] = {}
        wanted: dict[int, list[TerminalKey]] = {}
        table = tables.terminal
        for key in keys:
            ranges = (
                sa.select(table.c.segment)
                .where(table.c.terminal == key.terminal, table.c.algorithm == key.algorithm)
                .where(table.c.last >= key.number, table.c.first <= key.number)
            )
            for (segment,) in self._t.connection.execute(ranges):
                wanted.setdefault(segment, []).append(key)
        for segment, searched in wanted.items():
            found |= self._debits_of(segment, set(searched))
        return found

    def _debits_of(self, segment: int, searched: set[TerminalKey]) -> dict[TerminalKey, Debit]:
        from sscard_chip.settlement.judge.codes import posted

        found: dict[TerminalKey, Debit] = {}
        numbers = np.array([key.number for key in searched], np.uint32)
        parts = sa.select(tables.part.c.columns).where(tables.part.c.segment == segment)
        for (content,) in self._t.connection.execute(parts):
            columns, masks = unpack(bytes(content))
            candidates = posted(masks) & ~columns.refund & np.isin(columns.terminal_number, numbers)
            rows = columns.rows(candidates)
            own = Keys(rows)
            for at in range(len(rows)):
                key = own.terminal_key(at)
                if key in searched:
                    found[key] = debit_of(rows, own, at)
        return found

    def refunds(self, keys: Sequence[TerminalKey]) -> dict[TerminalKey, list[Refund]]:
        """Posted refunds of debits."""
        found: dict[TerminalKey, list[Refund]] = {}
        if not self.newest or not keys:
            return found
        asked = np.array(keys, np.int64).reshape(-1, 3)
        self._ask(asked[:, 0], asked[:, 1], asked[:, 2], asked[:, 2])
        table = tables.refund
        own = sa.and_(
            table.c.terminal == _asked.c.high,
            table.c.algorithm == _asked.c.low,
            table.c.number == _asked.c.least,
        )
        for row in self._t.connection.execute(sa.select(table).join_from(_asked, table, own)):
            refund = Refund(row.msgid.encode(), row.account_fen, row.cash_fen, row.fund_fen)
            key = TerminalKey(row.terminal, row.algorithm, row.number)
            found.setdefault(key, []).append(refund)
        return found

    def _ask(
        self,
        high: NDArray[np.int64],
        low: NDArray[np.int64],
        least: NDArray[np.int64],
        greatest: NDArray[np.int64],
    ) -> None:
        connection = self._t.connection
        _asked_metadata.create_all(connection, checkfirst=True)
        connection.execute(sa.delete(_asked))
        columns = {"high": high, "low": low, "least": least, "greatest": greatest}
        self._t.insert(_asked, columns)


def _owner_hashes(high: NDArray[np.int64], low: NDArray[np.int64]) -> UInt64Array:
    return mix(high.view(np.uint64), low.astype(np.uint64))


def _stored(
    place: NDArray[np.int64],
    first: Sequence[int],
    last: Sequence[int],
    blobs: Sequence[bytes | None],
    kind: str,
) -> NDArray[np.int64]:
    """All numbers of stored ranges and lists, with the place of their owner above them."""
    width = np.dtype(kind).itemsize
    listed = np.array([blob is not None for blob in blobs], np.bool_)
    lengths = np.array([len(blob or b"") // width for blob in blobs], np.int64)
    numbers = np.frombuffer(b"".join(bytes(blob) for blob in blobs if blob), kind)
    from_lists = np.repeat(place, lengths) << 32 | numbers.astype(np.int64)
    begin = np.array(first, np.int64)[~listed]
    counts = np.array(last, np.int64)[~listed] - begin + 1
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    from_ranges = np.repeat(place[~listed] << 32 | begin, counts) + steps
    return np.concatenate((from_lists, from_ranges))
