# SPDX-License-Identifier: Apache-2.0
"""Tables of holders: CSV, and with the extra ``tables`` Parquet and XLSX, row by row.

Row 1 is the header, as a spreadsheet counts. All cells are texts; one that is more than the text
that somebody typed, a number, a date, an error, is an :class:`~issuance.holders.cells.OddCell`.
Rows and last columns that are blank do not count. Only a few rows are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Final

from issuance.holders.cells import (
    BLANKS,
    LONGEST_ROW,
    CellKind,
    NumberedRow,
    OddCell,
    column_letters,
    is_blank,
    torn_row,
)
from issuance.holders.csvtext import DELIMITERS, csv_rows, open_csv
from issuance.holders.errors import HolderListError
from issuance.holders.mapping import HolderMapping, MappedColumns, known_columns, resolve
from sscard_chip.standard.errors import ExtraMissingError, importing
from sscard_chip.standard.inputfile import open_input

SUFFIXES: Final = (".csv", ".parquet", ".xlsx")

_LOOK_FOR_HEADER: Final = 20
"""Rows in which a header is looked for when row 1 is none."""


class _ReaderMissingError(ExtraMissingError, HolderListError):
    """The package that reads this kind of table is not installed."""

    __str__ = ImportError.__str__


@contextmanager
def open_table(
    path: Path, *, encoding: str = "utf-8-sig", delimiter: str = ","
) -> Iterator[HolderTable]:
    """The table in a file, by the suffix of its name.

    :raises HolderListError:
    :raises OSError:
    """
    source = str(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise HolderListError(source, "", f"must end in {', '.join(SUFFIXES)}")
    if suffix == ".csv":
        with open_csv(path, encoding) as text:
            yield HolderTable(source, csv_rows(source, text, delimiter), delimiter)
        return
    with open_input(path) as stream:
        if suffix == ".parquet":
            with importing("tables", f"{source}: Parquet", _ReaderMissingError):
                import pyarrow.parquet  # noqa: F401
            from issuance.holders.parquet import parquet_rows

            yield HolderTable(source, parquet_rows(source, stream))
        else:
            with importing("tables", f"{source}: XLSX", _ReaderMissingError):
                import openpyxl  # noqa: F401
            from issuance.holders.xlsx import xlsx_rows

            yield HolderTable(source, xlsx_rows(source, stream))


class HolderTable:
    """``header``, and an iterator over all rows below that are not blank.

    ``delimiter`` is that of a CSV file.
    """

    def __init__(self, source: str, rows: Iterator[NumberedRow], delimiter: str = "") -> None:
        self.source = source
        self._delimiter = delimiter
        number, header = next(rows, (1, [""]))
        if number != 1 or is_blank(header):
            raise HolderListError(source, "row 1", "must name the columns")
        self._rows = rows
        self.header = [_name(source, cell) for cell in header]
        while not self.header[-1]:
            self.header.pop()

    def columns(self, mapping: HolderMapping, *, given: Sequence[str] = ()) -> MappedColumns:
        """What the columns mean. ``given`` are fields that the table may leave out.

        :raises HolderListError: row 1 does not say so; if another row looks like the header, or
            another delimiter would give one, that is said.
        """
        try:
            return resolve(self.header, mapping, self.source, given=given)
        except HolderListError:
            self._explain(mapping)
            raise

    def _explain(self, mapping: HolderMapping) -> None:
        known = known_columns(self.header, mapping)
        for delimiter, name in DELIMITERS.items() if self._delimiter else ():
            names = self._delimiter.join(self.header).split(delimiter)
            if delimiter != self._delimiter and known_columns(names, mapping) > max(known, 1):
                rule = f"has {name} between its cells: a mapping can say so with delimiter"
                raise HolderListError(self.source, "row 1", rule)
        first = list(islice(self._rows, _LOOK_FOR_HEADER))
        self._rows = chain(first, self._rows)
        for number, cells in first:
            if known_columns([cell.strip(BLANKS) for cell in cells], mapping) > max(known, 1):
                rule = f"is no header, row {number} is: take away what stands above it"
                raise HolderListError(self.source, "row 1", rule)

    def __iter__(self) -> Iterator[NumberedRow]:
        width = len(self.header)
        for number, cells in self._rows:
            if not (cells and cells[0].isalnum()) and is_blank(cells):
                continue
            if cells and isinstance(cells[0], OddCell) and cells[0].kind is CellKind.ROW:
                yield number, cells
            elif sum(map(len, cells)) > LONGEST_ROW:
                yield number, torn_row(f"is longer than {LONGEST_ROW} characters")
            else:
                yield number, self._fitted(number, cells, width)

    def _fitted(self, number: int, cells: list[str], width: int) -> list[str]:
        """A row of as many cells as the header has, if what is too much is blank.

        A line of CSV that is too short may lack any of its cells; in other tables it is the last.
        """
        if len(cells) > width and is_blank(cells[width:]):
            return cells[:width]
        if self._delimiter or len(cells) == width:
            return cells
        for at, cell in enumerate(cells[width:], width + 1):
            if not is_blank([cell]):
                place = f"{column_letters(at)}{number}"
                return torn_row(f"cell {place} is in a column that row 1 does not name")
        return cells + [""] * (width - len(cells))


def _name(source: str, cell: str) -> str:
    if isinstance(cell, OddCell) and cell.rule:
        where = f"cell {cell.place} " if cell.place else ""
        raise HolderListError(source, "row 1", where + cell.rule)
    return cell.strip(BLANKS)
