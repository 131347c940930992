# SPDX-License-Identifier: Apache-2.0
"""The numbers that posted debits take: of terminals, and of cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.judge.keys import Keys
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.run.ranges import Ranges
from sscard_chip.settlement.schema import run as tables


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TerminalNumbers:
    """The numbers of terminals as ranges, with lists where some are missing."""

    terminal: Integers
    algorithm: Integers
    first: Integers
    last: Integers
    lists: list[bytes | None]

    @classmethod
    def of(cls, keys: Keys, debits: Mask, more: Keys) -> TerminalNumbers:
        """Those of the ``debits`` among the rows of ``keys``, and of all of ``more``."""
        rows = keys.terminal_order[debits[keys.terminal_order]]
        own = keys.terminal[rows], keys.algorithm[rows], keys.number[rows]
        ranges = Ranges.of(*_together(own, (more.terminal, more.algorithm, more.number)))
        return cls(ranges.high, ranges.low, ranges.first, ranges.last, ranges.lists("<u4"))

    def keep(self, t: LedgerTransaction, segment: int) -> None:
        """Write them."""
        t.insert(
            tables.terminal,
            {
                "terminal": self.terminal,
                "algorithm": self.algorithm,
                "last": self.last,
                "segment": segment,
                "first": self.first,
                "highest": self.last,
                "numbers": self.lists,
            },
        )


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CardCounters:
    """The counters of cards as ranges, in the order of the table."""

    factor: Integers
    division: Integers
    first: Integers
    last: Integers
    lists: list[bytes | None]

    @classmethod
    def of(cls, keys: Keys, debits: Mask) -> CardCounters:
        """Those of the ``debits`` among the rows of ``keys``."""
        rows = keys.card_order[debits[keys.card_order]]
        ranges = Ranges.of(keys.factor[rows], keys.division[rows], keys.counter[rows])
        order = np.lexsort((ranges.low, ranges.high))
        lists = ranges.lists("<u2")
        return cls(
            ranges.high[order],
            ranges.low[order],
            ranges.first[order],
            ranges.last[order],
            [lists[place] for place in order.tolist()],
        )

    def piece(self, number: int, pieces: int) -> CardCounters:
        """Those of some of the cards, neighbours in the table: of ``pieces`` that have together
        all."""
        count = len(self.factor)
        own = slice(count * number // pieces, count * (number + 1) // pieces)
        return CardCounters(
            self.factor[own],
            self.division[own],
            self.first[own],
            self.last[own],
            self.lists[own],
        )

    def keep(self, t: LedgerTransaction, segment: int) -> None:
        """Write them."""
        t.insert(
            tables.card,
            {
                "factor": self.factor,
                "division": self.division,
                "last": self.last,
                "segment": segment,
                "first": self.first,
                "counters": self.lists,
            },
        )


def _together(
    ordered: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    more: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Owners and numbers of both, sorted."""
    if not len(more[0]):
        return ordered
    high, low, number = (
        np.append(one.astype(np.int64), other.astype(np.int64))
        for one, other in zip(ordered, more, strict=True)
    )
    order = np.lexsort((number, low, high))
    return high[order], low[order], number[order]
