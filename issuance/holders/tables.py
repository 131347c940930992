# SPDX-License-Identifier: Apache-2.0
"""Tables of holders: CSV, and with the extra ``tables`` Parquet and XLSX, row by row.

Row 1 is the header, as a spreadsheet counts. All cells become texts: whole numbers without a
point, dates ``YYYYMMDD``, empty cells the empty text. Only a few rows are in memory at a time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

from issuance.holders.errors import HolderListError
from sscard_chip.standard.errors import ExtraMissingError, importing

SUFFIXES: Final = (".csv", ".parquet", ".xlsx")

TableRow = tuple[int, list[str]]
"""Number of a row from 1, and its cells."""

_BATCH: Final = 4096


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
        with path.open(encoding=encoding, newline="") as stream:
            yield HolderTable(source, _csv_rows(source, csv.reader(stream, delimiter=delimiter)))
        return
    with path.open("rb") as stream:
        rows = _parquet_rows(source, stream) if suffix == ".parquet" else _xlsx_rows(source, stream)
        yield HolderTable(source, rows)


class HolderTable:
    """``header``, and an iterator over all rows below that are not empty."""

    def __init__(self, source: str, rows: Iterator[list[str]]) -> None:
        self.source = source
        self._rows = rows
        header = next(rows, None)
        if not header or not any(header):
            raise HolderListError(source, "row 1", "must name the columns")
        self.header = [name.strip() for name in header]

    def __iter__(self) -> Iterator[TableRow]:
        for number, cells in enumerate(self._rows, 2):
            if any(cells):
                yield number, cells


def _csv_rows(source: str, reader: Iterable[list[str]]) -> Iterator[list[str]]:
    number, rows = 0, iter(reader)
    while True:
        number += 1
        fault = ""
        try:
            cells = next(rows, None)
        except csv.Error:
            fault = "is no CSV: a quote is open, a field too long or a character out of place"
        except UnicodeDecodeError:
            fault = "is not in the encoding of the file (UTF-8, or as the mapping says)"
        if fault:  # outside the handlers: those errors carry the text
            raise HolderListError(source, f"row {number} or behind", fault)
        if cells is None:
            return
        yield cells


def _text(value: Any) -> str:
    """A cell of a typed table as text."""
    if value is None:
        return ""
    if isinstance(value, date):  # a datetime is one too
        return f"{value:%Y%m%d}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _parquet_rows(source: str, stream: Any) -> Iterator[list[str]]:
    with importing("tables", f"{source}: Parquet", _ReaderMissingError):
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import ParquetFile
    try:
        table = ParquetFile(stream)
    except (ArrowInvalid, OSError):
        table = None
    if table is None:
        raise HolderListError(source, "", "is no Parquet file")
    yield list(table.schema_arrow.names)
    for batch in table.iter_batches(batch_size=_BATCH):
        columns = [list(map(_text, column.to_pylist())) for column in batch.columns]
        yield from map(list, zip(*columns, strict=True))


def _xlsx_rows(source: str, stream: Any) -> Iterator[list[str]]:
    with importing("tables", f"{source}: XLSX", _ReaderMissingError):
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    book = None
    with suppress(BadZipFile, InvalidFileException, KeyError, OSError, ValueError):
        book = load_workbook(stream, read_only=True, data_only=True)
    if book is None or not book.worksheets:
        raise HolderListError(source, "", "is no XLSX file with a sheet")
    try:
        for cells in book.worksheets[0].iter_rows(values_only=True):
            yield list(map(_text, cells))
    finally:
        book.close()
