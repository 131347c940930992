# SPDX-License-Identifier: Apache-2.0
"""Code 101: a number of a terminal that is missing before a debit.

What is known of a terminal's environment is every number that stands in a file, whatever became of
its row. A debit has 101 when the number before its own is not known and a lower one is: so the
first number ever seen of a terminal has nothing before it, and a gap that a later file closes is
none any more. The order of rows, files and runs says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.columns import Columns, DebitColumns, column
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.judge.keys import Keys, TerminalKey
from sscard_chip.standard.identifiers import ALGORITHM_OF_CODE
from sscard_chip.workers import Pool, SingleThread

_TOGETHER: Final = 1 << 17
"""Rows whose terminals are looked at together."""
_AHEAD: Final = 1 << 12

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


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class NumberRows(Columns):
    """Rows whose numbers stand, by terminal, algorithm and number."""

    terminal: Integers = column(np.int64)
    algorithm: NDArray[np.uint8] = column(np.uint8)
    number: NDArray[np.uint32] = column(np.uint32)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Numbers:
    """The numbers of some environments, each once, and what the rows say by themselves.

    ``which`` is the place of each row's number; ``begins`` (environments + 1) where the numbers of
    each begin, and the last end. ``gap`` is true of a number that does not follow the one before.
    """

    environments: list[Environment]
    begins: Integers
    number: NDArray[np.uint32]
    gap: Mask
    which: NDArray[np.int32]


def sum_up_numbers(rows: NumberRows) -> Numbers:
    """What can be said of the terminals of some rows, whatever other rows there are."""
    other = np.ones(len(rows), np.bool_)
    other[1:] = rows.terminal[1:] != rows.terminal[:-1]
    other[1:] |= rows.algorithm[1:] != rows.algorithm[:-1]
    fresh = other.copy()
    fresh[1:] |= rows.number[1:] != rows.number[:-1]
    first = np.flatnonzero(fresh)
    number, begins = rows.number[first], np.flatnonzero(other[first])
    gap = np.ones(len(first), np.bool_)
    gap[1:] = np.diff(number) != 1
    gap[begins] = False
    named = first[begins]
    return Numbers(
        list(zip(rows.terminal[named].tolist(), rows.algorithm[named].tolist(), strict=True)),
        np.append(begins, len(first)),
        number,
        gap,
        (np.cumsum(fresh) - 1).astype(np.int32),
    )


def find_gaps(
    columns: DebitColumns,
    masks: Masks,
    keys: Keys,
    genuine: Mask,
    earlier: StandingNumbers,
    pool: Pool | None = None,
) -> OlderGaps:
    """Add 101 to ``masks`` of ``genuine`` debits; what it means for earlier files.

    ``pool``: who looks at pieces of terminals; this thread without it.
    """
    order = keys.terminal_order
    order = order[standing_rows(columns, masks, genuine)[order]]
    pieces = list(_terminal_pieces(keys, order))
    tasks = (
        NumberRows(keys.terminal[piece], keys.algorithm[piece], keys.number[piece])
        for piece in pieces
    )
    found = list((pool or SingleThread()).map(sum_up_numbers, tasks))
    extents = earlier.extents([of for numbers in found for of in numbers.environments])
    older = OlderGaps()
    for piece, numbers in zip(pieces, found, strict=True):
        gap = _beside(numbers, extents, earlier, older)[numbers.which]
        masks[piece[gap & genuine[piece]]] |= FindingCode.GAP.bit
    return older


def _terminal_pieces(keys: Keys, order: Integers) -> Iterator[Integers]:
    """``order`` in pieces of some rows; all rows of an environment are in one."""
    begin = 0
    while begin < len(order):
        end, more = begin + _TOGETHER, True
        while more and end < len(order):
            ahead = keys.by_terminal[order[end - 1 : end + _AHEAD]] >> np.uint64(32)
            same = int(np.searchsorted(ahead, ahead[0], "right"))
            end, more = end + same - 1, same == len(ahead)
        yield order[begin:end]
        begin = end


def _beside(
    numbers: Numbers,
    extents: Mapping[Environment, tuple[int, int]],
    earlier: StandingNumbers,
    older: OlderGaps,
) -> Mask:
    """The gaps of numbers beside those that stand in earlier files."""
    gap = numbers.gap.copy()
    for at, of in enumerate(numbers.environments):
        if of not in extents:
            continue
        start, end = numbers.begins[at : at + 2].tolist()
        least, greatest = extents[of]
        first = int(numbers.number[start])
        if first > greatest:
            gap[start] = first != greatest + 1
        else:
            own = numbers.number[start:end].astype(np.int64)
            gap[start:end] = _overlapping(of, own, least, earlier, older)
    return gap


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
