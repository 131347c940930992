# SPDX-License-Identifier: Apache-2.0
"""What clients compute: placeholders of exchange scripts."""

from __future__ import annotations

import pytest

from sscard_chip.security.suite import DES, SM4_SUITE, Suite
from sscard_chip.terminal.placeholders import PlaceholderError, Values, historical_bytes
from tests.bench.reference import purse
from tests.vectors.cards import load

HISTORICAL = bytes.fromhex("009901000286996399070A0B0C")
CONTACT = b"\x3b\x6d\x00\x00" + HISTORICAL
CASES = {case["name"]: case for case in load("card.json")["cases"]}


def values(suite: Suite = DES, key: str = "", challenge: str = "") -> Values:
    found = Values(
        CONTACT,
        suite,
        lambda root, version: bytes.fromhex(key),
        {"pin": "12345", "name": "张三", "city": "510100"},
    )
    if challenge:
        found.challenges.append(bytes.fromhex(challenge))
    return found


@pytest.mark.parametrize(
    "atr",
    [
        CONTACT,
        b"\x3b\x8d\x80\x01" + HISTORICAL + b"\x55",
        b"\x3b\xfd\x11\x00\x00\x81\x31\xfe\x45" + HISTORICAL + b"\x55",
        b"\x3b\x0d" + HISTORICAL,
    ],
    ids=["contact", "contactless", "all interface bytes", "none"],
)
def test_historical_bytes(atr: bytes) -> None:
    assert historical_bytes(atr) == HISTORICAL


@pytest.mark.parametrize("atr", [b"", b"\x3b", b"\x3b\xff", b"\x3b\xff\x80\x80"])
def test_a_broken_atr_has_no_historical_bytes(atr: bytes) -> None:
    assert historical_bytes(atr) == b""


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{factor}", "86996399070A0B0C"),
        ("{serial}", "070A0B0C"),
        ("00200000{pin}", "0020000003" + "12345F"),
        ("00200000{pin:=1234}", "00200000021234"),
        ("805E0100{change:=1234:=}", "805E0100031234FF"),
        ("{an:name:6}", "D5C5C8FD0000"),
        ("{an:=A1:3}", "413100"),
        ("{cn:city:4}", "510100FF"),
        ("{fill:A5:3}", "A5A5A5"),
        ("00 84 00 00 08", "0084000008"),
    ],
)
def test_values(template: str, expected: str) -> None:
    assert values().to_bytes(template).hex().upper() == expected


@pytest.mark.parametrize("algorithm", ["des", "sm4"])
def test_cryptograms_are_those_of_the_vectors(algorithm: str) -> None:
    suite = {"des": DES, "sm4": SM4_SUITE}[algorithm]
    case = CASES[f"authentication-{algorithm}"]
    given = case["inputs"]
    found = values(suite, given["key"], given["factor"])
    found.variables |= {"original": given["original"], "session": given["factor"]}
    assert found.fill("{auth:RKSSSE}{original}") == case["expected"]["data"] + given["original"]
    assert found.fill("{internal:IRK:2}") == case["expected"]["data"]
    case = CASES[f"pin-reload-{algorithm}"]
    found = values(suite, case["inputs"]["stk"], case["inputs"]["challenge"])
    assert found.fill("842400{reload:STKSSSE:=123456}") == case["expected"]["reload"]
    assert found.fill("84240000{unblock:STKSSSE}") == case["expected"]["unblock"]


@pytest.mark.parametrize(
    ("template", "placeholder"),
    [
        ("{holder.nobody}", "holder.nobody"),
        ("{original}", "original"),
        ("{challenge}", "challenge"),
        ("{an:name:2}", "an:name:2"),
        ("{cn:city:2}", "cn:city:2"),
        ("{fill:00}", "fill:00"),
        ("{pin:a:b}", "pin:a:b"),
        ("{mac1:DPK:00000001:20240315101112}", "mac1:DPK:00000001:20240315101112"),
        ("{credit:DLK:20240315101112}", "credit:DLK:20240315101112"),
        ("{mac:DAMK:841E000004}", "mac:DAMK:841E000004"),
    ],
)
def test_what_cannot_be_computed_is_named_without_its_value(
    template: str, placeholder: str
) -> None:
    with pytest.raises(PlaceholderError) as caught:
        values().to_bytes(template)
    assert str(caught.value).startswith(f"placeholder {{{placeholder}}}: ")


