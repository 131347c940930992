# SPDX-License-Identifier: Apache-2.0
"""INITIALIZE FOR LOAD and CREDIT FOR LOAD 账户划入 (LD/T 32.5, 32.7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench.account import LOAD, PURCHASE, detail
from tests.bench.exchange import RefusedError
from tests.medical.conftest import NewAccount
from tests.medical.test_purchase import MOST, TIME, state_of


@pytest.mark.parametrize("amount", [0, 1, 70_000, MOST - 5])
def test_load_adds_to_the_balance_and_to_nothing_else(new_account: NewAccount, amount: int) -> None:
    terminal = new_account(balance_fen=5, self_paid_total_fen=3, year="2020").terminal
    load = terminal.allocate(amount, TIME)
    assert (load.balance_fen, load.number) == (5, 0)
    assert terminal.balance() == 5 + amount
    assert terminal.total(2) == (3, "2020")  # whatever the date
    assert terminal.log() == [detail(LOAD, 0, TIME, amount)]
    assert terminal.initialize_load(0).number == 1
    assert terminal.initialize_purchase(0).number == 0


@pytest.mark.parametrize("index", [1, 2, 3])
def test_every_key_index_loads_with_its_own_keys(new_account: NewAccount, index: int) -> None:
    terminal = new_account().terminal
    load = terminal.initialize_load(9, index=index)
    assert load.version == index
    terminal.credit(load, TIME)
    assert terminal.balance() == 9


def test_balance_beyond_four_bytes(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=MOST - 5).terminal
    for amount in (6, MOST):
        with pytest.raises(RefusedError, match="9401"):
            terminal.initialize_load(amount)
    terminal.allocate(5)
    assert terminal.balance() == MOST


def test_last_number_is_used_and_then_no_more(new_account: NewAccount) -> None:
    terminal = new_account(load_counter=0xFFFE).terminal
    assert terminal.allocate(1).number == 0xFFFE
    with pytest.raises(RefusedError, match="9402"):
        terminal.initialize_load(1)
    with pytest.raises(RefusedError, match="9403"):
        terminal.initialize_load(1, index=4)
    assert terminal.proof(LOAD, 0xFFFE) is not None
    assert terminal.buy(1).number == 0


def test_wrong_mac2_changes_nothing(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=5).terminal
    before = state_of(terminal)
    for turn in range(40):
        load = terminal.initialize_load(100)
        assert load.number == 0
        command = bytearray(terminal.credit_command(load, TIME))
        command[-1 - turn % 4] ^= 1 << turn % 8
        assert terminal.sw(bytes(command)) == 0x9302
        assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    assert state_of(terminal) == before
    assert terminal.proof(LOAD, 0) is None
    terminal.allocate(100)
    assert terminal.balance() == 105


@pytest.mark.parametrize("position", range(5, 12))
def test_mac2_covers_the_time(new_account: NewAccount, position: int) -> None:
    terminal = new_account().terminal
    command = bytearray(terminal.credit_command(terminal.initialize_load(9), TIME))
    command[position] ^= 0x01
    assert terminal.sw(bytes(command)) == 0x9302


def test_credit_only_after_its_initialize(new_account: NewAccount) -> None:
    card, terminal = new_account(balance_fen=5)
    load = terminal.initialize_load(100)
    terminal.credit(load, TIME)
    assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    load = terminal.initialize_load(100)
    terminal.initialize_purchase(1)
    assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    load = terminal.initialize_load(100)
    terminal.sw("0084000008")
    assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    load = terminal.initialize_load(100)
    card.reset()
    terminal.open_account()
    assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    load = terminal.initialize_load(100)
    assert terminal.sw("B02C01000F" + "00" * 15) == 0x6901  # DEBIT in the state of a load
    assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    assert terminal.balance() == 105


def test_queries_in_between_keep_the_load(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=5).terminal
    terminal.buy(1)
    load = terminal.initialize_load(100)
    assert terminal.balance() == 4
    assert terminal.total(2) == (0, "2024")
    assert terminal.proof(PURCHASE, 0) is not None
    terminal.credit(load, TIME)
    assert terminal.balance() == 104


@pytest.mark.parametrize("position", range(7))
def test_time_that_is_no_bcd(new_account: NewAccount, position: int) -> None:
    terminal = new_account(balance_fen=5).terminal
    before = state_of(terminal)
    time = bytearray.fromhex(TIME)
    time[position] |= 0x0F
    load = terminal.initialize_load(100)
    assert terminal.sw(terminal.credit_command(load, time.hex())) == 0x6A80
    assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    assert state_of(terminal) == before


def test_lengths_and_parameters(new_account: NewAccount) -> None:
    terminal = new_account().terminal
    data = "01 0000000A 330400815985"
    for command, sw in (
        (f"B02800000B {data}", 0x6A86),
        (f"B02800010A {data[:-2]}", 0x6700),
        (f"B02800010C {data} 00", 0x6700),
        (f"B02800010B {data} 0F", 0x6C10),
        (f"B02800010B {data} 10", 0x9000),
        (f"B02800010B {data} 00", 0x9000),
    ):
        assert terminal.sw(command) == sw, command
    changes: list[tuple[Callable[[bytes], bytes], int]] = [
        (lambda c: c[:2] + b"\1" + c[3:], 0x6A86),
        (lambda c: c[:3] + b"\1" + c[4:], 0x6A86),
        (lambda c: c[:4] + b"\x0a" + c[5:-1], 0x6700),
    ]
    for change, sw in changes:
        load = terminal.initialize_load(10)
        assert terminal.sw(change(terminal.credit_command(load, TIME))) == sw
        assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    load = terminal.initialize_load(10)
    # 6Cxx asks for the same command again: it is still the turn of CREDIT, and nothing is done.
    assert terminal.sw(terminal.credit_command(load, TIME) + b"\3") == 0x6C04
    assert terminal.balance() == 0
    assert terminal.ok(terminal.credit_command(load, TIME) + b"\4") == (
        terminal.credit_answer(load, TIME)
    )
