# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` on ``sscard serve`` in the middle of payments with electronic cash.

Contactless ones (one command) and contact ones (GENERATE AC). After every restart balance, ATC and
log are what was answered; a payment in doubt is decided by the log.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sscard_chip.filesystem import tlv
from sscard_chip.memory import create_image
from sscard_chip.profile.bank import ElectronicCash
from sscard_chip.profile.bank.model import CASH_PDOL, CDOL1, PDOL
from sscard_chip.standard.commands import GENERATE_AC, GET_PROCESSING_OPTIONS, READ_RECORD
from tests.bench.bank import CONTENTS, DEBIT, PPSE, PSE, TERMINAL, BankBench, amount, select_command
from tests.reader.fake_vpcd import POWER_ON, FakeVpcd
from tests.reader.serving import kill_when_due, serving

KILLS = 8
PAYMENTS = 400
BALANCE = 1_000_000
JOURNAL_SIZE = 4_096  # small, so that kills meet compactions too

Transmit = Callable[[bytes], bytes]


@dataclass
class Ledger:
    """What the terminal knows: payments that were answered, and one in doubt; amounts in fen."""

    made: list[int] = field(default_factory=list)
    doubtful: int | None = None
    kills: int = 0


def reader(vpcd: FakeVpcd) -> Transmit:
    """T=0 and contactless alike: GET RESPONSE after 61xx, again after 6Cxx."""

    def transmit(apdu: bytes) -> bytes:
        answer = vpcd.ask(apdu)
        if answer[-2] == 0x6C:
            answer = vpcd.ask(apdu[:4] + answer[-1:])
        if answer[-2] == 0x61:
            answer = vpcd.ask(b"\x00\xc0\x00\x00" + answer[-1:])
        return answer

    return transmit


def ok(transmit: Transmit, command: bytes) -> bytes:
    answer = transmit(command)
    assert answer[-2:] == b"\x90\x00", answer.hex()
    return answer[:-2]


def options(fen: int, pdol: bytes) -> bytes:
    """GET PROCESSING OPTIONS of a terminal that offers electronic cash."""
    values = TERMINAL | {0x9F02: amount(fen), 0x9F7A: b"\x01"}
    body = tlv.tlv(0x83, tlv.fill_dol(tlv.parse_dol(pdol), values))
    return GET_PROCESSING_OPTIONS.apdu(data=body, le=0)


def pay(transmit: Transmit, ledger: Ledger, fen: int, *, contactless: bool) -> None:
    """One payment; what decides it is the last command."""
    ok(transmit, select_command(PPSE if contactless else PSE))
    ok(transmit, select_command(DEBIT))
    if contactless:
        ledger.doubtful = fen
        answer = ok(transmit, options(fen, PDOL))
        assert tlv.find_primitive(answer, 0x9F5D) == amount(BALANCE - sum(ledger.made) - fen)
    else:
        ok(transmit, options(fen, PDOL + CASH_PDOL))
        values = TERMINAL | {0x9F02: amount(fen)}
        data = tlv.fill_dol(tlv.parse_dol(CDOL1), values)
        ledger.doubtful = fen
        answer = ok(transmit, GENERATE_AC.apdu(0x40, data=data, le=0))
        assert answer[2] == 0x40
    ledger.made.append(fen)
    ledger.doubtful = None


def check(transmit: Transmit, ledger: Ledger) -> None:
    """The card against the ledger; a payment in doubt is decided first, by the log."""
    ok(transmit, select_command(DEBIT))
    atc = int.from_bytes(ok(transmit, bytes.fromhex("80CA9F3600"))[-2:])
    balance = int(ok(transmit, bytes.fromhex("80CA9F7900"))[-6:].hex())
    log = []
    for number in range(1, 11):
        answer = transmit(READ_RECORD.apdu(number, 0x5C, le=0))
        if answer[-2:] == b"\x90\x00":
            log.append(answer[:-2])
    if ledger.doubtful is not None:
        paid = balance == BALANCE - sum(ledger.made) - ledger.doubtful
        if paid:
            ledger.made.append(ledger.doubtful)
            assert int.from_bytes(log[0][-2:]) == atc
        ledger.doubtful = None
    assert balance == BALANCE - sum(ledger.made)
    assert [int(record[6:12].hex()) for record in log] == ledger.made[:-11:-1]


def pay_until_dead(
    transmit: Transmit,
    ledger: Ledger,
    rng: random.Random,
    due: threading.Event,
    *,
    contactless: bool,
) -> None:
    count, done = rng.randrange(30, 80), 0
    try:
        while True:
            pay(transmit, ledger, rng.randrange(1, 100), contactless=contactless)
            done += 1
            if done == count:
                due.set()
    except (EOFError, ConnectionError):
        ledger.kills += 1


def test_no_answered_payment_is_lost_by_kill_9(tmp_path: Path) -> None:
    rng = random.Random()  # another moment in every run
    path = tmp_path / "card.ssc"
    cash = ElectronicCash(balance_fen=BALANCE, limit_fen=BALANCE)
    bench = BankBench(CONTENTS, suite="sm4", cash=cash, pdol=True)
    path.write_bytes(create_image(bench.memory, journal_size=JOURNAL_SIZE))
    ledger = Ledger()
    with FakeVpcd() as vpcd:
        while ledger.kills < KILLS or len(ledger.made) < PAYMENTS:
            contactless = bool(ledger.kills % 2)
            interface = "contactless" if contactless else "contact"
            durability = "disk" if ledger.kills % 3 == 2 else "os"
            arguments = ("--interface", interface, "--durability", durability)
            with serving(path, vpcd, *arguments) as process:
                vpcd.control(POWER_ON)
                transmit = reader(vpcd)
                check(transmit, ledger)
                due = threading.Event()
                killer = kill_when_due(process, due, rng.uniform(0, 0.002))
                pay_until_dead(transmit, ledger, rng, due, contactless=contactless)
                killer.join()
        with serving(path, vpcd):
            vpcd.control(POWER_ON)
            check(reader(vpcd), ledger)
