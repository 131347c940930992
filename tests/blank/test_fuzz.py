# SPDX-License-Identifier: Apache-2.0
"""Commands of the blank phase that nobody would send: an answer to each, nothing half done."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from sscard_chip.apdu.authentication import direct_authentication
from sscard_chip.card import Card
from sscard_chip.filesystem.layout import MASTER_KEY_IN_HEADER, TRANSPORT_KEY_AT
from sscard_chip.memory import create_image
from sscard_chip.memory.store import Write
from sscard_chip.security.keys import RECORD_LENGTH
from sscard_chip.security.suite import SUITES, pad_if_needed
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE, WRITE_KEY, before_mac
from sscard_chip.standard.status import StatusWord
from tests.bench.blank import (
    CLEAR,
    CREATE_ATR,
    CREATE_DF04,
    CREATE_KEY_FILE,
    CREATE_MF,
    CREATE_SSSE,
    FREEZE,
    INFO,
    SELECT_MF,
    SELECT_SSSE,
    TRANSPORT,
    ZERO,
    BlankBench,
)
from tests.blank.test_creation import FILES_OF_DF04, FILES_OF_SSSE, FIXED
from tests.card.fuzzing import SeededRandom

COMMANDS = 10_000
PER_CARD = 300
VALID = [
    bytes.fromhex(command)
    for command in (
        INFO, CREATE_MF, CREATE_ATR, CREATE_SSSE, CREATE_KEY_FILE, CREATE_DF04, SELECT_MF,
        SELECT_SSSE, "00A4000002DF04", "00A40300", CLEAR, FREEZE, FIXED, *FILES_OF_SSSE,
        *FILES_OF_DF04, "00A4020002EF05", "00A4020002EF08", "00E2000004 53026162",
        "00E2000003 540161", "00DC010404 53026364", "00D6000004 01020304", "00B2010400",
        "00B0000004", "0084000004", "0084000008", "0084000010", "00E200001C" + "77" * 28,
        "80D4000218 000A0100000003AA" + "33" * 16,
        "0082000008" + "00" * 8, "84D4010024" + "11" * 36, "84D4000224" + "11" * 36,
        "80E000030D EF0F FFFF 00 00 00 0000 0000 00 00", "00B2770400",
    )
]  # fmt: skip
EXPECTED = [
    0x9000, 0x63C2, 0x6700, 0x6981, 0x6982, 0x6984, 0x6985, 0x6986, 0x6988, 0x6A80, 0x6A82,
    0x6A84, 0x6A86, 0x6D00, 0x6E00,
]  # fmt: skip
KNOWN = frozenset(map(int, StatusWord)) - {0x6F00}


class Recorder:
    """A log that counts the commits of a command."""

    failed = False

    def __init__(self) -> None:
        self.commits = 0
        self.writes: list[Write] = []

    def append(self, writes: Sequence[Write]) -> None:
        self.commits += 1
        self.writes = list(writes)

    def close(self) -> None:
        """There is nothing to release."""


class Fuzzer:
    def __init__(self, algorithm: str, seed: int) -> None:
        self.random = random.Random(f"{algorithm}-{seed}")
        self.algorithm = algorithm
        self.words: Counter[int] = Counter()
        self.states: Counter[int] = Counter()
        self.renew()

    def renew(self) -> None:
        self.bench = BlankBench(self.algorithm)
        r = self.random
        if r.randrange(4):
            r.choice((self.bench.make_mf, self.bench.make_ssse))()
        self.recorder = Recorder()
        self.bench.memory.log = self.recorder
        self.power_on()

    def power_on(self) -> None:
        self.bench.card.power_on()
        self.bench.set_random(SeededRandom(self.random))

    def authenticated(self) -> bytes:
        """A proof of the transport key or of a master key, mostly right."""
        r = self.random
        challenge = self.bench.ok("0084000008")
        blank = self.bench.ok(INFO)[7] == 0x0A
        key, algorithm = (TRANSPORT, "3des") if blank else (ZERO, self.algorithm)
        if not r.randrange(30):
            key = r.randbytes(16)
        return EXTERNAL_AUTHENTICATE.apdu(
            data=direct_authentication(SUITES[algorithm], key, challenge)
        )

    def sealed(self) -> bytes:
        """A WRITE KEY with a right MAC over anything."""
        r, suite = self.random, SUITES[self.algorithm]
        uses = (0, 0, 0, 1, 2, 9, 0x0C, 0x1C, 0x1F, r.getrandbits(8))
        p1, p2 = r.choice(((0, 2), (0, 2), (1, 2), (1, 0)))
        head = bytes((r.choice(uses), r.choice((0, 1, 2, 3, 0x85)), r.choice((0, 1, 2))))
        if p1 == 0:
            head += bytes((r.choice((0, 0, 1, 3, 9)), 0, 0, r.choice((0, 3, 15, 16)), 0x11))
        elif p2 == 0:
            head = bytes((0, 0, r.choice((0, 1))))
        secret = ZERO if p2 == 0 else r.choice((b"\x12\x34" + b"\xff" * 6, r.randbytes(16)))
        clear = head + secret
        challenge = self.bench.ok("0084000004")
        command = suite.encryptor(ZERO)(pad_if_needed(bytes((len(clear),)) + clear, suite.block))
        command = before_mac(WRITE_KEY.secured().header(p1, p2), command)
        return command + suite.key_mac(ZERO, challenge, command)

    def mutated(self, command: bytes) -> bytes:
        r, changed = self.random, bytearray(command)
        for _ in range(r.choice((1, 1, 2, 4))):
            kind = r.randrange(5)
            if kind == 0:
                del changed[r.randrange(len(changed) + 1) :]
            elif kind == 1:
                changed += r.randbytes(r.choice((1, 2, 16)))
            elif changed:
                changed[r.randrange(len(changed))] = r.choice((0, 1, 0xFF, r.getrandbits(8)))
            if kind == 2 and len(changed) > 5:
                changed[4] = (len(changed) - 5) & 0xFF
        return bytes(changed)

    def run(self) -> None:
        r = self.random
        for step in range(COMMANDS):
            if step % PER_CARD == PER_CARD - 1:
                self.renew()
            kind = r.randrange(16)
            if kind == 0:
                self.power_on()
                continue
            if kind < 5:
                command = self.authenticated()
            elif kind < 8:
                command = self.sealed()
            elif kind == 8:
                head = bytes(
                    (r.choice((0, 0x80, 0x84, 0xBF)), r.choice(b"\xe0\xd4\xce\xfe\xc8\xe2"))
                )
                command = head + r.randbytes(r.randrange(24))
            else:
                command = r.choice(VALID)
            if kind % 3 == 0:
                command = self.mutated(command)
            self.send(command)

    def send(self, command: bytes) -> None:
        bench, recorder = self.bench, self.recorder
        before = bytes(bench.memory.cells)
        recorder.commits = 0
        answer = bench.card.transmit(command)
        sw = int.from_bytes(answer[-2:])
        self.words[sw] += 1
        known = sw in KNOWN or sw >> 8 == 0x6C or sw & 0xFFF0 == 0x63C0
        assert known, command.hex()
        assert sw == 0x9000 or len(answer) == 2, command.hex()
        assert not bench.memory.staged
        if sw & 0xFFF0 == 0x63C0:
            assert self.one_try_less(before), command.hex()
        elif sw != 0x9000:
            assert bench.memory.cells == before, command.hex()
            assert not recorder.commits, command.hex()
        if recorder.commits:
            self.check_image()
        self.states[bench.memory.cells[0]] += 1

    def one_try_less(self, before: bytes) -> bool:
        """Only a counter went down by one, or has no limit and stayed."""
        cells = self.bench.memory.cells
        changed = [at for at in range(len(cells)) if cells[at] != before[at]]
        counters = {TRANSPORT_KEY_AT + 1}
        for directory in self.bench.card.files.directories:
            counters.add(directory.offset + MASTER_KEY_IN_HEADER + 1)
            if directory.key_file:
                body, count = directory.key_file.body, directory.key_file.count
                counters |= {body + n * RECORD_LENGTH + 8 for n in range(count)}
        return all(at in counters and cells[at] == before[at] - 1 for at in changed)

    def check_image(self) -> None:
        """What a power cut now would leave mounts, and to the same files."""
        mounted = self.bench.card.files
        again = Card(create_image(self.bench.memory)).files
        assert [(d.fid, sorted(d.files), sorted(d.keys)) for d in again.directories] == [
            (d.fid, sorted(d.files), sorted(d.keys)) for d in mounted.directories
        ]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_random_and_mutated_commands(
    algorithm: str, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    fuzzer = Fuzzer(algorithm, seed)
    with caplog.at_level(logging.WARNING):
        fuzzer.run()
    assert not caplog.records
    assert [f"{sw:04X}" for sw in EXPECTED if not fuzzer.words[sw]] == []
    assert fuzzer.words[0x9000] > COMMANDS // 8
    assert set(fuzzer.states) == {0x0A, 0x0B, 0x0C}
