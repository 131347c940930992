# SPDX-License-Identifier: Apache-2.0
"""The power goes at every write of a day with the transport application: the state before or the
state after, never a third, and the proof says which."""

from __future__ import annotations

import random
from functools import cache

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.memory import Durability
from tests.bench.exchange import SUCCESS
from tests.bench.purse import CAPP, EP_BUY, EP_LOAD, Opened
from tests.bench.purse_cards import ALGORITHMS
from tests.bench.transit_cards import JOURNEY, TransitTerminal, new_memory
from tests.bench.transit_cards import cache as cached
from tests.memory.runs import LASTING, Run, check_every_cut, recover

RICH = Purse(balance_fen=100_000, limit_fen=2_000, online_number=7, offline_number=9)
KINDS = (EP_LOAD, CAPP, EP_BUY, CAPP, CAPP)


class Day(Run):
    """A run of the script below; ``made`` by number of the completing command."""

    def __init__(self, algorithm: str, durability: Durability) -> None:
        memory = new_memory(algorithm, with_bank=True, with_purse=True, purse=RICH)
        super().__init__(memory, durability)
        self.made: dict[int, tuple[Opened, bytes]] = {}
        card = Card(self.memory)
        card.power_on()
        self.terminal = TransitTerminal(self.watch(card.transmit), algorithm)

    def transaction(self, kind: int, amount: int) -> None:
        terminal, mark = self.terminal, len(self.made) + 1
        opened = terminal.init(kind, amount)
        if kind == CAPP:
            terminal.ok(
                cached(JOURNEY[:14] + bytes((mark,)) * 114, 0x01, 0x1A),
                cached(b"\xaa\x29" + bytes((mark,)) * 41, 0xAA, 0x19),
                cached(bytes((mark,)) * 48, 0x00, 0x1E),
            )
        command, answer = terminal.completion(opened)
        assert terminal.ok(command) == answer
        self.made[self.last] = opened, terminal.proof_of(command, kind, answer)


@cache
def run_day(algorithm: str, durability: Durability) -> Day:
    """Loads, entries and exits, wrong MACs, updates of the issuer, the lock and its end."""
    day = Day(algorithm, durability)
    terminal = day.terminal
    terminal.select()
    for number, kind in enumerate(KINDS):
        day.transaction(kind, 100 * (number % 2) + 7)
    bent = terminal.completion(terminal.init(EP_BUY, 1))[0]
    assert terminal.sw(bent[:-1] + bytes((bent[-1] ^ 1,))) == 0x9302
    for header, data in (
        ("04D69500", bytes(range(30))),
        ("04DC01D0", JOURNEY[:6] + b"\x44" * 122),
        ("04DC00F4", b"\x66" * 48),
    ):
        assert terminal.sw(terminal.secured(header, data)) == SUCCESS
    assert terminal.authenticate(wrong=True) == 0x63C2
    assert terminal.authenticate() == SUCCESS
    assert terminal.sw(terminal.secured("841E0000")) == SUCCESS
    assert terminal.sw(terminal.secured("84180000", wrong=True)) == 0x6988
    assert terminal.sw(terminal.secured("84180000")) == SUCCESS
    day.transaction(CAPP, 0)
    assert terminal.sw(terminal.secured("841E0001")) == SUCCESS
    return day


@pytest.mark.parametrize("durability", LASTING)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_cut_leaves_the_state_before_or_after(algorithm: str, durability: Durability) -> None:
    day = run_day(algorithm, durability)
    assert len(day.made) == len(KINDS) + 1
    assert day.writing >= len(KINDS) + 10
    check_every_cut(day)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_doubtful_tap_is_decided_by_its_proof(algorithm: str) -> None:
    """9406: nothing of it is there. A proof: money, log, journey and trip are all there."""
    day = run_day(algorithm, Durability.DISK)
    decided = set()
    for cut in day.medium.cuts(random.Random(5), share=0.5):
        if cut.command not in day.made:
            continue
        opened, expected = day.made[cut.command]
        card = Card(recover(cut.content))
        card.power_on()
        terminal = TransitTerminal(card.transmit, algorithm)
        terminal.select()
        terminal.init(CAPP, 0)
        proof = terminal.proof(opened.type, opened.number)
        before, after = day.states[cut.command : cut.command + 2]
        assert bytes(card._memory.cells) == (before if proof is None else after)
        amount = opened.amount_fen * (1 if opened.type == EP_LOAD else -1)
        made = proof is not None
        assert terminal.balances()[0] == opened.balance_fen + amount * made
        newest = terminal.log()[0]
        assert ((newest[:2], newest[9]) == (opened.number.to_bytes(2), opened.type)) == made
        if opened.type == CAPP:
            mark = sorted(day.made).index(cut.command) + 1
            journey, trip = terminal.ok("00B201D480"), terminal.ok("00B201F430")
            compound = terminal.ok("00B2AAC800")
            assert (journey[14], trip[0], compound[2]) == (mark,) * 3 or not made
            assert mark not in (journey[14], trip[0], compound[2]) or made
        assert proof in (None, expected)
        decided.add((opened.type, made))
    assert decided == {(kind, made) for kind in set(KINDS) for made in (False, True)}
