# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` on ``sscard serve`` in the middle of thousands of debits over the reader protocol.

The test is the reader and the terminal. After every restart what left the account is what was
answered, the last debit being decided by GET TRANSACTION PROOF.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from sscard_chip.memory import create_image
from tests.bench.account import PURCHASE, Purchase, Terminal, detail
from tests.bench.account_cards import new_memory
from tests.reader.fake_vpcd import POWER_ON, FakeVpcd
from tests.reader.serving import kill_when_due, serving

DEBITS = 2_000
KILLS = 21
BALANCE = 0x40000000
TIME = "20240315101112"
JOURNAL_SIZE = 4_096  # small, so that kills meet compactions too


@dataclass
class Ledger:
    """What the terminal knows: debits that the card has answered, and one in doubt."""

    made: list[tuple[int, int, int]] = field(default_factory=list)
    doubtful: Purchase | None = None
    kills: int = 0
    proven: int = 0
    undone: int = 0


class Reader:
    """Speaks to the card as a T=0 reader does: GET RESPONSE after 61xx, again after 6Cxx."""

    def __init__(self, vpcd: FakeVpcd, ledger: Ledger) -> None:
        self._vpcd = vpcd
        self._ledger = ledger

    def transmit(self, apdu: bytes) -> bytes:
        answer = self._vpcd.ask(apdu)
        if answer[-2] == 0x6C:
            answer = self._vpcd.ask(apdu[:-1] + answer[-1:])
        if answer[-2] == 0x61:
            if apdu[:2] == b"\xb0\x2c":
                _settle(self._ledger, made=True)  # 61xx tells that it is done
            answer = self._vpcd.ask(b"\x00\xc0\x00\x00" + answer[-1:])
        return answer


def _settle(ledger: Ledger, *, made: bool) -> None:
    purchase, ledger.doubtful = ledger.doubtful, None
    if made and purchase is not None:
        ledger.made.append(purchase.sums)


def _check(terminal: Terminal, ledger: Ledger) -> None:
    """The account against the ledger; a debit in doubt is decided first."""
    terminal.open_account()
    doubtful = ledger.doubtful
    if doubtful is not None:
        proof = terminal.proof(PURCHASE, doubtful.number)
        if proof is not None:
            answer = terminal.debit_answer(doubtful, TIME)
            assert proof == answer[4:] + answer[:4]
        ledger.proven += proof is not None
        ledger.undone += proof is None
        _settle(ledger, made=proof is not None)
    spent, self_paid, pooled = (
        (sum(amounts) for amounts in zip(*ledger.made, strict=True)) if ledger.made else (0, 0, 0)
    )
    assert terminal.balance() == BALANCE - spent
    assert terminal.total(2)[0] == self_paid
    assert terminal.total(3)[0] == pooled
    assert terminal.initialize_purchase(0).number == len(ledger.made)
    newest = list(enumerate(ledger.made))[:-31:-1]
    assert terminal.log() == [
        detail(PURCHASE, number, TIME, *amounts) for number, amounts in newest
    ]


def _debit_until_dead(
    terminal: Terminal, ledger: Ledger, rng: random.Random, due: threading.Event, count: int
) -> None:
    done = 0
    try:
        while True:
            purchase = terminal.initialize_purchase(
                rng.randrange(1, 1_000), rng.randrange(500), rng.randrange(500)
            )
            command = terminal.debit_command(purchase, TIME)
            ledger.doubtful = purchase
            answer = terminal.ok(command)
            assert answer == terminal.debit_answer(purchase, TIME)
            if ledger.doubtful is not None:  # answered without 61xx
                _settle(ledger, made=True)
            done += 1
            if done == count:
                due.set()
    except (EOFError, ConnectionError):
        ledger.kills += 1


def test_no_acknowledged_debit_is_lost_by_kill_9(tmp_path: Path) -> None:
    rng = random.Random()  # another moment in every run
    path = tmp_path / "card.ssc"
    memory = new_memory("sm4", balance_fen=BALANCE, year="2024")
    path.write_bytes(create_image(memory, journal_size=JOURNAL_SIZE))
    ledger = Ledger()
    with FakeVpcd() as vpcd:
        while (
            ledger.kills < KILLS or len(ledger.made) < DEBITS or not ledger.proven + ledger.undone
        ):
            interface = ("contact", "contactless")[ledger.kills % 2]
            durability = "disk" if ledger.kills % 4 == 3 else "os"
            options = ("--interface", interface, "--durability", durability)
            with serving(path, vpcd, *options) as process:
                vpcd.control(POWER_ON)
                terminal = Terminal(Reader(vpcd, ledger).transmit, "sm4")
                _check(terminal, ledger)
                due = threading.Event()
                killer = kill_when_due(process, due, rng.uniform(0, 0.002))
                _debit_until_dead(terminal, ledger, rng, due, rng.randrange(60, 150))
                killer.join()
        with serving(path, vpcd):
            vpcd.control(POWER_ON)
            _check(Terminal(Reader(vpcd, ledger).transmit, "sm4"), ledger)


def test_kill_9_while_it_starts(tmp_path: Path) -> None:
    """Recovery itself may be killed at any time."""
    rng = random.Random()
    path = tmp_path / "card.ssc"
    path.write_bytes(create_image(new_memory("3des", balance_fen=100), journal_size=JOURNAL_SIZE))
    with FakeVpcd() as vpcd:
        for _ in range(4):
            with serving(path, vpcd) as process:
                time.sleep(rng.uniform(0.05, 0.4))
                process.kill()
        ledger = Ledger()
        with serving(path, vpcd):
            terminal = Terminal(Reader(vpcd, ledger).transmit, "3des")
            _wait_for_the_living(vpcd)
            terminal.open_account()
            terminal.buy(1)
            assert terminal.balance() == 99


def _wait_for_the_living(vpcd: FakeVpcd) -> None:
    """Connections of the killed ones may wait in the queue."""
    while True:
        try:
            vpcd.control(POWER_ON)
            vpcd.ask(b"\x04")
        except (EOFError, ConnectionError):
            vpcd.eject()
        else:
            return
