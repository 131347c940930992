# SPDX-License-Identifier: Apache-2.0
"""Records, AFL, GET DATA: every data object right, none twice, every other number refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from sscard_chip.filesystem import tlv
from sscard_chip.profile.bank import OfflineData, file_locator, records, track_2
from sscard_chip.profile.bank.records import static_data
from sscard_chip.security.oda.schemes import SCHEMES
from sscard_chip.standard.commands import READ_RECORD
from tests.bench.bank import CASH, CONTENTS, PIN, BankBench

REAL_AFL = "0801020010080A01100707001801010018040600"
"""AFL of a published card with DDA (payment page B2)."""

_TAGS = {
    0x8F: b"\x01",
    0x90: bytes(range(144)),
    0x92: bytes(36),
    0x9F32: b"\x03",
    0x93: bytes(reversed(range(144))),
}
SDA = OfflineData("rsa", _TAGS)
DDA = OfflineData("rsa", _TAGS | {0x9F46: bytes(144), 0x9F47: b"\x03", 0x9F48: bytes(42)}, b"\x01")
SM2 = OfflineData(
    "sm2", {0x8F: b"\x01", 0x90: bytes(133), 0x93: bytes(67), 0x9F46: bytes(142)}, b"\x01"
)
PROFILES = {
    "plain": CONTENTS,
    "cash": replace(CONTENTS, cash=CASH),
    "no PIN": replace(CONTENTS, pin=None, discretionary=""),
    "sda": replace(CONTENTS, offline=SDA, cash=CASH),
    "dda": replace(CONTENTS, offline=DDA),
    "dda cash": replace(CONTENTS, offline=DDA, cash=CASH),
    "sm2": replace(CONTENTS, offline=SM2, suite="sm4", cash=CASH),
}


def read_by(bench: BankBench, afl: bytes) -> dict[tuple[int, int], bytes]:
    """All records that an AFL names, whole."""
    found = {}
    for at in range(0, len(afl), 4):
        sfi, first, last = afl[at] >> 3, afl[at + 1], afl[at + 2]
        for number in range(first, last + 1):
            found[sfi, number] = bench.ok(READ_RECORD.apdu(number, sfi << 3 | 4, le=0))
    return found


@pytest.mark.parametrize("name", PROFILES)
def test_every_data_object_is_valid_and_none_comes_twice(name: str) -> None:
    bench = BankBench(PROFILES[name])
    bench.select()
    options = bench.initiate()
    assert options[0] == 0x80
    assert options[1] == len(options) - 2 >= 6
    assert (options[1] - 2) % 4 == 0
    found = read_by(bench, options[4:])
    seen: Counter[int] = Counter()
    for record in found.values():
        objects = tlv.parse_objects(record)
        assert [tag for tag, _ in objects] == [0x70]
        assert len(record) <= 256
        seen.update(tag for tag, _ in tlv.flatten(record))
    assert set(seen.values()) == {1}
    wanted = {0x57, 0x5A, 0x5F24, 0x5F25, 0x5F28, 0x5F34, 0x8C, 0x8D, 0x8E, 0x9F07, 0x9F08}
    assert wanted | {0x9F0D, 0x9F0E, 0x9F0F, 0x5F20, 0x9F61, 0x9F62} <= set(seen)


@pytest.mark.parametrize("name", PROFILES)
def test_contactless_answer_and_records_share_no_data_object(name: str) -> None:
    bench = BankBench(PROFILES[name])
    bench.select()
    afl = bench.data.locator(-6)
    seen: Counter[int] = Counter()
    numbers = list(read_by(bench, afl).values())
    for record in numbers:
        seen.update(tag for tag, _ in tlv.flatten(record))
    seen.update((0x82, 0x9F36, 0x57, 0x9F10, 0x9F26, 0x94, 0x5F34, 0x9F6C, 0x9F5D, 0x9F69, 0x9F4B))
    assert set(seen.values()) == {1}
    if len(numbers) > 1:
        assert tlv.find_primitive(numbers[-1], 0x5F24) is None


def test_afl_of_a_published_card() -> None:
    assert file_locator(PROFILES["dda"]).hex().upper() == REAL_AFL
    assert file_locator(PROFILES["plain"]).hex() == "080102001008080018010100"
    assert file_locator(PROFILES["cash"], contactless=True).hex() == "1008080018020200"


@pytest.mark.parametrize(("name", "aip"), [("plain", "1c00"), ("sda", "5c00"), ("dda", "7c00")])
def test_aip(name: str, aip: str) -> None:
    bench = BankBench(PROFILES[name])
    bench.select()
    assert bench.initiate()[2:4].hex() == aip


def test_values() -> None:
    bench = BankBench()
    bench.select()
    objects = dict(
        item
        for record in read_by(bench, bench.initiate()[4:]).values()
        for item in tlv.flatten(record)
    )
    assert objects[0x57].hex() == "6239900000000005d301222000000123"
    assert objects[0x5A].hex() == "6239900000000005"
    assert objects[0x5F24].hex() == "301231"
    assert objects[0x8C].hex().upper() == "9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14"
    assert tlv.dol_length(tlv.parse_dol(objects[0x8C])) == 0x34
    assert objects[0x8D].hex().upper() == "8A029F02069F03069F1A0295055F2A029A039C019F37049F2103"


def test_track_2_of_an_odd_pan() -> None:
    odd = replace(CONTENTS, pan="6239900000000000001", discretionary="")
    assert track_2(odd).hex() == "6239900000000000001d3012220f"
    assert bytes.fromhex("5A0A6239900000000000001F") in records(odd)[2, 8]


# --- sweeps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "dda cash"])
def test_every_sfi_and_record(name: str) -> None:
    contents = PROFILES[name]
    bench = BankBench(contents)
    bench.select()
    there = records(contents)
    sfis = {sfi for sfi, _ in there}
    for sfi in range(1, 32):
        for number in range(256):
            answer = bench.send(READ_RECORD.apdu(number, sfi << 3 | 4, le=0))
            if (sfi, number) in there:
                assert answer == (there[sfi, number], 0x9000)
            else:
                assert answer == (b"", 0x6A83 if sfi in sfis or sfi == 11 else 0x6A82)


@pytest.mark.parametrize("p2", [0x00, 0x04, *(0x08 | mode for mode in (0, 1, 2, 3, 5, 6, 7))])
def test_only_by_number_and_sfi(p2: int) -> None:
    bench = BankBench()
    bench.select()
    assert bench.sw(READ_RECORD.apdu(1, p2, le=0)) == 0x6A86
    assert bench.sw(bytes((0x00, 0xB2, 1, 0x0C, 1, 0xAA))) == 0x6700


def test_a_too_small_le_names_the_right_one() -> None:
    bench = BankBench()
    bench.select()
    record = records(CONTENTS)[1, 1]
    assert bench.sw("00B2010C01") == 0x6C00 | len(record)
    assert bench.ok(READ_RECORD.apdu(1, 0x0C, le=len(record))) == record


GIVEN = {
    0x9F36: 2, 0x9F13: 2, 0x9F17: 1, 0x9F79: 6, 0x9F77: 6, 0x9F78: 6, 0x9F6D: 6, 0x9F4D: 2,
    0x9F4F: 25, 0x9F5D: 6, 0x9F51: 2, 0x9F57: 2, 0x9F52: 2, 0x9F56: 1, 0x9F58: 1, 0x9F59: 1,
    0x9F54: 6, 0x9F5C: 6, 0x9F6C: 2,
}  # fmt: skip


def test_every_tag_of_get_data() -> None:
    bench = BankBench()
    bench.select()
    for tag in range(0x10000):
        answer = bench.send(b"\x80\xca" + tag.to_bytes(2) + b"\x00")
        if tag in GIVEN:
            assert answer.sw == 0x9000
            ((found, value),) = tlv.parse_objects(answer.body)
            assert (found, len(value)) == (tag, GIVEN[tag])
        else:
            assert answer == (b"", 0x6A88)
    assert bench.sw("80CA9F3601AA") == 0x6700
    assert bench.sw("80CA9F3601") == 0x6C05


def test_what_get_data_says() -> None:
    bench = BankBench(cash=CASH)
    bench.select()
    for tag, value in {
        "9F36": "0000", "9F13": "0000", "9F17": "03", "9F4D": "0B0A", "9F79": "000000050000",
        "9F77": "000000100000", "9F78": "000000020000", "9F6D": "000000001000",
        "9F4F": "9A039F21039F02069F03069F1A025F2A029F4E149C019F3602",
    }.items():  # fmt: skip
        body = bench.ok(f"80CA{tag}00")
        assert tlv.find_primitive(body, int(tag, 16)) == bytes.fromhex(value)


def test_without_pin_the_try_counter_is_zero() -> None:
    bench = BankBench(pin=None)
    bench.select()
    assert bench.ok("80CA9F1700") == bytes.fromhex("9F170100")


def test_a_pin_of_odd_length_is_kept_as_bcd() -> None:
    assert len(PIN) % 2
    pin = BankBench().directory.pin
    assert pin is not None
    assert pin.value.hex() == PIN + "f"


# --- what is signed -------------------------------------------------------------------------------


def test_static_data_are_what_a_terminal_collects() -> None:
    """The terminal takes the signed records of the AFL out of their templates, then 82."""
    scheme = SCHEMES["rsa"]
    issuer = scheme.generate(1024)
    static = static_data(CONTENTS, dynamic=False)
    tags = {0x8F: b"\x01", 0x90: bytes(128), 0x9F32: b"\x03"}
    tags[0x93] = scheme.sign_static(issuer, b"\x12\x34", static)
    bench = BankBench(replace(CONTENTS, offline=OfflineData("rsa", tags)))
    bench.select()
    options = bench.initiate()
    afl = options[4:]
    found = read_by(bench, afl)
    collected = b""
    for at in range(0, len(afl), 4):
        for number in range(afl[at + 1], afl[at + 1] + afl[at + 3]):
            collected += tlv.parse_objects(found[afl[at] >> 3, number])[0][1]
    objects = dict(item for record in found.values() for item in tlv.flatten(record))
    assert objects[0x9F4A] == b"\x82"
    collected += options[2:4]
    assert scheme.check_static(scheme.public(issuer), objects[0x93], collected) == b"\x12\x34"


def test_repr_shows_no_account() -> None:
    for value in (CONTENTS, CONTENTS.keys, DDA):
        text = repr(value)
        assert CONTENTS.pan not in text
        assert CONTENTS.keys.cryptogram.hex() not in text
