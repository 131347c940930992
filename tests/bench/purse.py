# SPDX-License-Identifier: Apache-2.0
"""A terminal with all keys of the test cards: it speaks APDUs and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    amount: bytes
    balance_fen: int
    number: int
    limit_fen: int | None
    version: int
    algorithm: int
    random: bytes
    mac1: bytes

    @property
    def what(self) -> bytes:
        return self.amount + bytes((self.type,)) + TERMINAL


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
        money = b"" if kind == OVERDRAFT else amount.to_bytes(4)
        data = bytes((index,)) + money + TERMINAL
        return b"\x80\x50" + bytes.fromhex(INITS[kind]) + bytes((len(data),)) + data

    def init(self, kind: int, amount: int = 0, index: int = 1) -> Opened:
        """INITIALIZE, its MAC1 checked."""
        data = self.ok(self.init_command(kind, amount, index))
        limited = kind in DEBITS or kind == OVERDRAFT
        rest = data[9:] if limited else data[6:]
        opened = Opened(
            type=kind,
            amount=b"" if kind == OVERDRAFT else amount.to_bytes(4),
            balance_fen=int.from_bytes(data[:4]),
            number=int.from_bytes(data[4:6]),
            limit_fen=int.from_bytes(data[6:9]) if limited else None,
            version=rest[0],
            algorithm=rest[1],
            random=rest[2:6],
            mac1=rest[6:],
        )
        assert len(rest) == (6 if kind in DEBITS else 10)
        if kind not in DEBITS:
            limit = data[6:9] if limited else b""
            message = data[:4] + limit + opened.what
            assert opened.mac1 == reference.mac(self.algorithm, self.session(opened), message)
        return opened

    def session(self, opened: Opened, sequence: int = 1) -> bytes:
        """The session key: SESPK with the terminal's number, SESLK, SESULK, SESUK without."""
        tail = sequence.to_bytes(4)[2:] if opened.type in DEBITS else b"\x80\x00"
        factor = opened.random + opened.number.to_bytes(2) + tail
        key = self.key(ROOTS.get(opened.type, "PURSE_DPK"))
        return reference.session_key(self.algorithm, key, factor)

    def completion(
        self, opened: Opened, time: str = TIME, *, sequence: int = 1, limit: int = 0
    ) -> tuple[bytes, bytes]:
        """The command that completes a transaction, and the answer that must come."""
        algorithm, moment = self.algorithm, bytes.fromhex(time)
        session = self.session(opened, sequence)

        def mac(message: bytes) -> bytes:
            return reference.mac(algorithm, session, message)

        def tac(message: bytes) -> bytes:
            return reference.tac(algorithm, self.key("PURSE_DTK"), message)

        number, amount = opened.number.to_bytes(2), int.from_bytes(opened.amount)
        if opened.type in DEBITS:
            counted = sequence.to_bytes(4)
            command = b"\x80\x54\x01\x00\x0f" + counted + moment + mac(opened.what + moment)
            return command, tac(opened.what + counted + moment) + mac(opened.amount)
        if opened.type == OVERDRAFT:
            new = limit.to_bytes(3)
            assert opened.limit_fen is not None
            balance = opened.balance_fen - opened.limit_fen + limit & 0xFFFFFFFF  # refused if cut
            command = b"\x80\x58\x00\x00\x0e" + new + moment
            tail = new + opened.what + moment
            return command + mac(tail), tac(balance.to_bytes(4) + number + tail)
        command = moment + mac(opened.what + moment)
        if opened.type == UNLOAD:
            message = (opened.balance_fen - amount).to_bytes(4) + number + opened.what + moment
            return b"\x80\x54\x03\x00\x0b" + command, mac(message)
        message = (opened.balance_fen + amount).to_bytes(4) + number + opened.what + moment
        return b"\x80\x52\x00\x00\x0b" + command, tac(message)

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
        return bytes((0x80, 0xDC, record[0], sfi << 3, len(record))) + record

    def balance(self, purse: int) -> int:
        return int.from_bytes(self.ok(bytes((0x80, 0x5C, 0, purse, 4))))

    def proof(self, kind: int, number: int) -> bytes | None:
        """MAC || TAC of the last transaction, None for 9406; asked for by INIT's number plus 1."""
        data, sw = self.send(bytes((0x80, 0x5A, 0, kind, 2)) + (number + 1 & 0xFFFF).to_bytes(2))
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
        return self.ok(bytes((0x00, 0xB2, tag, 0xC8, 0)))[2:]

    # --- the issuer -------------------------------------------------------------------------

    def secured(
        self, header: str, data: bytes = b"", root: str = "PURSE_DAMK", *, wrong: bool = False
    ) -> bytes:
        """CLA INS P1 P2 with Lc, data and the MAC of a fresh challenge."""
        challenge = self.challenge(4)
        head = bytes.fromhex(header) + bytes((len(data) + 4,)) + data
        mac = reference.command_mac(self.algorithm, self.key(root), challenge, head)
        return head + (bytes((mac[0] ^ 1,)) + mac[1:] if wrong else mac)

    def unblock_pin(self, pin: str, *, wrong: bool = False, key: int = 1) -> int:
        root = "PURSE_DPUK"
        sealed = reference.enciphered_pin(self.algorithm, self.key(root), bytes.fromhex(pin))
        return self.sw(self.secured(f"842400{key:02X}", sealed, root, wrong=wrong))

    def reload_pin_command(self, pin: str) -> bytes:
        value = bytes.fromhex(pin)
        mac = reference.tac(self.algorithm, self.key("PURSE_DRPK"), value)
        return b"\x80\x5e\x00\x00" + bytes((len(value) + 4,)) + value + mac

    def authenticate(self, kid: int = 1, *, wrong: bool = False) -> int:
        response = reference.response(self.algorithm, self.key("PURSE_DEAK"), self.challenge(8))
        if wrong:
            response = bytes((response[0] ^ 1,)) + response[1:]
        return self.sw(bytes((0x00, 0x82, 0x00, kid, 8)) + response)
