# SPDX-License-Identifier: Apache-2.0
"""ACTIVATE APPLICATION: a dormant bank application is woken at the counter, and sent to sleep."""

from __future__ import annotations

import pytest

from sscard_chip.standard.commands import before_mac
from tests.bench.bank import ARQC, DEBIT, PPSE, PSE, BankBench, select_command
from tests.bench.issued import SELECT_SSSE, Bench

HEADER = bytes.fromhex("844400000C")


def activation(bench: BankBench, *, challenge: bytes | None = None, aid: bytes = DEBIT) -> bytes:
    """The command as the bank makes it."""
    if challenge is None:
        challenge = bench.ok("0084000008")
    header = before_mac(HEADER[:4], aid)[:5]
    session = bench.issuer(bench.atc, bench.contents.keys.script_mac)
    return header + aid + session.mac(header + bench.atc + challenge + aid)


@pytest.mark.parametrize("suite", ["3des", "sm4"])
@pytest.mark.parametrize("start", [b"", SELECT_SSSE])
def test_activation(suite: str, start: bytes) -> None:
    bench = BankBench(dormant=True, suite=suite)
    if start:
        bench.ok(start)
    assert bench.sw(activation(bench)) == 0x9000
    for name in (DEBIT, PSE, PPSE):
        assert bench.ok(select_command(name))
    bench.select(PSE)
    assert bench.to_online().kind == ARQC
    bench.card.reset()
    assert bench.sw(HEADER + bytes(12)) == 0x6D00  # nothing is dormant any more


def test_asleep_and_awake_again() -> None:
    bench = BankBench()
    bench.complete()
    assert bench.script("84040000") == 0x9000
    assert bench.ok(SELECT_SSSE)
    assert bench.sw(select_command(DEBIT)) == 0x6A82
    assert bench.sw(activation(bench)) == 0x9000
    assert bench.select()


def test_refusals() -> None:
    bench = BankBench(dormant=True)
    before = bytes(bench.memory.cells)
    right = activation(bench, challenge=bytes(8))
    assert bench.sw(right) == 0x6984  # no challenge
    bench.ok("0084000004")
    assert bench.sw(right) == 0x6984  # too short a one
    bench.ok("0084000008")
    assert bench.sw(right) == 0x6988
    assert bench.sw(right) == 0x6984  # the challenge is spent
    for length in (5, 7):
        assert bench.sw(activation(bench, aid=DEBIT[:length])) == 0x6A82
    assert bench.sw("844400010C" + "00" * 12) == 0x6A86
    assert bench.sw("8444010000") == 0x6A86
    assert bench.sw("8444000004" + "00" * 4) == 0x6700
    assert bench.sw("84440000" + "15" + "00" * 21) == 0x6700
    assert bytes(bench.memory.cells) == before


def test_a_blocked_application_of_the_other_part_is_no_hindrance() -> None:
    bench = BankBench(dormant=True)
    bench.ok(SELECT_SSSE)
    bench.ok("00A4000002DF03")
    command = activation(bench)
    session = bench.card._session
    assert session is not None
    session.df.stage_block()
    bench.memory.commit()
    assert bench.sw("00B2012C00") == 0x9303
    assert bench.sw(command) == 0x9000


def test_it_gives_no_right_and_needs_none() -> None:
    bench = BankBench(dormant=True)
    bench.ok(SELECT_SSSE)
    assert bench.sw(activation(bench)) == 0x9000
    session = bench.card._session
    assert session is not None
    assert not session.status.global_levels
    assert not session.status.masters


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_cards_without_bank_part_do_not_know_it(generation: int) -> None:
    assert Bench(generation).sw(HEADER + bytes(12)) == 0x6D00


def test_it_is_no_command_of_the_bank_application() -> None:
    bench = BankBench()
    bench.select()
    assert bench.sw(HEADER + bytes(12)) == 0x6D00
