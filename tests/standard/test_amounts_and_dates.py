# SPDX-License-Identifier: Apache-2.0
"""Yuan, days and moments as texts: literal pairs, and what is refused."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from sscard_chip.standard.amounts import AmountError, grouped_yuan, parse_yuan, yuan
from sscard_chip.standard.dates import bcd, is_digits, parse_date, parse_time


@pytest.mark.parametrize(
    ("fen", "text", "people"),
    [
        (0, "0.00", "0.00"),
        (5, "0.05", "0.05"),
        (-5, "-0.05", "-0.05"),
        (1205, "12.05", "12.05"),
        (-123456, "-1234.56", "-1,234.56"),
        (4294967295, "42949672.95", "42,949,672.95"),
        (9999999999999999, "99999999999999.99", "99,999,999,999,999.99"),
    ],
)
def test_fen_and_yuan(fen: int, text: str, people: str) -> None:
    assert yuan(fen) == text
    assert grouped_yuan(fen) == people
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1.0", "1.000", ".50", "01.00", "-0.00", "+1.00", "1,000.00", "1.00 ", "1.00\n",
        "\uff11.00", "1e3", "100000000000000.00",
    ],
)  # fmt: skip
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(AmountError, match="two decimals"):
        parse_yuan(text)


def test_days() -> None:
    assert parse_date("20240229") == date(2024, 2, 29)
    for text in (
        "20230229",
        "2024022",
        "202402290",
        "20241301",
        "00000101",
        "2024\uff10\uff12\uff12\uff19",
    ):
        assert parse_date(text) is None, text


def test_moments() -> None:
    assert parse_time("20240229235959") == datetime(2024, 2, 29, 23, 59, 59)
    for text in (
        "20240229240000",
        "20240229236000",
        "20240229235960",
        "2024022923595",
        "20230229000000",
        "",
    ):
        assert parse_time(text) is None, text


def test_digits() -> None:
    assert is_digits("123456", 6)
    assert is_digits("1234", 4, 8)
    for text in ("12345", "12345a", "\u0661\u0662\u0663\u0664\u0665\u0666", "12345 ", "²12345"):
        assert not is_digits(text, 6), text


def test_bcd() -> None:
    assert bcd("123456") == b"\x12\x34\x56"
    assert bcd("12345") == b"\x12\x34\x5f"
    assert bcd("") == b""
