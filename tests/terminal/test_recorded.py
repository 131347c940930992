# SPDX-License-Identifier: Apache-2.0
"""A card read once: what the recording answers, and that nothing of its holder is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from issuance.disguise import DisguiseError, _checked, disguise_card
from sscard_chip import Card
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.doctor import Health, examine
from sscard_chip.terminal.recorded import (
    RecordedCardError,
    RecordedCardFile,
    connect_recorded,
    load_recorded,
)
from sscard_chip.terminal.recorder import record_card
from sscard_cli.main import main
from tests.bench import bank, purse_cards, transit_cards
from tests.bench.shop import card_memory

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
PERSON = {
    "name": "欧阳若兮",
    "social_security_number": "990000200102030012",
    "card_number": "C30000033",
}
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
"""GB 11643."""


def card(generation: int) -> Card:
    return Card(
        card_memory(generation, "sm4" if generation == 3 else "3des", changes=json.dumps(PERSON))
    )


def recorded(generation: int, *, contactless: bool = False) -> RecordedCardFile:
    return record_card(connect_card(card(generation), contactless=contactless))


@pytest.mark.parametrize(
    ("generation", "contactless"), [(1, False), (2, False), (3, False), (3, True)]
)
def test_a_recording_reads_as_the_card(generation: int, contactless: bool) -> None:
    first = recorded(generation, contactless=contactless)
    again = record_card(connect_recorded(first))
    assert without_random(again) == without_random(first)
    assert len(first.directories) >= 6
    assert sum(len(place.files) for place in first.directories) >= 20
    masked = disguise_card(first)
    again = record_card(connect_recorded(masked))
    assert without_random(again)[1] == without_random(masked)[1]


def without_random(one: RecordedCardFile) -> tuple[str, list[Any]]:
    return one.atr, [
        (
            place.select,
            place.answer,
            place.files,
            [e for e in place.exchanges if e.command[2:4] != "84"],
        )
        for place in one.directories
    ]


def test_the_card_is_left_as_it_was() -> None:
    own = card(2)
    before = bytes(own.files.memory.cells)
    record_card(connect_card(own))
    assert bytes(own.files.memory.cells) == before


def test_commands_over_t0() -> None:
    slot = connect_recorded(recorded(2))
    assert slot.power_on()[:4].hex() == "3b6d0000"
    assert slot.transmit(SELECT).hex() == "6118"
    assert slot.transmit(bytes.fromhex("00C0000018"))[:4].hex() == "6f16840f"
    assert slot.transmit(bytes.fromhex("00B2072C00")).hex() == "6c0b"
    assert slot.transmit(bytes.fromhex("00B2072C0B")) == b"\x07\x09C30000033\x90\x00"
    assert slot.transmit(bytes.fromhex("00B207280B")) == b"\x07\x09C30000033\x90\x00"  # by tag
    assert slot.transmit(bytes.fromhex("00B2082C00")).hex() == "6a83"
    assert slot.transmit(bytes.fromhex("00B2017400")).hex() == "6a82"
    assert slot.transmit(bytes.fromhex("00B2013C00")).hex() == "6982"  # EF07, behind a key
    assert len(slot.transmit(bytes.fromhex("0084000004"))) == 6
    assert slot.transmit(bytes.fromhex("0020000000")).hex() == "63c6"
    assert slot.transmit(bytes.fromhex("0020000003123456")).hex() == "6f00"
    assert slot.transmit(bytes.fromhex("00DC072C00")).hex() == "6d00"
    assert slot.transmit(bytes.fromhex("00A4000002DF01")).hex()[:2] == "61"
    assert slot.transmit(bytes.fromhex("00A4000002DF77")).hex() == "6a82"
    assert slot.transmit(bytes.fromhex("00B0960010"))[-2:].hex() == "9000"  # EF16 of DF01
    assert slot.transmit(bytes.fromhex("00B0960110"))[-2:].hex() == "9000"
    assert slot.transmit(bytes.fromhex("00B2012C00")).hex() == "6982"
    slot.power_off()
    slot.power_on()
    assert slot.transmit(bytes.fromhex("00B2072C0B")).hex() == "6a82"  # the MF has no EF05


def values(one: RecordedCardFile) -> dict[int, bytes]:
    """Values of EF05 and EF06 in SSSE by tag."""
    (place,) = [p for p in one.directories if SELECT.hex().upper() in p.select]
    records = [bytes.fromhex(r) for f in place.files if f.sfi in (5, 6) for r in f.records or []]
    return {record[0]: record[2:] for record in records}


@pytest.mark.parametrize("seed", range(20))
def test_an_invented_holder_of_the_same_form(seed: int) -> None:
    real = recorded(2)
    masked = disguise_card(real, seed)
    assert masked == disguise_card(real, seed)
    assert (masked.masked, real.masked) == (True, False)
    old, new = values(real), values(masked)
    assert {tag: len(value) for tag, value in new.items()} == {
        tag: len(value) for tag, value in old.items()
    }
    number = new[0x08].decode()
    total = sum(int(digit) * weight for digit, weight in zip(number, WEIGHTS, strict=False))
    assert number[17] == "10X98765432"[total % 11]
    assert number[6:14] == new[0x0D].hex() != old[0x0D].hex()
    assert int(number[16]) % 2 == int(old[0x08].decode()[16]) % 2
    assert new[0x0A] == old[0x0A]
    name = new[0x09].rstrip(b"\0").decode("gb18030")
    assert len(name) == 4
    assert name != "欧阳若兮"
    body = new[0x07].decode()
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(c, 36) * weight for c, weight in zip(body, weights, strict=False))
    assert body[8] == "0123456789X0"[11 - total % 11]
    # the serial number is the same in ATR and 卡识别码, and another one
    atr, identification = bytes.fromhex(masked.atr), new[0x01]
    assert atr[-4:] == identification[8:12] != bytes.fromhex(real.atr)[-4:]
    assert identification[12:] == bytes(4)
    assert new[0x03] == b"2.00"


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_nothing_of_the_holder_is_left(generation: int) -> None:
    real = recorded(generation)
    text = msgspec.json.encode(disguise_card(real)).decode().lower()
    serial = bytes.fromhex(real.atr)[-4:]
    for secret in (
        *(value.encode("gb18030") for value in PERSON.values()),
        serial,
        bytes.fromhex("20010203"),
    ):
        assert secret.hex() not in text
    unmasked = msgspec.json.encode(real).decode().lower()
    assert serial.hex() in unmasked


def test_a_contactless_atr_has_a_right_check_byte() -> None:
    atr = bytes.fromhex(disguise_card(recorded(3, contactless=True)).atr)
    check = 0
    for byte in atr[1:]:
        check ^= byte
    assert check == 0


def test_what_no_profile_declares_is_blanked() -> None:
    real = record_card(connect_card(Card(purse_cards.new_memory())))
    masked = disguise_card(real)
    places = {tuple(place.select): place for place in masked.directories}
    others = [
        (place, places[tuple(place.select)])
        for place in real.directories
        if not any("7378" in command or command[10:12] in ("DF", "3F") for command in place.select)
    ]
    assert others
    for place, blank in others:
        for file, own in zip(place.files, blank.files, strict=True):
            if file.content:
                assert own.content == "0" * len(file.content)


def test_the_bank_s_number_is_nowhere() -> None:
    memory = transit_cards.new_memory(with_bank=True, with_purse=True)
    real = record_card(connect_card(Card(memory)))
    assert len(real.directories) >= 9  # payment environment, bank, purse, transport
    masked = disguise_card(real)
    text = msgspec.json.encode(masked).decode().lower()
    assert bank.PAN not in text
    assert bank.PAN.encode().hex() not in text
    labels = [place.answer for place in masked.directories if "A000000333" in place.select[0]]
    assert labels
    assert all("A000000333" in answer for answer in labels)


def test_a_recording_with_something_left_is_not_given_out() -> None:
    with pytest.raises(DisguiseError):
        _checked(recorded(2), {PERSON["card_number"].encode(): b"X00000000"})


def test_the_doctor_finds_it_well() -> None:
    symptoms = list(examine(connect_recorded(disguise_card(recorded(2)))))
    assert [one for one in symptoms if one.health is Health.BAD] == []


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, out = tmp_path / "card.ssc", tmp_path / "card.json"
    card(2).save(image)
    assert main(["record", "--card", str(image), "--out", str(out)]) == 0
    assert f"{out}: 7 directories, 4" in capsys.readouterr().out
    assert out.stat().st_mode & 0o777 == 0o600
    assert load_recorded(out).masked
    assert main(["record", "--card", str(image), "--out", str(out)]) == 1
    assert main(["record", "--out", str(out)]) == 2
    assert main(["serve"]) == 2
    assert "one of CARD.ssc and --recording" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"format": "x"}, "format: must be sscard-recorded-card/1"),
        ({"atr": "3B"}, "atr: must be 2 to 33 bytes in hex"),
        ({"more": 1}, "more"),
        ({"directories": [{"select": [], "answer": "9000"}]}, "directories.1 select"),
        ({"directories": [{"select": ["00"], "answer": "90"}]}, "must be 4 hex digits or more"),
        (
            {"directories": [{"select": ["00"], "answer": "9000", "files": [{"sfi": 31}]}]},
            "must be a whole number from 1 to 30",
        ),
        (
            {"directories": [{"select": ["00"], "answer": "9000", "files": [{"sfi": 1}]}]},
            "must have one of records, content and refused",
        ),
    ],
)
def test_a_file_that_is_no_recording(change: dict[str, Any], finding: str, tmp_path: Path) -> None:
    good = {"format": "sscard-recorded-card/1", "atr": "3B00", "directories": []}
    path = tmp_path / "r.json"
    path.write_text(json.dumps(good))
    assert connect_recorded(load_recorded(path)).power_on().hex() == "3b00"
    path.write_text(json.dumps(good | change))
    with pytest.raises(RecordedCardError, match=finding):
        load_recorded(path)


@pytest.mark.parametrize("apdu", ["", "00", "00A404", "00A4", "00B2", "00A40400", "00A40400FF01"])
def test_odd_commands(apdu: str) -> None:
    slot = connect_recorded(recorded(1))
    slot.power_on()
    assert len(slot.transmit(bytes.fromhex(apdu))) >= 2
