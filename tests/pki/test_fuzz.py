# SPDX-License-Identifier: Apache-2.0
"""Commands that nobody would send to the certificate application: no fault, always an answer,
nothing written by a refusal but one try less."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final

import pytest

from sscard_chip.card import Card
from tests.bench.exchange import RefusedError
from tests.bench.issued import SELECT_SSSE
from tests.bench.pki_cards import (
    ADMIN,
    MASTER,
    NAME_SIGNATURE,
    SELECT_CERT,
    SELECT_PKI,
    USER,
    PkiTerminal,
    new_memory,
    pair,
)
from tests.card.fuzzing import CardFuzzer

COMMANDS: Final = int(os.environ.get("SSCARD_FUZZ_PKI", "9000"))
SEEDS: Final = range(2)
COMMON: Final = tuple(
    map(
        bytes.fromhex,
        (
            "0084000010", "0084000008", "0084000004", "80C4010305C10312345600",
            "8040000008C0020012C2020013", "80C9820008C0020012C2020013", "80C9828042",
            "80C9820008C0020014C2020015", "00B0920042", "00B0940042", "00B0980000", "00B0990000",
            "00A40000020018", "00A40000020019", "00A40000020012", "00A40000020013",
            "00D6000003AABBCC", "00D6980003AABBCC", "00D6039003AABBCC", "00D603FE03AABBCC",
            "00B0000042",
            "804E000178C2020013C1820070" + "11" * 112, "804E000178C2020015C1820070" + "11" * 112,
            "804A021012C110" + "22" * 16, "80C2C00126C2020015CB20" + "33" * 32,
            "80C2400046C0020014CA40" + "44" * 64, "0020018100", "0020010000",
            "0020018110" + "00" * 16, "0020010010" + "00" * 16, "0082000010" + "00" * 16,
            "84D4010024" + "00" * 36, "845E010014" + "00" * 20, "845E018114" + "00" * 20,
            "002A9E9A20" + "55" * 32, "0088000010" + "66" * 16, "00C0000000", "00A4030000",
            "00A4000002DF01", SELECT_PKI,
        ),
    )
)  # fmt: skip


class PkiFuzzer(CardFuzzer):
    """The certificate application under fire, and the social security part beside it."""

    writers = frozenset(bytes.fromhex("DCD682205E241E1640C2D4"))
    classes = bytes.fromhex("0000000004808080848484B0FF")
    instructions = bytes.fromhex("A4B2B0D684882082C4C9404E4AC25ED42AC0E0")

    def __init__(self, seed: int) -> None:
        memory = new_memory()
        super().__init__(f"pki-{seed}", Card(memory), memory)
        self.terminal = PkiTerminal(self._send)
        self.pairs = [pair() for _ in range(3)]
        self._renew()

    def makers(self) -> list[Callable[[], bytes]]:
        return [self._login, self._login, self._pin, self._master, self._import, self._wrong]

    def plain(self) -> bytes:
        kind = self.random.randrange(24)
        if kind == 0:
            return SELECT_SSSE
        if kind < 3 or self.session.df.name != b"SS.CERT.ADF1":
            return bytes.fromhex(SELECT_CERT)
        return self.random.choice(COMMON)

    def _login(self) -> bytes:
        try:
            self.terminal.enter()
            self.terminal.login(ADMIN, admin=True)
            self.terminal.login(USER if self.random.randrange(9) else ADMIN)
        except RefusedError:
            return bytes.fromhex(SELECT_PKI)
        return self.random.choice(COMMON)

    def _wrong(self) -> bytes:
        """Another's PIN, often enough; or a key that is asked for too shortly."""
        try:
            self.terminal.ready()
            self.terminal.generate()
            self.terminal.ok(NAME_SIGNATURE)
            if self.random.getrandbits(1):
                return bytes.fromhex("80C9828010")
            while self.terminal.login(ADMIN) & 0x0F:
                pass
        except (RefusedError, AssertionError):
            if self.memory.cells != self.shadow:
                raise
        return bytes.fromhex("0020018100")

    def _pin(self) -> bytes:
        try:
            self.terminal.enter()
            return self.terminal.new_pin(USER, USER, 0x81)
        except RefusedError:
            return bytes.fromhex(SELECT_PKI)

    def _master(self) -> bytes:
        try:
            self.terminal.ok(self.random.choice((SELECT_PKI, SELECT_CERT)))
            self.terminal.master(MASTER if self.random.randrange(4) else bytes(16))
            return self.terminal.new_master(MASTER, MASTER)
        except RefusedError:
            return bytes.fromhex(SELECT_PKI)

    def _import(self) -> bytes:
        try:
            self.terminal.ready()
            self.terminal.generate()
            secret, public = self.random.choice(self.pairs)
            self.terminal.import_pair(secret, public)
        except (RefusedError, AssertionError):
            if self.memory.cells != self.shadow:
                raise
            return bytes.fromhex(SELECT_PKI)
        return self.random.choice(COMMON)


EXPECTED = [
    0x9000, 0x6700, 0x6982, 0x6983, 0x6984, 0x6985, 0x6986, 0x6988, 0x6A80, 0x6A82, 0x6A84,
    0x6A86, 0x6A88, 0x6B00, 0x6881, 0x6D00, 0x6E00, 0x63C0, 0x63C5, 0x6C42,
]  # fmt: skip
"""Status words that the runs must have met: a fuzzer that never gets anywhere tests nothing."""


def test_random_and_mutated_commands(caplog: pytest.LogCaptureFixture) -> None:
    words: set[int] = set()
    with caplog.at_level(logging.WARNING):
        for seed in SEEDS:
            fuzzer = PkiFuzzer(seed)
            fuzzer.run(COMMANDS)
            words |= set(fuzzer.words)
            assert fuzzer.words[0x9000] > COMMANDS // 6
    assert not caplog.records
    assert [f"{sw:04X}" for sw in EXPECTED if sw not in words] == []
