# SPDX-License-Identifier: Apache-2.0
"""The power goes at every write of a day of payments: the state before or the state after.

The same harness as for the medical account. What electronic cash has paid is in the balance, in
the log and under the ATC, or in none of them.
"""

from __future__ import annotations

import random
from functools import cache

import pytest

from sscard_chip.card import Card
from sscard_chip.filesystem.layout import STATE_AT, LifeCycle
from sscard_chip.memory import Durability, Memory, create_image
from sscard_chip.memory.image import open_medium
from sscard_chip.profile.bank.model import CDOL2
from tests.bank.test_activation import activation
from tests.bank.test_cash import initiate_cash
from tests.bench.bank import ARQC, CASH, CONTENTS, TC, BankBench, amount
from tests.bench.issued import SELECT_SSSE
from tests.memory.medium import FailingMedium
from tests.memory.runs import JOURNAL_SIZE, LASTING, Run, check_every_cut, recover

SUITES = ("3des", "sm4")


class Day(Run):
    """A run of payments, with the bench that pays."""

    def __init__(self, memory: Memory, durability: Durability, bench: BankBench) -> None:
        super().__init__(memory, durability)
        self.bench = BankBench(bench.contents, memory=self.memory)
        self.bench.transmit = self.watch(self.bench.card.transmit)


@cache
def run_day(suite: str, durability: Durability) -> Day:
    """A day of payments, loads and failures, nothing cut."""
    issued = BankBench(CONTENTS, suite=suite, cash=CASH)
    day = Day(issued.memory, durability, issued)
    bench = day.bench
    _payments(bench)
    _issuer(bench)
    _payments(bench)
    assert bench.script("84160000") == 0x6985  # a contactless payment takes no script
    bench.select(b"1PAY.SYS.DDF01")
    bench.complete()
    assert bench.script("84160000") == 0x9000
    return day


@cache
def run_contact_day(suite: str, durability: Durability) -> Day:
    """Electronic cash with contacts, the issuer reached and not; to sleep and awake again."""
    issued = BankBench(CONTENTS, suite=suite, cash=CASH, pdol=True)
    day = Day(issued.memory, durability, issued)
    bench = day.bench
    for fen in (1, 999, 2_000, 1_500):
        initiate_cash(bench)
        assert bench.generate(TC, t9F02=amount(fen)).kind == TC
        initiate_cash(bench)
        assert bench.generate(ARQC, t9F02=amount(fen)).kind == ARQC
        assert bench.generate(TC, dol=CDOL2, t9F02=amount(fen), t8A=b"Y3").kind == TC
        initiate_cash(bench, indicator=0)
        bench.generate(ARQC)
        assert bench.sw(bench.answer_command()) == 0x9000
        bench.generate(TC, dol=CDOL2)
        assert bench.script("84040000") == 0x9000
        bench.ok(SELECT_SSSE)
        assert bench.sw(activation(bench)) == 0x9000
    return day


def _payments(bench: BankBench) -> None:
    for fen in (1, 999, 2_000, 1_500, 10):
        bench.contactless(t9F02=amount(fen))
    bench.contactless(t9F66=bytes.fromhex("26800000"))


def _issuer(bench: BankBench) -> None:
    bench.select(b"1PAY.SYS.DDF01")
    bench.to_online()
    assert bench.sw(bench.answer_command(wrong=True)) == 0x6300
    bench.generate(TC, dol=CDOL2)
    assert [bench.verify("0000"), bench.verify("1111"), bench.verify()] == [0x63C2, 0x63C1, 0x9000]
    bench.complete()
    assert bench.script("04DA9F79", amount(80_000)) == 0x9000
    assert bench.script("04DA9F78", amount(9_000)) == 0x9000
    assert bench.script("04DA9F79", amount(1), wrong=True) == 0x6988
    assert bench.script("04DC011C", bytes.fromhex("70045F340107")) == 0x9000
    assert bench.script("841E0000") == 0x9000
    assert bench.script("84180000") == 0x9000


