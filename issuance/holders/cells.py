# SPDX-License-Identifier: Apache-2.0
"""Cells of a table that are not the text that somebody typed, and which column may have them.

A spreadsheet keeps fifteen digits of a number, turns what looks like a date into one, and writes
an error where a formula failed. Such a cell is an :class:`OddCell`: how it reads as a text, what it
is, and where it stands. The column decides whether that is good enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final

from sscard_chip.standard.dates import written_day

BLANKS: Final = (
    " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\0\x1a\ufeff"
)
"""What does not count at the ends of a cell: blanks, NUL and Ctrl-Z, a byte order mark."""
INVISIBLE: Final = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063"
    "\u2064\u2066\u2067\u2068\u2069"
)
"""What a column with ``strip`` loses as well: characters of no width and directions."""
DIGITS: Final = 15
"""Digits of a number that a spreadsheet keeps."""
LONGEST_ROW: Final = 20_000
"""Characters of a row in all; what is longer is rejected unread."""
ERRORS: Final = frozenset(
    ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
     "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#GETTING_DATA")
)  # fmt: skip
"""What a spreadsheet writes where a formula failed."""

NumberedRow = tuple[int, list[str]]
"""Number of a row from 1, as a spreadsheet counts, and its cells."""


class CellKind(Enum):
    """What an odd cell is."""

    NUMBER = auto()  # a whole number that a spreadsheet keeps exactly
    FLOAT = auto()  # a whole number in a column of floating-point numbers
    DATE = auto()
    BROKEN = auto()  # nothing that any column takes
    ROW = auto()  # stands for a row whose cells cannot be told apart


class ColumnUse(Enum):
    """What a column takes beside texts."""

    TEXT = auto()  # whole numbers too
    TEXT_ONLY = auto()
    DATE = auto()  # dates and whole numbers
    NUMBER = auto()


class OddCell(str):
    """A cell that is no text; as a text it reads as the number or date that it is."""

    __slots__ = ("kind", "place", "rule")

    def __new__(cls, text: str, kind: CellKind, place: str = "", rule: str = "") -> OddCell:
        cell = super().__new__(cls, text)
        cell.kind, cell.place, cell.rule = kind, place, rule
        return cell

    def __reduce__(self) -> tuple[Any, ...]:
        return OddCell, (str(self), self.kind, self.place, self.rule)

    kind: CellKind
    place: str
    rule: str

    def broken_rule(self, use: ColumnUse) -> str | None:
        """Why a column of this use does not take the cell, None when it does."""
        where = f"cell {self.place} "
        if self.kind is CellKind.BROKEN:
            return where + self.rule
        if self.kind is CellKind.DATE:
            return None if use is ColumnUse.DATE else f"{where}is a date, not a text"
        if use is ColumnUse.NUMBER:
            return None
        if self.kind is CellKind.FLOAT:
            return f"{where}is a floating-point number, not the text that was typed"
        if use is ColumnUse.TEXT_ONLY:
            return f"{where}is a number; this column takes texts only"
        return None


def torn_row(rule: str) -> list[str]:
    """A row that is rejected as a whole."""
    return [OddCell("", CellKind.ROW, "", rule)]


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a row has nothing that was typed."""
    return not any(cell.strip(BLANKS) or _counts(cell) for cell in cells)


def _counts(cell: str) -> bool:
    return isinstance(cell, OddCell) and cell.kind in (CellKind.BROKEN, CellKind.ROW)


def column_letters(number: int) -> str:
    """The name of a column, from 1: A, B, AA."""
    letters = ""
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def broken_cell(place: str, rule: str) -> OddCell:
    """A cell that no column takes."""
    return OddCell("", CellKind.BROKEN, place, rule)


def number_cell(value: Decimal, place: str, *, floating: bool = False) -> OddCell:
    """A cell with a number."""
    if not value.is_finite():
        return broken_cell(place, "is no number")
    if value and value.adjusted() >= DIGITS:
        return broken_cell(
            place, f"is a number of more than {DIGITS} digits, not the text that was typed"
        )
    if value != value.to_integral_value():
        return broken_cell(place, "is a number with a fraction, not the text that was typed")
    return OddCell(str(int(value)), CellKind.FLOAT if floating else CellKind.NUMBER, place)


def date_cell(value: date | datetime, place: str) -> OddCell:
    """A cell with a day."""
    if isinstance(value, datetime) and value.time() != time():
        return broken_cell(place, "is a date with a time of day")
    return OddCell(written_day(value), CellKind.DATE, place)


def boolean_cell(place: str) -> OddCell:
    """A cell that says yes or no."""
    return broken_cell(place, "is TRUE or FALSE, not the text that was typed")


def error_cell(text: str, place: str) -> OddCell:
    """A cell in which a formula failed."""
    shown = f" ({text})" if text in ERRORS else ""
    return broken_cell(place, f"is an error of the spreadsheet{shown}")
