# SPDX-License-Identifier: Apache-2.0
"""iReadPBOCAccount of the terminal's driver."""

from __future__ import annotations

from typing import Any

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.terminal.connection import Slots
from sscard_chip.terminal.driver import FUNCTIONS, Driver, InterfaceType
from tests.bank.bank import PAN, issue

NAME = "iReadPBOCAccount"
TEXT = f"{PAN}|07|203607|"


def call(card: Card, kind: int = 1) -> tuple[int, str]:
    return FUNCTIONS[NAME].call(Driver(Slots.of_card(card)), kind)


@pytest.mark.parametrize("kind", list(InterfaceType))
@pytest.mark.parametrize("fields", [{}, {"oda": "dda"}, {"pdol": True}, {"variant": "credit"}])
def test_the_account_of_a_linked_card(kind: int, fields: dict[str, Any]) -> None:
    card = issue(pan_sequence="07", ecash={"balance_fen": 500}, **fields)
    assert call(card, kind) == (0, TEXT)
    assert call(card, kind) == (0, TEXT)  # nothing is spent, nothing is left open


def test_generation_2_has_contacts_alone() -> None:
    card = issue(2, pan_sequence="07")
    assert call(card) == (0, TEXT)
    assert call(card, 2)[0] == -12


@pytest.mark.parametrize("card", [issue(pan=None), issue(1, pan=None), issue(state="dormant")])
def test_a_card_without_an_active_bank_application(card: Card) -> None:
    assert call(card) == (-27266, "the card has no active bank application")


def test_a_bad_type() -> None:
    assert call(issue(), 5)[0] == -14


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        (ExchangeFault.REMOVED, {-2}),
        (ExchangeFault.MUTE, {-4}),
        (ExchangeFault.SHORT, {-4}),
        (ExchangeFault.WRONG_STATUS, {-28416, -27266, -13, 0}),
    ],
)
def test_a_fault_at_every_exchange(fault: ExchangeFault, codes: set[int]) -> None:
    card = issue()
    probe = FaultyConnection(Slots.of_card(card).contact)
    assert FUNCTIONS[NAME].call(Driver(Slots(contact=probe)), 1)[0] == 0
    for exchange in range(1, probe.exchanges + 1):
        slot = FaultyConnection(
            Slots.of_card(card).contact,
            FaultAt(fault, exchange),
        )
        driver = Driver(Slots(contact=slot))
        code, text = FUNCTIONS[NAME].call(driver, 1)
        assert code in codes, exchange
        assert code == 0 or PAN not in text
        slot.insert()
        assert FUNCTIONS[NAME].call(driver, 1)[0] == 0
