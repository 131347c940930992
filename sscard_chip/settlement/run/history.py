# SPDX-License-Identifier: Apache-2.0
"""What earlier segments hold under the numbers of new rows, asked for whole pieces at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Any, Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers, Mask, UInt64Array, among
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import FindingCode, Masks, posted
from sscard_chip.settlement.judge.gaps import Environment, standing_rows
from sscard_chip.settlement.judge.keys import NOBODY, CardCounterKey, Keys, Lookup, TerminalKey, mix
from sscard_chip.settlement.judge.proof import proven
from sscard_chip.settlement.ledger import Ledger, LedgerTransaction
from sscard_chip.settlement.run.archive import Archive
from sscard_chip.settlement.run.asking import AskedOwners
from sscard_chip.settlement.run.ranges import Ranges
from sscard_chip.settlement.schema import run as tables
from sscard_chip.settlement.schema.debits import online_debit

Place = tuple[int, int]
"""Segment and row."""


@unique
class Kind(IntEnum):
    """What a row is that is no posted debit; ``settled_beside`` knows where it stands."""

    CLAIM = 0
    """A debit with a right TAC: it would have its numbers, or has a finding."""
    REFUND = tables.REFUND
    """A refund that has nothing of its own against it."""
    STANDING = 2
    """Its number stands in a file, and nothing proves it."""


class _Side(NamedTuple):
    """One of the two ways by which debits are known, in the tables."""

    ranges: sa.Table
    listed: str
    width: str
    high: str
    low: str
    number: str


_BY_TERMINAL: Final = _Side(tables.terminal, "numbers", "<u4", "terminal", "algorithm", "number")
_BY_CARD: Final = _Side(tables.card, "counters", "<u2", "factor", "division", "counter")


@dataclass(slots=True)
class Found:
    """What stands under some numbers: segments that have posted debits of them, rows beside, and
    the numbers that on-line confirmations have taken."""

    segments: set[int] = field(default_factory=set)
    beside: dict[Place, Kind] = field(default_factory=dict)
    online: set[tuple[TerminalKey, CardCounterKey]] = field(default_factory=set)

    def add(self, other: Found) -> None:
        """Both together."""
        self.segments |= other.segments
        self.beside |= other.beside
        self.online |= other.online


class LedgerHistory:
    """The settled rows of a ledger, in a transaction."""

    def __init__(self, transaction: LedgerTransaction) -> None:
        self._t = transaction
        newest = sa.select(sa.func.max(tables.segment.c.id))
        self.newest = int(transaction.connection.execute(newest).scalar_one() or 0)
        self.archive = Archive(transaction)
        for segment in _not_indexed(transaction):
            self._index(segment)

    def _index(self, segment: int) -> None:
        """Of the refunds of an old segment those that were posted, or given twice, are kept: what
        was refused then stays so."""
        for first, columns, masks in self.archive.parts(segment):
            refunds = columns.refund & posted(masks & ~FindingCode.DUPLICATE.bit)
            keep_beside(self._t, segment, first, columns, masks, refunds)
        self._t.connection.execute(sa.insert(tables.indexed).values(segment=segment))

    # --- what stands under numbers -------------------------------------------------------------

    def of_rows(self, keys: Keys, which: Mask) -> tuple[Mask, Found]:
        """Which rows, among ``which``, have a number that is known; and what is known of it."""
        touched = np.zeros(len(which), np.bool_)
        found = Found()
        if not which.any():
            return touched, found
        for side, order, high, low, number in (
            (_BY_TERMINAL, keys.terminal_order, keys.terminal, keys.algorithm, keys.number),
            (_BY_CARD, keys.card_order, keys.factor, keys.division, keys.counter),
        ):
            rows = order[which[order]]
            ranges = Ranges.of(high[rows], low[rows], number[rows])
            hit, more = self._look(side, ranges)
            touched[rows] |= hit
            found.add(more)
        return touched, found

    def of_keys(self, terminals: Iterable[TerminalKey], cards: Iterable[CardCounterKey]) -> Found:
        """What is known of a few numbers."""
        found = Found()
        by_card = [(one.factor, one.division, one.counter) for one in cards]
        for side, asked in ((_BY_TERMINAL, sorted(set(terminals))), (_BY_CARD, sorted(by_card))):
            if asked:
                high, low, number = np.array(asked, np.int64).T
                found.add(self._look(side, Ranges.of(high, low, number))[1])
        return found

    def _look(self, side: _Side, ranges: Ranges) -> tuple[Mask, Found]:
        """Which numbers of their owners are known, and what is."""
        found = Found()
        touched = np.zeros(len(ranges.number), np.bool_)
        asked = AskedOwners(self._t, ranges.high, ranges.low, ranges.first, ranges.last)
        owners = Lookup(_owner_hashes(ranges.high, ranges.low))
        mine = np.repeat(np.arange(len(ranges.high)), ranges.counts) << 32 | ranges.number

        def known(place: Integers, numbers: Integers) -> Mask:
            """Which of these numbers are asked for; notes that they are known."""
            theirs = place << 32 | numbers
            same: Mask = (place != NOBODY) & among(theirs, mine)
            touched[among(mine, np.unique(theirs[same]))] = True
            return same

        def places(rows: list[tuple[Any, ...]]) -> tuple[Integers, ...]:
            """Their owners' places, and their other columns; the first two are the owner."""
            high, low, *rest = (np.array(one, np.int64) for one in zip(*rows, strict=True))
            return owners.find(_owner_hashes(high, low)), *rest

        owner = side.high, side.low
        listed = "first", "last", "segment", side.listed
        hits = asked.rows(side.ranges, owner, listed, "first", "last")
        if hits:
            blobs = [row[-1] for row in hits]
            place, first, last, segment = places([row[:-1] for row in hits])
            numbers, count = _expanded(first, last, blobs, side.width)
            same = known(np.repeat(place, count), numbers)
            found.segments.update(np.unique(np.repeat(segment, count)[same]).tolist())
        standing = side.number, "segment", "row", "kind"
        rows = asked.rows(tables.beside, owner, standing, side.number, side.number)
        if rows:
            place, number, segment, row, kind = places(rows)
            same = known(place, number)
            for at in np.flatnonzero(same).tolist():
                found.beside[int(segment[at]), int(row[at])] = Kind(int(kind[at]))
        taken = side.number, *_NUMBERS
        rows = asked.rows(online_debit, owner, taken, side.number, side.number)
        if rows:
            place, number, *values_of = places(rows)
            same = known(place, number)
            for values in np.array(values_of)[:, same].T.tolist():
                terminal, algorithm, own, factor, division, counter = values
                numbers_of = TerminalKey(terminal, algorithm, own)
                found.online.add((numbers_of, CardCounterKey(division, factor, counter)))
        return touched, found

    def online_of(
        self, columns: DebitColumns, which: Mask
    ) -> set[tuple[TerminalKey, CardCounterKey]]:
        """The numbers of these rows that on-line confirmations have taken by now."""
        some = sa.select(online_debit.c.authorisation).limit(1)
        if self._t.connection.execute(some).first() is None:
            return set()
        return self.of_rows(Keys(columns), which)[1].online

    # --- rows ----------------------------------------------------------------------------------

    def posted_places(
        self,
        segments: Iterable[int],
        terminals: set[TerminalKey],
        cards: set[CardCounterKey],
    ) -> set[Place]:
        """Where posted debits with some of these numbers stand, in these segments."""
        asked = np.array(sorted(terminals), np.int64).reshape(-1, 3)
        by_number = _number_hashes(asked[:, 0], asked[:, 1], asked[:, 2])
        own = np.array([(c.factor, c.division, c.counter) for c in sorted(cards)], np.int64)
        own = own.reshape(-1, 3)
        by_counter = _number_hashes(own[:, 0], own[:, 1], own[:, 2])
        found: set[Place] = set()
        for segment in sorted(segments):
            for first, columns, masks in self.archive.parts(segment):
                keys = Keys(columns)
                hashes = _number_hashes(keys.terminal, keys.algorithm, keys.number)
                hit = np.isin(hashes, by_number)
                hashes = _number_hashes(keys.factor, keys.division, keys.counter)
                hit |= np.isin(hashes, by_counter)
                hit &= posted(masks) & ~columns.refund
                for at in np.flatnonzero(hit).tolist():
                    if keys.terminal_key(at) in terminals or keys.card_key(at) in cards:
                        found.add((segment, first + at))
        return found

    def rows(self, places: Sequence[Place]) -> tuple[DebitColumns, Masks]:
        """The rows at some places, and what is found about them now."""
        pieces: list[DebitColumns] = []
        masks: list[Masks] = []
        for segment, row in places:
            first, columns, found = self.archive.part(segment, row)
            at = slice(row - first, row - first + 1)
            pieces.append(columns.rows(at))
            masks.append(found[at])
        if not pieces:
            return DebitColumns.zeros(0), np.zeros(0, np.uint16)
        return DebitColumns.join(pieces), np.concatenate(masks)

    def headers(self, places: Sequence[Place]) -> list[DayHeader | None]:
        """The headers of the files that rows stand in; None for a row that a person has decided,
        which is alone in its segment."""
        files: dict[int, list[Any]] = {}
        found: list[DayHeader | None] = []
        table = tables.file
        for segment, row in places:
            if segment not in files:
                statement = sa.select(table).where(table.c.segment == segment)
                statement = statement.order_by(table.c.first_row)
                files[segment] = list(self._t.connection.execute(statement))
            at = bisect_right(files[segment], row, key=lambda file: int(file.first_row)) - 1
            while at > 0 and not files[segment][at].rows:
                at -= 1
            found.append(header_of(files[segment][at]) if at >= 0 else None)
        return found

    def is_posted(self, keys: Keys) -> bool:
        """Whether a debit with one of the numbers of the only row is posted, or taken on-line."""
        terminals, cards = {keys.terminal_key(0)}, {keys.card_key(0)}
        found = self.of_keys(terminals, cards)
        known = set(found.beside) | self.posted_places(found.segments, terminals, cards)
        places = sorted(known)
        columns, masks = self.rows(places)
        return bool(found.online) or bool((posted(masks) & ~columns.refund).any())

    def debits_of(self, terminals: Sequence[TerminalKey]) -> dict[Place, int]:
        """Where proven debits with these numbers of terminals stand, and what is found of them."""
        if not terminals:
            return {}
        found = self.of_keys(terminals, ())
        places = self.posted_places(found.segments, set(terminals), set())
        places |= {place for place, kind in found.beside.items() if kind is Kind.CLAIM}
        rows = sorted(places)
        return dict(zip(rows, self.rows(rows)[1].tolist(), strict=True))

    # --- numbers of terminals ------------------------------------------------------------------

    def extents(self, wanted: Sequence[Environment]) -> dict[Environment, tuple[int, int]]:
        """The least and the greatest number that stands; of known environments only."""
        if not self.newest or not wanted:
            return {}
        high, low = np.array(wanted, np.int64).T
        asked = AskedOwners(self._t, high, low, np.zeros_like(high), np.zeros_like(high))
        known, owner = set(wanted), (_BY_TERMINAL.high, _BY_TERMINAL.low)
        found: dict[Environment, tuple[int, int]] = {}
        no_number = f"own.kind = {int(Kind.REFUND)}"
        for one, other, first, last in (
            *asked.extents(tables.terminal, owner, "first", "last"),
            *asked.extents(tables.beside, owner, "number", "number", but=no_number),
        ):
            if (one, other) in known:
                before = found.get((one, other), (first, last))
                found[one, other] = min(first, before[0]), max(last, before[1])
        return found

    def standing(self, of: Environment, least: int, greatest: int) -> set[int]:
        """The numbers of an environment that stand, from ``least`` to ``greatest``."""
        terminal, algorithm = of
        table, beside = tables.terminal, tables.beside
        ranges = sa.select(table.c.first, table.c.last, table.c.numbers).where(
            table.c.terminal == terminal,
            table.c.algorithm == algorithm,
            table.c.last >= least,
            table.c.first <= greatest,
        )
        found: set[int] = set()
        for first, last, listed in self._t.connection.execute(ranges):
            if listed is None:
                found.update(range(max(first, least), min(last, greatest) + 1))
            else:
                numbers = np.frombuffer(bytes(listed), _BY_TERMINAL.width)
                found.update(numbers[(numbers >= least) & (numbers <= greatest)].tolist())
        rest = sa.select(beside.c.number).where(
            beside.c.terminal == terminal,
            beside.c.algorithm == algorithm,
            beside.c.number.between(least, greatest),
            beside.c.kind != int(Kind.REFUND),
        )
        found.update(self._t.connection.execute(rest).scalars())
        return found


