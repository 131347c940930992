# SPDX-License-Identifier: Apache-2.0
"""What earlier segments have posted, asked for whole pieces at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.judge.keys import Keys, TerminalKey
from sscard_chip.settlement.judge.sequence import Debit, Refund, debit_of
from sscard_chip.settlement.ledger import Transaction
from sscard_chip.settlement.run import tables
from sscard_chip.settlement.run.archive import unpack

Found = NDArray[np.bool_]

_asked_metadata = sa.MetaData()
_asked = sa.Table(
    "settled_asked",
    _asked_metadata,
    sa.Column("high", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("low", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("least", sa.BigInteger, nullable=False),
    sa.Column("greatest", sa.BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
"""The terminals or cards of a piece, with the range of numbers that it has of them."""


class LedgerHistory:
    """:class:`~sscard_chip.settlement.judge.sequence.History` of a ledger, in a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction
        newest = sa.select(sa.func.max(tables.segment.c.id))
        self.newest = int(transaction.connection.execute(newest).scalar_one() or 0)

    def taken(self, keys: Keys, rows: NDArray[np.int64]) -> Found:
        """Of ``rows``, which have a terminal's number or a card's counter that is posted."""
        found = np.zeros(len(rows), np.bool_)
        if not self.newest or not len(rows):
            return found
        found |= self._taken(
            tables.terminal,
            ("terminal", "algorithm"),
            "numbers",
            "<u4",
            (keys.terminal[rows], keys.algorithm[rows].astype(np.int64)),
            keys.number[rows],
        )
        found |= self._taken(
            tables.card,
            ("factor", "division"),
            "counters",
            "<u2",
            (keys.factor[rows], keys.division[rows].astype(np.int64)),
            keys.counter[rows],
        )
        return found

    def _taken(
        self,
        table: sa.Table,
        names: tuple[str, str],
        listed: str,
        kind: str,
        owner: tuple[NDArray[np.int64], NDArray[np.int64]],
        numbers: NDArray[np.uint32],
    ) -> Found:
        """Which ``numbers`` of their owners lie in stored ranges, and in their lists."""
        found = np.zeros(len(numbers), np.bool_)
        order = np.lexsort((owner[1], owner[0]))
        high, low = owner[0][order], owner[1][order]
        number = numbers[order].astype(np.int64)
        starts = np.flatnonzero(np.diff(high, prepend=high[0] - 1) | np.diff(low, prepend=-1))
        least = np.minimum.reduceat(number, starts)
        greatest = np.maximum.reduceat(number, starts)
        self._ask(high[starts], low[starts], least, greatest)
        one, other = (table.c[name] for name in names)
        overlapping = (
            sa.select(one, other, table.c.first, table.c.last, table.c[listed])
            .join_from(_asked, table, sa.and_(one == _asked.c.high, other == _asked.c.low))
            .where(table.c.last >= _asked.c.least, table.c.first <= _asked.c.greatest)
        )
        hits = self._t.connection.execute(overlapping).all()
        if not hits:
            return found
        one_of, other_of, first, last, blobs = zip(*hits, strict=True)
        owners = zip(high[starts].tolist(), low[starts].tolist(), strict=True)
        places = {owner: at for at, owner in enumerate(owners)}
        sought = map(places.__getitem__, zip(one_of, other_of, strict=True))
        place = np.fromiter(sought, np.int64, len(hits))
        stored = _stored(place, first, last, blobs, kind)
        mine = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(number))) << 32
        found[order] = np.isin(mine | number, stored)
        return found

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
        for segment, sought in wanted.items():
            found |= self._debits_of(segment, set(sought))
        return found

    def _debits_of(self, segment: int, sought: set[TerminalKey]) -> dict[TerminalKey, Debit]:
        from sscard_chip.settlement.judge.codes import posted

        found: dict[TerminalKey, Debit] = {}
        numbers = np.array([key.number for key in sought], np.uint32)
        parts = sa.select(tables.part.c.columns).where(tables.part.c.segment == segment)
        for (content,) in self._t.connection.execute(parts):
            columns, masks = unpack(bytes(content))
            near = posted(masks) & ~columns.refund & np.isin(columns.terminal_number, numbers)
            rows = columns.rows(near)
            own = Keys(rows)
            for at in range(len(rows)):
                key = own.terminal_key(at)
                if key in sought:
                    found[key] = debit_of(rows, own, at)
        return found

    def refunds(self, keys: Sequence[TerminalKey]) -> dict[TerminalKey, list[Refund]]:
        """Posted refunds of debits."""
        found: dict[TerminalKey, list[Refund]] = {}
        if not self.newest:
            return found
        table = tables.refund
        for key in keys:
            rows = sa.select(
                table.c.msgid, table.c.account_fen, table.c.cash_fen, table.c.fund_fen
            ).where(
                table.c.terminal == key.terminal,
                table.c.algorithm == key.algorithm,
                table.c.number == key.number,
            )
            for msgid, account, cash, fund in self._t.connection.execute(rows):
                refund = Refund(msgid.encode(), account, cash, fund)
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
