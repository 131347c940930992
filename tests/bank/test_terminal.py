# SPDX-License-Identifier: Apache-2.0
"""The terminal on cards that are not as they should be, and its small parts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.terminal.bank.authentication import authenticate
from sscard_chip.terminal.bank.cardholder import verify_cardholder
from sscard_chip.terminal.bank.contactless import ContactlessTerminal
from sscard_chip.terminal.bank.cryptograms import Cryptogram, IssuerData
from sscard_chip.terminal.bank.errors import CardDataError, NotAcceptedError
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import Decision, Tsi, Tvr
from sscard_chip.terminal.bank.risk import check_restrictions, first_request, manage_risk
from sscard_chip.terminal.bank.scripts import Script, script_template
from sscard_chip.terminal.bank.selection import Candidate, Selected, candidates, choose, select
from sscard_chip.terminal.bank.terminal import AIDS, Purchase, TerminalProfile
from sscard_chip.terminal.bank.tlv import digits_of, dol_data, find, primitives, template, tlv, tlvs
from sscard_chip.terminal.bank.transaction import Transaction
from sscard_chip.terminal.client import ApduClient, CardStatusError
from sscard_chip.terminal.connection import TerminalConnectionError
from tests.bank.bank import NOON

DEBIT = AIDS[0]
PSE = b"1PAY.SYS.DDF01"
PPSE = b"2PAY.SYS.DDF01"
SELECT = "00A40400"


class FakeCard:
    """Answers by the beginning of a command; 6A82 for the rest."""

    atr = bytes.fromhex("3B00")

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = {bytes.fromhex(head): answer for head, answer in answers.items()}
        self.commands: list[bytes] = []

    def power_on(self) -> bytes:
        return self.atr

    reset = power_on

    def power_off(self) -> None:
        pass

    def transmit(self, apdu: bytes) -> bytes:
        self.commands.append(apdu)
        for head in sorted(self.answers, key=len, reverse=True):
            if apdu.startswith(head):
                return self.answers[head]
        return b"\x6a\x82"


def ok(data: bytes = b"") -> bytes:
    return data + b"\x90\x00"


def by_name(name: bytes) -> str:
    return f"{SELECT}{len(name):02X}{name.hex()}"


def fci(name: bytes = DEBIT, pdol: bytes = b"") -> bytes:
    a5 = tlv(0x50, b"PBOC DEBIT") + (tlv(0x9F38, pdol) if pdol else b"")
    return ok(tlv(0x6F, tlv(0x84, name) + tlv(0xA5, a5)))


def entry(aid: bytes, priority: int | None = 1, label: bytes = b"X") -> bytes:
    rest = b"" if priority is None else tlv(0x87, bytes((priority,)))
    return tlv(0x61, tlv(0x4F, aid) + tlv(0x50, label) + rest)


def pse(*records: bytes) -> dict[str, bytes]:
    answers = {by_name(PSE): ok(tlv(0x6F, tlv(0x84, PSE) + tlv(0xA5, tlv(0x88, b"\x01"))))}
    for number, record in enumerate(records, 1):
        answers[f"00B2{number:02X}0C"] = ok(record)
    answers["00B2"] = b"\x6a\x83"
    return answers


def client(answers: Mapping[str, bytes]) -> ApduClient:
    return ApduClient(FakeCard(answers))


def transaction(answers: Mapping[str, bytes] | None = None, **data: bytes) -> Transaction:
    selected = Selected(DEBIT, "PBOC DEBIT", b"")
    made = Transaction(client(answers or {}), TerminalProfile(), Purchase(1000, NOON), selected)
    made.data |= {int(tag[1:], 16): value for tag, value in data.items()}
    return made


# --- data objects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["57", "5705AA", "9F", "9F3602", "5780", "57830000FF", "7081"])
def test_what_is_no_tlv(data: str) -> None:
    with pytest.raises(CardDataError, match=r"^record: is no BER-TLV$"):
        tlvs(bytes.fromhex(data), "record")


@given(st.binary(max_size=64))
def test_any_bytes_are_data_objects_or_an_error(data: bytes) -> None:
    try:
        found = tlvs(data, "x")
    except CardDataError:
        return
    assert sum(len(value) for _, value in found) <= len(data)
    try:
        list(primitives(data, "x"))
        find(data, 0x9F36, "x")
    except CardDataError:
        pass


def test_templates() -> None:
    inner = tlv(0x9F36, b"\x00\x01") + tlv(0x5F24, bytes(3))
    record = tlv(0x70, tlv(0x61, inner))
    assert template(0x70, record, "record") == tlv(0x61, inner)
    assert primitives(record, "record") == [(0x9F36, b"\x00\x01"), (0x5F24, bytes(3))]
    assert find(record, 0x61, "record") == inner
    assert find(record, 0x57, "record") is None
    for wrong in (record + record, tlv(0x77, b""), b""):
        with pytest.raises(CardDataError, match="not one template 70"):
            template(0x70, wrong, "record")


@pytest.mark.parametrize(
    ("dol", "value", "expected"),
    [
        ("9F0206", "123456", "000000123456"),  # numeric: filled on the left
        ("9F0202", "000000123456", "3456"),  # and cut there
        ("9F3704", "01020304", "01020304"),
        ("9F3702", "01020304", "0102"),  # others: cut on the right
        ("9F3706", "01020304", "010203040000"),
        ("5A0A", "6239990000012345", "6239990000012345FFFF"),  # compressed: F
        ("9F4E14", "", "00" * 20),  # not there
        ("DF0103", "", "000000"),
        ("700200", "", "0000"),  # a template
    ],
)
def test_what_a_list_gets(dol: str, value: str, expected: str) -> None:
    list_ = bytes.fromhex(dol)[: 3 if dol != "700200" and not dol.startswith("5A") else 2]
    tag = int.from_bytes(list_[:-1])
    values = {tag: bytes.fromhex(value)} if value else {}
    assert dol_data(list_, values, "DOL").hex().upper() == expected


def test_what_is_no_list() -> None:
    with pytest.raises(CardDataError, match=r"^CDOL: is no data object list$"):
        dol_data(bytes.fromhex("9F02"), {}, "CDOL")


def test_digits() -> None:
    assert digits_of(bytes.fromhex("6239990000012345FFFF")) == "6239990000012345"
    for wrong in ("", "FF", "62A9"):
        with pytest.raises(CardDataError):
            digits_of(bytes.fromhex(wrong))


# --- selection ------------------------------------------------------------------------------------


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
    selected = select(card, Candidate(DEBIT, "label", 1))
    assert selected is not None
    assert (selected.aid, selected.label) == (longer, "PBOC DEBIT")


# --- a card's data --------------------------------------------------------------------------------

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
    return terminal.pay(fake, Purchase(1000, datetime(2026, 11, 28, 12, 0)))


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
        ("record", ok(tlv(0x70, RECORD) + b"\x00"), "record 1 of SFI 1: is no BER-TLV"),
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


def test_a_contactless_card_without_pdol() -> None:
    ppse = tlv(0x6F, tlv(0x84, PPSE) + tlv(0xA5, tlv(0xBF0C, entry(DEBIT))))
    fake = FakeCard({by_name(PPSE): ok(ppse), by_name(DEBIT): fci()})
    with pytest.raises(CardDataError, match="has no PDOL"):
        ContactlessTerminal(TerminalProfile()).pay(fake, Purchase(1, NOON))


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
            ContactlessTerminal(TerminalProfile()).pay(fake, Purchase(1, NOON))


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
        assert terminal.pay(fake, Purchase(1000, NOON)).decision in set(Decision)


# --- what the card says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cryptogram"),
    [
        ("07010103A40000", Cryptogram.ARQC),
        ("07010103900000", Cryptogram.TC),
        ("0701010380A000", Cryptogram.AAC),
    ],
)
def test_issuer_data(value: str, cryptogram: Cryptogram) -> None:
    plain = IssuerData.parse(bytes.fromhex(value + "01"))
    assert (plain.first, plain.balance, plain.mac) == (cryptogram, b"", b"")
    cash = IssuerData.parse(bytes.fromhex(value + "04" + "0A01" + "0000012345" + "AABBCCDD"))
    assert (cash.algorithm, cash.balance.hex(), cash.mac.hex()) == (4, "0000012345", "aabbccdd")


@pytest.mark.parametrize(
    "value", ["", "07", "06010103A0000001", "07010104A0000001", "07010103A00000010A"]
)
def test_issuer_data_of_another_form(value: str) -> None:
    with pytest.raises(CardDataError, match=r"^9F10: "):
        IssuerData.parse(bytes.fromhex(value))


def test_scripts_that_are_none() -> None:
    good = script_template([bytes.fromhex("8418000004AABBCCDD")])
    assert Script.parse(good).commands == (bytes.fromhex("8418000004AABBCCDD"),)
    for wrong in (
        b"", good + good, tlv(0x73, b""), tlv(0x72, tlv(0x86, b"\x84")), tlv(0x72, tlv(0x57, b"")),
    ):  # fmt: skip
        with pytest.raises(CardDataError, match=r"^script: "):
            Script.parse(wrong)


# --- restrictions and risk ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "country", "served"),
    [
        ("FF00", "0156", True),
        ("0100", "0156", False),  # no goods, no services
        ("FE00", "0156", False),  # ATMs alone
        ("2100", "0156", True),
        ("2100", "0392", False),  # domestic alone, and this is abroad
        ("1100", "0392", True),
    ],
)
def test_usage_control(usage: str, country: str, served: bool) -> None:
    own = transaction(
        t5F24=bytes.fromhex("361231"), t9F07=bytes.fromhex(usage), t5F28=bytes.fromhex(country)
    )
    check_restrictions(own)
    assert (Tvr.SERVICE_NOT_ALLOWED not in own.tvr) == served


@pytest.mark.parametrize(
    ("atc", "last", "bits"),
    [
        (5, 4, Tvr(0)),
        (8, 4, Tvr.LOWER_LIMIT_EXCEEDED),
        (15, 4, Tvr.LOWER_LIMIT_EXCEEDED | Tvr.UPPER_LIMIT_EXCEEDED),
        (1, 0, Tvr.NEW_CARD),
    ],
)
def test_transactions_in_a_row(atc: int, last: int, bits: Tvr) -> None:
    counters = {
        "80CA9F36": ok(tlv(0x9F36, atc.to_bytes(2))),
        "80CA9F13": ok(tlv(0x9F13, last.to_bytes(2))),
    }
    own = transaction(counters, t82=b"\x08\x00", t9F14=b"\x03", t9F23=b"\x0a")
    manage_risk(own)
    assert own.tvr & ~Tvr.FLOOR_LIMIT_EXCEEDED == bits


def test_counters_that_the_card_does_not_give() -> None:
    own = transaction(t82=b"\x08\x00", t9F14=b"\x03", t9F23=b"\x0a")
    manage_risk(own)
    assert Tvr.LOWER_LIMIT_EXCEEDED | Tvr.UPPER_LIMIT_EXCEEDED in own.tvr


@pytest.mark.parametrize(
    ("tvr", "online", "asked"),
    [
        (Tvr(0), True, Cryptogram.TC),
        (Tvr.FLOOR_LIMIT_EXCEEDED, True, Cryptogram.ARQC),
        (Tvr.FLOOR_LIMIT_EXCEEDED, False, Cryptogram.AAC),
        (Tvr.LOWER_LIMIT_EXCEEDED, False, Cryptogram.TC),
        (Tvr.EXPIRED, False, Cryptogram.AAC),
        (Tvr.SERVICE_NOT_ALLOWED, True, Cryptogram.AAC),
    ],
)
def test_what_the_terminal_asks_for(tvr: Tvr, online: bool, asked: Cryptogram) -> None:
    own = transaction(t9F0D=bytes.fromhex("0040000000"), t9F0E=bytes(5), t9F0F=bytes(5))
    own.tvr = tvr
    assert first_request(own, online=online) is asked


def test_a_card_without_action_codes_goes_online_for_anything() -> None:
    own = transaction()
    own.tvr = Tvr.NEW_CARD
    assert first_request(own, online=True) is Cryptogram.ARQC
    assert first_request(own, online=False) is Cryptogram.AAC


# --- cardholder -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "result", "bits"),
    [
        ("1F00", "1f0002", Tvr(0)),
        ("1E00", "1e0000", Tvr(0)),
        ("4203 1E00", "1e0000", Tvr(0)),  # on-line PIN: not at this terminal
        ("0200 1F00", "020001", Tvr.CARDHOLDER_NOT_VERIFIED),
        ("3F00", "3f0001", Tvr.CARDHOLDER_NOT_VERIFIED | Tvr.UNKNOWN_CVM),
        ("0000", "000001", Tvr.CARDHOLDER_NOT_VERIFIED),
        ("1F06", "3f0001", Tvr.CARDHOLDER_NOT_VERIFIED),  # under X, which is 0
        ("1F07", "1f0702", Tvr(0)),
        ("1F01", "3f0001", Tvr.CARDHOLDER_NOT_VERIFIED),  # cash
        ("4103 1E00", "1e0000", Tvr.NO_PIN_PAD),
    ],
)
def test_the_cvm_list(rules: str, result: str, bits: Tvr) -> None:
    own = transaction(t82=b"\x10\x00", t8E=bytes(8) + bytes.fromhex(rules))
    verify_cardholder(own, None)
    assert own.data[0x9F34].hex() == result
    assert own.tvr == bits


def test_no_list_and_no_wish() -> None:
    own = transaction(t82=b"\x00\x00")
    verify_cardholder(own, None)
    assert own.data[0x9F34].hex() == "3f0000"
    own = transaction(t82=b"\x10\x00")
    verify_cardholder(own, None)
    assert own.tvr == Tvr.DATA_MISSING
    with pytest.raises(CardDataError, match="8E: has another length"):
        verify_cardholder(transaction(t82=b"\x10\x00", t8E=bytes(9)), None)


@pytest.mark.parametrize(
    ("aip", "bit"), [("4000", Tvr.SDA_FAILED | Tvr.SDA_SELECTED), ("2000", Tvr.DDA_FAILED)]
)
def test_certificates_that_are_missing(aip: str, bit: Tvr) -> None:
    own = transaction(t82=bytes.fromhex(aip))
    authenticate(own)
    assert own.tvr == bit


def test_amounts() -> None:
    with pytest.raises(ValueError, match="amount: must be 0 to 999999999999 fen"):
        Purchase(-1, NOON)
    assert TerminalProfile().random(4) != TerminalProfile().random(4)
