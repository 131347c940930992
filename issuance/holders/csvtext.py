# SPDX-License-Identifier: Apache-2.0
"""Rows of a CSV file, line by line, so that one bad line is one rejected row.

The reader of Python's library takes everything behind an open quote for one cell, to the end of
the file if need be, and stops at the first byte that cannot be decoded. Here it gets one line; a
line in which a quote stays open is read together with those behind it, if they make one row. If
they do not, or if the cell has swallowed whole rows, the line is rejected and the others count.
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Final

from issuance.holders.cells import (
    LONGEST_ROW,
    NumberedRow,
    broken_cell,
    column_letters,
    torn_row,
)
from issuance.holders.errors import HolderListError
from sscard_chip.standard.inputfile import open_input

DELIMITERS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}

_UNDECODABLE: Final = "\udcff"
_MOST_LINES: Final = 100
_BLOCK: Final = 1 << 16
_OPEN: Final = "has an open quote"
_MISPLACED: Final = "has a quote out of place"
_OTHER_ENCODING: Final = "is not in the encoding of the file (UTF-8, or as the mapping says)"
_TOO_LONG: Final = f"is longer than {LONGEST_ROW} characters"


def _undecodable(error: UnicodeError) -> tuple[str, int]:
    """One mark for a byte that is no text; what stands behind it is read on."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _UNDECODABLE, error.end


codecs.register_error("sscard.undecodable", _undecodable)


@contextmanager
def open_csv(path: Path, encoding: str) -> Iterator[IO[str]]:
    """A CSV file for :func:`csv_rows`.

    :raises OSError: also for a named pipe.
    """
    with (
        open_input(path) as stream,
        TextIOWrapper(stream, encoding, errors="sscard.undecodable", newline="") as text,
    ):
        yield text


def csv_rows(source: str, stream: IO[str], delimiter: str) -> Iterator[NumberedRow]:
    """All rows, the header first.

    :raises HolderListError: the file is not in the encoding at all.
    """
    number, rows = 0, _rows(stream, delimiter)
    while True:
        number += 1
        fault = ""
        try:
            cells = next(rows, None)
        except UnicodeError:
            fault, cells = _OTHER_ENCODING, None
        if fault:  # outside the handler: the codec's error carries the text
            raise HolderListError(source, f"row {number} or behind", fault)
        if cells is None:
            return
        if _UNDECODABLE in "".join(cells):
            cells = [_cell(cell, at, number) for at, cell in enumerate(cells, 1)]
        yield number, cells


def _cell(cell: str, column: int, row: int) -> str:
    if _UNDECODABLE not in cell:
        return cell
    return broken_cell(f"{column_letters(column)}{row}", _OTHER_ENCODING)


def _rows(stream: IO[str], delimiter: str) -> Iterator[list[str]]:
    lines, ahead, width = _lines(stream), deque[str](), 0
    while True:
        line = ahead.popleft() if ahead else next(lines, None)
        if line is None:
            return
        if len(line) > LONGEST_ROW:
            cells = torn_row(_TOO_LONG)
        elif '"' not in line:
            cells = line.rstrip("\r\n").split(delimiter)
        else:
            cells = _quoted(line, ahead, lines, delimiter, width)
        width = width or len(cells)
        yield cells


def _lines(stream: IO[str]) -> Iterator[str]:
    """Lines with their ends; of one that is too long only the beginning."""
    while line := stream.readline(_BLOCK):
        whole = line
        while len(whole) == _BLOCK and not whole.endswith(("\n", "\r")):
            whole = stream.readline(_BLOCK)
        yield line


def _quoted(
    line: str, ahead: deque[str], lines: Iterator[str], delimiter: str, width: int
) -> list[str]:
    """The row that begins with a line with quotes. Lines that are not of it go to ``ahead``."""
    taken, size = [line], len(line)
    while True:
        try:
            cells = _parsed(taken, delimiter)
        except csv.Error:
            cells = None
        if cells is not None or not _is_open(taken, delimiter):
            break
        more = ahead.popleft() if ahead else next(lines, None)
        if more is not None:
            taken.append(more)
            size += len(more)
        if more is None or len(taken) > _MOST_LINES or size > LONGEST_ROW:
            break
    if cells is not None and (len(taken) == 1 or _is_row(cells, delimiter, width)):
        return cells
    ahead.extendleft(reversed(taken[1:]))
    opened = _is_open(taken[:1], delimiter)
    return torn_row(_OPEN if opened else _MISPLACED)


def _parsed(lines: Sequence[str], delimiter: str) -> list[str]:
    """The one row that lines make up.

    :raises csv.Error: they make none, or more than one.
    """
    rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    if len(rows) != 1:
        raise csv.Error
    return rows[0]


def _is_open(lines: Sequence[str], delimiter: str) -> bool:
    """Whether a quote stays open at the end of lines."""
    try:
        return len(list(csv.reader([*lines, '"'], delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False


def _is_row(cells: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether cells with line ends are a row, and none has swallowed the rest of one row and the
    beginning of another: that has as many delimiters as a row has.
    """
    if not width:
        return True
    swallowed = any("\n" in cell and cell.count(delimiter) >= width - 1 for cell in cells)
    return len(cells) == width and not swallowed
