# SPDX-License-Identifier: Apache-2.0
"""Rules for numbers, dates and names."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuance.validity import (
    card_check_character,
    check_birth_date,
    check_birthplace,
    check_card_number,
    check_name,
    check_personal_pin,
    check_social_security_number,
    citizen_check_character,
    sex_of,
)
from sscard_chip.standard.dates import parse_date
from sscard_chip.standard.divisions import PROVINCES

TODAY = date(2026, 7, 1)


@st.composite
def citizen_numbers(draw: st.DrawFn) -> str:
    area = draw(st.sampled_from(sorted(PROVINCES | {"83", "99"})))
    born = draw(st.dates(date(1897, 1, 1), TODAY))
    first17 = f"{area}{draw(st.integers(0, 9999)):04d}{born:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return first17 + citizen_check_character(first17)


@given(citizen_numbers())
def test_a_citizen_number_with_its_check_character_is_right(number: str) -> None:
    assert check_social_security_number(number, TODAY) is None


@given(citizen_numbers(), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(number: str, position: int, shift: int) -> None:
    digit = str((int(number[position]) + shift) % 10)
    wrong = number[:position] + digit + number[position + 1 :]
    rule = check_social_security_number(wrong, TODAY)
    assert rule == "the check digit is wrong (GB 11643)"


@given(citizen_numbers(), st.integers(0, 15))
def test_exchanged_neighbours_are_noticed(number: str, position: int) -> None:
    left, right = number[position], number[position + 1]
    exchanged = number[:position] + right + left + number[position + 2 :]
    wrong = check_social_security_number(exchanged, TODAY) is not None
    assert wrong == (left != right)


@pytest.mark.parametrize(
    "number", ["990000200102030012", "990000199912310029", "990000202002290131"]
)
def test_published_inventions(number: str) -> None:
    assert check_social_security_number(number, TODAY) is None
    assert sex_of(number) == ("1" if int(number[16]) % 2 else "2")


def with_check(first17: str) -> str:
    return first17 + citizen_check_character(first17)


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("", "must be 17 digits"),
        ("51010420010203001", "must be 17 digits"),
        ("5101042001020300123", "must be 17 digits"),
        ("５10104200102030012", "must be 17 digits"),
        (with_check("16000020010203001"), "no province"),
        (with_check("99000020010229001"), "no real date"),
        (with_check("99000020270203001"), "in the future"),
        (with_check("99000018900203001"), "more than 130 years"),
    ],
)
def test_wrong_citizen_numbers(number: str, rule: str) -> None:
    found = check_social_security_number(number, TODAY)
    assert found is not None
    assert rule in found


def test_the_check_character_is_a_capital() -> None:
    number = next(
        with_check(f"990000200102030{n:02d}")
        for n in range(100)
        if with_check(f"990000200102030{n:02d}").endswith("X")
    )
    assert check_social_security_number(number, TODAY) is None
    assert check_social_security_number(number.lower(), TODAY) == (
        "the check character X must be a capital letter"
    )


@pytest.mark.parametrize("number", ["USA1234", "DEU123456789012345"])
def test_numbers_of_foreigners_are_text(number: str) -> None:
    assert check_social_security_number(number, TODAY) is None


@pytest.mark.parametrize(
    "number", ["D2143569X", "Z00000013", "Z00000021", "Y12345679", "Z00000101"]
)
def test_right_card_numbers(number: str) -> None:
    assert check_card_number(number) is None


@given(
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=1),
    st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=7, max_size=7),
)
def test_a_card_number_has_one_right_check_character(first: str, rest: str) -> None:
    body = first + rest
    right = [c for c in "0123456789X" if check_card_number(body + c) is None]
    assert right == [card_check_character(body)]


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("Z00000014", "the check character is wrong"),
        ("Z0000001", "must be a capital letter"),
        ("z00000013", "must be a capital letter"),
        ("100000013", "must be a capital letter"),
        ("Z-0000013", "must be a capital letter"),
        ("Z0000001A", "must be a capital letter"),
    ],
)
def test_wrong_card_numbers(number: str, rule: str) -> None:
    found = check_card_number(number)
    assert found is not None
    assert found.startswith(rule)


def test_dates() -> None:
    assert parse_date("20240229") == date(2024, 2, 29)
    for wrong in ("20230229", "2024-2-9", "00000101", "20241301", "２0240101", "", "202402291"):
        assert parse_date(wrong) is None
    assert check_birth_date("20260701", TODAY) is None
    assert check_birth_date("20260702", TODAY) == "is a date in the future"
    assert check_birth_date("18950101", TODAY) == "is more than 130 years ago"


@pytest.mark.parametrize("code", ["510104", "341421", "810000", "990000"])
def test_right_birthplaces(code: str) -> None:
    assert check_birthplace(code) is None


@pytest.mark.parametrize("code", ["", "51010", "160000", "000000", "ABCDEF"])
def test_wrong_birthplaces(code: str) -> None:
    assert check_birthplace(code) is not None


@pytest.mark.parametrize("name", ["张三", "阿布都·热合曼", "ANNA MARIA SMITH", "J. R. Smith"])
def test_right_names(name: str) -> None:
    assert check_name(name) is None


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "empty"),
        ("张 三", "blanks"),
        ("张\u3000三", "blanks"),
        ("LI\u3000MING", "blanks"),
        ("张\x00三", "control"),
        ("张\u200b三", "control"),
        ("张\n三", "control"),
        ("张|三", "separator"),
        ("张^三", "separator"),
        ("张\ue000", "private-use"),
        ("张\ud800", "private-use"),
        ("阿布都・热合曼", "middle dot"),
        ("阿布都.热合曼", "middle dot"),
    ],
)
def test_wrong_names(name: str, rule: str) -> None:
    found = check_name(name)
    assert found is not None
    assert rule in found


def test_pins() -> None:
    assert check_personal_pin("1234") is None
    assert check_personal_pin("1234567890123456") is None
    for wrong in ("", "123", "12345678901234567", "12a4", "１２３４"):
        assert check_personal_pin(wrong) == "must be 4 to 16 digits"
