# SPDX-License-Identifier: Apache-2.0
"""A long mixed script of commands that write, run on a card whose medium remembers all of it."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_chip.card import Card
from sscard_chip.memory import Durability, create_image
from sscard_chip.memory.image import open_medium
from tests.medical.cards import new_memory
from tests.medical.terminal import DF04, LOAD, PURCHASE, SSSE, SUCCESS, Terminal
from tests.memory.medium import RecordingMedium

JOURNAL_SIZE = 800
"""So small that every few commands the journal is full and the cells go into a slot."""

OTHER_PIN = "8866"

DAYS = [f"202406{day}" for day in range(26, 31)] + [f"2024070{day}" for day in range(1, 8)]
"""Of the purchases; the settlement year begins on 1 July."""


@dataclass(frozen=True)
class Transaction:
    """A DEBIT or CREDIT of the script: its type and number, and the answer it had."""

    kind: int
    number: int
    answer: bytes


@dataclass(repr=False)
class Run:
    """What happened: command n took the memory from ``states[n]`` to ``states[n + 1]``."""

    algorithm: str
    medium: RecordingMedium
    states: list[bytes]
    commands: list[bytes]
    transactions: dict[int, Transaction]


def run_script(algorithm: str, durability: Durability) -> Run:
    """Run it once, nothing cut, and check that every command did what it should."""
    memory = new_memory(algorithm, balance_fen=50_000, year="2023", starting_day="0701")
    image = create_image(memory, journal_size=JOURNAL_SIZE)
    medium = RecordingMedium(image, volatile=durability is Durability.DISK)
    opened = open_medium(medium, durability)
    card = Card(opened)
    run = Run(algorithm, medium, [bytes(opened.cells)], [], {})

    def transmit(apdu: bytes) -> bytes:
        medium.command = len(run.commands)
        answer = card.transmit(apdu)
        run.commands.append(apdu)
        run.states.append(bytes(opened.cells))
        return answer

    terminal = Terminal(transmit, algorithm)
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
    t.select(SSSE)
    assert [t.verify("0000"), t.verify("111111")] == [0x63C5, 0x63C4]
    assert t.verify() == SUCCESS
    t.send("805E010006 123456 FF " + OTHER_PIN)
    assert t.sw("805E010006 123456 FF " + OTHER_PIN) == 0x63C5
    assert t.verify(OTHER_PIN) == SUCCESS


def _issuer(t: Terminal) -> None:
    t.select(SSSE)
    assert t.authenticate(0x04, "UKSSSE", wrong=True) == 0x63C2
    assert t.authenticate(0x04, "UKSSSE") == SUCCESS
    t.send("00DC013414 0812" + b"990000200102030012".hex())
    t.send("00D6880064" + "5A" * 100)
    t.send("00D6886364" + "A5" * 100)
    assert t.verify("0000") == 0x63C5
    assert t.authenticate(0x06, "PUK") == SUCCESS
    assert t.maintain("84240001", "STKSSSE", bytes.fromhex("123456")) == SUCCESS
    assert t.verify("0000") == 0x63C5
    assert t.maintain("84240000", "STKSSSE") == SUCCESS


def _medical(t: Terminal, run: Run) -> None:
    t.open_account()
    assert t.authenticate(0x86, "UK2DF04", 3) == SUCCESS
    for number in range(3):
        t.send(f"00DC00AB03 00{number:02X}31")
    assert t.authenticate(0x8E, "DSK", 2) == SUCCESS
    for position, day in enumerate(DAYS):
        purchase = t.initialize_purchase(1_000 + position, 200, 30)
        record = Transaction(PURCHASE, purchase.number, t.debit(purchase, day + "101112"))
        run.transactions[len(run.commands) - 1] = record
        if position == 2:
            t.send("B056000002 0115")
            t.send("B056000002 0701")
        if position in (3, 6):
            load = t.initialize_load(70_000 + position)
            record = Transaction(LOAD, load.number, t.credit(load, day + "235959"))
            run.transactions[len(run.commands) - 1] = record
        if position == 4:
            command = t.debit_command(t.initialize_purchase(1), day + "120000")
            assert t.sw(command[:-1] + bytes((command[-1] ^ 1,))) == 0x9302
    assert t.authenticate(0x83, "LKDF04") == SUCCESS
    assert t.maintain("841E0001", "STKDF04") == SUCCESS
    assert t.sw(b"\x00\xa4\x04\x00\x06" + DF04) == 0x9303


def _end(t: Terminal) -> None:
    t.select(SSSE)
    assert t.authenticate(0x05, "BK") == SUCCESS
    assert t.maintain("84160000", "STKSSSE") == SUCCESS
    assert t.sw("0084000008") == 0x6A81
