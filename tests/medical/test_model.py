# SPDX-License-Identifier: Apache-2.0
"""The account against a plain model of it, in any order of loads, purchases, failures, resets,
changes of year and of the starting day (Hypothesis).

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

from sscard_chip.card import Card
from sscard_chip.standard.commands import INITIALIZE_FOR_LOAD, INITIALIZE_FOR_PURCHASE
from sscard_chip.standard.messages import medical as messages
from tests.bench.account import (
    LOAD,
    PURCHASE,
    Load,
    Purchase,
    Terminal,
    detail,
    load_fields,
    purchase_fields,
)
from tests.bench.account_cards import ALGORITHMS, new_memory

MOST = 0xFFFFFFFF
LAST = 0xFFFF

amounts = st.one_of(
    st.integers(0, 500), st.sampled_from([0, 1, MOST - 1, MOST]), st.integers(0, MOST)
)
dates = st.builds(
    "{:04d}{:02d}{:02d}{:02d}{:02d}{:02d}".format,
    st.integers(2023, 2027),
    st.integers(1, 12),
    st.integers(1, 31),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
)
starting_days = st.sampled_from(["0101", "0229", "0301", "0401", "0701", "1231"])
years = st.sampled_from(["0000", "2022", "2023", "2024", "2026"])
indexes = st.sampled_from([1, 1, 2, 3, 0, 4])


@dataclass
class Model:
    """The account as LD/T 32.7 tells it, in Python's own numbers."""

    account_only: bool
    balance: int
    self_paid: int
    pooled: int
    year: int
    starting_day: int
    load_number: int
    purchase_number: int
    proofs: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)

    def _record(self, kind: int, number: int, time: str, sums: tuple[int, int, int]) -> None:
        record = detail(kind, number, time, *sums)
        self.log.insert(0, record[:20] if self.account_only else record)
        del self.log[30:]

    def refuses_purchase(self, index: int, account: int) -> int:
        """Status word of INITIALIZE FOR PURCHASE, 0 when it is taken."""
        if index not in (1, 2, 3):
            return 0x9403
        if account > self.balance:
            return 0x9401
        return 0x9402 if self.purchase_number == LAST else 0

    def refuses_load(self, index: int, amount: int) -> int:
        """Status word of INITIALIZE FOR LOAD, 0 when it is taken."""
        if index not in (1, 2, 3):
            return 0x9403
        if self.load_number == LAST:
            return 0x9402
        return 0x9401 if self.balance + amount > MOST else 0

    def totals_after(self, date: int, self_paid: int, pooled: int) -> tuple[int, int, int]:
        """Totals and settlement year after a purchase on ``date``."""
        if date - (self.year * 10000 + self.starting_day) < 10000:
            return self.self_paid + self_paid, self.pooled + pooled, self.year
        actual, mmdd = divmod(date, 10000)
        return self_paid, pooled, actual if mmdd >= self.starting_day else actual - 1

    def purchase(self, sums: tuple[int, int, int], time: str, proof: bytes) -> bool:
        """Make a purchase; False when a total does not fit."""
        account, self_paid, pooled = sums
        if not self.account_only:
            totals = self.totals_after(int(time[:8]), self_paid, pooled)
            if max(totals) > MOST:
                return False
            self.self_paid, self.pooled, self.year = totals
        self.balance -= account
        self._record(PURCHASE, self.purchase_number, time, sums)
        self.proofs[PURCHASE] = self.purchase_number, proof
        self.purchase_number += 1
        return True

    def load(self, amount: int, time: str, proof: bytes) -> None:
        self.balance += amount
        self._record(LOAD, self.load_number, time, (amount, 0, 0))
        self.proofs[LOAD] = self.load_number, proof
        self.load_number += 1


