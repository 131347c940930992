# SPDX-License-Identifier: Apache-2.0
"""What a journey costs: the region's fares, the card's type, its month, a transfer.

>>> fares = FareTable(region)
>>> fares.between("00010001", "00010003", minutes=12)
400
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from sscard_chip.terminal.transit.region import CardTypeRule, TransitRegion

_EVERYBODY: Final = CardTypeRule()


@dataclass(frozen=True, slots=True)
class Fare:
    """A fare: ``full_fen`` before discounts, ``fen`` to be paid, which discounts were given.

    ``discount`` of a record: 0 none, 1 card type, 2 month, 4 transfer, added up [L].
    """

    full_fen: int
    fen: int
    discount: int


class FareTable:
    """The fares of a region, ready for use."""

    def __init__(self, region: TransitRegion) -> None:
        fares, self._region = region.fares, region
        self._pairs = {
            ends: pair.fen
            for pair in fares.table
            for ends in ((pair.between, pair.and_), (pair.and_, pair.between))
        }
        self._metres = {code: station.metres for code, station in region.stations.items()}
        self._ends = [step.to for step in fares.steps]
        self._months = sorted((one.from_fen, one.percent) for one in region.discounts.month)

    def between(self, entry: str, leave: str, minutes: int) -> int | None:
        """The full fare in fen, None when a station is not the region's."""
        fares = self._region.fares
        if entry not in self._metres or leave not in self._metres:
            return None
        if fares.by == "time":
            return self._step(minutes)
        if entry == leave:
            return fares.same_station_fen
        if fares.by == "stations":
            return self._pairs.get((entry, leave), fares.highest_fen)
        return self._step(abs(self._metres[entry] - self._metres[leave]))

    def _step(self, amount: int) -> int:
        at = bisect_left(self._ends, amount)
        fares = self._region.fares
        return fares.steps[at].fen if at < len(self._ends) else fares.highest_fen

    def card_type(self, code: str) -> CardTypeRule | None:
        """The rule of a card type; None when the region lists types and this is none of them."""
        types = self._region.card_types
        return types.get(code) if types else _EVERYBODY

    def discounted(
        self, full_fen: int, card_type: CardTypeRule, month_fen: int, since_last: int | None
    ) -> Fare:
        """What is left of a full fare.

        ``month_fen`` was paid in this month before; ``since_last`` are the minutes since a journey
        that lets its holder transfer, None without one.
        """
        fen, given = full_fen, 0
        if card_type.fixed_fen is not None:
            fen, given = card_type.fixed_fen, 1
        elif card_type.percent < 100:
            fen, given = full_fen * card_type.percent // 100, 1
        percent = 100
        for from_fen, left in self._months:
            if month_fen >= from_fen:
                percent = left
        if percent < 100:
            fen, given = fen * percent // 100, given | 2
        transfer = self._region.discounts.transfer
        if transfer and since_last is not None and fen and 0 <= since_last <= transfer.minutes:
            fen, given = max(0, fen - transfer.rebate_fen), given | 4
        return Fare(full_fen, fen, given)
