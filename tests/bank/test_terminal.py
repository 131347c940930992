# SPDX-License-Identifier: Apache-2.0
"""The terminal on cards that are not as they should be."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.filesystem import tlv as ber
from sscard_chip.terminal.bank.contactless import ContactlessTerminal
from sscard_chip.terminal.bank.errors import CardDataError, NotAcceptedError
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import Decision, Tsi, Tvr
from sscard_chip.terminal.bank.terminal import BankPurchase, TerminalProfile
from sscard_chip.terminal.bank.tlv import tlv
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import TerminalConnectionError
from tests.bank.bank import NOON
from tests.bank.fake_card import (
    DEBIT,
    PPSE,
    PSE,
    FakeCard,
    by_name,
    entry,
    fci,
    ok,
)

PAN_RECORD = tlv(0x5A, bytes.fromhex("6239990000012345"))
RECORD = PAN_RECORD + b"".join(
    tlv(tag, bytes.fromhex(value))
    for tag, value in (
        (0x5F24, "361231"),
        (0x8C, "9F02069F03069F1A0295055F2A029A039C019F3704"),
        (0x8D, "8A02"),
    )
)


def card(**changed: bytes) -> FakeCard:
    """A card that approves everything, with no rights and no risk management."""
    answers = {
        "select": fci(),
        "gpo": ok(bytes.fromhex("8006000008010100")),
        "record": ok(tlv(0x70, RECORD)),
        "gac": ok(tlv(0x80, bytes.fromhex("400001" + "AA" * 8 + "07010103900000" + "01"))),
    } | changed
    heads = {"select": by_name(DEBIT), "gpo": "80A80000", "record": "00B2010C", "gac": "80AE"}
    return FakeCard({heads[name]: answer for name, answer in answers.items()})


def pay(fake: FakeCard, **profile: Any) -> Any:
    terminal = PaymentTerminal(TerminalProfile(floor_limit_fen=10_000, **profile))
    return terminal.pay(fake, BankPurchase(1000, datetime(2026, 11, 28, 12, 0)))


QUIET = {"action_codes": (bytes(5), bytes(5), bytes(5))}


def test_a_card_that_approves() -> None:
    silent = RECORD + b"".join(tlv(tag, bytes(5)) for tag in (0x9F0D, 0x9F0E, 0x9F0F))
    outcome = pay(card(record=ok(tlv(0x70, silent))), **QUIET)
    assert outcome.decision is Decision.APPROVED_OFFLINE
    assert (outcome.tvr, outcome.tsi) == (Tvr.ODA_NOT_PERFORMED, Tsi.CARD_RISK)
    assert outcome.data[0x9F26] == b"\xaa" * 8


@pytest.mark.parametrize(
    ("name", "answer", "rule"),
    [
        ("gpo", ok(bytes.fromhex("80057C00080101")), "GPO: AIP and AFL have another length"),
        ("gpo", ok(bytes.fromhex("80067C0008010100") * 2), "GPO: is not one template"),
        ("gpo", ok(bytes.fromhex("70067C0008010100")), "GPO: is neither format 1 nor format 2"),
        ("gpo", ok(bytes.fromhex("7706940408010100")), "the card gave no 82"),
        ("gpo", ok(bytes.fromhex("80067C0009010100")), "AFL: has an entry that is none"),
        ("gpo", ok(bytes.fromhex("80067C0008020100")), "AFL: has an entry that is none"),
        ("gpo", ok(bytes.fromhex("80067C0008010102")), "AFL: signs more records than there are"),
        ("record", ok(tlv(0x70, RECORD) + b"\x57"), "record 1 of SFI 1: is no BER-TLV"),
        ("record", ok(tlv(0x70, RECORD + PAN_RECORD)), "record 1 of SFI 1: 5A has come before"),
        ("record", ok(tlv(0x70, PAN_RECORD)), "the card gave no 8C"),
        (
            "record",
            ok(tlv(0x70, RECORD + tlv(0x57, bytes.fromhex("6239990000099999D361220F")))),
            "57: is of another account than 5A",
        ),
        ("gac", ok(bytes.fromhex("8003400001")), "GENERATE AC: is neither format 1 nor format 2"),
        ("gac", ok(tlv(0x77, tlv(0x9F36, b"\0\1"))), "the card gave no 9F27"),
        (
            "gac",
            ok(tlv(0x80, bytes.fromhex("800001" + "AA" * 16))),
            "GENERATE AC: the card gave more than it was asked for",
        ),
        ("gac", ok(tlv(0x80, bytes.fromhex("C00001" + "AA" * 16))), "GENERATE AC: 9F27 is none"),
    ],
)
def test_cards_that_end_a_transaction(name: str, answer: bytes, rule: str) -> None:
    with pytest.raises(CardDataError) as caught:
        pay(card(**{name: answer}), **QUIET)
    assert str(caught.value) == rule
    assert "623999" not in rule


@pytest.mark.parametrize("erased", ["00", "FF", "0000FF"])
def test_erased_objects_and_long_lengths_are_read_over(erased: str) -> None:
    """EMV book 3 annex B, ISO/IEC 7816-4 section 5.2.2: the same transaction as without them."""
    gap = bytes.fromhex(erased)
    silent = RECORD + b"".join(tlv(tag, bytes(5)) for tag in (0x9F0D, 0x9F0E, 0x9F0F))
    plain = pay(card(record=ok(tlv(0x70, silent))), **QUIET)
    inner = gap + gap.join(tlv(tag, value) for tag, value in ber.parse_objects(silent)) + gap
    for length in (b"\x81", b"\x82\x00", b"\x83\x00\x00", b"\x84\x00\x00\x00"):
        record = gap + b"\x70" + length + bytes((len(inner),)) + inner + gap
        found = pay(card(record=ok(record)), **QUIET).data
        assert {tag: found[tag] for tag in (0x5A, 0x5F24, 0x8C, 0x9F26)} == {
            tag: plain.data[tag] for tag in (0x5A, 0x5F24, 0x8C, 0x9F26)
        }


def test_a_contactless_card_without_pdol() -> None:
    ppse = tlv(0x6F, tlv(0x84, PPSE) + tlv(0xA5, tlv(0xBF0C, entry(DEBIT))))
    fake = FakeCard({by_name(PPSE): ok(ppse), by_name(DEBIT): fci()})
    with pytest.raises(CardDataError, match="has no PDOL"):
        ContactlessTerminal(TerminalProfile()).pay(fake, BankPurchase(1, NOON))


def test_a_contactless_card_that_names_no_cryptogram() -> None:
    ppse = tlv(0x6F, tlv(0x84, PPSE) + tlv(0xA5, tlv(0xBF0C, entry(DEBIT))))
    answer = tlv(0x82, b"\0\0") + tlv(0x57, bytes.fromhex("6239990000012345D3612220"))
    answer += tlv(0x9F36, b"\0\1") + tlv(0x9F26, bytes(8))
    for issuer_data, rule in (("0701010330000001", "names no cryptogram"), ("06", "another form")):
        gpo = tlv(0x77, answer + tlv(0x9F10, bytes.fromhex(issuer_data)))
        fake = FakeCard(
            {
                by_name(PPSE): ok(ppse),
                by_name(DEBIT): fci(pdol=bytes.fromhex("9F6604")),
                "80A80000": ok(gpo),
            }
        )
        with pytest.raises(CardDataError, match=rule):
            ContactlessTerminal(TerminalProfile()).pay(fake, BankPurchase(1, NOON))


class AnyCard(FakeCard):
    """Answers what it is told, in turn, then 9000 for ever."""

    def __init__(self, answers: list[bytes]) -> None:
        super().__init__({})
        self.waiting = answers

    def transmit(self, apdu: bytes) -> bytes:
        return self.waiting.pop(0) if self.waiting else b"\x90\x00"


GOOD = [
    ok(tlv(0x6F, tlv(0x84, PSE) + tlv(0xA5, tlv(0x88, b"\x01")))),
    ok(tlv(0x70, entry(DEBIT))),
    b"\x6a\x83",
    fci(),
    ok(bytes.fromhex("80067C0008010100")),
    ok(tlv(0x70, RECORD)),
    ok(tlv(0x80, bytes.fromhex("400001" + "AA" * 16))),
]


@given(st.integers(0, len(GOOD)), st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_whatever_a_card_answers_has_an_error_of_ours(
    right: int, rest: list[bytes], contactless: bool
) -> None:
    fake = AnyCard([*GOOD[:right], *(ok(one) for one in rest)])
    terminal: PaymentTerminal | ContactlessTerminal = PaymentTerminal(TerminalProfile())
    if contactless:
        terminal = ContactlessTerminal(TerminalProfile())
    told = (CardDataError, NotAcceptedError, CardStatusError, TerminalConnectionError)
    with suppress(*told):
        assert terminal.pay(fake, BankPurchase(1000, NOON)).decision in set(Decision)
