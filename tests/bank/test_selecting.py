# SPDX-License-Identifier: Apache-2.0
"""Which application the terminal selects."""

from __future__ import annotations

import pytest

from sscard_chip.terminal.bank.errors import CardDataError, NotAcceptedError
from sscard_chip.terminal.bank.selection import Candidate, candidates, choose, select_application
from sscard_chip.terminal.bank.terminal import AIDS
from sscard_chip.terminal.bank.tlv import tlv
from tests.bank.fake_card import (
    DEBIT,
    PSE,
    by_name,
    client,
    entry,
    fci,
    ok,
    pse,
)


def test_the_first_priority_comes_first() -> None:
    credit, quasi = AIDS[1], AIDS[2]
    card = client(
        pse(tlv(0x70, entry(credit, 3) + entry(DEBIT, 0x82)), tlv(0x70, entry(quasi, None)))
    )
    found = [(one.aid, one.priority) for one in candidates(card, AIDS, contactless=False)]
    assert found == [(DEBIT, 2), (credit, 3), (quasi, 15)]


def test_applications_that_the_terminal_does_not_know_are_passed_over() -> None:
    card = client(pse(tlv(0x70, entry(bytes.fromhex("A0000000041010"), 1) + entry(DEBIT, 2))))
    assert [one.aid for one in candidates(card, AIDS, contactless=False)] == [DEBIT]


def test_without_pse_by_the_list() -> None:
    card = client({by_name(AIDS[2]): fci(AIDS[2])})
    assert choose(card, AIDS).aid == AIDS[2]


def test_a_blocked_application_is_passed_over() -> None:
    answers = pse(tlv(0x70, entry(DEBIT, 1) + entry(AIDS[1], 2)))
    answers |= {by_name(DEBIT): fci()[:-2] + b"\x62\x83", by_name(AIDS[1]): fci(AIDS[1])}
    assert choose(client(answers), AIDS).aid == AIDS[1]


@pytest.mark.parametrize("contactless", [False, True])
def test_a_card_without_bank_part(contactless: bool) -> None:
    with pytest.raises(NotAcceptedError, match="no application in common"):
        choose(client({}), AIDS, contactless=contactless)


@pytest.mark.parametrize(
    ("answers", "rule"),
    [
        ({by_name(PSE): ok(tlv(0x6F, tlv(0x84, PSE)))}, "PSE: names no directory file"),
        (pse(tlv(0x70, tlv(0x61, tlv(0x50, b"X")))), "directory: an entry has no AID"),
        (pse(tlv(0x77, entry(DEBIT))), "directory: is not one template 70"),
        ({by_name(DEBIT): fci(AIDS[1])}, "FCI: is of another application"),
        ({by_name(DEBIT): ok(b"\x6f\x05\x84")}, "FCI: is no BER-TLV"),
    ],
)
def test_directories_and_fcis_that_are_none(answers: dict[str, bytes], rule: str) -> None:
    with pytest.raises(CardDataError) as caught:
        choose(client(answers), AIDS)
    assert str(caught.value) == rule


def test_the_name_may_be_longer_than_the_entry() -> None:
    longer = DEBIT + b"\x01"
    card = client({by_name(DEBIT): fci(longer)})
    selected = select_application(card, Candidate(DEBIT, "label", 1))
    assert selected is not None
    assert (selected.aid, selected.label) == (longer, "PBOC DEBIT")
