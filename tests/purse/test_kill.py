# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` on ``sscard serve`` in the middle of loads, purchases and compound purchases.

The test is the reader and the terminal. After every restart purse, log and compound record are
what was answered, the last transaction being decided by GET TRANSACTION PROVE.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.memory import create_image
from tests.bench.purse import CAPP, EP, EP_BUY, EP_LOAD, TIME, Opened, Terminal
from tests.bench.purse_cards import new_memory
from tests.reader.fake_vpcd import POWER_ON, FakeVpcd
from tests.reader.serving import kill_when_due, serving

KILLS = 6
TRANSACTIONS = 300
BALANCE = 1_000_000
JOURNAL_SIZE = 4_096  # small, so that kills meet compactions too


@dataclass
class Ledger:
    """What the terminal knows: transactions that were answered, and one in doubt."""

    made: list[Opened] = field(default_factory=list)
    doubtful: tuple[Opened, bytes, bytes] | None = None
    kills: int = 0

    def balance(self) -> int:
        sums = [o.amount_fen * (1 if o.type == EP_LOAD else -1) for o in self.made]
        return BALANCE + sum(sums)


class Reader:
    """Speaks to the card as a T=0 reader does: GET RESPONSE after 61xx."""

    def __init__(self, vpcd: FakeVpcd) -> None:
        self._vpcd = vpcd

    def transmit(self, apdu: bytes) -> bytes:
        answer = self._vpcd.ask(apdu)
        if answer[-2] == 0x6C:
            answer = self._vpcd.ask(apdu[:-1] + answer[-1:])
        if answer[-2] == 0x61:
            answer = self._vpcd.ask(b"\x00\xc0\x00\x00" + answer[-1:])
        return answer


def check(terminal: Terminal, ledger: Ledger) -> None:
    """The card against the ledger; a transaction in doubt is decided first."""
    terminal.open()
    if ledger.doubtful is not None:
        opened, command, answer = ledger.doubtful
        proof = terminal.proof(opened.type, opened.number)
        if proof is not None:
            assert proof == terminal.proof_of(command, opened.type, answer)
            ledger.made.append(opened)
        ledger.doubtful = None
    assert terminal.balance(EP) == ledger.balance()
    numbers = [(record[:2], record[9]) for record in terminal.log()]
    newest = ledger.made[:-11:-1]
    assert numbers == [(opened.number.to_bytes(2), opened.type) for opened in newest]
    compound = [opened for opened in ledger.made if opened.type == CAPP]
    if compound:
        assert terminal.compound(1) == compound[-1].number.to_bytes(8)


def transact_until_dead(
    terminal: Terminal, ledger: Ledger, rng: random.Random, due: threading.Event, count: int
) -> None:
    done = 0
    try:
        while True:
            kind = rng.choice((EP_LOAD, EP_BUY, CAPP))
            opened = terminal.init(kind, rng.randrange(1, 100))
            if kind == CAPP:
                terminal.ok(terminal.cache(b"\x01\x08" + opened.number.to_bytes(8)))
            command, answer = terminal.completion(opened, TIME)
            ledger.doubtful = opened, command, answer
            assert terminal.ok(command) == answer
            ledger.made.append(opened)
            ledger.doubtful = None
            done += 1
            if done == count:
                due.set()
    except (EOFError, ConnectionError):
        ledger.kills += 1


def test_no_answered_transaction_is_lost_by_kill_9(tmp_path: Path) -> None:
    rng = random.Random()  # another moment in every run
    path = tmp_path / "card.ssc"
    memory = new_memory("sm4", purse=Purse(balance_fen=BALANCE))
    path.write_bytes(create_image(memory, journal_size=JOURNAL_SIZE))
    ledger = Ledger()
    with FakeVpcd() as vpcd:
        while ledger.kills < KILLS or len(ledger.made) < TRANSACTIONS:
            durability = "disk" if ledger.kills % 3 == 2 else "os"
            with serving(path, vpcd, "--durability", durability) as process:
                vpcd.control(POWER_ON)
                terminal = Terminal(Reader(vpcd).transmit, "sm4")
                check(terminal, ledger)
                due = threading.Event()
                killer = kill_when_due(process, due, rng.uniform(0, 0.002))
                transact_until_dead(terminal, ledger, rng, due, rng.randrange(40, 80))
                killer.join()
        with serving(path, vpcd):
            vpcd.control(POWER_ON)
            check(Terminal(Reader(vpcd).transmit, "sm4"), ledger)
