# SPDX-License-Identifier: Apache-2.0
"""Code 101: a number of a terminal that is missing before a debit.

What is known of a terminal's environment is every number that stands in a file, whatever became of
its row. A debit has 101 when the number before its own is not known and a lower one is: so the
first number ever seen of a terminal has nothing before it, and a gap that a later file closes is
none any more. The order of rows, files and runs says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Mask, UInt64Array
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.judge.keys import Keys, TerminalKey
from sscard_chip.standard.identifiers import ALGORITHM_OF_CODE

Environment = tuple[int, int]
"""A terminal and an algorithm: each environment of a PSAM counts on its own."""


class StandingNumbers(Protocol):
    """Numbers of terminals that stand in earlier files."""

    def extents(self, wanted: Sequence[Environment]) -> Mapping[Environment, tuple[int, int]]:
        """The least and the greatest number of environments; of known ones only."""

    def standing(self, of: Environment, least: int, greatest: int) -> set[int]:
        """The numbers from ``least`` to ``greatest``."""


@dataclass(slots=True)
class OlderGaps:
    """What new rows change about debits of earlier files: gaps that closed, and that opened."""

    closed: list[TerminalKey] = field(default_factory=list)
    opened: list[TerminalKey] = field(default_factory=list)


def standing_rows(columns: DebitColumns, masks: Masks, genuine: Mask) -> Mask:
    """Rows whose numbers are known to stand: readable debits, of the terminal for sure."""
    found: Mask = ~columns.refund & ~columns.malformed
    found &= np.isin(columns.algorithm, tuple(ALGORITHM_OF_CODE))
    found &= (masks & FindingCode.NOT_OF_PHARMACY.bit == 0) | genuine
    return found


def find_gaps(
    columns: DebitColumns, masks: Masks, keys: Keys, genuine: Mask, earlier: StandingNumbers
) -> OlderGaps:
    """Add 101 to ``masks`` of ``genuine`` debits; what it means for earlier files."""
    older = OlderGaps()
    order = keys.terminal_order
    order = order[standing_rows(columns, masks, genuine)[order]]
    if not len(order):
        return older
    words = keys.by_terminal[order]
    fresh = _changes(words)
    repeats = not fresh.all()  # else the rows are the numbers
    first_row = order[fresh] if repeats else order
    distinct = words[fresh] if repeats else words
    begins = _changes(distinct >> np.uint64(32))
    numbers = distinct.astype(np.uint32)
    gap = ~begins
    gap[1:] &= np.diff(numbers) != 1
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(distinct))
    named = [
        (int(keys.terminal[row]), int(keys.algorithm[row])) for row in first_row[starts].tolist()
    ]
    extents = earlier.extents(named)
    for of, start, end in zip(named, starts.tolist(), ends.tolist(), strict=True):
        if of not in extents:
            continue
        least, greatest = extents[of]
        first = int(numbers[start])
        if first > greatest:
            gap[start] = first != greatest + 1
        else:
            own = numbers[start:end].astype(np.int64)
            gap[start:end] = _overlapping(of, own, least, earlier, older)
    found = gap[np.cumsum(fresh) - 1] if repeats else gap
    found = found & genuine[order]
    masks[order[found]] |= FindingCode.GAP.bit
    return older


def _changes(words: UInt64Array) -> Mask:
    """Where something else begins than stands before."""
    found = np.ones(len(words), np.bool_)
    found[1:] = words[1:] != words[:-1]
    return found


def _overlapping(
    of: Environment,
    own: NDArray[np.int64],
    least: int,
    earlier: StandingNumbers,
    older: OlderGaps,
) -> list[bool]:
    """The gaps of rising numbers that lie among earlier ones."""
    first, last = int(own[0]), int(own[-1])
    known = earlier.standing(of, first - 1, last + 1)
    new = set(own.tolist()) - known
    every = known | new
    lowest = min(least, first)
    for number in new:
        after = number + 1
        if after in known and after > least:
            older.closed.append(TerminalKey(*of, after))
    if first < least and least - 1 not in every:
        older.opened.append(TerminalKey(*of, least))
    return [number > lowest and number - 1 not in every for number in own.tolist()]
