# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse against a plain model of them, in any order of transactions, failures,
resets, blocks and PIN changes (Hypothesis).

After every step the whole of what the card shows is compared with the model; now and then the
card is saved, loaded and powered on again, as a card that was pulled out is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.standard.commands import CHANGE_PIN
from tests.bench.purse import (
    CAPP,
    CASH,
    DEBITS,
    ED,
    ED_BUY,
    ED_LOAD,
    EP,
    EP_BUY,
    EP_LOAD,
    INITS,
    OVERDRAFT,
    UNLOAD,
    Opened,
    Terminal,
    detail,
)
from tests.bench.purse_cards import ALGORITHMS, new_memory

MOST, MOST_LIMIT, LAST = 0xFFFFFFFF, 0xFFFFFF, 0xFFFF
PURSE_KINDS = (EP_LOAD, EP_BUY, CAPP)
LOADS = (ED_LOAD, EP_LOAD)
KEY_OF = dict.fromkeys(DEBITS, "DPK") | {ED_LOAD: "DLK", EP_LOAD: "DLK"}
KEY_OF |= {UNLOAD: "DULK", OVERDRAFT: "DUK"}

kinds = st.sampled_from(tuple(INITS))
amounts = st.one_of(
    st.integers(0, 500), st.sampled_from([0, 1, MOST - 1, MOST]), st.integers(0, MOST)
)
limits = st.one_of(st.integers(0, 500), st.sampled_from([0, MOST_LIMIT]))
times = st.builds(
    "{:04d}{:02d}{:02d}{:02d}{:02d}{:02d}".format,
    st.integers(2023, 2027),
    st.integers(1, 12),
    st.integers(1, 31),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
)


@dataclass
class One:
    """Deposit or purse, in Python's own numbers."""

    balance: int
    limit: int
    online: int
    offline: int

    @property
    def most_unloaded(self) -> int:
        return max(self.balance - self.limit, 0)


@dataclass
class Model:
    """The application as the papers tell it."""

    deposit: One
    purse: One
    proof: tuple[int, int, bytes] | None = None
    log: list[bytes] = field(default_factory=list)
    compound: bytes = bytes(8)
    tries: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("DPK", "DLK", "DULK", "DUK"), 15)
    )

    def of(self, kind: int) -> One:
        return self.purse if kind in PURSE_KINDS else self.deposit

    def number(self, kind: int) -> int:
        one = self.of(kind)
        return one.offline if kind in DEBITS else one.online

    def refuses(self, kind: int, index: int, amount: int) -> int:
        """Status word of INITIALIZE, 0 when it is taken. The PIN is verified."""
        one = self.of(kind)
        if index != 1:
            return 0x9403
        most = one.balance
        if kind in LOADS:
            most = MOST - one.balance
        elif kind == UNLOAD:
            most = one.most_unloaded
        if kind != OVERDRAFT and amount > most:
            return 0x9401
        return 0x9402 if self.number(kind) == LAST else 0

    def made(self, kind: int, amount: int, time: str, proof: bytes, limit: int) -> None:
        """A transaction has been made."""
        one, number = self.of(kind), self.number(kind)
        if kind == OVERDRAFT:
            one.balance += limit - one.limit
            one.limit = limit
        else:
            one.balance += amount if kind in LOADS else -amount
        if kind in DEBITS:
            one.offline += 1
        else:
            one.online += 1
        self.proof = kind, number, proof
        self.tries[KEY_OF[kind]] = 15
        moved = 0 if kind == OVERDRAFT else amount
        self.log.insert(0, detail(kind, number, one.limit, moved, time))
        del self.log[10:]


