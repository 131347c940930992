# SPDX-License-Identifier: Apache-2.0
"""What clients compute: placeholders of exchange scripts."""

from __future__ import annotations

import pytest

from sscard_chip.security.suite import DES, SM4_SUITE, Suite
from sscard_chip.terminal.placeholders import PlaceholderError, Values, historical_bytes
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
