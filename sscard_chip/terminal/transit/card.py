# SPDX-License-Identifier: Apache-2.0
"""A card in the field of a gate: what is read of it, and the commands of a compound purchase."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sscard_chip.dayfile.transit import issuer_text
from sscard_chip.standard.amounts import MAX_COUNTER
from sscard_chip.standard.commands import (
    GET_CHALLENGE,
    GET_TRANSACTION_PROVE,
    PURSE_DEBIT_FOR_PURCHASE,
    PURSE_GET_BALANCE,
    PURSE_INITIALIZE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_CAPP_DATA_CACHE,
)
from sscard_chip.standard.identifiers import (
    PURSE_LOG,
    PURSE_MANAGEMENT,
    PURSE_PUBLIC,
    TRANSIT_AID,
    TRANSIT_JOURNEY,
    TRANSIT_TRIPS,
)
from sscard_chip.standard.purse_transactions import TransactionType
from sscard_chip.standard.status import StatusWord
from sscard_chip.standard.transit import JOURNEY_LENGTH
from sscard_chip.terminal.client import ApduClient
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.transit.errors import TransitRefusal, TransitRefusedError

COMPOUND: Final = TransactionType.COMPOUND_PURCHASE
SINGLE: Final = TransactionType.PURSE_PURCHASE
_PLACES: Final = {COMPOUND: (0x03, 0x02), SINGLE: (0x01, 0x02)}
_OPENED: Final = struct.Struct(">IH3sBB4s")
_PUBLIC_LENGTH, _MANAGEMENT_LENGTH = 30, 11
_RECORD_LENGTH: Final = JOURNEY_LENGTH + 3
_LOG_LENGTH, _TRIP_LENGTH = 23, 48
_BY_IDENTIFIER: Final = TRANSIT_JOURNEY << 3
_BLOCKED: Final = (StatusWord.SELECTED_FILE_INVALIDATED, StatusWord.FUNCTION_NOT_SUPPORTED)


@dataclass(frozen=True, slots=True, repr=False)
class TransitCardData:
    """0015 and 0017 of a card. ``issuer`` 8 bytes and its 11 characters, None when it has none;
    ``serial`` the rightmost 8 bytes of the number; ``number`` its 19 digits."""

    issuer: bytes
    issuer_text: bytes | None
    serial: bytes
    number: str
    start: bytes
    expiry: bytes
    city: bytes
    interoperable: bool
    card_type: bytes


@dataclass(frozen=True, slots=True, repr=False)
class OpenedDebit:
    """The answer to INITIALIZE. ``balance_fen`` is without the overdraft limit."""

    kind: TransactionType
    amount_fen: int
    balance_fen: int
    number: int
    limit_fen: int
    key_version: int
    algorithm: int
    random: bytes


class TransitCard:
    """The card in a slot; every method raises what the connection raises, and CardStatusError."""

    def __init__(self, connection: Connection) -> None:
        self._client = ApduClient(connection)

    def select(self) -> None:
        """SELECT by name.

        :raises TransitRefusedError: the card has no transport application, or it is locked.
        """
        answer = self._client.send(SELECT, 0x04, 0x00, TRANSIT_AID, 0)
        if answer.sw == StatusWord.FILE_NOT_FOUND:
            raise TransitRefusedError(TransitRefusal.NO_APPLICATION)
        if answer.sw in _BLOCKED:
            raise TransitRefusedError(TransitRefusal.BLOCKED)
        answer.required()

    def read(self) -> TransitCardData:
        """0015, and 0017 as far as gates know it.

        :raises TransitRefusedError: they are not there as a whole.
        """
        public = self._client.require(READ_BINARY, 0x80 | PURSE_PUBLIC, le=_PUBLIC_LENGTH)
        management = self._client.require(
            READ_BINARY, 0x80 | PURSE_MANAGEMENT, le=_MANAGEMENT_LENGTH
        )
        if len(public) != _PUBLIC_LENGTH or len(management) != _MANAGEMENT_LENGTH:
            raise TransitRefusedError(TransitRefusal.NO_APPLICATION, "0015 or 0017 is cut")
        issuer, serial = public[:8], public[10:20]
        return TransitCardData(
            issuer,
            issuer_text(issuer),
            serial[-8:],
            serial.hex()[1:],
            public[20:24],
            public[24:28],
            management[6:8],
            management[8:10] == b"\0\1",
            management[10:11],
        )

    def journey(self, identifier: bytes) -> bytes:
        """The record of 001A of this identifier, 128 bytes.

        :raises TransitRefusedError: there is none.
        """
        answer = self._client.send(READ_RECORD, identifier[1], _BY_IDENTIFIER, le=_RECORD_LENGTH)
        if not answer.ok or len(answer.data) != _RECORD_LENGTH or answer.data[:2] != identifier:
            raise TransitRefusedError(TransitRefusal.NO_RECORD)
        return answer.data

    def balance(self) -> int:
        """The holder's own money in fen."""
        return int.from_bytes(self._client.require(PURSE_GET_BALANCE, 0x03, 0x02, le=4))

    def overdraft_left(self) -> int:
        """What of the overdraft limit is not used, in fen."""
        limit, used = (
            int.from_bytes(self._client.require(PURSE_GET_BALANCE, p1, 0x02, le=4))
            for p1 in (0x01, 0x02)
        )
        return limit - used

    def initialize(self, kind: TransactionType, amount_fen: int, terminal: bytes) -> OpenedDebit:
        """INITIALIZE a purchase or a compound purchase with key index 1."""
        p1, p2 = _PLACES[kind]
        data = b"\x01" + amount_fen.to_bytes(4) + terminal
        answer = self._client.require(PURSE_INITIALIZE, p1, p2, data, _OPENED.size)
        if len(answer) != _OPENED.size:
            raise TransitRefusedError(TransitRefusal.NO_APPLICATION, "INITIALIZE is cut")
        balance, number, limit, version, algorithm, random = _OPENED.unpack(answer)
        overdraft = int.from_bytes(limit)
        return OpenedDebit(
            kind, amount_fen, balance - overdraft, number, overdraft, version, algorithm, random
        )

    def cache(self, journey: bytes | None, trip: bytes | None) -> None:
        """UPDATE CAPP DATA CACHE: the journey first, then the trip."""
        if journey is not None:
            place = TRANSIT_JOURNEY << 3
            self._client.require(UPDATE_CAPP_DATA_CACHE, journey[1], place, journey)
        if trip is not None:
            self._client.require(UPDATE_CAPP_DATA_CACHE, 0x00, TRANSIT_TRIPS << 3, trip)

    def debit(self, sequence: bytes, time: bytes, mac1: bytes) -> tuple[bytes, bytes]:
        """DEBIT; TAC and MAC2, 4 bytes each."""
        data = sequence + time + mac1
        answer = self._client.require(PURSE_DEBIT_FOR_PURCHASE, data=data, le=8)
        return answer[:4], answer[4:8]

    def proof(self, kind: TransactionType, number: int) -> tuple[bytes, bytes] | None:
        """MAC2 and TAC of the last transaction if INITIALIZE has answered ``number`` for it."""
        if number == MAX_COUNTER:
            return None
        answer = self._client.send(GET_TRANSACTION_PROVE, 0x00, kind, (number + 1).to_bytes(2), 8)
        if answer.sw == StatusWord.PROOF_NOT_AVAILABLE:
            return None
        data = answer.required()
        return data[:4], data[4:8]

    def log(self) -> Iterator[bytes]:
        """The records of 0018 that are not empty, newest first; 23 bytes each."""
        return self._records(PURSE_LOG, _LOG_LENGTH, 10)

    def trips(self) -> Iterator[bytes]:
        """The records of 001E that are not empty, newest first; 48 bytes each."""
        return self._records(TRANSIT_TRIPS, _TRIP_LENGTH, 30)

    def _records(self, sfi: int, length: int, most: int) -> Iterator[bytes]:
        for record in range(1, most + 1):
            answer = self._client.send(READ_RECORD, record, sfi << 3 | 4, le=length)
            if not answer.ok or len(answer.data) != length:
                return
            if any(answer.data):
                yield answer.data

    def logged(self, number: int, detail: bytes) -> bool:
        """Whether 0018 has a transaction of this number with ``detail``: amount 4, type 1,
        terminal 6, date 4, time 3."""
        return any(one[:2] == number.to_bytes(2) and one[5:] == detail for one in self.log())

    def travelled(self, terminal: bytes, time: bytes) -> bool:
        """Whether 001E has a trip of this terminal and time: cards need not log what is free."""
        return any(one[3:9] == terminal and one[25:32] == time for one in self.trips())

    def challenge(self) -> bytes:
        """GET CHALLENGE of 4 bytes."""
        return self._client.require(GET_CHALLENGE, le=4)

    def lock(self, command: bytes) -> None:
        """Send the APPLICATION BLOCK that the PSAM has made."""
        self._client.exchange(command).required()
