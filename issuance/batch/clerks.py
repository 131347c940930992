# SPDX-License-Identifier: Apache-2.0
"""Tables for clerks: return, print and rejects file as CSV, or as XLSX whose cells are texts.

A spreadsheet that opens CSV in UTF-8 wants a byte order mark, takes a number of 18 digits for one
that it may round, and runs a cell that looks like a formula. So the encoding may have the mark, no
cell begins as a formula does, and XLSX has texts alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import require
from sscard_chip.standard.escape import escape
from sscard_chip.standard.text import encode_text
from sscard_chip.wholefile import whole_file

CSV, XLSX = "csv", "xlsx"
TABLES: Final = (CSV, XLSX)
UTF8, UTF8_MARKED, GBK = "utf-8", "utf-8-sig", "gbk"
ENCODINGS: Final = (UTF8, UTF8_MARKED, GBK)
"""Of CSV: with ``gbk`` it is GB 18030, with ``utf-8-sig`` a byte order mark stands in front."""

_MARK: Final = b"\xef\xbb\xbf"
_SHEET_ROWS: Final = 1 << 20
_TEXT_FORMAT: Final = "@"


def check_tables(tables: str) -> None:
    """See that a kind of table can be written here.

    :raises ExtraMissingError: for XLSX without the extra ``tables``.
    """
    if tables == XLSX:
        require("tables", "--tables xlsx", "openpyxl")


def encode_rows(
    rows: Iterable[Sequence[object]], encoding: str = UTF8, *, tables: str = CSV
) -> bytes:
    """Comma separated lines that end in CRLF: of a CSV file, or on their way into XLSX."""
    cell = tables == CSV
    text = io.StringIO(newline="")
    safe = ([escape(str(value), cell=cell) for value in row] for row in rows)
    csv.writer(text, lineterminator="\r\n").writerows(safe)
    if tables == CSV and encoding == GBK:
        return encode_text(text.getvalue())
    return text.getvalue().encode("utf-8")


def write_table(
    path: Path,
    columns: Sequence[str],
    parts: Iterable[bytes],
    encoding: str = UTF8,
    *,
    tables: str = CSV,
) -> None:
    """Write a table that appears whole or not at all.

    ``parts`` are lines of :func:`encode_rows`; the suffix of ``path`` becomes that of the kind.
    """
    with whole_file(path.with_suffix(f".{tables}"), durable=True) as name:
        if tables == XLSX:
            _write_xlsx(name, columns, _rows(parts))
            return
        with name.open("wb") as stream:
            stream.write(_MARK if encoding == UTF8_MARKED else b"")
            stream.write(encode_rows([columns], encoding))
            for part in parts:
                stream.write(part)


def written_table(folder: str, name: str) -> str:
    """Where a table of a finished batch lies, whatever kind it is of."""
    path = Path(folder, name)
    kinds = (path.with_suffix(f".{tables}") for tables in TABLES)
    return str(next((one for one in kinds if one.exists()), path))


def _rows(parts: Iterable[bytes]) -> Iterator[list[str]]:
    for part in parts:
        yield from csv.reader(io.StringIO(part.decode("utf-8"), newline=""))


def _write_xlsx(path: Path, columns: Sequence[str], rows: Iterator[list[str]]) -> None:
    """A sheet, and further ones with the same header where one is full."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    first: Iterable[list[str]] = [[]]
    while first:
        sheet = book.create_sheet()
        for row in chain([list(columns)], filter(None, first), islice(rows, _SHEET_ROWS - 2)):
            cells = []
            for text in row:
                cell = WriteOnlyCell(sheet, text)
                cell.data_type, cell.number_format = "s", _TEXT_FORMAT
                cells.append(cell)
            sheet.append(cells)
        first = list(islice(rows, 1))
    book.save(path)
