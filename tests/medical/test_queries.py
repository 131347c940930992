# SPDX-License-Identifier: Apache-2.0
"""GET BALANCE, GET TRANSACTION PROOF, STARTING DAY, and the year rule (LD/T 32.7, 12.6)."""

from __future__ import annotations

import pytest

from tests.bench.account import LOAD, PURCHASE, Terminal
from tests.medical.conftest import NewAccount
from tests.medical.test_purchase import TIME


def set_starting_day(terminal: Terminal, mmdd: str) -> int:
    return terminal.sw(f"B056000002 {mmdd}")


def test_three_balances(new_account: NewAccount) -> None:
    terminal = new_account(
        balance_fen=0x01020304,
        self_paid_total_fen=0x05060708,
        pooled_total_fen=0x090A0B0C,
        year="2024",
    ).terminal
    for command, answer in (
        ("B026000104", "01020304"),
        ("B0260001", "01020304"),
        ("B026000206", "050607082024"),
        ("B026000300", "090A0B0C2024"),
    ):
        assert terminal.ok(command).hex().upper() == answer
    for command, sw in (
        ("B026000004", 0x6A86),
        ("B026000404", 0x6A86),
        ("B026010104", 0x6A86),
        ("B02600010100", 0x6700),
        ("B026000103", 0x6C04),
        ("B026000204", 0x6C06),
    ):
        assert terminal.sw(command) == sw, command


def test_proof_of_the_last_of_each_type_alone(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100, purchase_counter=7, load_counter=7).terminal
    assert terminal.proof(PURCHASE, 7) is None
    assert terminal.proof(PURCHASE, 6) is None
    assert terminal.proof(LOAD, 0) is None
    purchase = terminal.buy(1, time=TIME)
    answer = terminal.debit_answer(purchase, TIME)
    assert terminal.proof(PURCHASE, 7) == answer[4:] + answer[:4]
    assert terminal.proof(LOAD, 7) is None  # of the other type
    load = terminal.allocate(5, TIME)
    proof = terminal.proof(LOAD, 7)
    assert proof == terminal.credit_command(load, TIME)[-4:] + terminal.credit_answer(load, TIME)
    assert terminal.proof(PURCHASE, 7) == answer[4:] + answer[:4]
    terminal.buy(1)
    assert terminal.proof(PURCHASE, 7) is None  # older
    assert terminal.proof(PURCHASE, 8) is not None
    assert terminal.proof(PURCHASE, 9) is None
    assert terminal.proof(LOAD, 7) == proof


def test_a_profile_may_ask_for_the_proof_by_the_number_plus_1(new_account: NewAccount) -> None:
    """As the purse has it; both types follow the one switch."""
    card, terminal = new_account(
        balance_fen=100, purchase_counter=7, load_counter=3, proof_by_next_number=True
    )
    assert terminal.sw("B02E003202 0007") == 0x9406
    assert terminal.sw("B02E003202 0008") == 0x9406
    answer = terminal.debit_answer(terminal.buy(1, time=TIME), TIME)
    assert terminal.sw("B02E003202 0007") == 0x9406
    assert terminal.ok("B02E003202 0008") == answer[4:] + answer[:4]
    terminal.allocate(5, TIME)
    assert terminal.sw("B02E003102 0003") == 0x9406
    assert terminal.sw("B02E003102 0004") == 0x9000
    card.reset()
    terminal.open_account()
    assert terminal.sw("B02E003202 0008") == 0x9000


def test_proof_outlives_reset_and_a_refused_transaction(new_account: NewAccount) -> None:
    card, terminal = new_account(balance_fen=100)
    purchase = terminal.buy(1, time=TIME)
    answer = terminal.debit_answer(purchase, TIME)
    for _ in range(2):
        card.reset()
        terminal.open_account(pin="")  # after a reset the proof comes before the PIN
        assert terminal.proof(PURCHASE, 0) == answer[4:] + answer[:4]
        assert terminal.verify() == 0x9000
        command = terminal.debit_command(terminal.initialize_purchase(1), TIME)
        assert terminal.sw(command[:-1] + bytes((command[-1] ^ 1,))) == 0x9302


def test_proof_lengths_and_parameters(new_account: NewAccount) -> None:
    terminal = new_account(balance_fen=100).terminal
    terminal.buy(1)
    for command, sw in (
        ("B02E003202 0000 08", 0x9000),
        ("B02E003202 0000", 0x9000),
        ("B02E003202 0000 04", 0x6C08),
        ("B02E003302 0000", 0x6A86),
        ("B02E000202 0000", 0x6A86),
        ("B02E013202 0000", 0x6A86),
        ("B02E003201 00", 0x6700),
        ("B02E003203 000000", 0x6700),
        ("B02E0032", 0x6700),
    ):
        assert terminal.sw(command) == sw, command


