# SPDX-License-Identifier: Apache-2.0
"""Every broken card is broken in its one way, seen in literal answers, and whole in all others."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from issuance.broken import BROKEN, CardNotBreakableError, break_card
from issuance.pytest_plugin import IssueCard
from sscard_chip.card import Card
from sscard_chip.memory import Memory, load_image
from tests.bench.desk import PAY, Desk, issue

PAN: Final = "6239990000000012344"
BANK_AID: Final = "A000000333010101"
SSSE: Final = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
MEDICAL: Final = "00A4000002DF04"
INIT: Final = "B02801010D01 000000000000000000000000 00"
HEALTHY: Final = {
    SSSE: "6f16840f7378312e73682ec9e7bbe1b1a3d5cfa50388011e9000",
    "0020000000": "63c6",
    "0020000003135790": "9000",
    "00B2012800": "0110510100d15600000507a1b2c3139bb0e09000",
    "00B2022800": "0201339000",
    "00B2032800": "0304322e30309000",
    "00B2042800": "040c9156000002510100510100019000",
    "00B2052800": "0504202501029000",
    "00B2062800": "0604203501029000",
    "00B2072800": "07095a30303030303031339000",
    "00B2083000": "08123939303030303230303130323033303031329000",
    "00B2093000": "091ec1d6d6aacfc4" + 24 * "00" + "9000",
    "00B24E3000": "4e14" + 20 * "00" + "9000",
    "00B20A3000": "0a01319000",
    "00B20B3000": "0b01019000",
    "00B20C3000": "0c035101049000",
    "00B20D3000": "0d04200102039000",
    "00A4000002DF01": "6f088406d156000005009000",
    "00B2212800": "2150cabec0fdc2b731bac5" + 71 * "00" + "9000",
    MEDICAL: "6f088406d156000005039000",
    "00B2014400": "6a83",
}
"""What a whole card of generation 2 answers, in this order after power on."""

NAME, DRIVER, ATR = "00B2093000", "iReadCardBas", "ATR"


def name(start: str) -> dict[str, str]:
    return {NAME: "091e" + start + (60 - len(start)) * "0" + "9000"}


DIFFERENCES: Final[dict[str, dict[str, str]]] = {
    "pin-locked": {
        "0020000000": "6983", "0020000003135790": "6983",
        "00B2212800": "6982", "00B2014400": "6982",
    },
    "pin-last-try": {"0020000000": "63c1"},
    "pin-initial": {"0020000003135790": "63c5", "00B2212800": "6982", "00B2014400": "6982"},
    "pin-not-set": {"0020000000": "9000", "0020000003135790": "6984"},
    "environment-blocked": {SSSE: "9303", **{
        apdu: "6a88" if apdu.startswith("0020") else "6a82" for apdu in list(HEALTHY)[1:]
    }},
    "medical-blocked": {MEDICAL: "9303", "00B2014400": "2b01009000"},  # of DF01 still
    "card-blocked": dict.fromkeys(HEALTHY, "6a81"),
    "foreign-atr": {ATR: "3b6d00000031c173c82110640107a1b2c3"},
    "serial-mismatch": {ATR: "3b6d000000990100028699510107a1b23c"},
    "log-full": {"00B2014400": "001e000000000bb82026010300000000000000000000000000000000" + "9000"},
    "expired": {"00B2062800": "0604201912319000"},
    "issued-in-future": {"00B2052800": "0504209801019000"},
    "no-expiry": {"00B2062800": "0604ffffffff9000"},
    "date-impossible": {"00B20D3000": "0d04200102319000"},
    "date-not-decimal": {"00B20D3000": "0d0420ab0cde9000"},
    "card-number-check": {"00B2072800": "07095a30303030303031309000"},
    "citizen-number-check": {"00B2083000": "08123939303030303230303130323033303031319000"},
    "identification-erased": {"00B2012800": "0110" + 16 * "ff" + "9000"},
    "identification-forged": {"00B2012800": "0110510100d15600000507a1b2c3ec644f1f9000"},
    "city-mismatch": {"00B2012800": "0110110100d15600000507a1b2c3139bb0e09000"},
    "version-erased": {"00B2032800": "0304ffffffff9000"},
    "version-unknown": {"00B2032800": "0304392e30309000"},
    "version-of-generation-3": {"00B2032800": "0304332e30309000"},
    "class-unknown": {"00B2022800": "0201399000"},
    "initialiser-blank": {"00B2042800": "040c" + 12 * "00" + "9000"},
    "name-erased": {NAME: "091e" + 30 * "ff" + "9000"},
    "name-blank-padded": {NAME: "091ec1d6d6aacfc4" + 24 * "20" + "9000"},
    "name-cut": name("b0a2b2b7b6c5c8"),
    "name-not-text": name("c1d6fffffe80d6aa"),
    "name-control-characters": name("c1d61b5b324a0a09d6aa"),
    "name-ideographic-blank": name("c1d6a1a1d6aa"),
    "name-in-gb18030": name("9534b235d0a1c3f7"),
    "name-rest-missing": {"00B24E3000": "6a83"},
    "sex-unknown": {"00B20A3000": "0a01379000"},
    "nation-unknown": {"00B20B3000": "0b01889000"},
    "birthplace-unknown": {"00B20C3000": "0c030099009000"},
    "items-missing": dict.fromkeys(
        ("00B24E3000", "00B20A3000", "00B20B3000", "00B20C3000", "00B20D3000"), "6a83"
    ),
    "address-with-separators": {
        "00B2212800": "2150d0e9b9b9c2b731bac57c32b5a5d4aa5e33cad224" + 60 * "00" + "9000"
    },
}  # fmt: skip
"""Where a broken card's answers are not those of a whole one."""


