# SPDX-License-Identifier: Apache-2.0
"""A long mixed script of commands that write, run on a card whose medium remembers all of it."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_chip.card import Card
from sscard_chip.memory import Durability, Memory
from sscard_chip.standard.commands import SELECT, UPDATE_RECORD
from sscard_chip.standard.messages.medical import SPECIAL
from tests.bench.account import DF04, LOAD, PURCHASE, SSSE, Terminal
from tests.bench.account_cards import new_memory
from tests.bench.exchange import SUCCESS
from tests.memory.runs import Run

OTHER_PIN = "8866"

DAYS = [f"202406{day}" for day in range(26, 31)] + [f"2024070{day}" for day in range(1, 8)]
"""Of the purchases; the settlement year begins on 1 July."""


@dataclass(frozen=True)
class Transaction:
    """A DEBIT or CREDIT of the script: its type and number, and the answer it had."""

    kind: int
    number: int
    answer: bytes


class MedicalRun(Run):
    """The script's run, with its DEBITs and CREDITs by number of the command."""

    def __init__(self, memory: Memory, durability: Durability) -> None:
        super().__init__(memory, durability)
        self.transactions: dict[int, Transaction] = {}


def run_script(algorithm: str, durability: Durability) -> MedicalRun:
    """Run it once, nothing cut, and check that every command did what it should."""
    memory = new_memory(algorithm, balance_fen=50_000, year="2023", starting_day="0701")
    run = MedicalRun(memory, durability)
    card = Card(run.memory)
    terminal = Terminal(run.watch(card.transmit), algorithm)
    card.power_on()
    _holder(terminal)
    _issuer(terminal)
    card.power_on()
    _medical(terminal, run)
    card.power_on()
    _end(terminal)
    card.close()
    return run


def _holder(t: Terminal) -> None:
    t.select_name(SSSE)
    assert [t.verify("0000"), t.verify("111111")] == [0x63C5, 0x63C4]
    assert t.verify() == SUCCESS
    t.ok("805E010006 123456 FF " + OTHER_PIN)
    assert t.sw("805E010006 123456 FF " + OTHER_PIN) == 0x63C5
    assert t.verify(OTHER_PIN) == SUCCESS


def _issuer(t: Terminal) -> None:
    t.select_name(SSSE)
    assert t.authenticate(0x04, "UKSSSE", wrong=True) == 0x63C2
    assert t.authenticate(0x04, "UKSSSE") == SUCCESS
    t.ok("00DC013414 0812" + b"990000200102030012".hex())
    t.ok("00D6880064" + "5A" * 100)
    t.ok("00D6886364" + "A5" * 100)
    assert t.verify("0000") == 0x63C5
    assert t.authenticate(0x06, "PUK") == SUCCESS
    assert t.maintain("84240001", "STKSSSE", bytes.fromhex("123456")) == SUCCESS
    assert t.verify("0000") == 0x63C5
    assert t.maintain("84240000", "STKSSSE") == SUCCESS


def _medical(t: Terminal, run: MedicalRun) -> None:
    t.open_account()
    assert t.authenticate(0x86, "UK2DF04", 3) == SUCCESS
    for number in range(3):
        t.ok(UPDATE_RECORD.apdu(0x00, 0xAB, SPECIAL.build({"number": number, "category": 0x31})))
    assert t.authenticate(0x8E, "DSK", 2) == SUCCESS
    for position, day in enumerate(DAYS):
        purchase = t.initialize_purchase(1_000 + position, 200, 30)
        record = Transaction(PURCHASE, purchase.number, t.debit(purchase, day + "101112"))
        run.transactions[run.last] = record
        if position == 2:
            t.ok("B056000002 0115")
            t.ok("B056000002 0701")
        if position in (3, 6):
            load = t.initialize_load(70_000 + position)
            record = Transaction(LOAD, load.number, t.credit(load, day + "235959"))
            run.transactions[run.last] = record
        if position == 4:
            command = t.debit_command(t.initialize_purchase(1), day + "120000")
            assert t.sw(command[:-1] + bytes((command[-1] ^ 1,))) == 0x9302
    assert t.authenticate(0x83, "LKDF04") == SUCCESS
    assert t.maintain("841E0001", "STKDF04") == SUCCESS
    assert t.sw(SELECT.apdu(0x04, data=DF04)) == 0x9303


def _end(t: Terminal) -> None:
    t.select_name(SSSE)
    assert t.authenticate(0x05, "BK") == SUCCESS
    assert t.maintain("84160000", "STKSSSE") == SUCCESS
    assert t.sw("0084000008") == 0x6A81
