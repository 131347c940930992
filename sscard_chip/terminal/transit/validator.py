# SPDX-License-Identifier: Apache-2.0
"""What gates, buses and desks have in common: they judge a card, make one debit, and recover it.

Only DEBIT moves money and writes records, all of them or none, so a break anywhere before it leaves
the card as it was. A break at DEBIT itself is decided when the card comes back: its log says
whether the debit was made, its proof gives the TAC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.dayfile.transit import MCC, TAC_AT, TapRecord
from sscard_chip.standard.purse_transactions import TransactionType
from sscard_chip.standard.status import StatusWord
from sscard_chip.standard.transit import (
    ACCEPTING,
    CLEARING_CODES,
    DELAYED,
    FOREIGN_CARD,
    LOCAL_CARD,
    Mode,
    TapKind,
    TripType,
    UpdateKind,
)
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import Connection, TerminalConnectionError
from sscard_chip.terminal.transit.card import COMPOUND, OpenedDebit, TransitCard, TransitCardData
from sscard_chip.terminal.transit.errors import (
    TransitRefusal,
    TransitRefusedError,
    UnfinishedTapError,
)
from sscard_chip.terminal.transit.fares import Fare, FareTable
from sscard_chip.terminal.transit.lists import BlackList, WhiteList
from sscard_chip.terminal.transit.records import Journey, trip_record
from sscard_chip.terminal.transit.region import CardTypeRule, TransitRegion
from sscard_chip.terminal.transit.sam import TransitSam
from sscard_chip.terminal.transit.taps import TapJournal

NO_FARE: Final = Fare(0, 0, 0)
_NO_TAC: Final = bytes(4)
_RECORD_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Passage:
    """A card that was let through. ``record`` is that of the day file.

    ``recovered``: the debit was made before, and its proof came now. ``mac2_right``: what the PSAM
    says of the card's MAC2, None when it could not be asked any more.
    """

    record: TapRecord
    recovered: bool = False
    mac2_right: bool | None = None

    @property
    def kind(self) -> TapKind:
        return TapKind(self.record.kind)

    @property
    def amount_fen(self) -> int:
        """What the card has paid."""
        return self.record.amount_fen

    @property
    def balance_fen(self) -> int:
        """The holder's money afterwards."""
        return self.record.after_fen


@dataclass(slots=True)
class TapPlan:
    """A debit that is to be made, and what it writes; ``journey`` None leaves 001A alone."""

    kind: TapKind
    trip: TripType | None
    amount_fen: int
    journey: Journey | None
    fare: Fare = NO_FARE
    mode: Mode = Mode.METRO
    transaction: TransactionType = COMPOUND
    update: UpdateKind = UpdateKind.NONE
    payment: int = 0
    entry_station: bytes = bytes(4)
    entry_time: bytes = bytes(7)


