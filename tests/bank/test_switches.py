# SPDX-License-Identifier: Apache-2.0
"""Switches of an account in a holder file: what the card then answers, by tag and byte."""

from __future__ import annotations

from typing import Any

import pytest

from sscard_chip.terminal.bank.results import Decision
from tests.bank.bank import issue
from tests.bank.payments import contact, contactless, get_data, host

CASH = {"balance_fen": 5000}


@pytest.mark.parametrize(("given", "version"), [({}, "01"), ({"cryptogram_version": "17"}, "17")])
def test_version_of_contactless_cryptograms(given: dict[str, Any], version: str) -> None:
    """9F10 begins 07, key index, version; and the issuer that verifies it approves."""
    card = issue(oda="none", ecash=CASH, **given)
    outcome = contactless(card, host(), 9000)  # beyond the cash: online
    assert outcome.data[0x9F10][:3].hex() == f"0701{version}"
    assert outcome.decision is Decision.APPROVED_ONLINE
    contacts = contact(issue(**given), host())
    assert contacts.data[0x9F10][:3].hex() == "070101"


def test_offline_limits_are_on_the_card() -> None:
    limits = {
        "lower_count": 2,
        "upper_count": 5,
        "lower_amount_fen": 30_000,
        "upper_amount_fen": 60_000,
    }
    card = issue(offline_limits=limits)
    assert get_data(card, 0x9F58).hex() == "02"
    assert get_data(card, 0x9F59).hex() == "05"
    assert get_data(card, 0x9F54).hex() == "000000030000"
    assert get_data(card, 0x9F5C).hex() == "000000060000"
    for tag in (0x9F58, 0x9F59):
        assert get_data(issue(), tag).hex() == "00"


@pytest.mark.parametrize(
    ("given", "methods"),
    [
        ({"pin": "135790"}, "410342031e031f00"),
        ({"pin": "135790", "oda": "dda"}, "410342031e031f00"),
        ({"pin": "135790", "oda": "dda", "enciphered_pin": True}, "4403410342031e031f00"),
        ({"oda": "dda"}, "42031e031f00"),
    ],
)
def test_the_list_of_cardholder_verification(given: dict[str, Any], methods: str) -> None:
    """8E: amounts X and Y of 4 bytes, then the methods in order (EMV book 3, annex C3)."""
    outcome = contact(issue(**given), host())
    assert outcome.data[0x8E].hex() == bytes(8).hex() + methods
