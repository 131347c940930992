# SPDX-License-Identifier: Apache-2.0
"""A million commands that nobody would send: no fault, always an answer, nothing written."""

from __future__ import annotations

import logging

import pytest

from tests.bench.issued import SUITES_OF_CARDS
from tests.card.fuzzing import COMMANDS_PER_CARD, Fuzzer

SEEDS = range(7)
COMMANDS = 36_000  # times four cards and seven seeds: more than a million

EXPECTED = [
    0x9000, 0x6700, 0x6901, 0x6981, 0x6982, 0x6983, 0x6984, 0x6985, 0x6986, 0x6988, 0x6A80,
    0x6A82, 0x6A83, 0x6A86, 0x6A88, 0x6881, 0x6D00, 0x6E00, 0x9302, 0x9406, 0x63C0, 0x63C2,
]  # fmt: skip
"""Status words that a run must have met: a fuzzer that never gets anywhere tests nothing."""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_random_and_mutated_commands(
    generation: int, algorithm: str, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    fuzzer = Fuzzer(generation, algorithm, seed)
    with caplog.at_level(logging.WARNING):
        fuzzer.run(COMMANDS)
    assert fuzzer.step >= COMMANDS
    assert not caplog.records
    assert [f"{sw:04X}" for sw in EXPECTED if not fuzzer.words[sw]] == []
    assert fuzzer.words[0x9000] > COMMANDS // 6


def test_together_they_are_a_million() -> None:
    assert len(SEEDS) * len(SUITES_OF_CARDS) * COMMANDS >= 1_000_000
    assert COMMANDS > 50 * COMMANDS_PER_CARD


def test_a_write_that_should_not_be_is_noticed() -> None:
    fuzzer = Fuzzer(2, "3des", 0)
    fuzzer.memory.cells[1000] ^= 1
    with pytest.raises(AssertionError, match="seed 2-3des-0, step 1: "):
        fuzzer.run(10)


def test_a_run_can_be_repeated() -> None:
    first, second = Fuzzer(3, "sm4", 1), Fuzzer(3, "sm4", 1)
    first.run(2000)
    second.run(2000)
    assert first.words == second.words
    assert first.memory.cells == second.memory.cells