def _not_indexed(t: LedgerTransaction) -> Sequence[int]:
    """Segments of a ledger that was upgraded, which have nothing in ``beside`` yet."""
    known = sa.select(tables.indexed.c.segment)
    old = sa.select(tables.segment.c.id).where(tables.segment.c.id.not_in(known))
    return t.connection.execute(old).scalars().all()


def index_old_segments(ledger: Ledger) -> None:
    """Index what is not indexed, which a transaction that only reads cannot.

    :raises LedgerError: as :meth:`~sscard_chip.settlement.ledger.Ledger.run`.
    """
    with ledger.reading() as t:
        old = _not_indexed(t)
    if old:
        ledger.run(LedgerHistory)


def header_of(file: Any) -> DayHeader:
    """The header of a row of ``settled_file``."""
    return DayHeader(
        file.pharmacy,
        file.terminal_id,
        file.business_date,
        file.hotlist_version,
        file.psam_number,
    )


def keep_beside(
    t: LedgerTransaction,
    segment: int,
    first: int,
    columns: DebitColumns,
    masks: Masks,
    refunds: Mask,
) -> None:
    """Write where rows stand that are no posted debits; ``refunds`` have nothing of their own
    against them."""
    genuine = proven(columns, masks)
    standing = standing_rows(columns, masks, genuine) & ~(genuine & posted(masks))
    kind = np.where(genuine, np.int64(Kind.CLAIM), np.int64(Kind.STANDING))
    kind[refunds] = Kind.REFUND
    rows = np.flatnonzero(standing | refunds)
    if not len(rows):
        return
    keys = Keys(columns.rows(rows))
    t.insert(
        tables.beside,
        {
            "segment": segment,
            "row": first + rows,
            "kind": kind[rows],
            "terminal": keys.terminal,
            "algorithm": keys.algorithm.astype(np.int64),
            "number": keys.number.astype(np.int64),
            "factor": keys.factor,
            "division": keys.division.astype(np.int64),
            "counter": keys.counter.astype(np.int64),
        },
    )


