# SPDX-License-Identifier: Apache-2.0
"""TACs of many debits under given keys: in lanes, or one by one where that is faster."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sscard_chip.security.suite import SUITES
from sscard_chip.settlement.tac.columns import MEDICAL_TAC, TacForm
from sscard_chip.settlement.tac.des_lanes import DesLanes
from sscard_chip.settlement.tac.onebyone import macs_one_by_one
from sscard_chip.settlement.tac.sm4_lanes import Sm4Lanes
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4


class Costs(NamedTuple):
    """What TACs cost in nanoseconds, on the machine of ``docs/bulk-tac.md``; only ratios count."""

    cipher: float
    """One by one: a cipher object, once for each card."""
    single: float
    """One by one: a TAC."""
    start: float
    """In lanes: a call, however few lanes it has."""
    lane: float
    """In lanes: a TAC."""

    def lanes_are_faster(self, rows: int, cards: int) -> bool:
        """Whether ``rows`` debits of ``cards`` cards go into lanes."""
        in_lanes = self.start + self.lane * rows
        return in_lanes < self.cipher * cards + self.single * rows


COSTS: Final = {
    ALGORITHM_3DES: Costs(cipher=3800, single=1600, start=5_500_000, lane=100),
    ALGORITHM_SM4: Costs(cipher=2900, single=1100, start=390_000, lane=200),
}
"""Lanes break even at 1,000 debits of as many cards for 3DES, at 100 for SM4."""


FEWEST: Final = {
    suite: math.ceil(costs.start / (costs.cipher + costs.single)) for suite, costs in COSTS.items()
}
"""Fewer rows than this are never faster in lanes."""


class Lanes(Protocol):
    """The lanes of a suite. They keep scratch memory, and have one owner."""

    def macs(
        self,
        keys: NDArray[np.uint8],
        which: NDArray[np.intp],
        messages: NDArray[np.uint8],
    ) -> NDArray[np.uint8]:
        """See :meth:`BulkMacs.macs`; ``which`` in any order."""


LANES: Final[dict[str, Callable[..., Lanes]]] = {
    ALGORITHM_3DES: DesLanes,
    ALGORITHM_SM4: Sm4Lanes,
}


class BulkMacs:
    """Computes TACs of both suites. It keeps scratch memory, and has one owner.

    Of another ``form`` than the medical account's the messages have its length.
    """

    def __init__(self, form: TacForm = MEDICAL_TAC) -> None:
        self._form = form
        self._lanes: dict[str, Lanes] = {}

    def macs(
        self,
        suite: str,
        keys: NDArray[np.uint8],
        which: NDArray[np.intp],
        messages: NDArray[np.uint8],
    ) -> NDArray[np.uint8]:
        """The TACs (n, 4) of ``messages`` (n, 30), each under the DTK ``keys[which]``, 16 bytes.

        ``keys`` (m, 16) has one key for each card, and rows of one card are side by side.
        """
        rows = len(messages)
        if rows < FEWEST[suite] or not COSTS[suite].lanes_are_faster(rows, len(keys)):
            return macs_one_by_one(SUITES[suite], keys, which, messages, self._form)
        if suite not in self._lanes:
            other = () if self._form is MEDICAL_TAC else (self._form,)
            self._lanes[suite] = LANES[suite](*other)
        return self._lanes[suite].macs(keys, which, messages)