def answers(card: Card) -> dict[str, str]:
    seen = {ATR: card.power_on().hex()}
    for apdu in HEALTHY:
        seen[apdu] = card.transmit(bytes.fromhex(apdu)).hex()
    return seen


@pytest.fixture(scope="module")
def whole() -> Memory:
    return issue(2, "3des", city="510100")


def test_a_whole_card_answers_as_said(whole: Memory) -> None:
    assert answers(Card(whole.copy())) == {ATR: "3b6d000000990100028699510107a1b2c3", **HEALTHY}


@pytest.mark.parametrize("which", [n for n, one in BROKEN.items() if not one.needs_bank])
def test_only_what_is_broken_differs(which: str, whole: Memory) -> None:
    before = answers(Card(whole.copy()))
    after = answers(Card(break_card(whole, which)))
    changed = {apdu: answer for apdu, answer in after.items() if answer != before[apdu]}
    assert changed == DIFFERENCES.get(which, {})


# --- what those answers do not show ---------------------------------------------------------------


def external(desk: Desk) -> str:
    desk.card.power_on()
    for apdu in (SSSE, "00A4000002DF01", "0084000004"):
        desk.card.transmit(bytes.fromhex(apdu))
    return desk.card.transmit(bytes.fromhex("0082008310") + bytes(16)).hex()


def pay(desk: Desk) -> str:
    return str(desk.call("iDoDebit", 1, desk.card_info, PAY))


def load_mac(desk: Desk) -> str:
    """MAC1 of INITIALIZE FOR LOAD, or the status word."""
    desk.card.power_on()
    for apdu in (SSSE, MEDICAL, "0020000003135790"):
        desk.card.transmit(bytes.fromhex(apdu))
    init = bytes.fromhex("B02800010B01000003E8510100000001")
    return desk.card.transmit(init).hex()


def tac(desk: Desk) -> str:
    """The TAC of the same debit, at the end of what the driver gives."""
    return pay(desk).rsplit("|", 2)[-2]


def genuine(desk: Desk) -> int:
    return desk.code("iReadCardBas", 1)


def second_version(desk: Desk) -> str:
    """Keys of version 2 and 3 against those of version 1."""
    keys = {
        (key.kid, key.version): key.secret
        for one in desk.card.files.directories
        for key in one.keys.values()
        if key.use == 0x02
    }
    first = next(secret for (_, version), secret in keys.items() if version == 1)
    return "".join("=" if secret == first else "#" for secret in keys.values())


def first_entry(desk: Desk) -> str:
    desk.card.power_on()
    desk.card.transmit(bytes.fromhex("00A4000002DDF1"))
    found = []
    for number in range(1, 9):
        found.append(desk.card.transmit(bytes.fromhex(f"00B2{number:02X}F400"))[-2:].hex())
    return "".join("x" if one == "9000" else "." for one in found)


def order(desk: Desk) -> str:
    desk.card.power_on()
    desk.card.transmit(bytes.fromhex(SSSE))
    records = [desk.card.transmit(bytes.fromhex(f"00B2{number:02X}3400")) for number in range(1, 8)]
    return "".join(f"{record[0]:02X}" for record in records if record[-2:] == b"\x90\x00")


def photo(desk: Desk) -> str:
    file = next(one for one in desk.card.files.directories if one.fid == 0xDDF1).files[0xEF08]
    cells = desk.card.files.memory.cells
    return bytes(cells[file.body : file.body + 10]).hex()


