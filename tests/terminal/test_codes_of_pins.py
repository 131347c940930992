# SPDX-License-Identifier: Apache-2.0
"""Return codes of everything that asks for a PIN."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sscard_chip.terminal.connection import (
    Slots,
)
from sscard_chip.terminal.driver import (
    FUNCTIONS,
    Driver,
    PinCancelledError,
    PinTimeoutError,
    Settings,
)
from tests.bench.desk import PAY, PIN, Desk
from tests.bench.issued import GENERATIONS
from tests.terminal.calls import READ

WITH_PIN: list[tuple[str, Callable[[Desk], list[int | str]]]] = [
    ("iVerifyPIN", lambda desk: [1]),
    ("iReadCard", lambda desk: [1, 1, desk.card_info, READ]),
    ("iReadDebitRecord", lambda desk: [1]),
    ("iDoDebit", lambda desk: [1, desk.card_info, PAY]),
    ("iDoDebit_HSM_Step1", lambda desk: [1, desk.card_info, PAY]),
]


@pytest.mark.parametrize(("name", "given"), WITH_PIN)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_wrong_pin_until_it_is_locked(
    name: str, given: Callable[[Desk], list[int | str]], generation: int
) -> None:
    desk = Desk(generation)
    desk.pin = "999999"
    for left in (5, 4, 3, 2, 1):
        assert desk.call(name, *given(desk)) == (-51, f"the PIN is wrong, {left} tries left")
    assert desk.call(name, *given(desk)) == (-52, "the PIN is locked")
    desk.pin, asked = PIN, len(desk.prompts)
    assert desk.call(name, *given(desk)) == (-52, "the PIN is locked")
    assert len(desk.prompts) == asked  # nobody is asked for a locked PIN


@pytest.mark.parametrize(("name", "given"), WITH_PIN)
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (PinCancelledError(), -31),
        (PinTimeoutError(), -32),
        ("", -33),
        ("123", -33),
        ("1234567890123", -33),
        ("12345Z", -41),
        ("１２３４", -41),
    ],
)
def test_what_is_typed(
    name: str, given: Callable[[Desk], list[int | str]], typed: str | Exception, code: int
) -> None:
    desk = Desk(2)
    desk.typed = [typed]
    result, text = desk.call(name, *given(desk))
    assert result == code
    assert not isinstance(typed, str) or not typed or typed not in text
    assert desk.code("iVerifyPIN", 1) == 0  # it has cost no try: six are left
    desk.pin = "999999"
    assert desk.call("iVerifyPIN", 1)[1] == "the PIN is wrong, 5 tries left"


def test_a_terminal_without_pin_pad() -> None:
    driver = Driver(Slots.of_card(Desk(2).card))
    assert FUNCTIONS["iVerifyPIN"].call(driver, 1)[0] == -31


@pytest.mark.parametrize("typed", ["1234", "123456789012"])
def test_the_shortest_and_the_longest_pin(typed: str) -> None:
    desk = Desk(2, pin=typed)
    desk.pin = typed
    assert desk.code("iVerifyPIN", 1) == 0


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ([PIN, "2468", "2469"], -34),
        ([PIN, "123456", "123456"], -36),
        (["000000", "2468", "2468"], -51),
        ([PIN, "123"], -33),
        ([PIN, "2468", PinCancelledError()], -31),
    ],
)
def test_changes_that_are_refused(typed: list[str | Exception], code: int) -> None:
    desk = Desk(2)
    desk.typed = typed
    assert desk.code("iChangePIN", 1) == code
    assert desk.code("iVerifyPIN", 1) == 0


def test_the_first_pin_of_a_card_without_one() -> None:
    desk = Desk(2, pin=None)
    desk.typed = ["2468", "2468"]
    assert desk.code("iChangePIN", 1) == 0
    desk.pin = "2468"
    assert desk.code("iVerifyPIN", 1) == 0


def test_new_pins_that_differ_leave_a_reload_undone() -> None:
    desk = Desk(2)
    desk.typed = ["2468", "2469"]
    assert desk.code("iReloadPIN", 1, desk.card_info) == -34
    assert desk.code("iVerifyPIN", 1) == 0


def test_the_initial_pin_may_not_pay_and_may_read() -> None:
    desk = Desk(2, pin="123456")
    desk.pin = "123456"
    assert desk.code("iDoDebit", 1, desk.card_info, PAY) == -35
    assert desk.code("iDoDebit_HSM_Step1", 1, desk.card_info, PAY) == -35
    assert desk.code("iReadCard", 1, 1, desk.card_info, READ) == 0
    assert desk.call("iReadDebitRecord", 1) == (0, "")
    desk.pin = "000000"
    assert desk.code("iDoDebit", 1, desk.card_info, PAY) == -51
    others = Desk(2, settings=Settings(initial_pins=("888888", PIN)))
    assert others.code("iDoDebit", 1, others.card_info, PAY) == -35