class AccountMachine(RuleBasedStateMachine):
    """A card, its terminal, and the model."""

    algorithm = ""
    account_only = False

    @initialize(
        balance=amounts,
        totals=st.tuples(amounts, amounts),
        year=years,
        day=starting_days,
        numbers=st.tuples(*[st.sampled_from([0, 0, 1, 0xFF, LAST - 2])] * 2),
    )
    def issue(
        self,
        balance: int,
        totals: tuple[int, int],
        year: str,
        day: str,
        numbers: tuple[int, int],
    ) -> None:
        memory = new_memory(
            self.algorithm,
            account_only=self.account_only,
            balance_fen=balance,
            self_paid_total_fen=totals[0],
            pooled_total_fen=totals[1],
            year=year,
            starting_day=day,
            load_counter=numbers[0],
            purchase_counter=numbers[1],
        )
        self.model = Model(
            self.account_only, balance, *totals, int(year), int(day), numbers[0], numbers[1]
        )
        self.open: Purchase | Load | None = None
        self.index = 0
        self.insert(Card(memory))

    def insert(self, card: Card) -> None:
        card.power_on()
        self.card = card
        self.terminal = Terminal(card.transmit, self.algorithm)
        self.terminal.open_account()
        self.open = None

    # --- what a terminal does ---------------------------------------------------------------

    @rule(index=indexes, account=amounts, self_paid=amounts, pooled=amounts)
    def initialize_purchase(self, index: int, account: int, self_paid: int, pooled: int) -> None:
        asked = purchase_fields(account, self_paid, pooled, index)
        command = INITIALIZE_FOR_PURCHASE.apdu(data=messages.PURCHASE.build(asked))
        expected = self.model.refuses_purchase(index, account)
        self.open = None
        if expected:
            assert self.terminal.sw(command) == expected
            return
        purchase = self.terminal.initialize_purchase(account, self_paid, pooled, index=index)
        assert purchase.version == index
        assert purchase.number == self.model.purchase_number
        assert purchase.balance_fen == self.model.balance
        if not self.account_only:
            assert int(purchase.year) == self.model.year
        self.open = purchase

    @rule(fraction=st.sampled_from([0, 1, 2, 100]), self_paid=st.integers(0, 99_999))
    def initialize_affordable_purchase(self, fraction: int, self_paid: int) -> None:
        amount = self.model.balance // fraction if fraction else 0
        self.initialize_purchase(1, amount, self_paid, self_paid // 2)

    @rule(index=indexes, amount=amounts)
    def initialize_load(self, index: int, amount: int) -> None:
        command = INITIALIZE_FOR_LOAD.apdu(data=messages.LOAD.build(load_fields(amount, index)))
        expected = self.model.refuses_load(index, amount)
        self.open = None
        if expected:
            assert self.terminal.sw(command) == expected
            return
        load = self.terminal.initialize_load(amount, index=index)
        assert (load.version, load.number) == (index, self.model.load_number)
        assert load.balance_fen == self.model.balance
        self.open = load

    @rule(time=dates, sequence=st.integers(0, MOST))
    def debit(self, time: str, sequence: int) -> None:
        purchase, self.open = self.open, None
        if not isinstance(purchase, Purchase):
            assert self.terminal.sw("B02C01000F" + "00" * 15) == 0x6901
            return
        command = self.terminal.debit_command(purchase, time, sequence)
        answer = self.terminal.debit_answer(purchase, time, sequence)
        if self.model.purchase(purchase.sums, time, answer[4:] + answer[:4]):
            assert self.terminal.ok(command) == answer
        else:
            assert self.terminal.sw(command) == 0x9401

    @rule(time=dates)
    def credit(self, time: str) -> None:
        load, self.open = self.open, None
        if not isinstance(load, Load):
            assert self.terminal.sw("B02A00000B" + "00" * 11) == 0x6901
            return
        command = self.terminal.credit_command(load, time)
        answer = self.terminal.credit_answer(load, time)
        assert self.terminal.ok(command) == answer
        self.model.load(load.amount_fen, time, command[-4:] + answer)

    # --- and what goes wrong ----------------------------------------------------------------

    @precondition(lambda self: self.open is not None)
    @rule(time=dates, bit=st.integers(0, 31))
    def wrong_mac(self, time: str, bit: int) -> None:
        transaction, self.open = self.open, None
        if isinstance(transaction, Purchase):
            command = bytearray(self.terminal.debit_command(transaction, time))
        else:
            assert transaction is not None
            command = bytearray(self.terminal.credit_command(transaction, time))
        command[-1 - bit // 8] ^= 1 << bit % 8
        assert self.terminal.sw(bytes(command)) == 0x9302

    @precondition(lambda self: self.open is not None)
    @rule()
    def something_else_in_between(self) -> None:
        assert self.terminal.sw("0084000008") == 0x9000
        self.open = None

    @rule(how=st.sampled_from(["reset", "off", "load"]))
    def power(self, how: str) -> None:
        if how == "reset":
            self.card.reset()
        elif how == "off":
            self.card.power_off()
        self.insert(Card(self.card.image()) if how == "load" else self.card)

    @rule(day=starting_days)
    def change_starting_day(self, day: str) -> None:
        self.open = None
        assert self.terminal.authenticate(0x8E, "DSK") == 0x9000
        assert self.terminal.sw(f"B056000002 {day}") == 0x9000
        self.model.starting_day = int(day)
        shown = "0000" if self.account_only else day
        assert self.terminal.ok("B056010002").hex() == shown

    # --- always -----------------------------------------------------------------------------

    @invariant()
    def account_is_as_the_model_says(self) -> None:
        terminal, model = self.terminal, self.model
        assert terminal.balance() == model.balance
        if self.account_only:
            assert terminal.total(2) == terminal.total(3) == (0, "0000")
        else:
            year = f"{model.year:04d}"
            assert terminal.total(2) == (model.self_paid, year)
            assert terminal.total(3) == (model.pooled, year)
        for kind, (number, proof) in model.proofs.items():
            assert terminal.proof(kind, number) == proof
        if self.open is not None:
            return  # what comes now would end the transaction
        assert terminal.log() == model.log
        for kind, number in ((LOAD, model.load_number), (PURCHASE, model.purchase_number)):
            assert terminal.proof(kind, number) is None


@pytest.mark.parametrize("account_only", [False, True], ids=["28 bytes", "20 bytes"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_account_agrees_with_its_model(algorithm: str, account_only: bool) -> None:
    """Both suites, with records of 28 and of 20 bytes in EF08."""
    machine = type(
        "Machine", (AccountMachine,), {"algorithm": algorithm, "account_only": account_only}
    )
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )
