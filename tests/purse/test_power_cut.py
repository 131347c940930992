# SPDX-License-Identifier: Apache-2.0
"""The power goes at every write of a day with deposit and purse: the state before or the state
after, and the proof says which.

The same harness as for the medical account.
"""

from __future__ import annotations

import errno
import os
import random
from dataclasses import dataclass
from functools import cache

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.memory import Durability, create_image
from sscard_chip.memory.image import open_medium
from sscard_chip.standard.commands import GET_TRANSACTION_PROVE
from tests.bench.exchange import SUCCESS
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
    TIME,
    UNLOAD,
    Opened,
    Terminal,
)
from tests.bench.purse_cards import ALGORITHMS, new_memory
from tests.memory.medium import FailingMedium, RamMedium
from tests.memory.runs import JOURNAL_SIZE, LASTING, Run, check_every_cut, recover

RICH = Purse(balance_fen=100_000, limit_fen=10_000, online_number=7, offline_number=9)
LIMIT = 12_000
AMOUNT = 1_234


@dataclass(frozen=True)
class Made:
    """A completed transaction: what was opened, the command that completed it, its answer."""

    opened: Opened
    command: bytes
    answer: bytes


class Day(Run):
    """A run of the script below; ``made`` by number of the completing command."""

    def __init__(self, algorithm: str, durability: Durability) -> None:
        memory = new_memory(algorithm, deposit=RICH, purse=RICH._replace(limit_fen=0))
        super().__init__(memory, durability)
        self.algorithm = algorithm
        self.made: dict[int, Made] = {}
        card = Card(self.memory)
        card.power_on()
        self.terminal = Terminal(self.watch(card.transmit), algorithm)

    def transaction(self, kind: int) -> None:
        terminal = self.terminal
        opened = terminal.init(kind, AMOUNT)
        if kind == CAPP:
            for tag, length in ((0x01, 8), (0xAA, 0x29)):
                value = bytes((len(self.made) + 1,)) * length
                terminal.ok(terminal.cache(bytes((tag, length)) + value))
        command, answer = terminal.completion(opened, limit=LIMIT)
        assert terminal.ok(command) == answer
        self.made[self.last] = Made(opened, command, answer)


@cache
def run_day(algorithm: str, durability: Durability) -> Day:
    """Every transaction twice, wrong tries, PINs, updates, blocks; at last a block for good."""
    day = Day(algorithm, durability)
    terminal = day.terminal
    terminal.select()
    assert [terminal.verify("0000"), terminal.verify("1111")] == [0x63C2, 0x63C1]
    assert terminal.verify() == SUCCESS
    for kind in INITS:
        day.transaction(kind)
    bent = terminal.completion(terminal.init(EP_BUY, 1))[0]
    assert terminal.sw(bent[:-1] + bytes((bent[-1] ^ 1,))) == 0x9302
    assert terminal.unblock_pin("135790") == SUCCESS
    assert terminal.sw(terminal.reload_pin_command("123456")) == SUCCESS
    assert terminal.verify() == SUCCESS
    assert terminal.authenticate(wrong=True) == 0x63C2
    assert terminal.authenticate() == SUCCESS
    assert terminal.sw(terminal.secured("04D69500", bytes(range(30)))) == SUCCESS
    assert terminal.sw(terminal.secured("04DCAAC8", b"\xaa\x29" + b"\x77" * 41)) == SUCCESS
    assert terminal.sw(terminal.secured("841E0000")) == SUCCESS
    assert terminal.sw(terminal.secured("84180000", wrong=True)) == 0x6988
    assert terminal.sw(terminal.secured("84180000")) == SUCCESS
    for kind in reversed(INITS):
        day.transaction(kind)
    assert terminal.sw(terminal.secured("841E0001")) == SUCCESS
    return day


