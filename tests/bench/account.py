# SPDX-License-Identifier: Apache-2.0
"""A terminal with all keys of the test cards: it speaks APDUs and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sscard_chip.standard.commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    EXTERNAL_AUTHENTICATE,
    GET_BALANCE,
    GET_TRANSACTION_PROOF,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    before_mac,
)
from sscard_chip.standard.messages import medical as messages
from sscard_chip.standard.messages.security import EXTERNAL_VERSION
from tests.bench.account_cards import PIN, secret
from tests.bench.exchange import SUCCESS, Exchange, RefusedError
from tests.bench.reference import social as reference

SSSE = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
DF04 = bytes.fromhex("D15600000503")
TERMINAL = bytes.fromhex("330400815985")
LOAD, PURCHASE = 0x31, 0x32


@dataclass(frozen=True)
class Purchase:
    """The answer to INITIALIZE FOR PURCHASE, with what was asked."""

    balance_fen: int
    self_paid_total_fen: int
    pooled_total_fen: int
    year: str
    number: int
    version: int
    algorithm: int
    random: bytes
    sums: tuple[int, int, int]
    """个人账户, 个人自付, 统筹基金 in fen."""

    def fields(self, sequence: int, time: str = "") -> dict[str, Any]:
        """What the messages of the debit are built from."""
        return purchase_fields(*self.sums) | {
            "random": self.random,
            "number": self.number,
            "terminal_number": sequence,
            "terminal_number_end": sequence.to_bytes(4)[2:],
            "time": bytes.fromhex(time),
        }


@dataclass(frozen=True)
class Load:
    """The answer to INITIALIZE FOR LOAD, with what was asked."""

    balance_fen: int
    number: int
    version: int
    algorithm: int
    random: bytes
    mac1: bytes
    amount_fen: int

    def fields(self, time: str = "") -> dict[str, Any]:
        """What the messages of the credit are built from."""
        return load_fields(self.amount_fen) | {
            "balance_fen": self.balance_fen,
            "number": self.number,
            "random": self.random,
            "time": bytes.fromhex(time),
        }


def purchase_fields(
    account: int, self_paid: int = 0, pooled: int = 0, index: int = 1
) -> dict[str, Any]:
    """What a terminal asks for with INITIALIZE FOR PURCHASE, in fen."""
    return {
        "key_index": index,
        "account_fen": account,
        "self_paid_fen": self_paid,
        "pooled_fen": pooled,
        "transaction_type": PURCHASE,
        "terminal": TERMINAL,
    }


def load_fields(amount: int, index: int = 1) -> dict[str, Any]:
    """What a terminal asks for with INITIALIZE FOR LOAD, in fen."""
    return {
        "key_index": index,
        "amount_fen": amount,
        "transaction_type": LOAD,
        "terminal": TERMINAL,
    }


def detail(kind: int, number: int, time: str, *sums: int) -> bytes:
    """The record of EF08 that a transaction leaves; what is not given is 0."""
    account, self_paid, pooled = (*sums, 0, 0, 0)[:3]
    asked = purchase_fields(account, self_paid, pooled)
    made = {"transaction_type": kind, "number": number, "time": bytes.fromhex(time)}
    record: bytes = messages.DETAIL.build(asked | made)
    return record


class Terminal(Exchange):
    """Commands by name over ``transmit``, with the MACs of a PSAM and of the host."""

    def __init__(
        self,
        transmit: Callable[[bytes], bytes],
        algorithm: str,
        keys: dict[str, bytes] | None = None,
    ) -> None:
        super().__init__(transmit)
        self.algorithm = algorithm
        self._keys = keys or {}

    def key(self, root: str, version: int = 1, length: int = 16) -> bytes:
        return self._keys.get(root) or secret(root, version, length)

    # --- what every application needs ----------------------------------------------------------

    def verify(self, pin: str = PIN) -> int:
        return super().verify(pin)

    def open_account(self, pin: str = PIN) -> None:
        """Select DF04, and the holder types the PIN."""
        self.select_name(SSSE)
        self.select_name(DF04)
        if pin and self.verify(pin) != SUCCESS:
            raise RefusedError(0x63C0)

    def _challenge_key(self, root: str, version: int, length: int = 16) -> bytes:
        key = self.key(root, version, length)
        return reference.session_key(self.algorithm, key, self.challenge())

    def authenticate(self, kid: int, root: str, version: int = 1, *, wrong: bool = False) -> int:
        """EXTERNAL AUTHENTICATE; the status word."""
        original = bytes(range(1, 9))
        session = self._challenge_key(root, version)
        data = reference.authentication_data(self.algorithm, session, original)
        if wrong:
            data = bytes(byte ^ 1 for byte in data)
        asked = {"cryptogram": data, "original": original, "key_version": version}
        return self.sw(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=EXTERNAL_VERSION.build(asked)))

    def maintain(self, header: str, root: str, plain: bytes | None = None) -> int:
        """A command under the session key of STK: its data enciphered, a MAC behind it."""
        session = self._challenge_key(root, 1, reference.BLOCK[self.algorithm])
        data = b"" if plain is None else reference.enciphered(self.algorithm, session, plain)
        message = before_mac(bytes.fromhex(header), data)
        return self.sw(message + reference.mac(self.algorithm, session, message))

    # --- the account ---------------------------------------------------------------------------

    def initialize_purchase(
        self, account: int, self_paid: int = 0, pooled: int = 0, *, index: int = 1
    ) -> Purchase:
        asked = purchase_fields(account, self_paid, pooled, index)
        data = self.ok(INITIALIZE_FOR_PURCHASE.apdu(data=messages.PURCHASE.build(asked)))
        assert len(data) == messages.PURCHASE_ANSWER.sizeof() == 22
        answer = messages.PURCHASE_ANSWER.parse(data)
        return Purchase(
            balance_fen=answer.balance_fen,
            self_paid_total_fen=answer.self_paid_total_fen,
            pooled_total_fen=answer.pooled_total_fen,
            year=answer.year.hex(),
            number=answer.number,
            version=answer.key_version,
            algorithm=answer.algorithm,
            random=answer.random,
            sums=(account, self_paid, pooled),
        )

    def purchase_session(self, purchase: Purchase, sequence: int) -> bytes:
        factor = messages.PURCHASE_SESSION.build(purchase.fields(sequence))
        key = self.key("DPK", purchase.version)
        return reference.session_key(self.algorithm, key, factor)

    def debit_command(self, purchase: Purchase, time: str, sequence: int = 1) -> bytes:
        """DEBIT FOR PURCHASE with its MAC1."""
        session = self.purchase_session(purchase, sequence)
        fields = purchase.fields(sequence, time)
        mac1 = reference.mac(self.algorithm, session, messages.PURCHASE_MAC1.build(fields))
        return DEBIT_FOR_PURCHASE.apdu(data=messages.DEBIT.build(fields | {"MAC1": mac1}))

    def debit_answer(self, purchase: Purchase, time: str, sequence: int = 1) -> bytes:
        """TAC || MAC2 as they must come."""
        session, dtk = self.purchase_session(purchase, sequence), self.key("DTK", purchase.version)
        fields = purchase.fields(sequence, time)
        tac = reference.tac(self.algorithm, dtk, messages.PURCHASE_TAC.build(fields))
        mac2 = reference.mac(self.algorithm, session, messages.PURCHASE_MAC2.build(fields))
        return tac + mac2

    def debit(self, purchase: Purchase, time: str, sequence: int = 1) -> bytes:
        """TAC || MAC2, checked."""
        answer = self.ok(self.debit_command(purchase, time, sequence))
        assert answer == self.debit_answer(purchase, time, sequence)
        return answer

    def initialize_load(self, amount: int, *, index: int = 1) -> Load:
        asked = messages.LOAD.build(load_fields(amount, index))
        data = self.ok(INITIALIZE_FOR_LOAD.apdu(data=asked))
        assert len(data) == messages.LOAD_ANSWER.sizeof() == 16
        answer = messages.LOAD_ANSWER.parse(data)
        load = Load(
            balance_fen=answer.balance_fen,
            number=answer.number,
            version=answer.key_version,
            algorithm=answer.algorithm,
            random=answer.random,
            mac1=answer.MAC1,
            amount_fen=amount,
        )
        over = messages.LOAD_MAC1.build(load.fields())
        assert load.mac1 == reference.mac(self.algorithm, self._load_session(load), over)
        return load

    def _load_session(self, load: Load) -> bytes:
        factor = messages.LOAD_SESSION.build(load.fields())
        return reference.session_key(self.algorithm, self.key("DLK", load.version), factor)

    def credit_command(self, load: Load, time: str) -> bytes:
        """CREDIT FOR LOAD with the host's MAC2."""
        fields = load.fields(time)
        over = messages.LOAD_MAC2.build(fields)
        mac2 = reference.mac(self.algorithm, self._load_session(load), over)
        return CREDIT_FOR_LOAD.apdu(data=messages.CREDIT.build(fields | {"MAC2": mac2}))

    def credit_answer(self, load: Load, time: str) -> bytes:
        """The TAC as it must come, over the new balance."""
        new = {"balance_fen": load.balance_fen + load.amount_fen}
        over = messages.LOAD_TAC.build(load.fields(time) | new)
        return reference.tac(self.algorithm, self.key("DTK", load.version), over)

    def credit(self, load: Load, time: str) -> bytes:
        """The TAC, checked."""
        answer = self.ok(self.credit_command(load, time))
        assert answer == self.credit_answer(load, time)
        return answer

    def buy(
        self, account: int, self_paid: int = 0, pooled: int = 0, time: str = "20240315101112"
    ) -> Purchase:
        """INITIALIZE and DEBIT."""
        purchase = self.initialize_purchase(account, self_paid, pooled)
        self.debit(purchase, time)
        return purchase

    def allocate(self, amount: int, time: str = "20240315101112") -> Load:
        """INITIALIZE and CREDIT."""
        load = self.initialize_load(amount)
        self.credit(load, time)
        return load

    def balance(self) -> int:
        return int.from_bytes(self.ok("B026000104"))

    def total(self, kind: int) -> tuple[int, str]:
        """Yearly total 2 (self-paid) or 3 (pooled), and the settlement year."""
        answer = messages.TOTAL_ANSWER.parse(self.ok(GET_BALANCE.apdu(p2=kind, le=6)))
        return answer.amount_fen, answer.year.hex()

    def proof(self, kind: int, number: int) -> bytes | None:
        """MAC2 || TAC of a transaction, None for 9406."""
        asked = messages.PROOF.build({"number": number})
        data, sw = self.send(GET_TRANSACTION_PROOF.apdu(p2=kind, data=asked))
        if sw == 0x9406:
            return None
        if sw != SUCCESS:
            raise RefusedError(sw)
        return data

    def log(self) -> list[bytes]:
        """The records of EF08, newest first."""
        return self.cyclic_records(8)