YEAR_RULE = [
    # starting day, settlement year, date, is it a new year, settlement year then
    ("0101", "2024", "20241231", False, "2024"),
    ("0101", "2024", "20250101", True, "2025"),
    ("0701", "2023", "20240630", False, "2023"),
    ("0701", "2023", "20240701", True, "2024"),
    ("0701", "2021", "20240315", True, "2023"),
    ("0101", "0000", "20240315", True, "2024"),
    ("0701", "2023", "20230630", False, "2023"),
    ("0401", "2023", "20240331", False, "2023"),
    ("0401", "2023", "20240401", True, "2024"),
    # 29 February
    ("0229", "2023", "20240228", False, "2023"),
    ("0229", "2023", "20240229", True, "2024"),
    ("0229", "2024", "20250228", False, "2024"),
    ("0229", "2024", "20250301", True, "2025"),
    ("0228", "2023", "20240229", True, "2024"),
    ("0301", "2023", "20240229", False, "2023"),
    # the end of the year
    ("1231", "2023", "20241230", False, "2023"),
    ("1231", "2023", "20241231", True, "2024"),
    ("1231", "2022", "20240101", True, "2023"),
    ("1231", "2023", "20240101", False, "2023"),
    ("0101", "2024", "20231231", False, "2024"),
    ("0101", "2024", "19990101", False, "2024"),
    ("0101", "9999", "99991231", False, "9999"),
    ("0101", "9998", "99990101", True, "9999"),
    ("0701", "0000", "00000101", False, "0000"),
    ("1231", "0000", "00011230", False, "0000"),
]


@pytest.mark.parametrize(("start", "year", "date", "new", "then"), YEAR_RULE)
def test_year_rule(
    new_account: NewAccount, start: str, year: str, date: str, new: bool, then: str
) -> None:
    terminal = new_account(
        balance_fen=100,
        self_paid_total_fen=1_000,
        pooled_total_fen=2_000,
        year=year,
        starting_day=start,
        purchase_counter=3,
    ).terminal
    terminal.buy(10, 20, 30, time=date + "235959")
    base = (0, 0) if new else (1_000, 2_000)
    assert terminal.total(2) == (base[0] + 20, then)
    assert terminal.total(3) == (base[1] + 30, then)
    assert terminal.balance() == 90
    assert terminal.initialize_purchase(0).number == 4


def test_totals_begin_anew_once_in_a_year(new_account: NewAccount) -> None:
    terminal = new_account(starting_day="0701").terminal
    totals = []
    for date in ("20240630", "20240701", "20240702", "20250630", "20250701", "20240101"):
        terminal.buy(0, 1, 10, time=date + "000000")
        totals.append((*terminal.total(2), terminal.total(3)[0]))
    assert totals == [
        (1, "2023", 10),
        (1, "2024", 10),
        (2, "2024", 20),
        (3, "2024", 30),
        (1, "2025", 10),
        (2, "2025", 20),
    ]


def test_starting_day_needs_dsk(new_account: NewAccount) -> None:
    card, terminal = new_account(starting_day="0701")
    assert terminal.ok("B056010002").hex() == "0701"
    assert set_starting_day(terminal, "0101") == 0x6982
    assert terminal.authenticate(0x8E, "DSK", wrong=True) == 0x63C2
    assert set_starting_day(terminal, "0101") == 0x6982
    assert terminal.authenticate(0x86, "UK2DF04") == 0x9000
    assert set_starting_day(terminal, "0101") == 0x6982  # the right of another key
    assert terminal.authenticate(0x8E, "DSK", 2) == 0x9000
    assert set_starting_day(terminal, "0101") == 0x9000
    assert terminal.ok("B0560100").hex() == "0101"
    card.reset()
    terminal.open_account(pin="")
    assert terminal.ok("B056010000").hex() == "0101"  # free
    assert set_starting_day(terminal, "0201") == 0x6982


@pytest.mark.parametrize(
    ("mmdd", "sw"),
    [
        ("0101", 0x9000),
        ("0229", 0x9000),
        ("1231", 0x9000),
        ("0430", 0x9000),
        ("0230", 0x6A80),
        ("0431", 0x6A80),
        ("0100", 0x6A80),
        ("0132", 0x6A80),
        ("0001", 0x6A80),
        ("1301", 0x6A80),
        ("010A", 0x6A80),
        ("A101", 0x6A80),
        ("FFFF", 0x6A80),
    ],
)
def test_starting_days_there_are(new_account: NewAccount, mmdd: str, sw: int) -> None:
    terminal = new_account(starting_day="0615").terminal
    assert terminal.authenticate(0x8E, "DSK") == 0x9000
    assert set_starting_day(terminal, mmdd) == sw
    expected = mmdd if sw == 0x9000 else "0615"
    assert terminal.ok("B056010002").hex() == expected


def test_starting_day_lengths_and_parameters(new_account: NewAccount) -> None:
    terminal = new_account().terminal
    assert terminal.authenticate(0x8E, "DSK") == 0x9000
    for command, sw in (
        ("B056000001 01", 0x6700),
        ("B056000003 010101", 0x6700),
        ("B0560000", 0x6700),
        ("B056000102 0101", 0x6A86),
        ("B056020002 0101", 0x6A86),
        ("B056010102", 0x6A86),
        ("B056010002 0101", 0x6700),
        ("B056010001", 0x6C02),
    ):
        assert terminal.sw(command) == sw, command


def test_starting_day_changes_neither_year_nor_totals(new_account: NewAccount) -> None:
    """The next purchase finds the new day, also where it met the year before."""
    terminal = new_account(
        year="2023", starting_day="0701", self_paid_total_fen=7, pooled_total_fen=9
    ).terminal
    terminal.buy(0, 1, 1, time="20240630000000")
    assert terminal.authenticate(0x8E, "DSK") == 0x9000
    assert set_starting_day(terminal, "0601") == 0x9000
    assert (terminal.total(2), terminal.total(3)) == ((8, "2023"), (10, "2023"))
    terminal.buy(0, 1, 1, time="20240531000000")
    assert terminal.total(2) == (9, "2023")
    terminal.buy(0, 1, 1, time="20240630000000")
    assert terminal.total(2) == (1, "2024")