class Validator:
    """A terminal with a slot for cards and a PSAM, at one station or on one line (4 bytes).

    Its methods raise :class:`TransitRefusedError` for a card that is refused,
    :class:`UnfinishedTapError` when the card was gone at the debit, CardStatusError for a command
    that the card refused, and what the connection raises for a break before that: nothing has
    moved then. ``time`` is 7 bytes of BCD, local.
    """

    def __init__(
        self,
        connection: Connection,
        sam: TransitSam,
        region: TransitRegion,
        station: bytes,
        *,
        journal: TapJournal | None = None,
        black_list: BlackList | None = None,
        device: bytes | None = None,
        clerk: bytes = bytes(3),
    ) -> None:
        self.sam = sam
        self.region = region
        self.station = station
        self.journal = journal or TapJournal()
        self.fares = FareTable(region)
        self._connection = connection
        self._card = TransitCard(connection)
        self._black = black_list or BlackList()
        self._white = WhiteList(region.white_list)
        self._device = device or bytes(2) + sam.terminal
        self._clerk = clerk
        self._city = bytes.fromhex(region.city)
        own = bytes.fromhex(region.organisation)
        self.organisation = bytes((own[0] | ACCEPTING,)) + own[1:]
        self._operator = bytes.fromhex(region.operator)
        self._merchant = bytes.fromhex(region.merchant)
        self._identifier = bytes.fromhex(region.journey)

    # --- judging a card -------------------------------------------------------------------------

    def _present(self, time: bytes) -> TransitCardData:
        """Select the card, read it, and settle what was left open with it."""
        self._card.select()
        data = self._card.read()
        if data.issuer_text is None:
            raise TransitRefusedError(TransitRefusal.ISSUER)
        return data

    def _judge(self, data: TransitCardData, time: bytes) -> CardTypeRule:
        """Whether the card is taken here at all: validity, lists, interoperation, type."""
        issuer = data.issuer_text or b""
        if not data.start <= time[:4] <= data.expiry:
            raise TransitRefusedError(TransitRefusal.EXPIRED)
        if not self._white.takes(issuer, data.number):
            raise TransitRefusedError(TransitRefusal.ISSUER)
        if self._black.has(issuer, data.number):
            self._lock(data, time)
            raise TransitRefusedError(TransitRefusal.BLACK_LISTED)
        if not data.interoperable and data.city != self._city:
            raise TransitRefusedError(TransitRefusal.NOT_INTEROPERABLE)
        rule = self.fares.card_type(data.card_type.hex())
        if rule is None or not rule.sale:
            raise TransitRefusedError(TransitRefusal.CARD_TYPE)
        return rule

    def _journey(self) -> Journey:
        journey = Journey.decode(self._card.journey(self._identifier), self.organisation)
        if journey.inside and journey.entry_organisation != self.organisation:
            raise TransitRefusedError(TransitRefusal.ELSEWHERE)
        return journey

    def _afford(self, opened: OpenedDebit, fen: int) -> None:
        overdraft = min(opened.limit_fen, self.region.limits.maximum_overdraft_fen)
        if fen > opened.balance_fen + overdraft:
            raise TransitRefusedError(TransitRefusal.INSUFFICIENT)

    # --- one debit ------------------------------------------------------------------------------

    def _make(self, data: TransitCardData, plan: TapPlan, time: bytes) -> Passage:
        """INITIALIZE, MAC1, records, DEBIT, MAC2."""
        opened = self._open(data, plan)
        sequence, mac1 = self.sam.mac1(self._request(data, opened, time))
        balance = opened.balance_fen - plan.amount_fen
        if plan.journey is not None:
            plan.journey.number = opened.number.to_bytes(8)
        trip = None
        if plan.trip is not None:
            trip = trip_record(
                plan.trip,
                self.sam.terminal,
                plan.mode,
                self.station,
                self._operator,
                plan.amount_fen,
                max(balance, 0),
                time,
                self._city,
                self.organisation,
            )
        self._card.cache(plan.journey.encode() if plan.journey else None, trip)
        record = self._record(data, plan, opened, sequence, time).encode()
        key = (data.issuer_text or b"", data.serial)
        self.journal.begin(key, record)
        try:
            tac, mac2 = self._card.debit(sequence, time, mac1)
        except CardStatusError:
            self.journal.drop(key)
            raise
        except TerminalConnectionError:
            raise UnfinishedTapError(
                "the card was gone at the debit: present it here again"
            ) from None
        record = record[:TAC_AT] + tac + record[TAC_AT + len(tac) :]
        self.journal.done(key, record)
        return Passage(TapRecord.decode(record), mac2_right=self._check(key, mac2))

    def _open(self, data: TransitCardData, plan: TapPlan) -> OpenedDebit:
        try:
            opened = self._card.initialize(plan.transaction, plan.amount_fen, self.sam.terminal)
        except CardStatusError as error:
            if error.sw == StatusWord.INSUFFICIENT_AMOUNT:
                raise TransitRefusedError(TransitRefusal.INSUFFICIENT) from None
            raise
        self._afford(opened, plan.amount_fen)
        if opened.algorithm not in CLEARING_CODES:
            raise TransitRefusedError(TransitRefusal.PSAM, "it has no keys of its algorithm")
        self.sam.open(opened.algorithm)
        if plan.journey is not None and plan.journey.inside:
            plan.journey.entry_balance_fen = max(opened.balance_fen - plan.amount_fen, 0)
        return opened

    @staticmethod
    def _request(data: TransitCardData, opened: OpenedDebit, time: bytes) -> bytes:
        """The data of INIT SAM FOR PURCHASE, 36 bytes."""
        return b"".join(
            (
                opened.random,
                opened.number.to_bytes(2),
                opened.amount_fen.to_bytes(4),
                bytes((opened.kind,)),
                time,
                bytes((opened.key_version, opened.algorithm)),
                data.serial,
                data.issuer,
            )
        )

    def _check(self, key: tuple[bytes, bytes], mac2: bytes) -> bool | None:
        """MAC2 at the PSAM. The card has paid: a wrong one is remembered, the TAC counts."""
        try:
            right = self.sam.accepts(mac2)
        except TerminalConnectionError:
            return None
        if not right:
            self.journal.remember(key)
        return right

    def _record(
        self,
        data: TransitCardData,
        plan: TapPlan,
        opened: OpenedDebit,
        sequence: bytes,
        time: bytes,
    ) -> TapRecord:
        left = plan.kind is TapKind.EXIT
        return TapRecord(
            plan.kind,
            LOCAL_CARD if data.city == self._city else FOREIGN_CARD,
            self.journal.made + 1,
            self.sam.terminal,
            self.sam.serial,
            int.from_bytes(sequence),
            self._device[-4:],
            self._clerk,
            self._city,
            data.serial,
            bytes(4),
            opened.number,
            0,
            data.card_type[0],
            0,
            opened.balance_fen,
            opened.amount_fen,
            plan.fare.discount,
            plan.fare.full_fen,
            time[:4],
            time[4:],
            _NO_TAC,
            _RECORD_VERSION,
            opened.balance_fen - opened.amount_fen,
            bytes(2) + self._operator,
            self.station,
            plan.entry_station,
            plan.entry_time[2:6],
            self.station if left else plan.entry_station,
            data.expiry,
            plan.entry_time[2:6] if plan.update else bytes(4),
            plan.entry_station if plan.update else bytes(4),
            plan.mode,
            data.issuer_text or b"",
            self._merchant,
            MCC,
            data.city,
            opened.key_version,
            1,
            CLEARING_CODES[opened.algorithm],
            plan.update,
            plan.payment,
            bytes((opened.kind,)).ljust(10, b"\0"),
        )

    # --- after a break --------------------------------------------------------------------------

    def _settle(self, data: TransitCardData) -> Passage | None:
        """What became of the debit of this card that was broken off here; None: nothing was.

        The log decides, for the proof alone could be that of another terminal's transaction with
        the same number. A debit whose proof is gone counts without its TAC.
        """
        key = (data.issuer_text or b"", data.serial)
        pending = self.journal.pending(key)
        if pending is None:
            return None
        record = TapRecord.decode(pending)
        kind = TransactionType(record.reserved[0])
        time = record.date + record.time
        detail = record.amount_fen.to_bytes(4) + bytes((kind,)) + record.terminal + time
        card = self._card
        if not card.logged(record.counter, detail) and not card.travelled(record.terminal, time):
            self.journal.drop(key)
            return None
        proof = card.proof(kind, record.counter)
        delayed = DELAYED.get(TapKind(record.kind), TapKind(record.kind))
        record = record._replace(kind=delayed, tac=proof[1] if proof else _NO_TAC)
        self.journal.done(key, record.encode())
        return Passage(record, recovered=True)

    # --- the lock -------------------------------------------------------------------------------

    def _lock(self, data: TransitCardData, time: bytes) -> Passage:
        """A compound purchase of amount 0 that says so, then APPLICATION BLOCK."""
        self._settle(data)
        passage = self._locking(data)
        if passage is None:
            passage = self._make(data, TapPlan(TapKind.LOCK, TripType.LOCK, 0, None), time)
        algorithm = next(
            code for code, cleared in CLEARING_CODES.items() if cleared == passage.record.algorithm
        )
        challenge = self._card.challenge()
        self._card.lock(self.sam.lock_command(algorithm, data.serial, data.issuer, challenge))
        return passage

    def _locking(self, data: TransitCardData) -> Passage | None:
        """The record of a lock of this card that was broken off behind its purchase."""
        for one in reversed(self.journal.records):
            record = TapRecord.decode(one)
            if (record.issuer, record.serial) == (data.issuer_text, data.serial):
                return Passage(record) if record.kind == TapKind.LOCK else None
        return None

    def lock(self, time: bytes) -> Passage:
        """Lock a card (锁卡), whoever has decided so: no transaction is possible with it then."""
        return self._lock(self._present(time), time)
