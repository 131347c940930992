# SPDX-License-Identifier: Apache-2.0
"""Rows on their way into day files: gathered in any order, written in that of the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import codes_text
from sscard_chip.settlement.output import VERDICT_COLUMNS
from sscard_chip.settlement.synthesize.plan import VERSION, Terminal
from sscard_chip.settlement.synthesize.text import day_file, row_lines, verdict_lines
from sscard_chip.wholefile import private_folder, private_opener


@dataclass(slots=True, repr=False, eq=False)
class TrialFile:
    """A day file to be: whose, of when, and what its header claims."""

    terminal: Terminal
    date: str
    version: str = VERSION
    psam: str = ""

    def header(self) -> DayHeader:
        """Its first row."""
        one = self.terminal
        psam = self.psam or one.psam_number
        return DayHeader(one.pharmacy, one.terminal_id, self.date, self.version, psam)


@dataclass(slots=True, repr=False, eq=False)
class UnsortedRows:
    """Rows of many files in no order yet."""

    files: list[TrialFile]
    parts: list[DebitColumns] = field(default_factory=list)
    file: list[Integers] = field(default_factory=list)
    place: list[NDArray[np.floating[Any]]] = field(default_factory=list)
    masks: list[NDArray[np.uint16]] = field(default_factory=list)
    broken: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(
        self,
        columns: DebitColumns,
        file: Integers,
        place: NDArray[np.floating[Any]],
        masks: NDArray[np.uint16],
        *,
        broken: bool = False,
    ) -> None:
        """Rows, the files they go to, and their places there."""
        self.parts.append(columns)
        self.file.append(file)
        self.place.append(place)
        self.masks.append(masks)
        self.broken.append(np.full(len(columns), broken))


def write_days(unsorted: UnsortedRows, folder: Path, expected: Path) -> tuple[int, int]:
    """Write the day files of a pile and the verdicts to expect; how many files and rows.

    :raises OSError:
    """
    private_folder(folder)
    ranks = sorted(
        range(len(unsorted.files)),
        key=lambda at: (unsorted.files[at].date, unsorted.files[at].terminal.terminal_id),
    )
    rank = np.empty(len(ranks), np.int64)
    rank[ranks] = np.arange(len(ranks))
    file, place = np.concatenate(unsorted.file), np.concatenate(unsorted.place)
    order = np.lexsort((place, rank[file]))
    columns = DebitColumns.join(unsorted.parts).rows(order)
    masks, broken = np.concatenate(unsorted.masks)[order], np.concatenate(unsorted.broken)[order]
    ends = np.cumsum(np.bincount(rank[file], minlength=len(ranks))).tolist()
    lines = _damaged(row_lines(columns), broken)
    begin = 0
    with open(expected, "w", encoding="utf-8", newline="\n", opener=private_opener) as verdicts:
        verdicts.write("\t".join(VERDICT_COLUMNS) + "\n")
        for at, end in zip(ranks, ends, strict=True):
            one, rows = unsorted.files[at], slice(begin, end)
            text = [next(lines) for _ in range(end - begin)]
            name = f"{one.date}-{one.terminal.terminal_id}.tsv"
            with open(folder / name, "wb", opener=private_opener) as day:
                day.write(day_file(one.header(), text, columns.rows(rows)))
            codes = [codes_text(mask) for mask in masks[rows].tolist()]
            verdicts.writelines(verdict_lines(columns.rows(rows), codes))
            begin = end
    return len(ranks), len(columns)


def _damaged(lines: Iterator[str], broken: NDArray[np.bool_]) -> Iterator[str]:
    """Malformed rows get a card number that is too long."""
    for line, bad in zip(lines, broken.tolist(), strict=True):
        if bad:
            cells = line.split("\t")
            cells[13] += "0"
            line = "\t".join(cells)
        yield line
