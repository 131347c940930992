# SPDX-License-Identifier: Apache-2.0
"""INITIALIZE FOR PURCHASE and DEBIT FOR PURCHASE (LD/T 32.5, 32.7), one boundary at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sscard_chip.card import Card
from tests.bench.account import PURCHASE, Terminal, detail
from tests.bench.account_cards import KnownRandom, new_memory
from tests.bench.exchange import RefusedError, set_random
from tests.medical.conftest import NewAccount
from tests.vectors.cards import load

TIME = "20240315101112"
MOST = 0xFFFFFFFF


def state_of(terminal: Terminal) -> tuple[Any, ...]:
    """All that the account shows."""
    return terminal.balance(), terminal.total(2), terminal.total(3), terminal.log()


def test_purchase_byte_for_byte_with_the_vector(new_account: NewAccount, algorithm: str) -> None:
    name = f"medical-purchase-{algorithm.replace('3des', 'des')}"
    case = next(case for case in load("card.json")["cases"] if case["name"] == name)
    given, expected = case["inputs"], case["expected"]
    keys = {"DPK": bytes.fromhex(given["dpk"]), "DTK": bytes.fromhex(given["dtk"])}
    state = {"purchase_counter": int(given["transaction_number"], 16), "balance_fen": 0x01020304}
    card, terminal = new_account(
        keys=keys, self_paid_total_fen=2_000, pooled_total_fen=3_000, year="2015", **state
    )
    set_random(card, KnownRandom(bytes.fromhex(given["icc_random"])))
    names = ("account_amount", "self_paid_amount", "pooled_amount")
    amounts = "".join(f"{given[name]:08X}" for name in names)
    assert terminal.ok(f"B028010113 02 {amounts} {given['terminal_id']} 16").hex().upper() == (
        "01020304" "000007D0" "00000BB8" "2015" "0005" "02"
        + {"3des": "00", "sm4": "03"}[algorithm]
        + given["icc_random"]
    )  # fmt: skip
    sequence, time = given["terminal_transaction_number"], given["time"]
    answer = terminal.ok(f"B02C01000F {sequence} {time} {expected['mac1']} 08")
    assert answer.hex().upper() == expected["tac"] + expected["mac2"]
    proof = terminal.ok("B02E003202 0005 08")
    assert proof.hex().upper() == expected["mac2"] + expected["tac"]
    record = f"0005{given['transaction_type']}{given['terminal_id']}{time}{amounts}"
    assert terminal.ok("00B201441C").hex().upper() == record
    assert terminal.balance() == 0x01020304 - given["account_amount"]
    assert terminal.total(2) == (2_000 + given["self_paid_amount"], "2015")
    assert terminal.total(3) == (3_000 + given["pooled_amount"], "2015")


@pytest.mark.parametrize("index", [1, 2, 3])
def test_every_key_index_debits_with_its_own_keys(new_account: NewAccount, index: int) -> None:
    terminal = new_account(balance_fen=100).terminal
    purchase = terminal.initialize_purchase(1, index=index)
    assert purchase.version == index
    terminal.debit(purchase, TIME)
    assert terminal.balance() == 99


@pytest.mark.parametrize("index", [0, 4, 0x81, 0xFF])
def test_unknown_key_index(new_account: NewAccount, index: int) -> None:
    terminal = new_account(balance_fen=100).terminal
    with pytest.raises(RefusedError, match="9403"):
        terminal.initialize_purchase(1, index=index)


@pytest.mark.parametrize("balance", [0, 1, 100, MOST])
def test_amount_of_nothing(new_account: NewAccount, balance: int) -> None:
    """Modes 1 and 2 send 0 for the account: it is a purchase like any other."""
    terminal = new_account(balance_fen=balance).terminal
    purchase = terminal.buy(0, time=TIME)
    assert terminal.balance() == balance
    assert terminal.log() == [detail(PURCHASE, purchase.number, TIME)]
    assert terminal.initialize_purchase(0).number == purchase.number + 1


@pytest.mark.parametrize("balance", [1, 255, 256, 0x01000000, 0x80000000, MOST])
def test_whole_balance_and_one_fen_more(new_account: NewAccount, balance: int) -> None:
    terminal = new_account(balance_fen=balance).terminal
    if balance < MOST:
        with pytest.raises(RefusedError, match="9401"):
            terminal.initialize_purchase(balance + 1)
    terminal.buy(balance)
    assert terminal.balance() == 0
    with pytest.raises(RefusedError, match="9401"):
        terminal.initialize_purchase(1)
    assert len(terminal.log()) == 1


def test_largest_amount_on_an_ordinary_balance(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=0x7FFFFFFF).terminal
    with pytest.raises(RefusedError, match="9401"):
        terminal.initialize_purchase(MOST)


def test_yearly_totals_up_to_their_four_bytes_and_not_beyond(new_account: NewAccount) -> None:
    terminal = new_account(self_paid_total_fen=MOST - 5, pooled_total_fen=7, year="2024").terminal
    terminal.buy(0, 5, MOST - 7)
    assert terminal.total(2) == terminal.total(3) == (MOST, "2024")
    before = state_of(terminal)
    for amounts in ((0, 1, 0), (0, 0, 1), (0, MOST, MOST)):
        purchase = terminal.initialize_purchase(*amounts)
        assert terminal.sw(terminal.debit_command(purchase, TIME)) == 0x9401
        assert state_of(terminal) == before
    # In the next year they begin again.
    terminal.debit(terminal.initialize_purchase(0, MOST, MOST), "20250101000000")
    assert terminal.total(2) == terminal.total(3) == (MOST, "2025")


def test_last_number_is_used_and_then_no_more(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100, purchase_counter=0xFFFE).terminal
    assert terminal.buy(1).number == 0xFFFE
    with pytest.raises(RefusedError, match="9402"):
        terminal.initialize_purchase(1)
    assert terminal.proof(PURCHASE, 0xFFFE) is not None
    assert terminal.balance() == 99
    assert terminal.allocate(5).number == 0  # loads have their own


def test_order_of_checks_is_index_amount_counter(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=5, purchase_counter=0xFFFF).terminal
    for index, amount, sw in ((9, 6, "9403"), (9, 5, "9403"), (1, 6, "9401"), (1, 5, "9402")):
        with pytest.raises(RefusedError, match=sw):
            terminal.initialize_purchase(amount, index=index)


def test_wrong_mac1_once(new_account: NewAccount) -> None:
    """9302, nothing changed, idle; a new INITIALIZE has a new random and the same number."""
    terminal = new_account(balance_fen=100).terminal
    before = state_of(terminal)
    purchase = terminal.initialize_purchase(10)
    command = terminal.debit_command(purchase, TIME)
    assert terminal.sw(command[:-1] + bytes((command[-1] ^ 1,))) == 0x9302
    assert terminal.sw(command) == 0x6901
    assert state_of(terminal) == before
    assert terminal.proof(PURCHASE, 0) is None
    again = terminal.initialize_purchase(10)
    assert again.random != purchase.random
    assert again.number == purchase.number
    terminal.debit(again, TIME)
    assert terminal.balance() == 90


def test_wrong_mac1_a_hundred_times_locks_nothing(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100).terminal
    before = state_of(terminal)
    for turn in range(100):
        command = bytearray(terminal.debit_command(terminal.initialize_purchase(10), TIME))
        command[-1 - turn % 4] ^= 1 << turn % 8
        assert terminal.sw(bytes(command)) == 0x9302
    assert state_of(terminal) == before
    terminal.buy(10)
    assert terminal.balance() == 90


@pytest.mark.parametrize("position", range(5, 16))
def test_mac1_covers_time_and_the_low_half_of_the_sequence(
    new_account: NewAccount, position: int
) -> None:
    """The high half of 终端交易序号 enters the TAC alone."""
    terminal = new_account(balance_fen=100).terminal
    command = bytearray(terminal.debit_command(terminal.initialize_purchase(10), TIME))
    command[position] ^= 0x01
    assert terminal.sw(bytes(command)) == (0x9000 if position < 7 else 0x9302)


def test_mac1_of_another_transaction_is_wrong(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100).terminal
    old = terminal.debit_command(terminal.initialize_purchase(10), TIME)
    new = terminal.initialize_purchase(10)
    assert terminal.sw(old) == 0x9302
    assert terminal.sw(terminal.debit_command(new, TIME)) == 0x6901


def test_debit_twice(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100).terminal
    purchase = terminal.initialize_purchase(10)
    terminal.debit(purchase, TIME)
    assert terminal.sw(terminal.debit_command(purchase, TIME)) == 0x6901
    assert terminal.balance() == 90
    assert len(terminal.log()) == 1


def test_debit_without_initialize(new_account: NewAccount) -> None:
    card, terminal = new_account(balance_fen=100)
    command = terminal.debit_command(terminal.initialize_purchase(10), TIME)
    for stop in (card.reset, card.power_on):
        terminal.initialize_purchase(10)
        stop()
        terminal.open_account()
        assert terminal.sw(command) == 0x6901
    terminal.initialize_purchase(10)
    card.reset()
    assert terminal.sw(command) == 0x6901  # not even with DF04 selected
    terminal.open_account()
    assert terminal.balance() == 100


BETWEEN = [
    "0084000008",
    "00A4000002DF04",
    "00B2014400",
    "00200000",
    "0020000003123456",
    "B056010002",
    "00C0000000",
    "B028010113 09" + "00" * 18,  # a failed INITIALIZE: 9403
    "B02801FF13 01" + "00" * 18,
    "B026000401",  # a failed GET BALANCE: 6A86
    "B02E003202 FFFF",  # a failed proof: 9406
    "B02A00000B" + "00" * 11,
    "FF",
    "B0280101",
]


@pytest.mark.parametrize("command", BETWEEN)
def test_command_in_between_ends_the_transaction(new_account: NewAccount, command: str) -> None:
    terminal = new_account(balance_fen=100).terminal
    purchase = terminal.initialize_purchase(10)
    terminal.sw(command)
    assert terminal.sw(terminal.debit_command(purchase, TIME)) == 0x6901
    assert terminal.balance() == 100


def test_balance_and_proof_in_between_do_not(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100).terminal
    first = terminal.buy(1)
    purchase = terminal.initialize_purchase(10, 4, 5)
    assert terminal.balance() == 99
    assert terminal.total(2) == (0, "2024")
    assert terminal.total(3) == (0, "2024")
    assert terminal.proof(PURCHASE, first.number) is not None
    terminal.debit(purchase, TIME)
    assert (terminal.balance(), terminal.total(2), terminal.total(3)) == (
        89,
        (4, "2024"),
        (5, "2024"),
    )


def test_initialize_again_starts_again(new_account: NewAccount) -> None:
    """In any state; the last one counts, also one for the other type."""
    terminal = new_account(balance_fen=100).terminal
    terminal.initialize_purchase(10)
    load = terminal.initialize_load(7)
    purchase = terminal.initialize_purchase(20)
    assert terminal.sw(terminal.credit_command(load, TIME)) == 0x6901
    assert terminal.sw(terminal.debit_command(purchase, TIME)) == 0x6901
    terminal.debit(terminal.initialize_purchase(20), TIME)
    assert terminal.balance() == 80


@pytest.mark.parametrize("position", range(7))
def test_time_that_is_no_bcd(new_account: NewAccount, position: int) -> None:
    """Its MAC is right: only then is it looked at."""
    terminal = new_account(balance_fen=100).terminal
    before = state_of(terminal)
    time = bytearray.fromhex(TIME)
    time[position] |= 0xA0
    purchase = terminal.initialize_purchase(10)
    assert terminal.sw(terminal.debit_command(purchase, time.hex())) == 0x6A80
    assert terminal.sw(terminal.debit_command(purchase, TIME)) == 0x6901
    assert state_of(terminal) == before


def test_lengths_and_parameters(new_account: NewAccount) -> None:
    """P1 P2 (6A86) before Lc (6700); Le may be there, 00, or too small (6Cxx)."""
    terminal = new_account(balance_fen=100).terminal
    data = "01 0000000A 00000000 00000000 330400815985"
    for command, sw in (
        (f"B028010213 {data}", 0x6A86),
        (f"B028020113 {data}", 0x6A86),
        (f"B028000213 {data}", 0x6A86),
        (f"B028010114 {data} 00", 0x6700),
        (f"B028010112 {data[:-2]}", 0x6700),
        ("B0280101", 0x6700),
        (f"B028000113 {data}", 0x6700),
        (f"B028010113 {data} 05", 0x6C16),
        (f"B028010113 {data} 00", 0x9000),
        (f"B028010113 {data} FF", 0x9000),
        (f"B428010113 {data}", 0x6E00),
    ):
        assert terminal.sw(command) == sw, command
    before = state_of(terminal)
    changes: list[tuple[Callable[[bytes], bytes], int]] = [
        (lambda c: c[:2] + b"\0" + c[3:], 0x6A86),
        (lambda c: c[:3] + b"\1" + c[4:], 0x6A86),
        (lambda c: c[:4] + b"\x0e" + c[5:-1], 0x6700),
        (lambda c: c[:4] + b"\x10" + c[5:] + b"\0", 0x6700),
    ]
    for change, sw in changes:
        purchase = terminal.initialize_purchase(10)
        assert terminal.sw(change(terminal.debit_command(purchase, TIME))) == sw
        assert terminal.sw(terminal.debit_command(purchase, TIME)) == 0x6901
    assert state_of(terminal) == before
    purchase = terminal.initialize_purchase(10)
    # 6Cxx asks for the same command again: it is still the turn of DEBIT, and nothing is done.
    assert terminal.sw(terminal.debit_command(purchase, TIME) + b"\x07") == 0x6C08
    assert terminal.balance() == before[0]
    answer = terminal.ok(terminal.debit_command(purchase, TIME) + b"\0")
    assert answer == terminal.debit_answer(purchase, TIME)


def test_holder_must_be_known(new_account: NewAccount) -> None:
    card, terminal = new_account(balance_fen=100)
    card.reset()
    terminal.open_account(pin="")
    for command in ("B028010113 09" + "FF" * 18, "B02800010B 09" + "FF" * 10):
        assert terminal.sw(command) == 0x6982
    for kind in (1, 2, 3):
        assert terminal.sw(f"B02600{kind:02X}04") == 0x6982
    assert terminal.verify("0000") == 0x63C5
    assert terminal.sw("B028010113 01" + "00" * 18) == 0x6982
    assert terminal.verify() == 0x9000
    terminal.buy(10)
    assert terminal.balance() == 90


def test_card_without_a_pin_needs_none(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100, pin="").terminal
    terminal.buy(10)
    terminal.allocate(5)
    assert terminal.balance() == 95


def test_card_without_a_pin_record_knows_no_holder(algorithm: str) -> None:
    """A key file without PIN record is not a card with no PIN set: nobody can be the holder."""
    memory = new_memory(algorithm, balance_fen=100)
    record = next(d.pin for d in Card(memory).files.directories if d.pin)
    record.memory.write(record.offset, bytes.fromhex("1E000000"))  # a use that no card knows
    memory.commit()
    card = Card(memory)
    card.power_on()
    terminal = Terminal(card.transmit, algorithm)
    terminal.open_account(pin="")
    before = bytes(memory.cells)
    for command in (
        "B028010113 01 0000000A" + "00" * 14,
        "B028010113 01 0000000A" + "00" * 14 + "00",
        "B02800010B 01 0000000A" + "00" * 6,
        "B026000104",
    ):
        assert terminal.sw(command) == 0x6982
    assert terminal.sw("B02C01000F" + "00" * 15) == 0x6901
    assert bytes(memory.cells) == before


def test_no_account_elsewhere(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100).terminal
    terminal.select_name(bytes.fromhex("D15600000502"))
    for command in (
        "B028010113 01" + "00" * 18,
        "B02800010B 01" + "00" * 10,
        "B026000104",
        "B02E003202 0000",
        "B056010002",
        "B056000002 0101",
    ):
        assert terminal.sw(command) == 0x6985


def test_details_wrap_at_thirty(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=10_000).terminal
    for count in range(1, 65):
        terminal.buy(count, count * 2, count * 3)
        log = terminal.log()
        assert len(log) == min(count, 30)
        assert [int.from_bytes(record[:2]) for record in log] == list(
            range(count - 1, max(count - 31, -1), -1)
        )
        sums = (count, count * 2, count * 3)
        assert log[0] == detail(PURCHASE, count - 1, "20240315101112", *sums)
    assert terminal.sw("00B21F4400") == 0x6A83
    assert len(terminal.ok("00B2014500")) == 30 * 28


def test_account_only_card(new_account: NewAccount) -> None:
    """EF08 of 20 bytes: totals, year and starting day are 00; lengths and MACs are the same."""
    terminal = new_account(balance_fen=1_000, account_only=True, year="2024").terminal
    for _ in range(31):
        purchase = terminal.initialize_purchase(3, MOST, MOST)
        assert (purchase.self_paid_total_fen, purchase.pooled_total_fen) == (0, 0)
        assert purchase.year == "0000"
        terminal.debit(purchase, "20260101000000")
    terminal.allocate(50)
    assert terminal.balance() == 1_000 - 31 * 3 + 50
    assert terminal.total(2) == terminal.total(3) == (0, "0000")
    assert terminal.ok("B056010002") == b"\0\0"
    log = terminal.log()
    assert len(log) == 30
    assert {len(record) for record in log} == {20}
    assert [record[-4:] for record in log[:2]] == [bytes((0, 0, 0, 50)), bytes((0, 0, 0, 3))]


@pytest.mark.parametrize("generation", [1, 2])
def test_older_generations_settle_alike(generation: int) -> None:
    card = Card(new_memory("3des", generation=generation, balance_fen=100))
    card.power_on()
    terminal = Terminal(card.transmit, "3des")
    terminal.open_account()
    terminal.buy(40, 5, 6)
    terminal.allocate(1)
    assert (terminal.balance(), terminal.total(2), terminal.total(3)) == (
        61,
        (5, "2024"),
        (6, "2024"),
    )