class PurseMachine(RuleBasedStateMachine):
    """A card, its terminal, and the model."""

    algorithm = ""

    @initialize(
        balances=st.tuples(amounts, amounts),
        limit=limits,
        numbers=st.tuples(*[st.sampled_from([0, 0, 1, 0xFF, LAST - 2])] * 4),
    )
    def issue(
        self, balances: tuple[int, int], limit: int, numbers: tuple[int, int, int, int]
    ) -> None:
        deposit = Purse(balances[0], min(limit, balances[0]), *numbers[:2])
        purse = Purse(balances[1], 0, *numbers[2:])
        self.model = Model(One(*deposit[:4]), One(*purse[:4]))
        self.pin = "123456"
        self.open: Opened | None = None
        self.cached: bytes | None = None
        self.blocked = False
        self.ended = False
        self.insert(Card(new_memory(self.algorithm, deposit=deposit, purse=purse)))

    def insert(self, card: Card) -> None:
        card.power_on()
        self.card = card
        self.terminal = Terminal(card.transmit, self.algorithm)
        self.open = self.cached = None
        if not (self.ended or self.blocked):
            self.terminal.open(self.pin)

    # --- what a terminal does ---------------------------------------------------------------

    @precondition(lambda self: not (self.blocked or self.ended))
    @rule(kind=kinds, amount=amounts, index=st.sampled_from([1, 1, 1, 0, 2]))
    def initialize_transaction(self, kind: int, amount: int, index: int) -> None:
        expected = self.model.refuses(kind, index, amount)
        self.open = self.cached = None
        if expected:
            assert self.terminal.sw(self.terminal.init_command(kind, amount, index)) == expected
            return
        opened = self.terminal.init(kind, amount, index)
        one = self.model.of(kind)
        assert (opened.balance_fen, opened.number) == (one.balance, self.model.number(kind))
        assert opened.limit_fen in (None, one.limit)
        self.open = opened

    @rule(kind=kinds, fraction=st.sampled_from([0, 1, 2, 100]))
    def initialize_affordable(self, kind: int, fraction: int) -> None:
        if self.blocked or self.ended:
            return
        one = self.model.of(kind)
        most = one.most_unloaded if kind == UNLOAD else one.balance
        amount = most // fraction if fraction else 0
        if kind in LOADS:
            amount = min(amount, MOST - one.balance)
        self.initialize_transaction(kind, amount, 1)

    @precondition(lambda self: not (self.blocked or self.ended))
    @rule(data=st.binary(min_size=8, max_size=8))
    def cache(self, data: bytes) -> None:
        command = self.terminal.cache(b"\x01\x08" + data)
        if self.open is None or self.open.type != CAPP:
            self.open = self.cached = None
            assert self.terminal.sw(command) == 0x6985
        else:
            assert self.terminal.sw(command) == 0x9000
            self.cached = data

    @rule(time=times, sequence=st.integers(0, MOST), limit=limits, wrong=st.integers(0, 20))
    def complete(self, time: str, sequence: int, limit: int, wrong: int) -> None:
        if self.blocked or self.ended:
            return
        opened, cached = self.open, self.cached
        self.open = self.cached = None
        if opened is None:
            for alone in ("805401000F" + "00" * 15, "805200000B" + "00" * 11):
                assert self.terminal.sw(alone) == 0x6985
            return
        command, answer = self.terminal.completion(opened, time, sequence=sequence, limit=limit)
        model, kind = self.model, opened.type
        if kind == CAPP and cached is None:
            assert self.terminal.sw(command) == 0x6985
            return
        if wrong < 4:
            self._wrong_mac(command, kind, wrong)
            return
        one = model.of(kind)
        if kind == OVERDRAFT and not 0 <= one.balance - one.limit + limit <= MOST:
            assert self.terminal.sw(command) == 0x9401
            return
        assert self.terminal.ok(command) == answer
        amount = opened.amount_fen
        model.made(kind, amount, time, self.terminal.proof_of(command, kind, answer), limit)
        if kind == CAPP and cached is not None:
            model.compound = cached

    def _wrong_mac(self, command: bytes, kind: int, byte: int) -> None:
        bent = bytearray(command)
        bent[-1 - byte] ^= 0x40
        assert self.terminal.sw(bytes(bent)) == 0x9302
        self.model.tries[KEY_OF[kind]] -= 1
        self.ended = not self.model.tries[KEY_OF[kind]]

    # --- and what comes between -------------------------------------------------------------

    @precondition(lambda self: self.open is not None)
    @rule(what=st.sampled_from(["0084000004", "805C000204", "00B0950000", "00A40200020015"]))
    def something_else_in_between(self, what: str) -> None:
        self.open = self.cached = None
        assert self.terminal.send(what)[1] == 0x9000

    @rule(how=st.sampled_from(["reset", "off", "load"]))
    def power(self, how: str) -> None:
        if how == "reset":
            self.card.reset()
        elif how == "off":
            self.card.power_off()
        card = Card(self.card.image()) if how == "load" else self.card
        self.insert(card)
        if self.blocked:
            assert self.terminal.send(b"\x00\xa4\x04\x00\x05\xa0\x00\x00\x00\x03")[1] == 0x6283

    @precondition(lambda self: not self.ended)
    @rule()
    def block_or_unblock(self) -> None:
        self.open = self.cached = None
        header = "84180000" if self.blocked else "841E0000"
        assert self.terminal.sw(self.terminal.secured(header)) == 0x9000
        self.blocked = not self.blocked
        if not self.blocked:
            assert self.terminal.verify(self.pin) == 0x9000

    @precondition(lambda self: not (self.blocked or self.ended))
    @rule(pin=st.sampled_from(["1234", "135790", "123456789012"]), how=st.integers(0, 2))
    def new_pin(self, pin: str, how: int) -> None:
        self.open = self.cached = None
        if how == 0:
            data = bytes.fromhex(self.pin + "FF" + pin)
            command = CHANGE_PIN.apdu(data=data)
            assert self.terminal.sw(command) == 0x9000
        elif how == 1:
            assert self.terminal.sw(self.terminal.reload_pin_command(pin)) == 0x9000
        else:
            assert self.terminal.unblock_pin(pin) == 0x9000
        self.pin = pin
        assert self.terminal.verify(pin) == 0x9000

    # --- always -----------------------------------------------------------------------------

    @invariant()
    def card_is_as_the_model_says(self) -> None:
        if self.open is not None:
            return  # what comes now would end the transaction
        terminal, model = self.terminal, self.model
        if self.ended:
            assert terminal.sw("00A4040005A000000003") == 0x9303
            return
        if self.blocked:
            assert terminal.sw("805C000204") == 0x6A81
            return
        assert terminal.balance(ED) == model.deposit.balance
        assert terminal.balance(EP) == model.purse.balance
        assert terminal.compound(1) == model.compound
        assert terminal.log() == model.log
        for kind in INITS:
            assert terminal.proof(kind, model.number(kind)) is None
        if model.proof is not None:
            kind, number, proof = model.proof
            assert terminal.proof(kind, number) == proof


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_purse_agrees_with_its_model(algorithm: str) -> None:
    machine = type("Machine", (PurseMachine,), {"algorithm": algorithm})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )


def test_kinds_of_the_model_are_those_of_the_card() -> None:
    assert set(KEY_OF) == set(INITS) == {*LOADS, *DEBITS, UNLOAD, OVERDRAFT}
    assert {CASH, ED_BUY, EP_BUY, CAPP} == set(DEBITS)
