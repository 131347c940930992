# SPDX-License-Identifier: Apache-2.0
"""Tests of reader.py: cards of all generations, cards that are broken, cards that fail."""

import pytest
from reader import CardProblemError, read_card

from sscard_chip.reader.faulty import ExchangeFault, FaultAt


@pytest.mark.parametrize("generation", [1, 2])
def test_a_card(issue_sscard, sscard_reader, generation):
    card = issue_sscard(generation, name="欧阳若兮", card_number="C30000033")
    found = read_card(sscard_reader.insert(card))
    assert found["name"] == "欧阳若兮"
    assert found["card_number"] == "C30000033"


def test_a_card_without_contacts(issue_sscard, sscard_reader):
    found = read_card(sscard_reader.insert(issue_sscard(3), contactless=True))
    assert found["card_number"] == "Z00000013"
    assert found["name"] is None  # generation 3 shows it to whoever has a PSAM


def test_a_blocked_card(issue_sscard, sscard_reader):
    name = sscard_reader.insert(issue_sscard(2, broken="environment-blocked"))
    with pytest.raises(CardProblemError, match="blocked"):
        read_card(name)


def test_no_card(sscard_reader):
    with pytest.raises(CardProblemError, match="put the card"):
        read_card(sscard_reader.names[0])


def test_a_card_that_is_pulled_out(issue_sscard, sscard_reader):
    name = sscard_reader.insert(issue_sscard(2))
    sscard_reader.arm(FaultAt(ExchangeFault.REMOVED, 3))
    with pytest.raises(CardProblemError, match="pulled out"):
        read_card(name)
