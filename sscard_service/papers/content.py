# SPDX-License-Identifier: Apache-2.0
"""What a paper says, whatever its kind: pairs, tables, notes; kept sealed, set as a page."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sscard_service.fields import PrivateModel
from sscard_service.papers.font import PaperFont


class PaperTable(PrivateModel, frozen=True):
    """A table: ``numbers`` are columns, from 0, set to the right; ``sums`` is its foot."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    numbers: list[int] = msgspec.field(default_factory=list)
    sums: list[str] = msgspec.field(default_factory=list)


class PaperContent(PrivateModel, frozen=True):
    """A paper: ``pairs`` of its head, tables, notes; ``masked`` is what anybody with its code sees.

    ``barcode`` is the number under the bars; ``made`` YYYYMMDDhhmmss.
    """

    kind: str
    title: str
    english: str
    made: str
    agency: str
    barcode: str
    pairs: list[tuple[str, str]]
    tables: list[PaperTable] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    masked: list[tuple[str, str]] = msgspec.field(default_factory=list)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text with the name of its place."""
        yield "title", self.title
        yield "agency", self.agency
        yield from self.pairs
        for table in self.tables:
            yield table.title, table.title
            for row in (table.columns, *table.rows, table.sums):
                for text in row:
                    yield table.title, text
        for note in self.notes:
            yield "notes", note

    def missing(self, font: PaperFont) -> str | None:
        """The place of the first character that the font lacks; such a paper is not printed."""
        return next((place for place, text in self.texts() if not font.covers(text)), None)
