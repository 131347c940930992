# SPDX-License-Identifier: Apache-2.0
"""VERIFY and CHANGE PIN."""

from __future__ import annotations

import pytest

from sscard_chip.standard.commands import CHANGE_PIN
from tests.bench.issued import SSSE, SUITES_OF_CARDS, Bench

QUERY = "0020000000"
WRONG = "654321"
LIMIT = 6


def change(bench: Bench, old: str, new: str) -> int:
    data = bytes.fromhex(old + "FF" + new)
    return bench.sw(CHANGE_PIN.apdu(data=data))


def ready(pin: str | None = "123456", generation: int = 2, directory: int = SSSE) -> Bench:
    bench = Bench(generation, pin=pin)
    bench.enter(directory)
    return bench


# --- VERIFY -----------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["00200000", "0020000000"])
def test_query_does_not_count(query: str) -> None:
    bench = ready()
    before = bytes(bench.memory.cells)
    for _ in range(20):
        assert bench.sw(query) == 0x63C0 | LIMIT
    assert bench.memory.cells == before
    assert bench.verify() == 0x9000
    assert bench.sw(query) == 0x63C0 | LIMIT


def test_query_of_a_card_without_a_pin() -> None:
    bench = ready(None)
    assert bench.sw(QUERY) == 0x9000
    assert bench.sw("002000000312" + "3456") == 0x6984


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_lock(generation: int, algorithm: str) -> None:
    bench = Bench(generation, algorithm=algorithm)
    bench.enter(SSSE)
    for left in range(LIMIT - 1, -1, -1):
        assert bench.verify(WRONG) == 0x63C0 | left
        if left:
            assert bench.sw(QUERY) == 0x63C0 | left
    for _ in range(2):
        assert bench.verify() == 0x6983
        assert bench.verify(WRONG) == 0x6983
        assert bench.sw(QUERY) == 0x6983
        assert change(bench, "123456", "111111") == 0x6983
        bench.power_cycle()
        bench.enter(SSSE)


def test_success_gives_all_tries_back() -> None:
    bench = ready()
    for _ in range(3):
        for left in range(LIMIT - 1, 0, -1):
            assert bench.verify(WRONG) == 0x63C0 | left
        bench.power_cycle()
        bench.enter(SSSE)
        assert bench.sw(QUERY) == 0x63C1
        assert bench.verify() == 0x9000
        assert bench.sw(QUERY) == 0x63C0 | LIMIT


def test_a_wrong_pin_does_not_take_back_a_verified_one() -> None:
    """Verified lasts until power-off (LD/T 32.5)."""
    bench = ready(directory=0xDF01)
    assert bench.verify() == 0x9000
    assert bench.verify(WRONG) == 0x63C0 | LIMIT - 1
    assert bench.ok("00B2012C00")[0] == 0x20


@pytest.mark.parametrize("pin", ["1234", "12345F", "123456", "1234567F", "1234567890123456"])
def test_lengths_of_pins(pin: str) -> None:
    bench = ready(pin.rstrip("F"))
    assert bench.verify(pin) == 0x9000
    for other in ("1234", "12345F", "123456", "1234567F", "1234567890123456"):
        if other != pin:
            assert bench.verify(other) == 0x63C0 | LIMIT - 1
            assert bench.verify(pin) == 0x9000


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("002000000112", 0x6700),
        ("0020000009123456789012345678", 0x6700),
        ("0020010003123456", 0x6A86),
        ("0020000103123456", 0x6A86),
        ("0020008103123456", 0x6A86),
        ("00200000031234", 0x6700),
        ("0420000003123456", 0x6E00),
    ],
)
def test_refused_verify_costs_no_try(command: str, expected: int) -> None:
    bench = ready()
    before = bytes(bench.memory.cells)
    assert bench.sw(command) == expected
    assert bench.memory.cells == before


def test_the_mf_has_no_pin() -> None:
    bench = Bench(2)
    assert bench.sw(QUERY) == 0x6A88
    assert bench.verify() == 0x6A88
    assert change(bench, "123456", "111111") == 0x6A88


# --- CHANGE PIN -------------------------------------------------------------------------------


