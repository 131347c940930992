# SPDX-License-Identifier: Apache-2.0
"""Random and mutated commands against the bank application, with everything watched that must
never happen: a fault, an unknown status word, a change by a refused command, money from nowhere."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from sscard_chip.applications.bank.application import state_of
from sscard_chip.applications.bank.data import DATA_FID, Flags, TransactionData
from sscard_chip.applications.bank.states import PaymentTransaction, TransactionState
from sscard_chip.filesystem.files import InternalFile
from sscard_chip.profile.bank import OfflineLimits, Variant
from sscard_chip.profile.bank.model import CDOL2
from sscard_chip.security.emv import plain_pin_block
from sscard_chip.standard.commands import READ_RECORD, VERIFY
from sscard_chip.standard.status import StatusWord
from tests.bench.bank import (
    AAC,
    ARQC,
    CASH,
    CONTENTS,
    DEBIT,
    PIN,
    PPSE,
    PSE,
    TC,
    BankBench,
    amount,
    new_memory,
    select_command,
)
from tests.bench.issued import SELECT_SSSE
from tests.card.fuzzing import Recorder, SeededRandom

COMMANDS = 20_000
_KNOWN = frozenset(int(word) for word in StatusWord) - {0x63C0, 0x6C00, 0x6F00}
_INSTRUCTIONS = bytes.fromhex("A4B2CAA8AE828820841E180416 24DADCC044".replace(" ", ""))
_CLASSES = bytes.fromhex("00000080808404048484B01041")
_LIMITS = OfflineLimits(50, 100, 10**9, 10**9)


class BankFuzzer:
    """A card with two applications under fire."""

    def __init__(self, suite: str, seed: int) -> None:
        self.seed = f"{suite}-{seed}"
        self.random = random.Random(self.seed)
        contents = replace(CONTENTS, suite=suite, cash=CASH, limits=_LIMITS)
        self.contents = contents
        self.pristine = new_memory(
            3, contents, replace(contents, variant=Variant.CREDIT, pdol=True)
        )
        self.words: Counter[int] = Counter()
        self.renew()

    def renew(self) -> None:
        memory = self.pristine.copy()
        self.recorder = Recorder()
        memory.log = self.recorder
        self.bench = BankBench(self.contents, memory=memory)
        self.power()

    def power(self) -> None:
        self.bench.card.power_on()
        session = self.bench.card._session
        assert session is not None
        session.random = SeededRandom(self.random)

    # --- commands ---------------------------------------------------------------------------

    def step_of_a_transaction(self) -> bytes:
        """What a terminal or the issuer would send, at a good moment or a bad one."""
        r, bench = self.random, self.bench
        changes = {
            "t9F02": amount(r.choice((0, 1, 999, 1234, 20_000, 20_001, 60_000))),
            "t5F2A": r.choice((b"\x01\x56", b"\x01\x56", b"\x08\x40")),
            "t8A": r.choice((b"00", b"05", b"Y3", b"Z3")),
            "t9F66": r.choice((b"\x26", b"\x2e", b"\x06")) + r.choice((b"\0", b"\x80")) + b"\0\0",
        }
        kind = r.choice((AAC, TC, TC, ARQC, ARQC))
        session = bench.card._session
        if session is not None and session.df.name == DEBIT and r.randrange(3):
            state = state_of(session)
            if state is TransactionState.SELECTED:
                options = bytes.fromhex("80A8000002830000")
                return bench.contactless_command(**changes) if session.contactless else options
            if state is TransactionState.INITIATED:
                return bench.generate_command(kind, **changes)
            if state is TransactionState.ONLINE and r.randrange(3):
                return bench.generate_command(kind, dol=CDOL2, **changes)
            return (
                self.script() if state is not TransactionState.FINISHED else select_command(DEBIT)
            )
        steps = [
            lambda: select_command(DEBIT),
            lambda: select_command(DEBIT[:5], 2),
            lambda: select_command(r.choice((PSE, PPSE))),
            lambda: bytes.fromhex("80A8000002830000"),
            lambda: bytes.fromhex("80A8000002830000"),
            lambda: bench.contactless_command(**changes),
            lambda: bench.generate_command(kind, **changes),
            lambda: bench.generate_command(kind, **changes),
            lambda: bench.generate_command(kind, dol=CDOL2, **changes),
            lambda: bench.answer_command(wrong=not r.randrange(4)),
            lambda: VERIFY.apdu(p2=0x80, data=plain_pin_block(r.choice((PIN, PIN, "0000")))),
            lambda: bytes.fromhex(
                r.choice(("80CA9F3600", "80CA9F7900", "80CA9F1700", "0084000008"))
            ),
            lambda: READ_RECORD.apdu(r.randrange(12), r.randrange(32) << 3 | 4, le=0),
            self.script,
            self.script,
        ]
        return r.choice(steps)()

    def script(self) -> bytes:
        """What the issuer would send: it knows the transaction, the fuzzer asks the card."""
        r = self.random
        session = self.bench.card._session
        if session is not None and isinstance(session.transaction, PaymentTransaction):
            self.bench.arqc = session.transaction.cryptogram
            self.bench.chain = session.transaction.chain
        header, data = r.choice(
            [("841E0000", b""), ("84180000", b""), ("84180000", b""),
              ("84240000", b""), ("04DA9F79", amount(70_000)),
             ("04DA9F79", amount(170_000)), ("04DA9F58", b"\x05"), ("04DA9F36", b"\0\0"),
             ("04DC011C", bytes.fromhex("70045F340101")), ("84240002", bytes(16))]
        )  # fmt: skip
        command = self.bench.script_command(header, data, wrong=not r.randrange(5))
        return command if r.randrange(20) else command[:4] + b"\x02" + command[-2:]

    def random_header(self) -> bytes:
        r = self.random
        data = r.randbytes(r.choice((0, 0, 1, 2, 4, 5, 8, 10, 14, 34, 52, 200)))
        head = bytes((r.choice(_CLASSES), r.choice(_INSTRUCTIONS),
                      r.choice((0, 0, 1, 0x40, 0x80, 0x9F, r.getrandbits(8))),
                      r.choice((0, 0, 4, 0x0C, 0x14, 0x79, 0x80, r.getrandbits(8)))))  # fmt: skip
        lc = bytes((len(data),)) if data else b""
        return head + lc + data + (b"" if r.getrandbits(1) else bytes((r.getrandbits(8),)))

    def mutated(self, command: bytes) -> bytes:
        r, changed = self.random, bytearray(command)
        for _ in range(r.choice((1, 1, 2, 3))):
            if changed and r.getrandbits(1):
                changed[r.randrange(len(changed))] = r.getrandbits(8)
            elif r.getrandbits(1):
                del changed[r.randrange(len(changed) + 1) :]
            else:
                changed += r.randbytes(r.randrange(1, 4))
        return bytes(changed)

    # --- the watch --------------------------------------------------------------------------

    def counters(self) -> TransactionData:
        return self.bench.counters

    def data_range(self) -> list[range]:
        """Where refused commands may write: the counters and the tries of the PIN."""
        files = self.bench.card.files
        found = []
        for directory in files.directories:
            file: InternalFile | None = directory.internal.get(DATA_FID)
            if file is not None:
                found.append(range(file.body, file.body + file.size))
            if directory.pin is not None:
                at = directory.pin.offset + directory.pin.RETRY_COUNTER_AT
                found.append(range(at, at + 1))
        return found

    def run(self, count: int) -> None:
        for step in range(count):
            kind = self.random.randrange(16)
            if kind < 9:
                command = self.step_of_a_transaction()
            elif kind < 12:
                command = self.random_header()
            elif kind < 15:
                command = self.mutated(self.step_of_a_transaction())
            else:
                command = self.random.choice((SELECT_SSSE, self.random.randbytes(7)))
            self.fire(step, command)
            if not self.random.randrange(60):
                self.power()
            if not self.random.randrange(400):
                self.renew()

    def fire(self, step: int, command: bytes) -> None:
        where = f"{self.seed}, step {step}, command {command.hex().upper()}"
        before, cells = self.counters(), bytes(self.bench.memory.cells)
        self.recorder.writes.clear()
        answer = self.bench.card.transmit(command)
        sw = int.from_bytes(answer[-2:])
        self.words[sw] += 1
        assert sw in _KNOWN or sw & 0xFFF0 == 0x63C0 or sw >> 8 == 0x6C or (
            sw == 0x6F00 and command[1] == 0xC0
        ), where  # fmt: skip
        assert len(answer) == 2 or sw in (0x9000, 0x6283), where
        after = self.counters()
        if sw != 0x9000:
            self.check_refusal(where, before, after, sw, cells)
        self.check_money(where, before, after, command, sw)

    def check_refusal(
        self, where: str, before: TransactionData, after: TransactionData, sw: int, cells: bytes
    ) -> None:
        allowed = self.data_range()
        for offset, data in self.recorder.writes:
            changed = any(cells[offset + n] != byte for n, byte in enumerate(data))
            inside = any(offset in r and offset + len(data) - 1 in r for r in allowed)
            state = len(data) == 1 and data == b"\xb0" and sw == 0x63C0
            assert not changed or inside or state, where
        told = Flags.SCRIPT_FAILED | Flags.ISSUER_FAILED
        assert after._replace(flags=Flags(0)) == before._replace(flags=Flags(0)), where
        assert after.flags | told == before.flags | told, where

    def check_money(
        self, where: str, before: TransactionData, after: TransactionData, command: bytes, sw: int
    ) -> None:
        assert after.atc - before.atc == (command[1:2] == b"\xa8" and sw == 0x9000) or (
            self.bench.card._session is not None
            and self.bench.card._session.df.name != DEBIT
            and after.atc == before.atc
        ), where  # fmt: skip
        if after.balance_fen > before.balance_fen:
            assert command[:4] == bytes.fromhex("04DA9F79"), where
        assert after.balance_fen <= 100_000, where


@pytest.mark.parametrize("suite", ["3des", "sm4"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_that_must_not_happen(suite: str, seed: int) -> None:
    fuzzer = BankFuzzer(suite, seed)
    fuzzer.run(COMMANDS)
    seen = set(fuzzer.words)
    wanted = {0x9000, 0x6283, 0x6300, 0x6700, 0x6985, 0x6987, 0x6988, 0x6A80, 0x6A82, 0x6A83,
              0x6A86, 0x6A88, 0x6D00, 0x6E00}  # fmt: skip
    assert wanted <= seen, {f"{word:04X}" for word in wanted - seen}
