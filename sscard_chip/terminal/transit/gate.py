# SPDX-License-Identifier: Apache-2.0
"""Gates of a metro, and the reader of a bus.

>>> gate = MetroGate(connection, TransitSam(psam), TransitRegion.load("region.toml"), station)
>>> gate.enter(bytes.fromhex("20260315081112")).amount_fen
0
"""

from __future__ import annotations

from typing import Final

from sscard_chip.standard.transit import INSIDE, JourneyStatus, Mode, TapKind, TripType
from sscard_chip.terminal.transit.card import COMPOUND, SINGLE
from sscard_chip.terminal.transit.errors import TransitRefusal, TransitRefusedError
from sscard_chip.terminal.transit.fares import Fare
from sscard_chip.terminal.transit.records import Journey, full_time, minutes_between
from sscard_chip.terminal.transit.region import CardTypeRule
from sscard_chip.terminal.transit.validator import Passage, TapPlan, Validator

_ENTRIES: Final = frozenset({TapKind.ENTRY, TapKind.DELAYED_ENTRY})
_EXITS: Final = frozenset({TapKind.EXIT, TapKind.DELAYED_EXIT})


class MetroGate(Validator):
    """A gate (闸机) at a station, both ways."""

    def enter(self, time: bytes) -> Passage:
        """Go in (进站): a compound purchase of amount 0."""
        data = self._present(time)
        recovered = self._settle(data)
        if recovered and recovered.kind in _ENTRIES:
            return recovered
        self._judge(data, time)
        journey = self._journey()
        if journey.inside:
            since = minutes_between(journey.entry_time, time)
            free = since is not None and 0 <= since <= self.region.double_entry.minutes
            refusal = TransitRefusal.DOUBLE_ENTRY if free else TransitRefusal.DOUBLE_ENTRY_PAID
            raise TransitRefusedError(refusal)
        if self._card.balance() < self.region.limits.minimum_balance_fen:
            raise TransitRefusedError(TransitRefusal.LOW_BALANCE)
        went_in(self, journey, JourneyStatus.ENTERED, self.station, time)
        plan = TapPlan(
            TapKind.ENTRY,
            TripType.ENTRY,
            0,
            journey,
            entry_station=self.station,
            entry_time=time,
        )
        return self._make(data, plan, time)

    def leave(self, time: bytes) -> Passage:
        """Go out (出站): a compound purchase of the fare."""
        data = self._present(time)
        recovered = self._settle(data)
        if recovered and recovered.kind in _EXITS:
            return recovered
        rule = self._judge(data, time)
        journey = self._journey()
        if not journey.inside:
            raise TransitRefusedError(TransitRefusal.NO_ENTRY)
        if over_time(self, journey, time):
            raise TransitRefusedError(TransitRefusal.OVERTIME)
        fare = fare_of(self, journey, rule, time)
        entry_station, entry_time = journey.entry_station[4:], journey.entry_time
        went_out(self, journey, JourneyStatus.LEFT, fare, time)
        plan = TapPlan(
            TapKind.EXIT,
            TripType.EXIT,
            fare.fen,
            journey,
            fare,
            entry_station=entry_station,
            entry_time=entry_time,
        )
        return self._make(data, plan, time)


class Bus(Validator):
    """The reader of a bus, whose ``station`` is a line of two bytes and a stop of two.

    One step a ride: a compound purchase with a trip, or with ``plain`` a purchase alone.
    """

    def ride(self, time: bytes, *, plain: bool = False) -> Passage:
        """Pay the line's fare.

        :raises TransitRefusedError: NO_FARE, the region has no such line.
        """
        data = self._present(time)
        recovered = self._settle(data)
        if recovered and recovered.kind in _EXITS:
            return recovered
        rule = self._judge(data, time)
        line = self.region.buses.get(self.station[:2].hex().upper())
        if line is None:
            raise TransitRefusedError(TransitRefusal.NO_FARE)
        journey = Journey.decode(self._card.journey(self._identifier), self.organisation)
        fare = discounted(self, journey, rule, line.fen, time, time)
        journey.paid(fare.fen, time)
        journey.transfer_mark = int(not fare.discount & 4)
        journey.transfer_time = time[2:6]
        foreign = journey.status in INSIDE and journey.entry_organisation != self.organisation
        plan = TapPlan(
            TapKind.EXIT,
            None if plain else TripType.SINGLE,
            fare.fen,
            None if plain or foreign else journey,
            fare,
            Mode.BUS,
            SINGLE if plain else COMPOUND,
            entry_station=self.station,
            entry_time=time,
        )
        return self._make(data, plan, time)


def over_time(at: Validator, journey: Journey, time: bytes) -> bool:
    """Whether a journey took longer than the region allows, or ends before it began."""
    minutes = minutes_between(journey.entry_time, time)
    return minutes is None or not 0 <= minutes <= at.region.over_time.minutes


def fare_of(at: Validator, journey: Journey, rule: CardTypeRule, time: bytes) -> Fare:
    """What a journey that ends here and now costs.

    :raises TransitRefusedError: NO_FARE.
    """
    minutes = minutes_between(journey.entry_time, time) or 0
    entry, leave = journey.entry_station[4:].hex().upper(), at.station.hex().upper()
    full = at.fares.between(entry, leave, max(minutes, 0))
    if full is None:
        raise TransitRefusedError(TransitRefusal.NO_FARE)
    return discounted(at, journey, rule, full, journey.entry_time, time)


def discounted(
    at: Validator, journey: Journey, rule: CardTypeRule, full_fen: int, begun: bytes, time: bytes
) -> Fare:
    """A fare after its discounts; a transfer counts from the end of the journey before to
    ``begun``."""
    since = None
    if journey.transfer_mark:
        since = minutes_between(full_time(journey.transfer_time, begun), begun)
    return at.fares.discounted(full_fen, rule, journey.month_fen(time), since)


def went_in(at: Validator, journey: Journey, status: int, station: bytes, time: bytes) -> None:
    """Write an entry into a journey; what was of the journey before goes."""
    fresh = Journey(b"")
    journey.status = status
    journey.entry_city, journey.exit_city = bytes.fromhex(at.region.city), fresh.exit_city
    journey.entry_organisation = at.organisation
    journey.exit_organisation = fresh.exit_organisation
    journey.entry_station, journey.exit_station = bytes(4) + station, fresh.exit_station
    journey.entry_device, journey.exit_device = bytes(2) + at.sam.terminal, fresh.exit_device
    journey.entry_time, journey.exit_time = time, fresh.exit_time
    journey.highest_fen = at.region.fares.highest_fen
    journey.entry_line, journey.exit_line = station[1], 0
    journey.entry_amount_fen = journey.exit_amount_fen = 0
    journey.went(True, at.sam.terminal[-4:])


def went_out(at: Validator, journey: Journey, status: int, fare: Fare, time: bytes) -> None:
    """Write an exit that was paid with ``fare`` into a journey."""
    journey.status = status
    journey.exit_city = bytes.fromhex(at.region.city)
    journey.exit_organisation = at.organisation
    journey.exit_station = bytes(4) + at.station
    journey.exit_device = bytes(2) + at.sam.terminal
    journey.exit_time = time
    journey.exit_line = at.station[1]
    journey.exit_amount_fen = fare.fen
    journey.paid(fare.fen, time)
    journey.transfer_mark = int(not fare.discount & 4)
    journey.transfer_time = time[2:6]
    journey.went(False, at.sam.terminal[-4:])
