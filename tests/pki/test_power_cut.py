# SPDX-License-Identifier: Apache-2.0
"""The power goes at every write of an issue: the state before or the state after, never a third."""

from __future__ import annotations

from functools import cache

import pytest

from sscard_chip.card import Card
from sscard_chip.memory import Durability
from tests.bench.exchange import SUCCESS
from tests.bench.pki_cards import (
    ADMIN,
    MASTER,
    SELECT_CERT,
    SELECT_PKI,
    USER,
    PkiTerminal,
    new_memory,
    pair,
    sm3,
    verifies,
)
from tests.memory.runs import LASTING, Run, check_every_cut

NEW_ADMIN, NEW_USER, NEW_MASTER = bytes.fromhex("87654321"), bytes.fromhex("135790"), bytes(16)


class Day(Run):
    """A run of the script below."""

    def __init__(self, durability: Durability) -> None:
        super().__init__(new_memory(with_all=True), durability)
        card = Card(self.memory)
        card.power_on()
        self.terminal = PkiTerminal(self.watch(card.transmit))


@cache
def run_day(durability: Durability) -> Day:
    """Wrong tries, two key pairs each, certificates, PINs and master keys."""
    day = Day(durability)
    terminal = day.terminal
    terminal.enter()
    assert terminal.login(b"\x11\x11") == 0x63C5
    terminal.ready()
    for _ in range(2):
        terminal.generate()
        assert terminal.import_pair(*pair()) == SUCCESS
    for fid in (0x18, 0x19):
        terminal.update(fid, bytes(range(256)) * 2 + bytes((fid,)) * 120)
    assert terminal.sw(terminal.new_pin(NEW_ADMIN, b"\x44\x44")) == 0x63C5
    assert terminal.sw(terminal.new_pin(ADMIN, NEW_ADMIN)) == SUCCESS
    assert terminal.sw(terminal.new_pin(USER, NEW_USER, 0x81)) == SUCCESS
    for select in (SELECT_CERT, SELECT_PKI):
        terminal.ok(select)
        assert terminal.master(NEW_MASTER) == 0x63C2
        assert terminal.master() == SUCCESS
        assert terminal.sw(terminal.new_master(MASTER, NEW_MASTER)) == SUCCESS
    return day


@pytest.mark.parametrize("durability", LASTING)
def test_every_cut_leaves_the_state_before_or_after(durability: Durability) -> None:
    day = run_day(durability)
    assert day.writing >= 22
    check_every_cut(day)


def test_a_key_that_is_there_after_a_cut_is_a_pair() -> None:
    """Whatever the cut, a private key is never beside another's public key."""
    day = run_day(Durability.DISK)
    seen = set()
    for state in set(day.states):
        memory = new_memory(with_all=True)
        memory.cells[:] = state
        card = Card(memory)
        card.power_on()
        terminal = PkiTerminal(card.transmit)
        terminal.enter()
        if SUCCESS not in (terminal.login(), terminal.login(NEW_USER)):
            continue
        answer = terminal.send(bytes.fromhex("002A9E9A20") + sm3(b""))
        if answer.sw == SUCCESS:
            public = terminal.public()
            assert verifies(public, sm3(b""), answer.body)
            seen.add(public)
    assert len(seen) == 2
