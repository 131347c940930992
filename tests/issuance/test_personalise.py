# SPDX-License-Identifier: Apache-2.0
"""A card from root keys and a holder: prepared, written, and asked through its commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from issuance.holder import Holder, HolderError
from issuance.personalise import IssueError, derive_keys, issue_card, prepare
from issuance.roots import RootKeys
from sscard_chip import Card
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.security.diversify import card_chain, diversify_chain
from sscard_chip.security.keystore import KeyStoreError
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE, VERIFY
from sscard_chip.standard.dates import bcd

Person = dict[str, object]
Issue = Callable[..., Card]

SERIAL = bytes.fromhex("00C0FFEE")
SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
CASES = [(1, "3des"), (2, "3des"), (3, "sm4"), (3, "3des")]
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4


@pytest.fixture
def issue(person: Person, roots: RootKeys, today: date, tmp_path: Path) -> Issue:
    """Issue a powered card for the person with changes."""

    def run(generation: int, algorithm: str | None = None, **changes: object) -> Card:
        profile = changes.pop("profile", None)
        holder = Holder.from_object(
            person | changes, source="HOLDER.json", folder=tmp_path, today=today
        )
        memory = issue_card(
            generation,
            roots,
            holder,
            algorithm=algorithm,
            serial=SERIAL,
            profile=profile,  # type: ignore[arg-type]
        )
        card = Card(memory)
        card.power_on()
        return card

    return run


def send(card: Card, command: str) -> str:
    return card.transmit(bytes.fromhex(command)).hex().upper()


def authenticate(card: Card, roots: RootKeys, algorithm: str, name: str, kid: int) -> str:
    """EXTERNAL AUTHENTICATE as a terminal with a key store does it."""
    suite = SUITES[algorithm]
    challenge = card.transmit(bytes.fromhex("0084000008"))[:8]
    chain = card_chain("510100", card.historical_bytes)
    session_key = roots.encrypt(algorithm, name, 1, chain, challenge.ljust(suite.block, b"\0"))
    original = os.urandom(8)
    data = suite.session(session_key).authentication_data(original)
    return card.transmit(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=data + original)).hex().upper()


@pytest.mark.parametrize(("generation", "algorithm"), CASES)
def test_every_key_is_the_root_diversified(
    person: Person, roots: RootKeys, today: date, generation: int, algorithm: str
) -> None:
    profile = for_generation(generation)
    holder = Holder.from_object(person, today=today)
    data = prepare(profile, roots, holder, algorithm=algorithm, serial=SERIAL)
    chain = (b"510000sh", b"510100sx", data.historical_bytes[5:])
    suite = SUITES[algorithm]
    wanted = {
        (directory.fid, key, version)
        for directory in profile.directories
        for key in directory.keys
        for version in range(1, key.versions + 1)
    }
    assert set(data.keys) == wanted
    document = json.loads(roots.document())
    for (_, key, version), secret in data.keys.items():
        root = bytes.fromhex(document[algorithm][key.root][str(version)])
        whole = diversify_chain(suite, root, chain)
        short = key.single and algorithm == "3des"
        assert secret == (whole[:8] if short else whole)
    assert set(data.master_keys) == {0x3F00, *(d.fid for d in profile.directories)}
    assert len(set(data.master_keys.values())) == len(data.master_keys)
    for secret in data.master_keys.values():
        assert secret.hex().upper() not in str(document)


@pytest.mark.parametrize(("generation", "algorithm"), CASES)
def test_identification_code(
    person: Person, roots: RootKeys, today: date, generation: int, algorithm: str
) -> None:
    holder = Holder.from_object(person, today=today)
    profile = for_generation(generation)
    data = prepare(profile, roots, holder, algorithm=algorithm, serial=SERIAL)
    body = bytes.fromhex("510100D15600000500C0FFEE")
    irk = next(
        secret
        for (fid, key, version), secret in data.keys.items()
        if (fid, key.root, version) == (0xDDF1, "IRK", 1)
    )
    if algorithm == "3des":
        # CBC with the left half; the last block with the whole key.
        left, right = irk[:8], irk[8:]
        padded = body + bytes.fromhex("80000000")
        first = Cipher(TripleDES(left * 3), ECB()).encryptor().update(padded[:8])
        mixed = bytes(a ^ b for a, b in zip(first, padded[8:], strict=True))
        code = Cipher(TripleDES(left + right + left), ECB()).encryptor().update(mixed)[:4]
    else:
        last = Cipher(SM4(irk), CBC(bytes(16))).encryptor().update(body + b"\x80\0\0\0")
        words = [int.from_bytes(last[i : i + 4]) for i in range(0, 16, 4)]
        code = (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(4)
    assert data.identification == body + code


@pytest.mark.parametrize(("generation", "algorithm"), CASES)
def test_issuer_data_is_read_from_the_card(issue: Issue, generation: int, algorithm: str) -> None:
    card = issue(generation, algorithm)
    assert card.historical_bytes[7:] == bytes.fromhex("510100C0FFEE")
    assert send(card, SSSE).endswith("9000")
    version = {1: "1.00", 2: "2.00", 3: "3.00"}[generation].encode().hex().upper()
    assert send(card, "00B2012C00")[:28] == "0110510100D15600000500C0FFEE"
    assert [send(card, f"00B20{number}2C00") for number in range(2, 8)] == [
        "0201339000",
        f"0304{version}9000",
        "040C9156000002510100510100019000",
        "0504202607019000",
        "0604203607019000",
        f"0709{b'Z00000013'.hex().upper()}9000",
    ]


@pytest.mark.parametrize(("generation", "algorithm"), CASES)
def test_holder_is_read_from_the_card(
    issue: Issue, roots: RootKeys, generation: int, algorithm: str
) -> None:
    card = issue(generation, algorithm)
    send(card, SSSE)
    if generation == 3:
        assert send(card, "00B2013400") == "6982"
        assert authenticate(card, roots, algorithm, "RKSSSE", 0x0A) == "9000"
    number = b"990000200102030012".hex().upper()
    name = "林知夏".encode("gbk").ljust(30, b"\0").hex().upper()
    expected = [f"0812{number}", f"091E{name}"]
    expected += [] if generation == 1 else ["4E14" + "00" * 20]
    expected += ["0A0131", "0B0101", "0C03510104", "0D0420010203"]
    found = [send(card, f"00B20{n + 1}3400") for n in range(len(expected))]
    assert found == [f"{record}9000" for record in expected]


@pytest.mark.parametrize("generation", [2, 3])
def test_a_long_name_goes_on_in_the_extension(
    issue: Issue, roots: RootKeys, generation: int
) -> None:
    name = "阿布都热合曼买买提艾合买提托𠮷" + "·" + "买买提"
    card = issue(generation, "3des", name=name)
    send(card, SSSE)
    authenticate(card, roots, "3des", "RKSSSE", 0x0A)
    first = card.transmit(bytes.fromhex("00B2023400"))[2:-2]
    rest = card.transmit(bytes.fromhex("00B2033400"))[2:-2]
    assert first.endswith(b"\0")
    assert first.rstrip(b"\0").decode("gb18030") + rest.rstrip(b"\0").decode("gb18030") == name


@pytest.mark.parametrize(
    ("generation", "name", "rule"),
    [
        (1, "阿布都热合曼买买提艾合买提托乎提", "must be at most 30 bytes in GB 18030"),
        (2, "阿" * 25, "must be at most 48 bytes in GB 18030"),
        (3, "𠮷" * 13, "must be at most 48 bytes in GB 18030"),
    ],
)
def test_names_that_the_card_cannot_hold(
    issue: Issue, generation: int, name: str, rule: str
) -> None:
    with pytest.raises(HolderError) as caught:
        issue(generation, name=name)
    assert str(caught.value) == f"HOLDER.json: name: {rule}"
    assert name not in repr(caught.value)


def test_files_of_the_holder(issue: Issue, roots: RootKeys, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    files = {
        "SSSE": {"EF08": {"path": "photo.jpg"}},
        "DF01": {
            "EF05": {"20": "51"},
            "EF15": {"2A": "21", "40": [None, {"57": "204", "59": "虚构大学"}]},
        },
        "DF02": {
            "EF07": [
                ["1010100", "20200101", "", "新单位"],
                ["2020200", "20150101", "20191231", "旧单位"],
            ]
        },
    }
    card = issue(2, files=files)
    send(card, SSSE)
    assert authenticate(card, roots, "3des", "RKSSSE", 0x0A) == "9000"
    assert card.transmit(bytes.fromhex("00B0880000")) == JPEG[:256] + b"\x90\0"
    assert send(card, "0020000003123456") == "9000"
    assert send(card, "00A4040006D15600000500").endswith("9000")
    assert send(card, "00B2012C00") == "200235319000"
    degree = "5703323034" + "5803FFFFFF" + "5928" + "虚构大学".encode("gbk").ljust(40, b"\0").hex()
    assert send(card, "00B203AC00") == ("4034" + degree + "9000").upper()
    assert send(card, "00A4040006D15600000501").endswith("9000")
    newest = card.transmit(bytes.fromhex("00B2013C00"))
    older = card.transmit(bytes.fromhex("00B2023C00"))
    assert newest[:15] == b"1010100" + bytes.fromhex("20200101FFFFFFFF")
    assert older[15:].rstrip(b"\x90\0").decode("gbk") == "旧单位"
    assert send(card, "00B2033C00") == "6A83"


@pytest.mark.parametrize(
    ("generation", "files", "message"),
    [
        (1, {"DF07": {}}, "DF07: is not a DF of this card's profile"),
        (1, {"SSSE": {"EF08": "FFD8FF"}}, "SSSE EF08: is not a file of this card's profile"),
        (1, {"DF01": {"EF05": {"20": "51"}}}, "DF01 EF05 20: must be at most 1 bytes in GB 18030"),
        (2, {"DF05": {}}, "DF05: is not a DF of this card's profile"),
        (2, {"DF01": {"EF05": {"4E": ""}}}, "DF01 EF05 4E: is not a tag of this file"),
    ],
)
def test_files_that_the_generation_does_not_have(
    issue: Issue, generation: int, files: object, message: str
) -> None:
    with pytest.raises(HolderError) as caught:
        issue(generation, files=files)
    assert str(caught.value) == f"HOLDER.json: {message}"


def test_optional_directories_come_with_a_profile(issue: Issue) -> None:
    profile = for_generation(2, optional=[0xDF05])
    card = issue(2, profile=profile, files={"DF05": {"EF05": {"A2": "A型"}}})
    assert send(card, SSSE).endswith("9000")
    assert send(card, "00A4000002DF05").endswith("9000")
    blood_group = card.transmit(bytes.fromhex("00B2A22800"))
    assert blood_group == b"\xa2\x04" + "A型".encode("gbk") + b"\0\x90\0"


@pytest.mark.parametrize(
    ("pin", "block"),
    [("123456", "123456"), ("1234", "1234"), ("12345", "12345F"), ("1" * 16, "11" * 8)],
)
def test_pin(issue: Issue, pin: str, block: str) -> None:
    assert bcd(pin).hex().upper() == block
    card = issue(3, pin=pin)
    send(card, SSSE)
    assert send(card, VERIFY.apdu(data=bytes.fromhex(block)).hex()) == "9000"


def test_a_card_without_pin(issue: Issue) -> None:
    card = issue(2, pin=None)
    send(card, SSSE)
    assert send(card, "0020000000") == "9000"


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_the_medical_account(issue: Issue, generation: int) -> None:
    profile = for_generation(generation, settlement_mode=SettlementMode.OFFLINE)
    account = {
        "balance_fen": 130050,
        "self_paid_total_fen": 7,
        "pooled_total_fen": 8,
        "year": "2025",
        "starting_day": "0401",
    }
    card = issue(generation, profile=profile, account=account)
    send(card, SSSE)
    send(card, "0020000003123456")
    assert send(card, "00A4040006D15600000503").endswith("9000")
    assert send(card, "B026000104") == f"{130050:08X}9000"
    assert send(card, "B026000206") == "0000000720259000"
    assert send(card, "B026000306") == "0000000820259000"
    assert send(card, "B056010002") == "04019000"


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_an_account_comes_with_its_files(issue: Issue, generation: int) -> None:
    card = issue(generation, account={"balance_fen": 1})
    send(card, SSSE)
    send(card, "0020000003123456")
    assert send(card, "00A4040006D15600000503").endswith("9000")
    assert send(card, "B026000104") == "000000019000"


def test_an_account_needs_a_place(issue: Issue) -> None:
    with pytest.raises(HolderError) as caught:
        issue(1, profile=for_generation(1), account={"balance_fen": 1})
    assert str(caught.value) == "HOLDER.json: account: this card's profile has no medical account"


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_the_example_holder_fits_every_generation(roots: RootKeys, generation: int) -> None:
    holder = Holder.load(Path(__file__).parents[2] / "examples" / "holder.json")
    card = Card(issue_card(generation, roots, holder))
    card.power_on()
    send(card, SSSE)
    send(card, "0020000003123456")
    send(card, "00A4040006D15600000500")
    assert card.transmit(bytes.fromhex("00B2212800")).startswith("!P四川省".encode("gbk"))


def test_the_same_card_twice_is_the_same_image(issue: Issue) -> None:
    assert issue(3).image() == issue(3).image()
    assert issue(3).image() != issue(3, name="林知秋").image()


def test_serials_are_drawn(person: Person, roots: RootKeys, today: date) -> None:
    holder = Holder.from_object(person, today=today)
    serials = {prepare(for_generation(2), roots, holder).serial for _ in range(5)}
    assert len(serials) == 5


def test_zhejiang_cards_use_the_city_of_four_digits(
    person: Person, roots: RootKeys, today: date
) -> None:
    holder = Holder.from_object(person | {"city": "330106"}, today=today)
    data = prepare(for_generation(2), roots, holder, serial=SERIAL)
    assert data.historical_bytes[7:] == bytes.fromhex("330100C0FFEE")
    chain = (b"330000sh", b"330100sx", data.historical_bytes[5:])
    assert data.master_keys[0x3F00] == roots.diversify("3des", "MKMF", 1, [chain])[0]
    assert data.identification[:3].hex() == "330106"


def test_a_batch_of_keys_is_that_of_single_cards(roots: RootKeys) -> None:
    profile = for_generation(3)
    chains = [card_chain("510100", bytes(9) + bytes((0, 0, 0, n))) for n in range(5)]
    batch = derive_keys(profile, roots, "sm4", chains)
    assert batch == [derive_keys(profile, roots, "sm4", [chain])[0] for chain in chains]


def test_what_cannot_be_issued(person: Person, roots: RootKeys, today: date) -> None:
    holder = Holder.from_object(person, today=today)
    with pytest.raises(IssueError, match="generation: must be 1, 2 or 3"):
        issue_card(4, roots, holder)
    with pytest.raises(IssueError, match="algorithm: a card of generation 1 knows 3des"):
        issue_card(1, roots, holder, algorithm="sm4")
    with pytest.raises(IssueError, match="serial: must be 4 bytes"):
        issue_card(1, roots, holder, serial=bytes(3))
    broken = replace(for_generation(2), historical_prefix=bytes(6))
    with pytest.raises(IssueError, match="must begin with 7 bytes"):
        issue_card(2, roots, holder, profile=broken)
    few = RootKeys({("3des", "IRK", 1): bytes(16)}, source="ROOTS.json")
    with pytest.raises(KeyStoreError) as caught:
        issue_card(2, few, holder)
    assert str(caught.value) == "ROOTS.json: 3des: IRK: 2: the key is needed and missing"


def test_nothing_of_the_card_in_a_repr(person: Person, roots: RootKeys, today: date) -> None:
    holder = Holder.from_object(person, today=today)
    data = prepare(for_generation(3), roots, holder, serial=SERIAL)
    assert repr(data) == "<CardData, generation 3, sm4>"
    assert "林" not in repr(data.contents)
