# SPDX-License-Identifier: Apache-2.0
"""What a claim counts: each settled row as it is now, less what standing claims have counted of it.

A row may be seen otherwise after it was claimed: a refund's debit has come, a number has got a
better claim, an appeal was accepted. The next claim counts the difference, so that over all
months a row is claimed once, or not at all. A claim reaches the rows up to its last day in the
segments that were settled when it was made; of those it has counted what they were worth then,
less what the claims that stood at that moment had counted. A cancelled claim has counted nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.clearing.books import BookedRows
from sscard_chip.settlement.columns import NO_DIVISION, DebitColumns, number_of_bcd
from sscard_chip.settlement.judge.codes import Masks, posted
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.run.archive import NOTHING, Archive
from sscard_chip.settlement.run.history import header_of
from sscard_chip.settlement.schema import run as tables
from sscard_chip.settlement.schema.clearing import claim, claim_step, decision, step_order

CANCELLED: Final = "cancelled"


@dataclass(frozen=True, slots=True)
class Reach:
    """A claim as rows see it: up to which day (YYYYMMDD) and segment it goes.

    ``above`` are the places of the claims of the same pharmacy that stood when it was made;
    ``stands`` whether it does now.
    """

    last_day: int
    newest: int
    stands: bool
    above: tuple[int, ...]


def reaches(t: LedgerTransaction, pharmacy: str | None) -> dict[str, list[Reach]]:
    """The claims of each pharmacy (or of one), in the order in which they were made."""
    statement = (
        sa.select(
            claim.c.id,
            claim.c.pharmacy,
            claim.c.last_day,
            claim.c.newest_segment,
            claim_step.c.state,
            claim_step.c.number,
            step_order.c.place,
        )
        .join_from(claim, claim_step, claim_step.c.claim == claim.c.id)
        .outerjoin(
            step_order,
            sa.and_(
                step_order.c.claim == claim_step.c.claim,
                step_order.c.number == claim_step.c.number,
            ),
        )
        .order_by(claim_step.c.number)
    )
    if pharmacy is not None:
        statement = statement.where(claim.c.pharmacy == pharmacy)
    lives: dict[str, dict[str, _Life]] = defaultdict(dict)
    for row in t.connection.execute(statement):
        own = lives[row.pharmacy]
        life = own.setdefault(row.id, _Life(int(row.last_day), row.newest_segment))
        # Steps of schema 1 have no order: they come before all others, by the number of the claim.
        place = (0, row.id[-10:]) if row.place is None else (row.place, "")
        if row.state == CANCELLED:
            life.ended = place
        elif row.number == 1:
            life.made = place
    return {name: _reaches(list(own.values())) for name, own in lives.items()}


@dataclass(slots=True)
class _Life:
    last_day: int
    newest: int
    made: tuple[int, str] = (0, "")
    ended: tuple[int, str] | None = None


def _reaches(lives: list[_Life]) -> list[Reach]:
    order = sorted(lives, key=lambda one: one.made)
    found: list[Reach] = []
    for at, one in enumerate(order):
        ends = [other.ended for other in order[:at]]
        above = tuple(
            other for other, ended in enumerate(ends) if ended is None or ended > one.made
        )
        found.append(Reach(one.last_day, one.newest, one.ended is None, above))
    return found


def unclaimed(t: LedgerTransaction, pharmacy: str | None, last_day: str) -> Iterator[BookedRows]:
    """What is to be counted now of the rows of a pharmacy (or of all) up to ``last_day``.

    What was counted and is not posted any more comes as its opposite: a debit as a refund of the
    same amounts, a refund as a debit.
    """
    claims = reaches(t, pharmacy)
    changes = _Changes(t)
    archive = Archive(t, now=False)
    for file in _files(t, pharmacy):
        own = claims.get(file.pharmacy, [])
        if not changes.of(file.segment) and _is_counted(file, own):
            continue
        rows = _rows(archive, file)
        found = _count(rows, own, changes.of(file.segment), int(last_day))
        if len(found):
            yield found
    for file, segment in _accepted(t, pharmacy):
        _, columns, masks = archive.part(segment, 0)
        rows = _booked(segment, file, 0, columns, masks)
        own = claims.get(file.pharmacy, [])
        found = _count(rows, own, changes.of(segment), int(last_day))
        if len(found):
            yield found


def _files(t: LedgerTransaction, pharmacy: str | None) -> Sequence[Any]:
    table = tables.file
    statement = sa.select(table).order_by(table.c.segment, table.c.first_row)
    if pharmacy is not None:
        statement = statement.where(table.c.pharmacy == pharmacy)
    return t.connection.execute(statement).all()


def _accepted(t: LedgerTransaction, pharmacy: str | None) -> Sequence[tuple[Any, int]]:
    """The files of rows whose appeal was accepted, each with the segment that has posted it."""
    table = tables.file
    statement = (
        sa.select(table, decision.c.posted_segment)
        .join_from(
            decision,
            table,
            sa.and_(
                table.c.segment == decision.c.segment,
                table.c.first_row <= decision.c.row,
                table.c.first_row + table.c.rows > decision.c.row,
            ),
        )
        .where(decision.c.posted_segment.is_not(None))
        .order_by(decision.c.posted_segment)
    )
    if pharmacy is not None:
        statement = statement.where(table.c.pharmacy == pharmacy)
    return [(row, int(row.posted_segment)) for row in t.connection.execute(statement)]


def _is_counted(file: Any, claims: Sequence[Reach]) -> bool:
    """Whether standing claims have counted each row of a file once, by its head alone.

    A file takes sales of its date and of the night after it.
    """
    covers: list[int] = []
    for one in claims:
        inside = file.segment <= one.newest
        if inside and int(file.business_date) >= one.last_day:
            return False
        covers.append(int(inside) - sum(covers[at] for at in one.above) if inside else 0)
    return sum(n for n, one in zip(covers, claims, strict=True) if one.stands) == 1


def _rows(archive: Archive, file: Any) -> BookedRows:
    pieces = list(archive.rows(file.segment, file.first_row, file.rows))
    columns = DebitColumns.join([piece for piece, _ in pieces])
    masks = np.concatenate([NOTHING, *(mask for _, mask in pieces)])
    return _booked(file.segment, file, file.first_row, columns, masks)


def _booked(segment: int, file: Any, first: int, columns: DebitColumns, masks: Masks) -> BookedRows:
    columns = columns.rows(np.arange(len(columns)))  # a copy of our own
    columns.file[:] = 0
    places = np.arange(first, first + len(columns))
    return BookedRows(segment, header_of(file), places, columns, masks)


def _count(
    rows: BookedRows,
    claims: Sequence[Reach],
    changes: Sequence[tuple[int, int, int]],
    last_day: int,
) -> BookedRows:
    """The rows that are to be counted, each as often as it is."""
    days = number_of_bcd(rows.columns.time[:, :4]).astype(np.int64)
    counted: list[Integers] = []
    standing = np.zeros(len(rows), np.int64)
    for one in claims:
        own = np.zeros(len(rows), np.int64)
        if rows.segment <= one.newest:
            own = _worth(rows, changes, one.newest)
            for at in one.above:
                own = own - counted[at]
            own[days > one.last_day] = 0
        counted.append(own)
        if one.stands:
            standing += own
    due = _worth(rows, changes, None) - standing
    due[(days > last_day) | (days == NO_DIVISION)] = 0
    places = np.repeat(np.arange(len(rows)), np.abs(due))
    columns = rows.columns.rows(places)
    back = due[places] < 0
    for part in (columns.total_fen, columns.account_fen, columns.cash_fen, columns.fund_fen):
        part[back] = -part[back]
    columns.refund[back] = ~columns.refund[back]
    return BookedRows(
        rows.segment, rows.header, rows.row[places], columns, np.zeros(len(places), np.uint16)
    )


def _worth(
    rows: BookedRows, changes: Sequence[tuple[int, int, int]], until: int | None
) -> Integers:
    """1 for each row that was posted when segment ``until`` was the newest (None: now), else 0."""
    masks = rows.masks
    if changes and len(rows):
        masks = masks.copy()
        first = int(rows.row[0])
        for row, findings, by_segment in changes:
            if (until is None or by_segment <= until) and 0 <= row - first < len(masks):
                masks[row - first] = findings
    found: Integers = posted(masks).astype(np.int64)
    return found


@dataclass(slots=True)
class _Changes:
    """What was found about rows later, by the segment they are in: row, findings, by which."""

    t: LedgerTransaction
    _known: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    _some: set[int] | None = None

    def of(self, segment: int) -> list[tuple[int, int, int]]:
        """Those of a segment, in their order."""
        table = tables.change
        if self._some is None:
            segments = sa.select(table.c.segment).distinct()
            self._some = set(self.t.connection.execute(segments).scalars())
        if segment not in self._some:
            return []
        if segment not in self._known:
            statement = sa.select(table.c.row, table.c.findings, table.c.by_segment)
            statement = statement.where(table.c.segment == segment).order_by(table.c.number)
            rows = self.t.connection.execute(statement)
            self._known[segment] = [(one.row, one.findings, one.by_segment) for one in rows]
        return self._known[segment]
