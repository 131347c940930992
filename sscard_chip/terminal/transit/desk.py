# SPDX-License-Identifier: Apache-2.0
"""The service desk of a station (补票): it mends journeys that no gate lets through, and loads.

Which update a card needs follows from the card, the station and whether its holder is inside:

========================  ===========================================  =====================
kind                      when                                         what it leaves
========================  ===========================================  =====================
10 add entry              inside, and the card has no entry            status 03, in here
02 over time              inside longer than the region allows         status 03, from now on
01 over distance          the fare is more than the balance            status 04, out here
03 both                   both of them                                 status 04, out here
11 add exit               outside, and the card has gone in            status 04, out here
========================  ===========================================  =====================

Paid by card it is the amount of the debit, else that is 0 and the record says how it was paid [M].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.standard.identifiers import TRANSIT_AID
from sscard_chip.standard.purse_transactions import TransactionType
from sscard_chip.standard.transit import (
    JourneyStatus,
    TapKind,
    TripType,
    UpdateKind,
    UpdatePayment,
)
from sscard_chip.terminal.bank.purse_host import PurseHost
from sscard_chip.terminal.bank.purse_terminal import PurseTerminal
from sscard_chip.terminal.transit.card import TransitCardData
from sscard_chip.terminal.transit.errors import TransitRefusal, TransitRefusedError
from sscard_chip.terminal.transit.fares import Fare
from sscard_chip.terminal.transit.gate import fare_of, over_time, went_in, went_out
from sscard_chip.terminal.transit.records import Journey, minutes_between
from sscard_chip.terminal.transit.region import CardTypeRule
from sscard_chip.terminal.transit.validator import NO_FARE, Passage, TapPlan, Validator

_BY_CARD: Final = frozenset({UpdatePayment.ELECTRONIC, UpdatePayment.AUTO_LOAD})
_GOES_IN: Final = frozenset({UpdateKind.ADD_ENTRY, UpdateKind.OVER_TIME})


@dataclass(frozen=True, slots=True)
class NeededUpdate:
    """Which update a card needs, and what it costs; ``fare`` of the journey that it ends."""

    kind: UpdateKind
    fee_fen: int
    fare: Fare = NO_FARE


class ServiceDesk(Validator):
    """The desk of a station. ``transit_host`` gives a host that loads cards, see
    :meth:`update` with AUTO_LOAD and :meth:`load`."""

    transit_host: PurseHost | None = None

    def diagnose(self, time: bytes, *, inside: bool) -> NeededUpdate:
        """Which update the card needs; NONE for one that a gate lets through."""
        data = self._present(time)
        self._settle(data)
        rule = self._judge(data, time)
        return self._diagnose(self._journey(), rule, time, inside=inside)

    def _diagnose(
        self, journey: Journey, rule: CardTypeRule, time: bytes, *, inside: bool
    ) -> NeededUpdate:
        region = self.region
        if not inside:
            if not journey.inside:
                return NeededUpdate(UpdateKind.NONE, 0)
            since = minutes_between(journey.entry_time, time)
            free = since is not None and 0 <= since <= region.double_entry.minutes
            return NeededUpdate(UpdateKind.ADD_EXIT, 0 if free else region.double_entry.fen)
        if not journey.inside:
            return NeededUpdate(UpdateKind.ADD_ENTRY, region.added_entry_fen)
        late = over_time(self, journey, time)
        fare = fare_of(self, journey, rule, time)
        extra = region.over_time.fen if late else 0
        if fare.fen > self._card.balance() + self._overdraft():
            kind = UpdateKind.BOTH if late else UpdateKind.OVER_DISTANCE
            return NeededUpdate(kind, fare.fen + extra, fare)
        return (
            NeededUpdate(UpdateKind.OVER_TIME, extra) if late else NeededUpdate(UpdateKind.NONE, 0)
        )

    def _overdraft(self) -> int:
        most = self.region.limits.maximum_overdraft_fen
        return min(self._card.overdraft_left(), most) if most else 0

    def update(
        self,
        time: bytes,
        payment: UpdatePayment,
        *,
        inside: bool,
        kind: UpdateKind | None = None,
        entry_station: bytes | None = None,
    ) -> Passage:
        """Update the card's journey as it needs; with ``kind`` only if it needs that one.

        ``entry_station`` (4 bytes) is where the holder of a card without entry says that he came
        in, else it is this station. What costs nothing is FREE, whatever is said.
        """
        data = self._present(time)
        recovered = self._settle(data)
        if recovered and recovered.kind is TapKind.UPDATE:
            return recovered
        rule = self._judge(data, time)
        journey = self._journey()
        needed = self._diagnose(journey, rule, time, inside=inside)
        if needed.kind is UpdateKind.NONE:
            raise TransitRefusedError(TransitRefusal.NOTHING_TO_UPDATE)
        if kind not in (None, needed.kind):
            raise TransitRefusedError(TransitRefusal.OTHER_UPDATE, f"{needed.kind:02X}")
        payment = self._paid_by(needed, payment)
        if payment is UpdatePayment.AUTO_LOAD:
            self._auto_load(data, needed.fee_fen, time)
        plan = self._plan(journey, needed, payment, entry_station or self.station, time)
        return self._make(data, plan, time)

    def _paid_by(self, needed: NeededUpdate, payment: UpdatePayment) -> UpdatePayment:
        if not needed.fee_fen:
            return UpdatePayment.FREE
        if payment is UpdatePayment.FREE:
            raise TransitRefusedError(TransitRefusal.NO_PAYMENT, "it is not free")
        if payment is UpdatePayment.AUTO_LOAD and self.transit_host is None:
            raise TransitRefusedError(TransitRefusal.NO_PAYMENT, "no host to load from")
        return payment

    def _plan(
        self,
        journey: Journey,
        needed: NeededUpdate,
        payment: UpdatePayment,
        entry_station: bytes,
        time: bytes,
    ) -> TapPlan:
        goes_in = needed.kind in _GOES_IN
        station, entered = journey.entry_station[4:], journey.entry_time
        amount = needed.fee_fen if payment in _BY_CARD else 0
        if needed.kind is UpdateKind.ADD_ENTRY:
            station, entered = entry_station, time
            went_in(self, journey, JourneyStatus.ENTERED_BY_UPDATE, station, time)
            journey.entry_amount_fen = amount
        elif needed.kind is UpdateKind.OVER_TIME:
            journey.status, journey.entry_time = JourneyStatus.ENTERED_BY_UPDATE, time
        else:
            went_out(self, journey, JourneyStatus.LEFT_BY_UPDATE, needed.fare, time)
            journey.exit_amount_fen = amount
        return TapPlan(
            TapKind.UPDATE,
            TripType.ENTRY if goes_in else TripType.EXIT,
            amount,
            journey,
            Fare(needed.fee_fen, amount, needed.fare.discount),
            update=needed.kind,
            payment=payment,
            entry_station=station,
            entry_time=entered,
        )

    # --- loading --------------------------------------------------------------------------------

    def _auto_load(self, data: TransitCardData, fee_fen: int, time: bytes) -> None:
        """Load what the region says, or as much as is missing if that is more."""
        missing = fee_fen - self._card.balance()
        if missing > 0:
            self.load(max(missing, self.region.auto_load_fen), time)

    def load(self, amount_fen: int, time: bytes) -> int:
        """圈存 from the host, which checks MAC1 and TAC; the balance afterwards in fen.

        :raises PurseMacError: one of them is wrong.
        """
        if self.transit_host is None:
            raise TransitRefusedError(TransitRefusal.NO_PAYMENT, "no host to load from")
        terminal = PurseTerminal(self._connection, self.sam.terminal, aid=TRANSIT_AID)
        terminal.select()
        terminal.load(self.transit_host, TransactionType.PURSE_LOAD, amount_fen, time)
        self._card.select()
        return self._card.balance()
