# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: files with a trailer out of a table that people keep, CSV with a header."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Final

import click

from sscard_chip.dayfile.pharmacies import FORMAT as PHARMACIES_FORMAT
from sscard_chip.dayfile.pharmacies import Pharmacies
from sscard_chip.dayfile.rows import NULL
from sscard_chip.dayfile.sealed import write_sealed
from sscard_chip.settlement.ledger import read_allocations
from sscard_chip.settlement.ledger.files import write_allocations
from sscard_chip.standard.amounts import AmountError, parse_yuan, yuan
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.inputfile import open_input
from sscard_cli.options import FILE, force_option, json_option, out_option
from sscard_cli.output import print_json, say, write_file
from sscard_cli.settle.options import month_option

_OWNER: Final = ("psn_no", "card_id_code")
_FEN, _YUAN = "fen", "yuan"
_PHARMACY: Final = ("fixmedins_code", "name", "division", "terminals", "psams")


class ListError(InputError):
    """A table that a list cannot be made of; one line: file, row, column, rule."""


@click.command(name="allocation-list")
@click.argument("path", metavar="TABLE.csv", type=FILE)
@month_option
@click.option("--date", required=True, metavar="YYYYMMDD",
              help="Business date of the posting.  Example: --date 20260401")  # fmt: skip
@click.option("--batch", required=True, metavar="TEXT",
              help="Name of the batch, once in a month.  Example: --batch 1")  # fmt: skip
@out_option("FILE.tsv", "The allocation file to write.", "MARCH.tsv")
@force_option
@json_option
def allocation_list(
    path: Path, month: str, date: str, batch: str, out: Path, force: bool, as_json: bool
) -> None:
    """Write a file of allocations (sscard-allocations/1), for sscard settle allocate.

    TABLE.csv has a header: psn_no or card_id_code, and fen or yuan.

    \b
    Example:
      sscard settle allocation-list MARCH.csv --month 202603 --date 20260401 --batch 1 \\
        --out MARCH.tsv
    """
    rows = _read(path)
    owner = _one_of(path, rows, _OWNER)
    unit = _one_of(path, rows, (_FEN, _YUAN))
    fen = [_fen(path, at, row[unit], unit) for at, row in enumerate(rows, 2)]
    pairs = [(row[owner], str(amount)) for row, amount in zip(rows, fen, strict=True)]

    def write(new: Path) -> None:
        write_allocations(new, month, date, batch, ((one, int(amount)) for one, amount in pairs))

    _write(path, out, write, read_allocations, force=force)
    _say(out, len(pairs), sum(fen), as_json=as_json)


@click.command(name="pharmacy-list")
@click.argument("path", metavar="TABLE.csv", type=FILE)
@out_option("FILE.tsv", "The list to write.", "pharmacies.tsv")
@force_option
@json_option
def pharmacy_list(path: Path, out: Path, force: bool, as_json: bool) -> None:
    """Write a list of pharmacies (sscard-pharmacies/1), for sscard settle run.

    TABLE.csv has a header: fixmedins_code, name, division, terminals, psams; several terminals
    or PSAM numbers of a pharmacy stand in one cell, with blanks between them.

    \b
    Example:
      sscard settle pharmacy-list PHARMACIES.csv --out pharmacies.tsv
    """
    rows = _read(path)
    for column in _PHARMACY:
        _one_of(path, rows, (column,))
    cells = [
        ("P", *(row[name] for name in _PHARMACY[:3]), *(_several(row[n]) for n in _PHARMACY[3:]))
        for row in rows
    ]

    def write(new: Path) -> None:
        write_sealed(new, (PHARMACIES_FORMAT,), cells)

    _write(path, out, write, Pharmacies.load, force=force)
    _say(out, len(cells), None, as_json=as_json)


def _several(cell: str) -> str:
    return ",".join(cell.split()) or NULL


def _read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, UTF-8 with or without a mark, each on a line of its own."""
    with open_input(path) as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListError(f"{path}: is not UTF-8") from None
    lines = list(csv.reader(StringIO(text, newline="")))
    if not lines:
        raise ListError(f"{path}: is empty")
    names = [name.strip() for name in lines[0]]
    rows = []
    for at, line in enumerate(lines[1:], 2):
        if len(line) != len(names):
            raise ListError(f"{path}: row {at}: must have {len(names)} cells")
        if any("\t" in cell or "\n" in cell or "\r" in cell for cell in line):
            raise ListError(f"{path}: row {at}: a cell must be one line without tabs")
        rows.append(dict(zip(names, (cell.strip() for cell in line), strict=True)))
    if not rows:
        raise ListError(f"{path}: has no rows below the header")
    return rows


def _one_of(path: Path, rows: list[dict[str, str]], names: tuple[str, ...]) -> str:
    found = [name for name in names if name in rows[0]]
    if len(found) != 1:
        raise ListError(f"{path}: row 1: must have one column {' or '.join(names)}")
    return found[0]


def _fen(path: Path, at: int, cell: str, unit: str) -> int:
    try:
        return parse_yuan(cell) if unit == _YUAN else int(cell)
    except (AmountError, ValueError):
        rule = "yuan with two decimals" if unit == _YUAN else "a whole number"
        raise ListError(f"{path}: row {at}: {unit}: must be {rule}") from None


def _write(
    path: Path,
    out: Path,
    write: Callable[[Path], None],
    read: Callable[[Path], object],
    *,
    force: bool,
) -> None:
    """Write a list and read it back: whoever reads it finds nothing wrong with it."""

    def save(new: Path) -> None:
        write(new)
        try:
            read(new)
        except InputError as error:
            raise ListError(str(error).replace(str(new), str(path))) from None

    write_file(out, save, force=force)


def _say(out: Path, rows: int, fen: int | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"rows": rows} if fen is None else {"rows": rows, "fen": fen})
    else:
        say(f"{out}: {rows:,} rows{'' if fen is None else f', {yuan(fen)} yuan'}")