OTHERS: Final[dict[str, tuple[Callable[[Desk], object], object, object]]] = {
    "keys-locked": (external, "63c2", "6983"),
    "counterfeit": (genuine, 0, -21),
    "wrong-keys": (genuine, 0, -21),
    "wrong-debit-key": (lambda desk: pay(desk)[:7], "(0, '01", "(-37634"),
    "counter-at-end": (lambda desk: pay(desk)[:7], "(0, '01", "(-37890"),
    "totals-at-end": (lambda desk: pay(desk)[:7], "(0, '01", "(-37889"),
    "later-keys-wrong": (second_version, "=##", "=##"),
    "equal-key-versions": (second_version, "=##", "==="),
    "dir-empty": (first_entry, "xxxxx...", "........"),
    "dir-short": (first_entry, "xxxxx...", "xxxx...."),
    "items-turned": (order, "08094E0A0B0C0D", "0D0C0B0A4E0908"),
    "items-missing": (order, "08094E0A0B0C0D", "0809"),
    "photo-damaged": (photo, 10 * "00", "ffd8ffe0000102030405"),
}
"""What a whole card gives, and the broken one."""


@pytest.mark.parametrize("which", OTHERS)
def test_what_the_answers_do_not_show(which: str, whole: Memory) -> None:
    probe, healthy, broken = OTHERS[which]
    assert probe(Desk(2, memory=whole)) == healthy
    assert probe(Desk(2, memory=break_card(whole, which))) == broken


@pytest.mark.parametrize(
    ("which", "probe"),
    [("wrong-tac-key", tac), ("wrong-load-key", load_mac), ("later-keys-wrong", second_version)],
)
def test_other_keys_give_other_macs(
    which: str, probe: Callable[[Desk], str], whole: Memory
) -> None:
    broken = break_card(whole, which)
    if probe is second_version:
        assert Desk(2, memory=broken).card.image() != Desk(2, memory=whole).card.image()
        return
    one, other = probe(Desk(2, memory=whole)), probe(Desk(2, memory=broken))
    assert one != other
    assert len(one) == len(other) >= 8


@pytest.mark.parametrize(
    ("which", "field", "value"),
    [("balance-zero", 0, 0), ("balance-full", 0, 0xFFFFFFFF), ("year-in-future", 3, 0x2099)],
)
def test_the_account_is_told_so(which: str, field: int, value: int, whole: Memory) -> None:
    card = Desk(2, memory=break_card(whole, which)).card
    medical = next(one for one in card.files.directories if one.amount_file)
    assert medical.amount_file is not None
    at = medical.amount_file.body
    body = bytes(card.files.memory.cells[at : at + 14])
    seen = (body[0:4], body[4:8], body[8:12], body[12:14])[field]
    assert int.from_bytes(seen, "big") == value


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_every_generation_can_be_broken(generation: int) -> None:
    memory = issue(generation, "3des")
    before = bytes(memory.cells)
    for which, one in BROKEN.items():
        if generation in one.generations and not one.needs_bank:
            broken = break_card(memory, which)
            assert bytes(broken.cells) != before, which
            Card(broken).power_on()
    assert bytes(memory.cells) == before


@pytest.mark.parametrize(
    ("which", "answer"), [("bank-dormant", "6a82"), ("bank-suspended", "6283")]
)
def test_a_broken_bank_application(which: str, answer: str, issue_sscard: IssueCard) -> None:
    whole = issue_sscard(2, bank={"pan": PAN})
    broken = Card(break_card(load_image(whole.image()), which))
    broken.power_on()
    select = bytes.fromhex(f"00A4040008{BANK_AID}")
    assert whole.transmit(select)[-2:].hex() == "9000"
    assert broken.transmit(select)[-2:].hex() == answer
    assert broken.transmit(bytes.fromhex(SSSE))[-2:].hex() == "9000"


def test_the_catalogue_says_what_to_do() -> None:
    assert len(BROKEN) >= 40
    for which, one in BROKEN.items():
        assert one.name == which
        assert one.wrong.endswith(".")
        assert one.terminal.endswith(".")
        assert any("\u4e00" <= character <= "\u9fff" for character in one.chinese)
    assert len({one.wrong for one in BROKEN.values()}) == len(BROKEN)


def test_the_page_is_what_the_catalogue_says() -> None:
    root = Path(__file__).parents[2]
    made = runpy.run_path(str(root / "scripts" / "make_broken.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"]()


def test_what_cannot_be_broken_is_said(whole: Memory) -> None:
    with pytest.raises(CardNotBreakableError, match="no such broken card"):
        break_card(whole, "toothless")
    with pytest.raises(CardNotBreakableError, match="no bank application"):
        break_card(whole, "bank-dormant")
    with pytest.raises(CardNotBreakableError, match="no PIN"):
        break_card(issue(2, "3des", pin=None), "pin-locked")
    with pytest.raises(CardNotBreakableError, match="medical account"):
        break_card(issue(1, "3des", account=None, files={}), "balance-zero")
