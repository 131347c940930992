# SPDX-License-Identifier: Apache-2.0
"""Files that bring cards and money to a ledger: header, rows, trailer with digest.

UTF-8, tab separated, LF, ``null`` for an empty cell. ``sscard-cards/1``: ``H``, the format, date
(YYYYMMDD) of the balances; rows ``C``, card_number, card_id_code, division of the insured place,
psn_no, diversification_factor, valid_to, opening_fen; ``T``, number of rows, SHA-256 (hex) of all
rows before. ``sscard-allocations/1``: ``H``, the format, month (YYYYMM), business date, batch;
rows ``A``, psn_no or card_id_code, fen; ``T`` as above.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sscard_chip.dayfile.errors import RowFindings
from sscard_chip.dayfile.rows import NULL
from sscard_chip.dayfile.sealed import read_sealed, write_sealed
from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.ledger.errors import CardRegisterError
from sscard_chip.settlement.ledger.register import ALWAYS, CardColumns
from sscard_chip.standard.dates import parse_date

CARDS_FORMAT: Final = "sscard-cards/1"
ALLOCATIONS_FORMAT: Final = "sscard-allocations/1"

# name, shape, what it must be
_CARD_CELLS: Final = (
    ("card_number", "[!-~]{1,9}", "1 to 9 ASCII characters"),
    ("card_id_code", "[0-9A-F]{32}", "32 capital hex digits"),
    ("division", "[1-9][0-9]{5}", "6 digits"),
    ("psn_no", "[!-~]{1,30}", "1 to 30 ASCII characters, or null"),
    ("diversification_factor", "[0-9A-F]{16}", "16 capital hex digits"),
    ("valid_to", "[0-9]{8}|null", "YYYYMMDD, or null"),
    ("opening_fen", "0|[1-9][0-9]{0,15}", "a number of fen"),
)
_ALLOCATION_CELLS: Final = (
    ("psn_no", "[!-~]{1,30}|[0-9A-F]{32}", "1 to 30 ASCII characters, or a card_id_code"),
    ("fen", "[1-9][0-9]{0,15}", "a number of fen above 0"),
)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CardFile:
    """A register file: its cards, the day of its balances, its digest."""

    cards: CardColumns
    date: str
    digest: bytes


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AllocationFile:
    """Money for personal accounts: whose (psn_no or 卡识别码 in hex), how much, which batch."""

    month: str
    business_date: str
    batch: str
    owners: tuple[str, ...]
    fen: Integers
    digest: bytes


def read_cards(path: str | os.PathLike[str]) -> CardFile:
    """Read a register file.

    :raises CardRegisterError: file, row, item and rule.
    :raises OSError: it cannot be read.
    """
    source = os.fspath(path)
    table = read_sealed(path, CARDS_FORMAT, "date", error=CardRegisterError)
    (date,) = table.header
    findings = RowFindings(source, CardRegisterError)
    _check_day(findings, 1, "date", date)
    columns = _columns(findings, "C", _CARD_CELLS, table.rows)
    for at, day in enumerate(columns[5]):
        if day != NULL:
            _check_day(findings, at + 2, "valid_to", day)
    findings.check()
    return CardFile(
        CardColumns(
            card_number=np.array(columns[0], "S9"),
            card_id_code=_matrix(columns[1], 16),
            division=np.array(columns[2], np.int64),
            psn_no=np.array(["" if cell == NULL else cell for cell in columns[3]], "S30"),
            factor=_matrix(columns[4], 8),
            valid_to=np.array([ALWAYS if day == NULL else int(day) for day in columns[5]], "i8"),
            opening_fen=np.array(columns[6], np.int64),
        ),
        date,
        table.digest,
    )


def write_cards(path: str | os.PathLike[str], cards: CardColumns, date: str) -> None:
    """Write a register file.

    :raises OSError:
    """
    rows = zip(
        (value.decode() for value in cards.card_number.tolist()),
        (code.tobytes().hex().upper() for code in cards.card_id_code),
        map(str, cards.division.tolist()),
        (value.decode() or NULL for value in cards.psn_no.tolist()),
        (factor.tobytes().hex().upper() for factor in cards.factor),
        (NULL if day == ALWAYS else f"{day:08d}" for day in cards.valid_to.tolist()),
        map(str, cards.opening_fen.tolist()),
        strict=True,
    )
    write_sealed(path, (CARDS_FORMAT, date), (("C", *row) for row in rows))


def read_allocations(path: str | os.PathLike[str]) -> AllocationFile:
    """Read a file of allocations.

    :raises CardRegisterError: file, row, item and rule.
    :raises OSError: it cannot be read.
    """
    source = os.fspath(path)
    cells = ("month", "business date", "batch")
    table = read_sealed(path, ALLOCATIONS_FORMAT, *cells, error=CardRegisterError)
    month, day, batch = table.header
    findings = RowFindings(source, CardRegisterError)
    if not re.fullmatch("[0-9]{4}(0[1-9]|1[0-2])", month):
        findings.add(1, "month: must be YYYYMM")
    _check_day(findings, 1, "business date", day)
    if not re.fullmatch("[!-~]{1,40}", batch):
        findings.add(1, "batch: must be 1 to 40 ASCII characters")
    owners, fen = _columns(findings, "A", _ALLOCATION_CELLS, table.rows)
    findings.check()
    return AllocationFile(month, day, batch, tuple(owners), np.array(fen, np.int64), table.digest)


def write_allocations(
    path: str | os.PathLike[str],
    month: str,
    business_date: str,
    batch: str,
    rows: Iterable[tuple[str, int]],
) -> None:
    """Write a file of allocations; ``rows`` are psn_no or 卡识别码, and fen.

    :raises OSError:
    """
    header = (ALLOCATIONS_FORMAT, month, business_date, batch)
    write_sealed(path, header, (("A", owner, str(fen)) for owner, fen in rows))


def _columns(
    findings: RowFindings,
    letter: str,
    cells: Sequence[tuple[str, str, str]],
    rows: Sequence[str],
) -> list[tuple[str, ...]]:
    """The cells of all rows, turned into columns; each has its shape, or all faults are told."""
    shape = re.compile("\t".join([letter, *(f"({one[1]})" for one in cells)]))
    found = [shape.fullmatch(row) for row in rows]
    for number, (row, match) in enumerate(zip(rows, found, strict=True), 2):
        if match is None:
            findings.add(number, _fault(letter, cells, row))
    if None in found:
        findings.check()
    table = [match.groups() for match in found if match is not None]
    return list(zip(*table, strict=True)) if table else [() for _ in cells]


def _fault(letter: str, cells: Sequence[tuple[str, str, str]], row: str) -> str:
    first, *values = row.split("\t")
    if first != letter or len(values) != len(cells):
        return f"must be {letter} and {len(cells)} more cells"
    return "; ".join(
        f"{name}: must be {rule}"
        for (name, shape, rule), value in zip(cells, values, strict=True)
        if not re.fullmatch(shape, value)
    )


def _check_day(findings: RowFindings, row: int, item: str, text: str) -> None:
    if parse_date(text) is None:
        findings.add(row, f"{item}: must be YYYYMMDD")


def _matrix(cells: Sequence[str], width: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(bytes.fromhex("".join(cells)), np.uint8).reshape(-1, width)