_NUMBERS: Final = ("terminal", "algorithm", "number", "factor", "division", "counter")


def _owner_hashes(high: NDArray[np.int64], low: NDArray[np.int64]) -> UInt64Array:
    return mix(high.view(np.uint64), low.astype(np.uint64))


def _number_hashes(high: NDArray[Any], low: NDArray[Any], number: NDArray[Any]) -> UInt64Array:
    owner = mix(np.ascontiguousarray(high).view(np.uint64), low.astype(np.uint64))
    return mix(owner, number.astype(np.uint64))


def _expanded(
    first: Integers, last: Integers, blobs: Sequence[bytes | None], width: str
) -> tuple[Integers, Integers]:
    """All numbers of stored ranges and lists one after the other, and how many each has."""
    size = np.dtype(width).itemsize
    listed = np.array([blob is not None for blob in blobs], np.bool_)
    count = np.array([len(blob or b"") // size for blob in blobs], np.int64)
    count[~listed] = (last - first + 1)[~listed]
    begins = np.cumsum(count) - count
    numbers = np.arange(count.sum()) - np.repeat(begins - first, count)
    from_lists = np.frombuffer(b"".join(bytes(blob) for blob in blobs if blob is not None), width)
    numbers[np.repeat(listed, count)] = from_lists
    return numbers, count
