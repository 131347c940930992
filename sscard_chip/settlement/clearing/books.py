# SPDX-License-Identifier: Apache-2.0
"""The settled rows of a ledger, read back: of a pharmacy, of a terminal, of a card.

A row is where its file stands, in a segment. A row whose appeal was accepted stands a second
time, alone in a segment of its own and posted; it then takes the place of the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import Masks
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.run.archive import NOTHING, Archive
from sscard_chip.settlement.schema import run as tables
from sscard_chip.settlement.schema.clearing import decision


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BookedRows:
    """Rows of one file, in its order; ``columns.file`` is 0 everywhere.

    ``row`` are their places in ``segment``. ``header`` is that of the file.
    """

    segment: int
    header: DayHeader
    row: np.ndarray[tuple[int], np.dtype[np.int64]]
    columns: DebitColumns
    masks: Masks

    def __len__(self) -> int:
        return len(self.columns)

    def some(self, which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> BookedRows:
        """Some of the rows."""
        return BookedRows(
            self.segment,
            self.header,
            self.row[which],
            self.columns.rows(which),
            self.masks[which],
        )


class Books:
    """The settled rows as one transaction sees them."""

    def __init__(self, t: LedgerTransaction, *, overlay: bool = True) -> None:
        """``overlay`` puts rows that were accepted later in the place of the refused ones."""
        self._t = t
        self._archive = Archive(t)
        self._accepted: dict[tuple[int, int], int] = {}
        if overlay:
            accepted = sa.select(
                decision.c.segment, decision.c.row, decision.c.posted_segment
            ).where(decision.c.posted_segment.is_not(None))
            self._accepted = {
                (segment, row): posted for segment, row, posted in t.connection.execute(accepted)
            }

    @property
    def newest(self) -> int:
        """The number of the newest segment; 0 when nothing is settled."""
        newest = sa.select(sa.func.max(tables.segment.c.id))
        return int(self._t.connection.execute(newest).scalar_one() or 0)

    def of_pharmacy(self, pharmacy: str, first_date: str | None = None) -> Iterator[BookedRows]:
        """The rows of a pharmacy's files with a business date of ``first_date`` or later."""
        yield from self._files(tables.file.c.pharmacy == pharmacy, first_date)

    def of_terminals(
        self, terminals: Iterable[str], first_date: str | None = None
    ) -> Iterator[BookedRows]:
        """The rows of the files of terminals."""
        yield from self._files(tables.file.c.terminal_id.in_(sorted(terminals)), first_date)

    def of_all(self, first_date: str | None = None) -> Iterator[BookedRows]:
        """The rows of all files."""
        yield from self._files(sa.true(), first_date)

    def of_card(self, card_id_code: bytes, segments: Iterable[int]) -> Iterator[BookedRows]:
        """The rows of a card (卡识别码, 16 bytes) in segments, each by itself."""
        wanted = np.frombuffer(card_id_code, np.uint8)
        for segment in sorted(segments):
            for first, columns, _ in self._archive.search(segment, "card_id_code", card_id_code):
                own = (columns.card_id_code == wanted).all(axis=1) & ~columns.malformed
                for at in np.flatnonzero(own).tolist():
                    found = self.row(segment, first + at)
                    if found is not None:
                        yield found

    def segments_of_card(self, factor: bytes, division: int) -> set[int]:
        """Segments that have posted debits of a card; for an accepted one that of its file."""
        table = tables.card
        number = int.from_bytes(factor, signed=True)
        posted = sa.select(table.c.segment).where(
            table.c.factor == number, table.c.division == division
        )
        origin = {posted: of for (of, _), posted in self._accepted.items()}
        found = self._t.connection.execute(posted).scalars()
        return {origin.get(segment, segment) for segment in found}

    def row(self, segment: int, row: int) -> BookedRows | None:
        """One row, or the accepted one that has taken its place; None when there is none such."""
        table = tables.file
        inside = sa.and_(
            table.c.segment == segment,
            table.c.first_row <= row,
            table.c.first_row + table.c.rows > row,
        )
        if (segment, row) in self._accepted:
            found = [rows for rows in self._files(inside, None) if rows.segment != segment]
            wanted = self._accepted[segment, row]
            return next(rows for rows in found if rows.segment == wanted)
        for rows in self._files(inside, None):
            if rows.segment == segment:
                return rows.some(rows.row == row)
        return None

    def _files(self, which: sa.ColumnElement[bool], first_date: str | None) -> Iterator[BookedRows]:
        table = tables.file
        statement = sa.select(table).where(which).order_by(table.c.segment, table.c.first_row)
        if first_date is not None:
            statement = statement.where(table.c.business_date >= first_date)
        for file in self._t.connection.execute(statement).all():
            header = DayHeader(
                file.pharmacy,
                file.terminal_id,
                file.business_date,
                file.hotlist_version,
                file.psam_number,
            )
            yield from self._rows(file.segment, file.first_row, file.rows, header)

    def _rows(
        self, segment: int, first: int, count: int, header: DayHeader
    ) -> Iterator[BookedRows]:
        pieces = list(self._archive.rows(segment, first, count))
        columns = DebitColumns.join([piece for piece, _ in pieces])
        masks = np.concatenate([NOTHING, *(mask for _, mask in pieces)])
        columns = columns.rows(np.arange(count))  # a copy of our own
        columns.file[:] = 0
        rows = BookedRows(segment, header, np.arange(first, first + count), columns, masks)
        replaced = [
            (row, posted)
            for (of, row), posted in self._accepted.items()
            if of == segment and first <= row < first + count
        ]
        if not replaced:
            yield rows
            return
        yield rows.some(~np.isin(rows.row, [row for row, _ in replaced]))
        for _, posted in replaced:
            _, columns, masks = self._archive.part(posted, 0)
            columns = columns.rows(np.arange(len(columns)))
            columns.file[:] = 0
            yield BookedRows(posted, header, np.arange(len(columns)), columns, masks)