@pytest.mark.parametrize("durability", LASTING)
@pytest.mark.parametrize("suite", SUITES)
def test_every_cut_leaves_the_state_before_or_after(suite: str, durability: Durability) -> None:
    day = run_day(suite, durability)
    assert day.writing >= 25
    check_every_cut(day)


@pytest.mark.parametrize("durability", LASTING)
def test_every_cut_of_a_day_with_contacts(durability: Durability) -> None:
    day = run_contact_day("3des", durability)
    assert day.writing >= 30
    check_every_cut(day)


def test_money_with_contacts_is_in_balance_and_log_or_in_neither() -> None:
    """The balance falls by what stands in the log under the ATC; what the account pays is in the
    log alone."""
    day = run_contact_day("3des", Durability.DISK)
    seen = set()
    for cut in day.medium.cuts(random.Random(4), share=0.3):
        if day.commands[cut.command][1] != 0xAE:
            continue
        before = BankBench(day.bench.contents, memory=Memory(bytearray(day.states[cut.command])))
        now = BankBench(day.bench.contents, memory=recover(cut.content))
        paid = before.counters.balance_fen - now.counters.balance_fen
        before.select()
        now.select()
        log = now.log()
        assert (paid > 0) <= (log != before.log())
        if paid:
            assert int(log[0][6:12].hex()) == paid
            assert int.from_bytes(log[0][-2:]) == now.counters.atc == before.counters.atc
        balance = now.counters.balance_fen
        initiate_cash(now)
        assert now.generate(TC, t9F02=amount(1)).kind == TC
        assert now.counters.balance_fen == balance - 1
        seen.add(paid)
    assert seen == {0, 1, 999, 1_500, 2_000}


@pytest.mark.parametrize("suite", SUITES)
def test_money_is_in_balance_and_log_or_in_neither(suite: str) -> None:
    """Balance and log together are the same after every cut, and the card goes on."""
    day = run_day(suite, Durability.DISK)
    rng = random.Random(2)
    seen = 0
    for cut in day.medium.cuts(rng, share=0.3):
        memory = recover(cut.content)
        if memory.cells[STATE_AT] == LifeCycle.BLOCKED:
            continue
        if day.commands[cut.command][1] != 0xA8:
            continue
        before = BankBench(day.bench.contents, memory=Memory(bytearray(day.states[cut.command])))
        now = BankBench(day.bench.contents, memory=memory)
        paid = before.counters.balance_fen - now.counters.balance_fen
        now.select()
        before.select()
        new = now.log()[0] if now.log() != before.log() else None
        assert paid == (int(new[6:12].hex()) if new else 0)
        if new:
            assert int.from_bytes(new[-2:]) == now.counters.atc == before.counters.atc + 1
        balance = now.counters.balance_fen
        found = now.contactless(t9F02=amount(1))
        assert int(found[0x9F5D].hex()) == balance - 1
        seen += 1
    assert seen > 50


@pytest.mark.parametrize("good", range(6))
def test_a_medium_that_fails(good: int) -> None:
    """6581, nothing paid, no transaction open; the card shows what the medium has."""
    bench = BankBench(cash=CASH)
    image = create_image(bench.memory, journal_size=JOURNAL_SIZE)
    medium = FailingMedium(image, good, OSError("gone"))
    memory = open_medium(medium, Durability.DISK)
    bench = BankBench(bench.contents, memory=memory)
    balance = bench.counters.balance_fen
    for _ in range(4):
        bench.select(b"2PAY.SYS.DDF01")
        bench.select()
        answer = bench.send(bench.contactless_command(t9F02=amount(100)))
        if answer.sw != 0x9000:
            break
        balance -= 100
    assert answer == (b"", 0x6581)
    assert bench.counters.balance_fen == balance
    session = bench.card._session
    assert session is not None
    assert session.transaction is None
    card = Card(recover(bytes(medium.content)))
    card.power_on()
