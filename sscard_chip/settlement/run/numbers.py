# SPDX-License-Identifier: Apache-2.0
"""The numbers that posted debits take: of terminals, and of cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.judge.keys import Keys, mix
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.run.ranges import Ranges
from sscard_chip.settlement.schema import run as tables


def keep_terminals(
    t: LedgerTransaction, segment: int, keys: Keys, debits: Mask, more: Keys
) -> None:
    """Those of terminals: of the ``debits`` among the rows of ``keys``, and of all of ``more``."""
    rows = keys.terminal_order[debits[keys.terminal_order]]
    own = keys.terminal[rows], keys.algorithm[rows], keys.number[rows]
    ranges = Ranges.of(*_together(own, (more.terminal, more.algorithm, more.number)))
    t.insert(
        tables.terminal,
        {
            "terminal": ranges.high,
            "algorithm": ranges.low,
            "last": ranges.last,
            "segment": segment,
            "first": ranges.first,
            "highest": ranges.last,
            "numbers": ranges.lists("<u4"),
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
    def of(cls, keys: Keys, debits: Mask, more: Keys | None = None) -> CardCounters:
        """Those of the ``debits`` among the rows of ``keys``, and of all of ``more``."""
        rows = keys.card_order[debits[keys.card_order]]
        own = keys.factor[rows], keys.division[rows], keys.counter[rows]
        if more is not None:
            own = _together(own, (more.factor, more.division, more.counter))
        ranges = Ranges.of(*own)
        order = np.argsort(ranges.high)
        lists = ranges.lists("<u2")
        return cls(
            ranges.high[order],
            ranges.low[order],
            ranges.first[order],
            ranges.last[order],
            [lists[place] for place in order.tolist()],
        )

    def piece(self, number: int, pieces: int) -> CardCounters:
        """Those of some of the cards: of ``pieces`` that have together all."""
        words = mix(self.factor.view(np.uint64), self.division.view(np.uint64))
        rows = np.flatnonzero(words % np.uint64(pieces) == number)
        return CardCounters(
            self.factor[rows],
            self.division[rows],
            self.first[rows],
            self.last[rows],
            [self.lists[place] for place in rows.tolist()],
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
