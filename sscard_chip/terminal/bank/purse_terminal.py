# SPDX-License-Identifier: Apache-2.0
"""A terminal for deposit and purse: selects the application and runs whole transactions with a
PSAM or with the bank's host.

>>> from sscard_chip.terminal.connection import connect_card
>>> terminal = PurseTerminal(connect_card(card), bytes.fromhex("112233445566"))
>>> terminal.select().expiry
'20340101'
>>> terminal.verify(bytes.fromhex("123456"))
>>> loaded = terminal.load(host, TransactionType.PURSE_LOAD, 5_000, time)
>>> terminal.balance(PurseId.PURSE)
5000
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sscard_chip.applications.purse.accounts import LogRecord
from sscard_chip.standard.amounts import MAX_COUNTER
from sscard_chip.standard.commands import (
    CREDIT_SAM_FOR_PURCHASE,
    GET_CHALLENGE,
    GET_TRANSACTION_PROVE,
    INIT_SAM_FOR_PURSE_PURCHASE,
    PURSE_CREDIT_FOR_LOAD,
    PURSE_DEBIT_FOR_PURCHASE,
    PURSE_DEBIT_FOR_UNLOAD,
    PURSE_GET_BALANCE,
    PURSE_INITIALIZE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_CAPP_DATA_CACHE,
    UPDATE_OVERDRAW_LIMIT,
    VERIFY,
)
from sscard_chip.standard.identifiers import (
    PURSE_AID,
    PURSE_LOG,
    PURSE_PUBLIC,
    TRANSIT_JOURNEY,
    TRANSIT_TRIPS,
)
from sscard_chip.standard.messages import purse as messages
from sscard_chip.standard.messages.psam import INIT_PURSE_PURCHASE
from sscard_chip.standard.purse_transactions import KINDS, PurseId, TransactionType
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.bank.errors import CardDataError, NotAcceptedError
from sscard_chip.terminal.bank.purse_exchange import (
    Debited,
    PublicData,
    PurseInitialization,
    SamAnswer,
)
from sscard_chip.terminal.bank.purse_host import PurseHost
from sscard_chip.terminal.client import ApduClient
from sscard_chip.terminal.connection import Connection

_INITIALIZE: Final = {row.type: (place, row) for place, row in KINDS.items()}
"""P1 and P2 of INITIALIZE, and the row, of a transaction type."""
_LOG_P2: Final = PURSE_LOG << 3 | 4
_LOG_LENGTH: Final = messages.LOG.sizeof()


class PurseTerminal:
    """A terminal with a number of 6 bytes and a card in its reader.

    ``aid`` is that of deposit and purse, or of a transport application, whose purse is the same.
    Every method raises CardStatusError for a refusal of the card and what the connection raises.
    """

    def __init__(self, connection: Connection, terminal: bytes, *, aid: bytes = PURSE_AID) -> None:
        self._client = ApduClient(connection)
        self._terminal = terminal
        self._aid = aid
        self._public: PublicData | None = None

    def select(self) -> PublicData:
        """Select the application and read 0015.

        :raises NotAcceptedError: the card has none.
        """
        answer = self._client.send(SELECT, 0x04, 0x00, self._aid, 0)
        if answer.sw == StatusWord.FILE_NOT_FOUND:
            raise NotAcceptedError("the card has no deposit or purse")
        answer.required()
        data = self._client.require(READ_BINARY, 0x80 | PURSE_PUBLIC, le=messages.PUBLIC.sizeof())
        self._public = PublicData.decode(data)
        return self._public

    @property
    def public(self) -> PublicData:
        """0015 of the selected application; :meth:`select` if need be."""
        return self._public or self.select()

    def pin_tries(self) -> int | None:
        """Tries left of the PIN, 0 when it is locked, None when none is set."""
        return self._client.send(VERIFY).pin_tries()

    def verify(self, pin: bytes) -> None:
        """VERIFY the holder's PIN, BCD."""
        self._client.require(VERIFY, data=pin)

    def balance(self, purse: PurseId) -> int:
        """GET BALANCE, in fen."""
        return int.from_bytes(self._client.require(PURSE_GET_BALANCE, 0x00, purse, le=4))

    def log(self) -> list[LogRecord]:
        """The transaction log, newest first."""
        records: list[LogRecord] = []
        while True:
            number = len(records) + 1
            answer = self._client.send(READ_RECORD, number, _LOG_P2, le=_LOG_LENGTH)
            if answer.sw == StatusWord.RECORD_NOT_FOUND:
                return records
            if not answer.ok or len(answer.data) != _LOG_LENGTH:
                raise answer.refusal
            records.append(LogRecord.decode(answer.data))

    def proof(self, kind: TransactionType, number: int) -> tuple[bytes, bytes] | None:
        """MAC and TAC of the last transaction if it was this one, None if it was not (9406).

        ``number`` is the one that INITIALIZE answered; the card is asked for it plus 1. There is
        no transaction 65535: INITIALIZE answers 9402 there.
        """
        if number == MAX_COUNTER:
            return None
        answer = self._client.send(GET_TRANSACTION_PROVE, 0x00, kind, (number + 1).to_bytes(2), 8)
        if answer.sw == StatusWord.PROOF_NOT_AVAILABLE:
            return None
        data = answer.required()
        return data[:4], data[4:]

    # --- steps ----------------------------------------------------------------------------------

    def initialize(
        self, kind: TransactionType, amount_fen: int = 0, *, key_index: int = 1
    ) -> PurseInitialization:
        """INITIALIZE of a transaction; an overdraft limit has no amount."""
        public, (place, row) = self.public, _INITIALIZE[kind]
        overdraft = kind is TransactionType.OVERDRAFT_UPDATE
        layout = messages.OVERDRAFT if overdraft else messages.INITIALIZE
        data = layout.build(
            {"key_index": key_index, "amount_fen": amount_fen, "terminal": self._terminal}
        )
        answer = self._client.require(PURSE_INITIALIZE, *place, data, 0)
        return PurseInitialization.decode(
            public, row, key_index, amount_fen, self._terminal, answer
        )

    def cache(self, sfi: int, record: bytes) -> None:
        """UPDATE CAPP DATA CACHE of a record by its identifier: the first byte, the second where
        identifiers have two, none for a trip, which is appended."""
        p1 = 0 if sfi == TRANSIT_TRIPS else record[sfi == TRANSIT_JOURNEY]
        self._client.require(UPDATE_CAPP_DATA_CACHE, p1, sfi << 3, record)

    def debit(self, opened: PurseInitialization, sam: SamAnswer, time: bytes) -> Debited:
        """DEBIT with the PSAM's MAC1."""
        data = sam.sequence + time + sam.mac1
        answer = self._client.require(PURSE_DEBIT_FOR_PURCHASE, data=data, le=8)
        if len(answer) != 8:
            raise CardDataError("DEBIT gave an answer of another length")
        return Debited(opened, sam.sequence, time, answer[:4], answer[4:])

    # --- whole transactions ---------------------------------------------------------------------

    def purchase(
        self,
        psam: Connection,
        kind: TransactionType,
        amount_fen: int,
        time: bytes,
        *,
        records: Sequence[tuple[int, bytes]] = (),
        key_index: int = 1,
    ) -> Debited:
        """Purchase, cash withdrawal, or compound purchase with its ``records`` (SFI, record)."""
        opened = self.initialize(kind, amount_fen, key_index=key_index)
        return self.pay(psam, opened, time, records=records)

    def pay(
        self,
        psam: Connection,
        opened: PurseInitialization,
        time: bytes,
        *,
        records: Sequence[tuple[int, bytes]] = (),
    ) -> Debited:
        """The rest of a purchase that is initialized.

        The card's MAC2 is checked by the PSAM: CardStatusError 9302 when it is wrong.
        """
        client = ApduClient(psam)
        issuer, serial = opened.public.factors
        asked = {**opened.fields, "time": time, "issuer": issuer, "serial": serial}
        request = INIT_PURSE_PURCHASE.build(asked)
        answer = client.require(INIT_SAM_FOR_PURSE_PURCHASE, data=request, le=8)
        for sfi, record in records:
            self.cache(sfi, record)
        debited = self.debit(opened, SamAnswer(answer[:4], answer[4:]), time)
        client.require(CREDIT_SAM_FOR_PURCHASE, data=debited.mac2)
        return debited

    def load(
        self, host: PurseHost, kind: TransactionType, amount_fen: int, time: bytes
    ) -> PurseInitialization:
        """圈存 into deposit or purse; the host checks MAC1 and TAC.

        :raises PurseMacError: one of them is wrong.
        """
        opened = self.initialize(kind, amount_fen)
        self.credit(host, opened, time)
        return opened

    def credit(self, host: PurseHost, opened: PurseInitialization, time: bytes) -> None:
        """The rest of a load that is initialized.

        :raises PurseMacError: MAC1 or TAC is wrong.
        """
        answer = host.authorise(opened, time)
        data = answer.time + answer.mac2
        host.confirm(opened, time, self._client.require(PURSE_CREDIT_FOR_LOAD, data=data, le=4))

    def credited(
        self,
        host: PurseHost,
        kind: TransactionType,
        amount_fen: int,
        number: int,
        time: bytes,
    ) -> int | None:
        """After a cut: the balance in fen if the load that the card opened with ``number`` was
        done, None if not. The host checks the TAC of the proof, over amount, time and balance.

        :raises PurseMacError: the proof is that of another load.
        """
        proof = self.proof(kind, number)
        if proof is None:
            return None
        now = self.initialize(kind, amount_fen)  # which says balance and algorithm, changes nothing
        balance = now.balance_fen
        opened = replace(now, number=number, balance_fen=balance - amount_fen)
        host.confirm(opened, time, proof[1])
        return balance

    def unload(self, host: PurseHost, amount_fen: int, time: bytes) -> PurseInitialization:
        """圈提 out of the deposit; the host checks MAC1 and MAC3.

        :raises PurseMacError: one of them is wrong.
        """
        opened = self.initialize(TransactionType.UNLOAD, amount_fen)
        answer = host.authorise(opened, time)
        mac3 = self._client.require(PURSE_DEBIT_FOR_UNLOAD, data=answer.time + answer.mac2, le=4)
        host.confirm(opened, time, mac3)
        return opened

    def update_limit(self, host: PurseHost, limit_fen: int, time: bytes) -> PurseInitialization:
        """修改透支限额 of the deposit; the host checks MAC1 and TAC.

        :raises PurseMacError: one of them is wrong.
        """
        opened = self.initialize(TransactionType.OVERDRAFT_UPDATE)
        answer = host.authorise(opened, time, limit_fen=limit_fen)
        data = messages.OVERDRAFT_UPDATE.build(
            {"limit_fen": limit_fen, "time": answer.time, "MAC2": answer.mac2}
        )
        tac = self._client.require(UPDATE_OVERDRAW_LIMIT, data=data, le=4)
        host.confirm(opened, time, tac, limit_fen=limit_fen)
        return opened

    # --- the issuer's commands ------------------------------------------------------------------

    def challenge(self, length: int = 4) -> bytes:
        """GET CHALLENGE."""
        return self._client.require(GET_CHALLENGE, le=length)

    def transmit(self, command: bytes) -> bytes:
        """A command that the host has made; its data."""
        return self._client.exchange(command).required()