@pytest.mark.parametrize("durability", LASTING)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_cut_leaves_the_state_before_or_after(algorithm: str, durability: Durability) -> None:
    day = run_day(algorithm, durability)
    assert day.writing >= 30
    assert len(day.made) == 2 * len(INITS)
    check_every_cut(day)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_doubtful_transaction_is_decided_by_its_proof(algorithm: str) -> None:
    """9406: nothing has changed. A proof: it is that of the answer, and everything shows it."""
    day = run_day(algorithm, Durability.DISK)
    decided = set()
    for cut in day.medium.cuts(random.Random(3), share=0.5):
        made = day.made.get(cut.command)
        if made is None:
            continue
        card = Card(recover(cut.content))
        card.power_on()
        terminal = Terminal(card.transmit, algorithm)
        terminal.open()
        kind, number = made.opened.type, made.opened.number
        proof = terminal.proof(kind, number)
        before, after = day.states[cut.command : cut.command + 2]
        assert bytes(card._memory.cells) == (before if proof is None else after)
        purse = EP if kind in (EP_LOAD, EP_BUY, CAPP) else ED
        assert terminal.balance(purse) == made.opened.balance_fen + (
            _change(made.opened) if proof else 0
        )
        records = terminal.log()
        newest = (records[0][:2], records[0][9]) if records else None
        assert (newest == (number.to_bytes(2), kind)) == (proof is not None)
        if proof is not None:
            assert proof == terminal.proof_of(made.command, kind, made.answer)
            if kind == CAPP:
                assert terminal.compound(1)[0] == terminal.compound(0xAA)[0] != 0
        decided.add((kind, proof is None))
        # The card goes on with the next number.
        assert terminal.do(kind, 1, limit=LIMIT).number == number + (proof is not None)
    assert decided == {(kind, there) for kind in INITS for there in (False, True)}


def _change(opened: Opened) -> int:
    """What a transaction of the script does to its balance."""
    if opened.type == OVERDRAFT:
        return LIMIT - (opened.limit_fen or 0)
    return AMOUNT if opened.type in (ED_LOAD, EP_LOAD) else -AMOUNT


def test_kinds_of_the_script() -> None:
    assert set(INITS) == {ED_LOAD, EP_LOAD, UNLOAD, OVERDRAFT, *DEBITS}
    assert {CASH, ED_BUY, EP_BUY, CAPP} == set(DEBITS)


# A transaction is a write and a sync; sooner or later the journal is full: four more before it.
@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("good", range(14))
@pytest.mark.parametrize("kind", [EP_BUY, ED_LOAD])
def test_failing_medium_answers_6581_and_changes_nothing(
    kind: int, good: int, partial: bool
) -> None:
    image = create_image(new_memory(deposit=RICH, purse=RICH), journal_size=JOURNAL_SIZE)
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    medium = FailingMedium(image, good, error, partial=partial)
    memory = open_medium(medium, Durability.DISK)
    terminal = _opened(Card(memory))
    first = RICH.offline_number if kind in DEBITS else RICH.online_number
    done = 0
    while True:
        before = bytes(memory.cells)
        sw = terminal.sw(terminal.completion(terminal.init(kind, 1), TIME)[0])
        if sw != SUCCESS:
            break
        done += 1
    assert sw == 0x6581
    assert bytes(memory.cells) == before
    number = first + done
    # Whether it was made is not known before the card is opened again, and no MAC can be counted.
    assert terminal.sw(GET_TRANSACTION_PROVE.apdu(p2=kind, data=number.to_bytes(2))) == 0x6581
    assert terminal.sw(terminal.completion(terminal.init(kind, 1))[0]) == 0x6581
    assert terminal.sw("0020000003111111") == 0x6581
    assert terminal.balance(EP if kind == EP_BUY else ED) == int.from_bytes(
        terminal.ok(terminal.init_command(kind, 1))[:4]
    )
    again = _opened(Card(open_medium(RamMedium(medium.read()), Durability.DISK)))
    arrived = again.proof(kind, number) is not None
    assert again.do(kind, 1).number == number + arrived
    assert len(again.log()) == min(done + arrived + 1, 10)


def _opened(card: Card) -> Terminal:
    card.power_on()
    terminal = Terminal(card.transmit, "3des")
    terminal.open("")
    # The tries are full, so the right PIN writes nothing.
    assert terminal.verify() == SUCCESS
    return terminal