def test_a_template_must_give_hexadecimal() -> None:
    with pytest.raises(PlaceholderError, match="does not give hexadecimal"):
        values().to_bytes("00A4Z")


def test_the_repr_shows_nothing_secret() -> None:
    text = repr(values(challenge="1122334455667788"))
    assert "12345" not in text
    assert "1122" not in text


def opened(init: str, answer: str) -> Values:
    """A client that has sent INITIALIZE to a card whose keys are all the one of the example in
    ``security/purse``."""
    found = values(key="11223344556677888877665544332211")
    found.take(bytes.fromhex(init), bytes.fromhex(answer))
    return found


def test_purse_macs_are_those_of_their_reference() -> None:
    """By the reference of the bench, which computes DES in its own way."""
    key = bytes.fromhex("11223344556677888877665544332211")
    debit = opened("805003020B01000000FA1122334455660F", "000007D00005000000010011223344")
    session = purse.session_key("3des", key, bytes.fromhex("1122334400050007"))
    timed = bytes.fromhex("000000FA09112233445566 20240315101112")
    where = "K:00000007"
    assert debit.to_bytes(f"{{mac1:{where}:20240315101112}}") == purse.mac("3des", session, timed)
    assert debit.to_bytes(f"{{mac2:{where}}}") == purse.mac("3des", session, timed[:4])
    tac = timed[:11] + bytes.fromhex("00000007") + timed[11:]
    assert debit.to_bytes(f"{{tac:{where}:20240315101112}}") == purse.tac("3des", key, tac)
    load = opened("805000020B010000138811223344556610", "000007D0000501001122334455667788")
    session = purse.session_key("3des", key, bytes.fromhex("1122334400058000"))
    timed = bytes.fromhex("0000138802112233445566 20240315101112")
    assert load.to_bytes("{credit:K:20240315101112}") == purse.mac("3des", session, timed)
    tac = bytes.fromhex("00001B580005") + timed
    assert load.to_bytes("{credited:K:20240315101112}") == purse.tac("3des", key, tac)


@pytest.mark.parametrize(
    "template", ["{mac1:K:00000007:2024}", "{tac:K:00000007:}", "{mac1:K:0:20240315101112}"]
)
def test_a_time_or_number_of_another_length_is_none(template: str) -> None:
    debit = opened("805003020B01000000FA1122334455660F", "000007D00005000000010011223344")
    with pytest.raises(PlaceholderError):
        debit.to_bytes(template)


def test_a_cut_answer_opens_nothing() -> None:
    debit = opened("805003020B01000000FA1122334455660F", "000007D000050000000100112233")
    with pytest.raises(PlaceholderError):
        debit.to_bytes("{mac2:K:00000007}")


@pytest.mark.parametrize("template", ["{credit:K:20240315101112}", "{credited:K:20240315101112}"])
def test_a_debit_is_no_load(template: str) -> None:
    debit = opened("805003020B01000000FA1122334455660F", "000007D00005000000010011223344")
    with pytest.raises(PlaceholderError):
        debit.to_bytes(template)


def test_a_command_mac_is_over_the_last_challenge() -> None:
    key = bytes.fromhex("11223344556677888877665544332211")
    found = values(key=key.hex(), challenge="0011223344")
    found.take(bytes.fromhex("0084000004"), bytes.fromhex("A1B2C3D4"))
    message = bytes.fromhex("841E000004")
    expected = purse.command_mac("3des", key, bytes.fromhex("A1B2C3D4"), message)
    assert found.to_bytes("{mac:K:841E000004}") == expected
