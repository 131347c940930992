# SPDX-License-Identifier: Apache-2.0
"""A terminal with all keys of the test cards: it speaks APDUs and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    amounts: bytes


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
        return self.sw(bytes((0x00, 0x82, 0x00, kid, 17)) + data + original + bytes((version,)))

    def maintain(self, header: str, root: str, plain: bytes | None = None) -> int:
        """A command under the session key of STK: its data enciphered, a MAC behind it."""
        session = self._challenge_key(root, 1, reference.BLOCK[self.algorithm])
        data = b"" if plain is None else reference.enciphered(self.algorithm, session, plain)
        head = bytes.fromhex(header) + bytes((len(data) + 4,))
        return self.sw(head + data + reference.mac(self.algorithm, session, head + data))

    # --- the account ---------------------------------------------------------------------------

    def initialize_purchase(
        self, account: int, self_paid: int = 0, pooled: int = 0, *, index: int = 1
    ) -> Purchase:
        sums = b"".join(amount.to_bytes(4) for amount in (account, self_paid, pooled))
        data = self.ok(b"\xb0\x28\x01\x01\x13" + bytes((index,)) + sums + TERMINAL)
        assert len(data) == 22
        return Purchase(
            balance_fen=int.from_bytes(data[:4]),
            self_paid_total_fen=int.from_bytes(data[4:8]),
            pooled_total_fen=int.from_bytes(data[8:12]),
            year=data[12:14].hex(),
            number=int.from_bytes(data[14:16]),
            version=data[16],
            algorithm=data[17],
            random=data[18:],
            amounts=sums,
        )

    def purchase_session(self, purchase: Purchase, sequence: int) -> bytes:
        factor = purchase.random + purchase.number.to_bytes(2) + sequence.to_bytes(4)[2:]
        key = self.key("DPK", purchase.version)
        return reference.session_key(self.algorithm, key, factor)

    def debit_command(self, purchase: Purchase, time: str, sequence: int = 1) -> bytes:
        """DEBIT FOR PURCHASE with its MAC1."""
        session = self.purchase_session(purchase, sequence)
        what = purchase.amounts + bytes((PURCHASE,)) + TERMINAL + bytes.fromhex(time)
        mac1 = reference.mac(self.algorithm, session, what)
        return b"\xb0\x2c\x01\x00\x0f" + sequence.to_bytes(4) + bytes.fromhex(time) + mac1

    def debit_answer(self, purchase: Purchase, time: str, sequence: int = 1) -> bytes:
        """TAC || MAC2 as they must come."""
        session = self.purchase_session(purchase, sequence)
        what = purchase.amounts + bytes((PURCHASE,)) + TERMINAL
        what += sequence.to_bytes(4) + bytes.fromhex(time)
        tac = reference.tac(self.algorithm, self.key("DTK", purchase.version), what)
        return tac + reference.mac(self.algorithm, session, purchase.amounts)

    def debit(self, purchase: Purchase, time: str, sequence: int = 1) -> bytes:
        """TAC || MAC2, checked."""
        answer = self.ok(self.debit_command(purchase, time, sequence))
        assert answer == self.debit_answer(purchase, time, sequence)
        return answer

    def initialize_load(self, amount: int, *, index: int = 1) -> Load:
        data = self.ok(b"\xb0\x28\x00\x01\x0b" + bytes((index,)) + amount.to_bytes(4) + TERMINAL)
        assert len(data) == 16
        load = Load(
            balance_fen=int.from_bytes(data[:4]),
            number=int.from_bytes(data[4:6]),
            version=data[6],
            algorithm=data[7],
            random=data[8:12],
            mac1=data[12:],
            amount_fen=amount,
        )
        what = data[:4] + amount.to_bytes(4) + bytes((LOAD,)) + TERMINAL
        assert load.mac1 == reference.mac(self.algorithm, self._load_session(load), what)
        return load

    def _load_session(self, load: Load) -> bytes:
        factor = load.random + load.number.to_bytes(2) + b"\x80\x00"
        return reference.session_key(self.algorithm, self.key("DLK", load.version), factor)

    def credit_command(self, load: Load, time: str) -> bytes:
        """CREDIT FOR LOAD with the host's MAC2."""
        what = load.amount_fen.to_bytes(4) + bytes((LOAD,)) + TERMINAL + bytes.fromhex(time)
        mac2 = reference.mac(self.algorithm, self._load_session(load), what)
        return b"\xb0\x2a\x00\x00\x0b" + bytes.fromhex(time) + mac2

    def credit_answer(self, load: Load, time: str) -> bytes:
        """The TAC as it must come, over the new balance."""
        what = (load.balance_fen + load.amount_fen).to_bytes(4) + load.number.to_bytes(2)
        what += load.amount_fen.to_bytes(4) + bytes((LOAD,)) + TERMINAL + bytes.fromhex(time)
        return reference.tac(self.algorithm, self.key("DTK", load.version), what)

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
        data = self.ok(bytes((0xB0, 0x26, 0x00, kind, 0x06)))
        return int.from_bytes(data[:4]), data[4:].hex()

    def proof(self, kind: int, number: int) -> bytes | None:
        """MAC2 || TAC of a transaction, None for 9406."""
        data, sw = self.send(bytes((0xB0, 0x2E, 0x00, kind, 2)) + number.to_bytes(2))
        if sw == 0x9406:
            return None
        if sw != SUCCESS:
            raise RefusedError(sw)
        return data

    def log(self) -> list[bytes]:
        """The records of EF08, newest first."""
        return self.cyclic_records(8)
