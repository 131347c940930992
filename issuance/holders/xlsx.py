# SPDX-License-Identifier: Apache-2.0
"""Rows of the first sheet of an XLSX file, in bounded memory whatever the file holds.

A library that keeps a workbook's shared strings in memory takes a thousand times what the file
measures, since XML of one letter packs to almost nothing. So the sheet is parsed as it is unpacked,
a row at a time, and the shared strings lie in a temporary file. What numbers and formats mean is
openpyxl's to say (ECMA-376, part 1, clause 18).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import IO, Any, Final
from xml.parsers.expat import ExpatError
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from issuance.holders.cells import (
    LONGEST_ROW,
    NumberedRow,
    OddCell,
    boolean_cell,
    broken_cell,
    column_letters,
    date_cell,
    error_cell,
    number_cell,
    torn_row,
)
from issuance.holders.errors import HolderListError
from issuance.holders.xlsxparts import (
    Handlers,
    SharedStrings,
    Workbook,
    XlsxError,
    check_directory,
    local_name,
    parse_part,
    part_blocks,
    read_workbook,
    unescaped,
)

MAX_ROWS, MAX_COLUMNS = 1 << 20, 1 << 14
"""Rows and columns of a sheet."""

_MAX_SHEET: Final = 1 << 30
_MAX_MERGED: Final = 10_000
_MERGE: Final = re.compile(
    rb"<(?:\w+:)?mergeCell\s[^<>]*?ref=[\"']([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})[\"']"
)
_BEYOND: Final = "has a cell beyond the end of a sheet"
_LETTERS: Final = re.compile("[A-Z]{1,3}")
_PLACE: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_INTEGER: Final = re.compile(r"[1-9][0-9]{0,14}|0")
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_LONGEST_CELL: Final = 32_767
_NO_XLSX: Final = "is no XLSX file with a sheet"

Merged = tuple[int, int, int, int, str]
"""First and last row, first and last column of merged cells, and their reference."""


def xlsx_rows(source: str, stream: IO[bytes]) -> Iterator[NumberedRow]:
    """All rows of the first sheet that is shown, the header first.

    :raises HolderListError: it is no XLSX file, or no table can be read from it.
    """
    row, fault = 1, ""
    try:
        check_directory(stream)
        with ZipFile(stream) as archive:
            _check_methods(archive)
            workbook = read_workbook(archive)
            merged = _merged_cells(archive, workbook.sheet)
            with SharedStrings(archive, workbook.strings) as strings:
                for row, cells in _Sheet(archive, workbook, strings, merged).rows():
                    yield row, cells
    except XlsxError as error:
        fault = str(error)
    except (ExpatError, BadZipFile, EOFError, KeyError, NotImplementedError, OSError, RuntimeError,
            UnicodeError, ValueError, zlib.error):  # fmt: skip
        fault = _NO_XLSX if row == 1 else "is damaged here"
    if fault:  # outside the handlers: those errors may carry the text
        where = "" if fault == _NO_XLSX else f"row {row} or behind"
        raise HolderListError(source, where, fault)


def _check_methods(archive: ZipFile) -> None:
    """Deflated or stored, as spreadsheets write: other methods unpack in more memory."""
    if any(one.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for one in archive.infolist()):
        raise XlsxError(_NO_XLSX)


def _merged_cells(archive: ZipFile, sheet: str) -> list[Merged]:
    """All merged cells, which a sheet lists behind its rows, by first row."""
    found: list[Merged] = []
    left = b""
    for block in part_blocks(archive, sheet, _MAX_SHEET):
        data = left + block
        end = 0
        for match in _MERGE.finditer(data):
            found.append(_merged(match[1].decode("ascii")))
            end = match.end()
        if len(found) > _MAX_MERGED:
            raise XlsxError(f"has more than {_MAX_MERGED} merged cells")
        left = data[max(end, len(data) - 256) :]
    return sorted(found)


def _merged(reference: str) -> Merged:
    (first_column, first_row), (last_column, last_row) = map(_place, reference.split(":"))
    if first_row == 1:
        raise XlsxError(f"cells {reference} are merged: row 1 names each column in its own cell")
    return first_row, last_row, first_column, last_column, reference


def _place(reference: str) -> tuple[int, int]:
    match = _PLACE.fullmatch(reference)
    if match is None:
        raise XlsxError("has a cell in no place of a sheet")
    if not 0 < int(match[2]) <= MAX_ROWS:
        raise XlsxError(_BEYOND)
    return _column(match[1]), int(match[2])


@lru_cache(maxsize=MAX_COLUMNS)
def _column(letters: str) -> int:
    """The number of a column, from 1, by its name."""
    if not _LETTERS.fullmatch(letters):
        raise XlsxError("has a cell in no place of a sheet")
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - ord("A") + 1
    if column > MAX_COLUMNS:
        raise XlsxError(_BEYOND)
    return column


class _Sheet:
    """A sheet on its way through the parser."""

    def __init__(
        self,
        archive: ZipFile,
        workbook: Workbook,
        strings: SharedStrings,
        merged: Sequence[Merged],
    ) -> None:
        from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH

        self._archive = archive
        self._workbook = workbook
        self._strings = strings
        self._epoch = MAC_EPOCH if workbook.from_1904 else WINDOWS_EPOCH
        self._merged = list(reversed(merged))
        self._active: list[Merged] = []
        self._done: list[NumberedRow] = []
        self._row = 0
        self._begin_row()
        self._begin_cell({})

    def rows(self) -> Iterator[NumberedRow]:
        """All rows that the sheet has."""
        handlers = Handlers(self._start, self._end, self._characters)
        for _ in parse_part(self._archive, self._workbook.sheet, handlers, _MAX_SHEET):
            yield from self._done
            self._done.clear()
        yield from self._done

    # --- from the parser --------------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = local_name(name)
        if tag == "c":
            self._begin_cell(attributes)
        elif tag == "row":
            number = int(attributes.get("r") or self._row + 1)
            if not self._row < number <= MAX_ROWS:
                raise XlsxError("has its rows in no order")
            self._row = number
            self._begin_row()
        elif tag == "f":
            self._formula = True
        elif tag == "rPh":
            self._phonetic = True
        elif tag in ("v", "t") and not self._phonetic:
            self._reading = True

    def _end(self, name: str) -> None:
        tag = local_name(name)
        if tag == "c":
            self._finish_cell()
        elif tag == "row":
            self._finish_row()
        elif tag == "rPh":
            self._phonetic = False
        elif tag in ("v", "t"):
            self._reading = False

    def _characters(self, text: str) -> None:
        if self._reading and self._length <= _LONGEST_CELL:
            self._parts.append(text)
            self._length += len(text)

    # --- rows and cells ---------------------------------------------------------------------------

    def _begin_row(self) -> None:
        self._cells: list[str] = []
        self._size = 0
        row = self._row
        while self._merged and self._merged[-1][0] <= row:
            self._active.append(self._merged.pop())
        self._active = [one for one in self._active if one[1] >= row]

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        self._column = len(self._cells) + 1
        if reference:
            self._column = _column(reference.rstrip("0123456789"))
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "0")
        self._parts: list[str] = []
        self._length = 0
        self._formula = self._phonetic = self._reading = False

    def _finish_cell(self) -> None:
        if self._column <= len(self._cells):
            raise XlsxError("has its cells in no order")
        if self._size > LONGEST_ROW:
            return
        self._cells += [""] * (self._column - 1 - len(self._cells))
        cell = self._value()
        self._size += len(cell)
        self._cells.append(cell)

    def _finish_row(self) -> None:
        cells = self._cells
        if self._size > LONGEST_ROW:
            cells = torn_row(f"is longer than {LONGEST_ROW} characters")
        else:
            for _, _, first, last, reference in self._active:
                cells += [""] * (first - len(cells))
                for at in range(first, min(last, len(cells)) + 1):
                    place = f"{column_letters(at)}{self._row}"
                    cells[at - 1] = broken_cell(place, f"is merged with others ({reference})")
        self._done.append((self._row, cells))

    def _value(self) -> str:
        """The cell that has been read."""
        text = "".join(self._parts)
        if len(text) <= _LONGEST_CELL:
            if self._kind == "s" and text.isdecimal():
                return self._strings.get(text)
            if self._kind in ("inlineStr", "str"):
                return unescaped(text)
            if not text and not self._formula:
                return ""
        return self._odd(text, f"{column_letters(self._column)}{self._row}")

    def _odd(self, text: str, place: str) -> OddCell:
        """A cell that is no text."""
        if len(text) > _LONGEST_CELL:
            return broken_cell(place, f"is longer than {_LONGEST_CELL} characters")
        if not text:
            return broken_cell(place, "is a formula without its result")
        if self._kind == "s":
            return broken_cell(place, "is damaged")
        if self._kind == "b":
            return boolean_cell(place)
        if self._kind == "e":
            return error_cell(text, place)
        if self._kind == "d":
            return _iso_date(text, place)
        return self._number(text.strip(), place)

    def _number(self, text: str, place: str) -> OddCell:
        if not _NUMBER.fullmatch(text):
            return broken_cell(place, "is no number")
        if self._style in self._workbook.date_styles:
            return self._date(float(text), place)
        if _INTEGER.fullmatch(text):
            return number_cell(Decimal(text), place)
        try:
            return number_cell(Decimal(text), place)
        except InvalidOperation:
            return broken_cell(place, "is no number")

    def _date(self, serial: float, place: str) -> OddCell:
        from openpyxl.utils.datetime import from_excel

        moment: Any = None
        if serial >= 1:
            try:
                moment = from_excel(serial, self._epoch)
            except (OverflowError, ValueError):
                moment = None
        if not isinstance(moment, date | datetime):
            return broken_cell(place, "is a time, or a date that does not exist")
        return date_cell(moment, place)


def _iso_date(text: str, place: str) -> OddCell:
    try:
        return date_cell(datetime.fromisoformat(text), place)
    except ValueError:
        pass
    return broken_cell(place, "is a date that does not exist")
