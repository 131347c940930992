# SPDX-License-Identifier: Apache-2.0
"""Commands that nobody would send to deposit and purse: no fault, always an answer, nothing
written by a refusal but one try less."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.filesystem.layout import STATE_AT, STATE_IN_HEADER, ApplicationState, LifeCycle
from sscard_chip.memory.store import Write
from sscard_chip.standard import commands
from sscard_chip.standard.status import StatusWord
from tests.bench.exchange import RefusedError
from tests.bench.issued import SELECT_SSSE
from tests.bench.purse import AID, INITS, Terminal
from tests.bench.purse_cards import ALGORITHMS, new_memory
from tests.card.fuzzing import CardFuzzer

COMMANDS: Final = 30_000
SEEDS: Final = range(3)
SELECT: Final = commands.SELECT.apdu(0x04, data=AID)
COMMON: Final = tuple(
    map(
        bytes.fromhex,
        (
            "0084000004", "0084000008", "0084000010", "0020000003123456", "0020000000",
            "0020000003999999", "805C000104", "805C000204", "805A0006020000", "805A0001020000",
            "805A0009020000", "00B0950000", "00B0960000", "00B0970000", "00B0970A05",
            "00B201C417", "00B202C417", "00B201CC00", "00B2AAC800", "00B201C800", "00A40200020015",
            "00A40200020018", "00A40200020019", "00B2010400", "00B0000000",
            "805E010007123456FF123456", "805E010007999999FF123456",
            "0088000108" + "11" * 8, "0082000108" + "22" * 8,
            "841E000004AABBCCDD", "8418000004AABBCCDD", "8416000004AABBCCDD",
            "842400010C" + "AA" * 12, "8424000114" + "AA" * 20, "805E000007123456AABBCCDD",
            "80DC01C80A0108" + "33" * 8, "84DC01C80E0108" + "33" * 12, "805401000F" + "00" * 15,
            "805200000B" + "00" * 11, "805403000B" + "00" * 11, "805800000E" + "00" * 14,
            "04D6950009" + "11" * 9, "00A40000021001", "00A4030000",
        ),
    )
)  # fmt: skip


class PurseFuzzer(CardFuzzer):
    """The purse application under fire, and the social security part beside it."""

    writers = frozenset(bytes.fromhex("DCD682205E241E18165254582A2C56E2"))
    classes = bytes.fromhex("0000000004808080848484B0FF")
    instructions = bytes.fromhex("A4B2DCB0D6848882205E241E181650525458DC5C5AC0E0CA")

    def __init__(self, algorithm: str, seed: int) -> None:
        state = Purse(balance_fen=1_000_000, limit_fen=10_000)
        memory = new_memory(algorithm, deposit=state, purse=state._replace(limit_fen=0))
        super().__init__(f"purse-{algorithm}-{seed}", Card(memory), memory)
        self.terminal = Terminal(self._send, algorithm)
        self._renew()

    def makers(self) -> list[Callable[[], bytes]]:
        return [self._completion, self._completion, self._completion, self._secured, self._pin]

    def _ended(self) -> bool:
        """Whether card or application is blocked for good."""
        directory = next(d for d in self.session.files.directories if d.name == AID)
        return directory.blocked or self.memory.cells[STATE_AT] == LifeCycle.BLOCKED

    def plain(self) -> bytes:
        kind = self.random.randrange(24)
        if kind < 2 and self._ended():
            self._renew()
        if kind == 0:
            return SELECT_SSSE
        if kind < 3 or self.session.df.name != AID:
            return SELECT
        if kind < 8:
            amount = self.random.choice((0, 1, 100, 0xFFFFFFFF, self.random.getrandbits(32)))
            return self.terminal.init_command(self.random.choice(list(INITS)), amount)
        return self.random.choice(COMMON)

    # --- with keys ----------------------------------------------------------------------------

    def _completion(self) -> bytes:
        """A continuation with right MACs, behind its INITIALIZE."""
        try:
            self.terminal.open()
            kind = self.random.choice(list(INITS))
            opened = self.terminal.init(kind, self.random.randrange(2_000))
            if kind == 9 and self.random.randrange(8):
                self._send(self.terminal.cache(b"\x01\x08" + self.random.randbytes(8)))
        except RefusedError:
            return self.random.choice(COMMON)
        sequence, limit = self.random.getrandbits(32), self.random.randrange(20_000)
        return self.terminal.completion(opened, sequence=sequence, limit=limit)[0]

    def _secured(self) -> bytes:
        """A command of the issuer with a right MAC."""
        header, data = self.random.choice(
            [("841E0000", b""), ("841E0000", b""), ("84180000", b""), ("84180000", b""),
             ("841E0001", b""), ("84160000", b""), ("04D69500", b"\x11" * 5),
             ("04D69738", b"\x55" * 9), ("04D69600", b"\x01"), ("04DC01C8", b"\x01\x0812345678"),
             ("04DCAAC8", b"\xaa\x29" + bytes(41)), ("04DC01C4", bytes(23))]
        )  # fmt: skip
        try:
            return self.terminal.secured(header, data)
        except RefusedError:
            return SELECT

    def _pin(self) -> bytes:
        try:
            self.terminal.select()
            if self.random.getrandbits(1):
                self.terminal.unblock_pin("123456")
            self.terminal.authenticate(wrong=not self.random.randrange(4))
        except RefusedError:
            return SELECT
        return self.terminal.reload_pin_command("123456")

    # --- what a refusal may write -----------------------------------------------------------------

    def may_write(self, sw: int, writes: Sequence[Write]) -> bool:
        """One try less with 63Cx, 9302 and 6988; with the last of a key, the block for good."""
        if super().may_write(sw, writes):
            return True
        if sw not in (StatusWord.MAC_INCORRECT, StatusWord.SECURE_MESSAGING_INCORRECT):
            return False
        directory = self.session.df
        block = (directory.offset + STATE_IN_HEADER, bytes((ApplicationState.BLOCKED,)))
        left = self.one_try_less([write for write in writes if write != block])
        return left is not None and (left == 0) == (block in writes)


EXPECTED = [
    0x9000, 0x6283, 0x6700, 0x6981, 0x6982, 0x6983, 0x6984, 0x6985, 0x6986, 0x6987, 0x6988,
    0x6A80, 0x6A81, 0x6A82, 0x6A83, 0x6A84, 0x6A86, 0x6A88, 0x6B00, 0x6881, 0x6D00, 0x6E00,
    0x9302, 0x9303, 0x9401, 0x9403, 0x9406, 0x63C0, 0x63C2, 0x6C04,
]  # fmt: skip
"""Status words that the runs must have met: a fuzzer that never gets anywhere tests nothing."""


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_random_and_mutated_commands(algorithm: str, caplog: pytest.LogCaptureFixture) -> None:
    words: set[int] = set()
    with caplog.at_level(logging.WARNING):
        for seed in SEEDS:
            fuzzer = PurseFuzzer(algorithm, seed)
            fuzzer.run(COMMANDS)
            words |= set(fuzzer.words)
            assert fuzzer.words[0x9000] > COMMANDS // 6
    assert not caplog.records
    assert [f"{sw:04X}" for sw in EXPECTED if sw not in words] == []


def test_a_write_that_should_not_be_is_noticed() -> None:
    fuzzer = PurseFuzzer("3des", 0)
    fuzzer.memory.cells[1000] ^= 1
    with pytest.raises(AssertionError, match="seed purse-3des-0, step 1: "):
        fuzzer.run(10)