@pytest.mark.parametrize("directory", [SSSE, 0xDF01])
def test_change(directory: int) -> None:
    bench = ready(directory=directory)
    assert bench.verify(WRONG) == 0x63C5
    assert change(bench, "123456", "98765432") == 0x9000
    assert bench.sw(QUERY) == 0x63C0 | LIMIT  # tries full again
    bench.power_cycle()
    bench.enter(directory)
    assert bench.verify() == 0x63C5
    assert bench.verify("98765432") == 0x9000


def test_changing_is_not_verifying() -> None:
    bench = ready(directory=0xDF01)
    assert change(bench, "123456", "111111") == 0x9000
    assert bench.sw("00B2012C00") == 0x6982
    assert bench.verify("111111") == 0x9000
    assert change(bench, "111111", "222222") == 0x9000
    assert bench.ok("00B2012C00")[0] == 0x20  # and takes nothing back either


def test_taking_the_pin_away_and_giving_one() -> None:
    bench = ready(directory=0xDF01)
    assert bench.sw("00B2012C00") == 0x6982
    assert change(bench, "123456", "") == 0x9000
    assert bench.sw(QUERY) == 0x9000
    assert bench.ok("00B2012C00")[0] == 0x20  # no PIN set: the condition is met
    assert change(bench, "1234", "111111") == 0x63C5  # none is set, and one was given
    assert change(bench, "", "111111") == 0x9000
    assert bench.sw("00B2012C00") == 0x6982
    assert bench.verify("111111") == 0x9000


def test_the_largest_change() -> None:
    bench = ready("1111222233334444")
    assert change(bench, "1111222233334444", "5555666677778888") == 0x9000
    assert bench.verify("5555666677778888") == 0x9000
    # An old PIN of an odd number of digits: its F is no separator.
    assert change(bench, "5555666677778888", "12345F") == 0x9000
    assert change(bench, "12345F", "1234567F") == 0x9000
    assert bench.verify("1234567F") == 0x9000


def test_wrong_old_pin_counts() -> None:
    bench = ready()
    for left in range(LIMIT - 1, -1, -1):
        assert change(bench, WRONG, "111111") == 0x63C0 | left
    assert change(bench, "123456", "111111") == 0x6983
    assert bench.verify() == 0x6983


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("123456" + "654321", 0x6A80),  # no separator
        ("123456FF" + "12", 0x6A80),  # too few digits
        ("123456FF" + "123F", 0x6A80),
        ("123456FF" + "12FF56", 0x6A80),
        ("123456FF" + "12345A", 0x6A80),
        ("123456FF" + "A23456", 0x6A80),
        ("123456FF" + "FF3456", 0x6A80),
        ("123456FF" + "123456789012345678", 0x6A80),
        ("FF12", 0x6700),
        ("1122334455667788FF112233445566778899", 0x6700),
        ("FF", 0x6700),
    ],
)
def test_refused_change_costs_no_try(data: str, expected: int) -> None:
    bench = ready()
    before = bytes(bench.memory.cells)
    assert bench.sw(CHANGE_PIN.apdu(data=bytes.fromhex(data))) == expected
    assert bench.memory.cells == before


@pytest.mark.parametrize(
    ("header", "expected"), [("805E0000", 0x6A86), ("805E0101", 0x6A86), ("005E0100", 0x6E00)]
)
def test_refused_header(header: str, expected: int) -> None:
    bench = ready()
    assert bench.sw(header + "07123456FF111111") == expected
    assert bench.verify() == 0x9000


def test_a_pin_that_is_locked_later_stays_verified_until_power_off() -> None:
    """Card page, VERIFY: the verified state lasts until power-off, whatever follows."""
    bench = ready(directory=0xDF01)
    read = "00B2012C00"  # EF05: PIN or key
    assert bench.verify() == 0x9000
    for left in range(LIMIT - 1, -1, -1):
        assert bench.verify(WRONG) == 0x63C0 | left
    assert bench.verify(WRONG) == bench.verify() == bench.sw(QUERY) == 0x6983
    assert bench.send(read).sw == 0x9000
    bench.card.power_on()
    bench.enter(0xDF01)
    assert bench.sw(QUERY) == 0x6983
    assert bench.sw(read) == 0x6982
