# SPDX-License-Identifier: Apache-2.0
"""A terminal with all keys of the test cards: it speaks APDUs and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sscard_chip.standard.commands import (
    EXTERNAL_AUTHENTICATE,
    GET_TRANSACTION_PROVE,
    PURSE_CREDIT_FOR_LOAD,
    PURSE_DEBIT_FOR_PURCHASE,
    PURSE_DEBIT_FOR_UNLOAD,
    PURSE_GET_BALANCE,
    PURSE_INITIALIZE,
    READ_RECORD,
    RELOAD_PIN,
    UPDATE_CAPP_DATA_CACHE,
    UPDATE_OVERDRAW_LIMIT,
    before_mac,
)
from sscard_chip.standard.messages import medical
from sscard_chip.standard.messages import purse as messages
from sscard_chip.standard.messages.medical import LOAD_SESSION, PURCHASE_SESSION
from tests.bench.exchange import SUCCESS, Exchange, RefusedError
from tests.bench.purse_cards import PIN, secret
from tests.bench.reference import purse as reference

AID = bytes.fromhex("A00000000386980701")
TERMINAL = bytes.fromhex("112233445566")
TIME = "20240315101112"
ED, EP = 1, 2
ED_LOAD, EP_LOAD, UNLOAD, CASH, ED_BUY, EP_BUY, OVERDRAFT, CAPP = 1, 2, 3, 4, 5, 6, 7, 9
INITS = {
    ED_LOAD: "0001",
    EP_LOAD: "0002",
    ED_BUY: "0101",
    EP_BUY: "0102",
    CASH: "0201",
    CAPP: "0302",
    OVERDRAFT: "0401",
    UNLOAD: "0501",
}
"""P1 P2 of INITIALIZE by transaction type."""
ROOTS = {
    ED_LOAD: "PURSE_DLK",
    EP_LOAD: "PURSE_DLK",
    UNLOAD: "PURSE_DULK",
    OVERDRAFT: "PURSE_DUK",
}
DEBITS = (CASH, ED_BUY, EP_BUY, CAPP)


@dataclass(frozen=True)
class Opened:
    """The answer to INITIALIZE, with what was asked."""

    type: int
    amount_fen: int
    balance_fen: int
    number: int
    limit_fen: int | None
    version: int
    algorithm: int
    random: bytes
    mac1: bytes

    def fields(self, sequence: int = 1, time: str = "", limit: int = 0) -> dict[str, Any]:
        """What the messages that complete it are built from; ``limit`` the new one in fen."""
        return {
            "amount_fen": self.amount_fen,
            "transaction_type": self.type,
            "terminal": TERMINAL,
            "balance_fen": self.balance_fen,
            "number": self.number,
            "limit_fen": limit,
            "random": self.random,
            "terminal_number": sequence,
            "terminal_number_end": sequence.to_bytes(4)[2:],
            "time": bytes.fromhex(time),
        }


def detail(kind: int, number: int, limit: int, amount: int, time: str) -> bytes:
    """The record of 0018 that a transaction leaves."""
    record: bytes = messages.LOG.build(
        {
            "number": number,
            "limit_fen": limit,
            "amount_fen": amount,
            "transaction_type": kind,
            "terminal": TERMINAL,
            "time": bytes.fromhex(time),
        }
    )
    return record


class Terminal(Exchange):
    """Commands by name over ``transmit``, with the MACs of a PSAM and of the host."""

    def __init__(
        self,
        transmit: Callable[[bytes], bytes],
        algorithm: str,
        keys: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__(transmit)
        self.algorithm = algorithm
        self._keys = keys or {}

    def key(self, root: str) -> bytes:
        return self._keys.get(root) or secret(root)

    def select(self) -> bytes:
        return self.select_name(AID)

    def verify(self, pin: str = PIN) -> int:
        return super().verify(pin)

    def open(self, pin: str = PIN) -> None:
        """Select the application, and the holder types the PIN."""
        self.select()
        if pin and self.verify(pin) != SUCCESS:
            raise RefusedError(0x63C0)

    # --- transactions -----------------------------------------------------------------------

    def init_command(self, kind: int, amount: int = 0, index: int = 1) -> bytes:
        layout = messages.OVERDRAFT if kind == OVERDRAFT else messages.INITIALIZE
        asked = {"key_index": index, "amount_fen": amount, "terminal": TERMINAL}
        p1, p2 = bytes.fromhex(INITS[kind])
        return PURSE_INITIALIZE.apdu(p1, p2, layout.build(asked))

    def init(self, kind: int, amount: int = 0, index: int = 1) -> Opened:
        """INITIALIZE, its MAC1 checked."""
        data = self.ok(self.init_command(kind, amount, index))
        layout = messages.OFFLINE_ANSWER if kind in DEBITS else messages.ONLINE_ANSWER
        if kind == OVERDRAFT:
            layout = messages.OVERDRAFT_ANSWER
        assert len(data) == layout.sizeof()
        answer = layout.parse(data)
        opened = Opened(
            type=kind,
            amount_fen=0 if kind == OVERDRAFT else amount,
            balance_fen=answer.balance_fen,
            number=answer.number,
            limit_fen=answer.get("limit_fen"),
            version=answer.key_version,
            algorithm=answer.algorithm,
            random=answer.random,
            mac1=answer.get("MAC1", b""),
        )
        if kind not in DEBITS:
            over = messages.OVERDRAFT_MAC1 if kind == OVERDRAFT else messages.ONLINE_MAC1
            message = over.build(opened.fields(limit=opened.limit_fen or 0))
            assert opened.mac1 == reference.mac(self.algorithm, self.session(opened), message)
        return opened

    def session(self, opened: Opened, sequence: int = 1) -> bytes:
        """The session key: SESPK with the terminal's number, SESLK, SESULK, SESUK without."""
        layout = PURCHASE_SESSION if opened.type in DEBITS else LOAD_SESSION
        factor = layout.build(opened.fields(sequence))
        key = self.key(ROOTS.get(opened.type, "PURSE_DPK"))
        return reference.session_key(self.algorithm, key, factor)

    def completion(
        self, opened: Opened, time: str = TIME, *, sequence: int = 1, limit: int = 0
    ) -> tuple[bytes, bytes]:
        """The command that completes a transaction, and the answer that must come."""
        session = self.session(opened, sequence)
        fields = opened.fields(sequence, time, limit)

        def mac(layout: Any) -> bytes:
            return reference.mac(self.algorithm, session, layout.build(fields))

        def tac(layout: Any, balance: int = 0) -> bytes:
            message = layout.build(fields | {"balance_fen": balance})
            return reference.tac(self.algorithm, self.key("PURSE_DTK"), message)

        amount = opened.amount_fen
        if opened.type in DEBITS:
            data = medical.DEBIT.build(fields | {"MAC1": mac(messages.TIMED)})
            answer = tac(messages.PURCHASE_TAC) + mac(messages.PURCHASE_MAC2)
            return PURSE_DEBIT_FOR_PURCHASE.apdu(data=data), answer
        if opened.type == OVERDRAFT:
            assert opened.limit_fen is not None
            balance = opened.balance_fen - opened.limit_fen + limit & 0xFFFFFFFF  # refused if cut
            mac2 = {"MAC2": mac(messages.OVERDRAFT_MAC2)}
            data = messages.OVERDRAFT_UPDATE.build(fields | mac2)
            return UPDATE_OVERDRAW_LIMIT.apdu(data=data), tac(messages.OVERDRAFT_TAC, balance)
        data = medical.CREDIT.build(fields | {"MAC2": mac(messages.TIMED)})
        if opened.type == UNLOAD:
            fields["balance_fen"] = opened.balance_fen - amount
            return PURSE_DEBIT_FOR_UNLOAD.apdu(data=data), mac(messages.ONLINE_TAC)
        answer = tac(messages.ONLINE_TAC, opened.balance_fen + amount)
        return PURSE_CREDIT_FOR_LOAD.apdu(data=data), answer

    def complete(
        self, opened: Opened, time: str = TIME, *, sequence: int = 1, limit: int = 0
    ) -> bytes:
        """Send it; the answer, checked."""
        command, expected = self.completion(opened, time, sequence=sequence, limit=limit)
        answer = self.ok(command)
        assert answer == expected
        return answer

    def do(self, kind: int, amount: int = 0, *, time: str = TIME, limit: int = 0) -> Opened:
        """A whole transaction."""
        opened = self.init(kind, amount)
        if kind == CAPP:
            self.ok(self.cache(b"\x01\x08" + amount.to_bytes(8)))
        self.complete(opened, time, limit=limit)
        return opened

    def proof_of(self, command: bytes, kind: int, answer: bytes) -> bytes:
        """MAC || TAC that GET TRANSACTION PROVE must give after ``answer`` to ``command``."""
        if kind in DEBITS:
            return answer[4:] + answer[:4]
        if kind == UNLOAD:
            return answer + bytes(4)
        return command[-4:] + answer

    @staticmethod
    def cache(record: bytes, sfi: int = 0x19) -> bytes:
        """UPDATE CAPP DATA CACHE of a record by its identifier."""
        return UPDATE_CAPP_DATA_CACHE.apdu(record[0], sfi << 3, record)

    def balance(self, purse: int) -> int:
        return int.from_bytes(self.ok(PURSE_GET_BALANCE.apdu(p2=purse, le=4)))

    def proof(self, kind: int, number: int) -> bytes | None:
        """MAC || TAC of the last transaction, None for 9406; asked for by INIT's number plus 1."""
        asked = medical.PROOF.build({"number": number + 1 & 0xFFFF})
        data, sw = self.send(GET_TRANSACTION_PROVE.apdu(p2=kind, data=asked))
        if sw == 0x9406:
            return None
        if sw != SUCCESS:
            raise RefusedError(sw)
        return data

    def log(self) -> list[bytes]:
        """The records of 0018, newest first."""
        return self.cyclic_records(0x18)

    def compound(self, tag: int) -> bytes:
        """The value of a record of 0019."""
        return self.ok(READ_RECORD.apdu(tag, 0xC8, le=0))[2:]

    # --- the issuer -------------------------------------------------------------------------

    def secured(
        self, header: str, data: bytes = b"", root: str = "PURSE_DAMK", *, wrong: bool = False
    ) -> bytes:
        """CLA INS P1 P2 with Lc, data and the MAC of a fresh challenge."""
        challenge = self.challenge(4)
        head = before_mac(bytes.fromhex(header), data)
        mac = reference.command_mac(self.algorithm, self.key(root), challenge, head)
        return head + (bytes((mac[0] ^ 1,)) + mac[1:] if wrong else mac)

    def unblock_pin(self, pin: str, *, wrong: bool = False, key: int = 1) -> int:
        root = "PURSE_DPUK"
        sealed = reference.enciphered_pin(self.algorithm, self.key(root), bytes.fromhex(pin))
        return self.sw(self.secured(f"842400{key:02X}", sealed, root, wrong=wrong))

    def reload_pin_command(self, pin: str) -> bytes:
        value = bytes.fromhex(pin)
        mac = reference.tac(self.algorithm, self.key("PURSE_DRPK"), value)
        return RELOAD_PIN.apdu(data=value + mac)

    def authenticate(self, kid: int = 1, *, wrong: bool = False) -> int:
        response = reference.response(self.algorithm, self.key("PURSE_DEAK"), self.challenge(8))
        if wrong:
            response = bytes((response[0] ^ 1,)) + response[1:]
        return self.sw(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=response))
