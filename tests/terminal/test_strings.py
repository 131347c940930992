# SPDX-License-Identifier: Apache-2.0
"""Parameter strings, right and wrong, without a card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.codes import DriverError
from sscard_chip.terminal.driver import AuthenticationData, FileAddress, InterfaceType, strings

ID = "51" * 16


def code(parse: Callable[..., Any], *arguments: Any) -> int:
    with pytest.raises(DriverError) as error:
        parse(*arguments)
    return error.value.code


@pytest.mark.parametrize("kind", [0, 5, -1, 100])
def test_types(kind: int) -> None:
    assert code(strings.interface, kind) == -14
    assert code(strings.authentication, kind) == -14
    assert strings.interface(3) is InterfaceType.CONTACT_FIRST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", -14),
        (f"{ID}|Z00000013", -14),
        (f"{ID}|", -14),
        (f"{ID}|Z00000013|x|", -14),
        (f"{ID[1:]}|Z00000013|", -20),
        (f"{ID[1:]}Z|Z00000013|", -20),
        (f"{ID}|Z0000001|", -42),
        (f"{ID}|Z0000001-|", -41),
    ],
)
def test_broken_card_info(text: str, expected: int) -> None:
    assert code(strings.card_info, text) == expected


def test_card_info() -> None:
    info = strings.card_info(f"{ID}|Z00000013|")
    assert (info.identification, info.card_number) == (ID, "Z00000013")
    assert ID not in repr(info)


def test_file_addresses() -> None:
    found = strings.file_addresses("DF01EF15|2A|40:2|$SSSEEF05|$DF02EF07|1|$")
    assert found == [
        FileAddress(0xDF01, 0xEF15, ("2A", "40:2")),
        FileAddress(0xDDF1, 0xEF05),
        FileAddress(0xDF02, 0xEF07, ("1",)),
    ]
    assert [str(address) for address in found] == ["DF01EF15", "SSSEEF05", "DF02EF07"]


@pytest.mark.parametrize(
    "text", ["", "$", "DF01EF15|2A|", "DF01EF15|2A$", "DF01|2A|$", "DF1EF15|$", "EF15|2A|$", "|$"]
)
def test_broken_file_addresses(text: str) -> None:
    assert code(strings.file_addresses, text) == -14


@pytest.mark.parametrize(("data", "fits"), [("1|2|$3|$", True), ("1|2|$", False), ("1|2", False)])
def test_write_data_pairs_with_files(data: str, fits: bool) -> None:
    addresses = strings.file_addresses("DF01EF05|20|21|$DF01EF07|29|$")
    if fits:
        contents = strings.file_values(data, addresses)
        assert [content.values for content in contents] == [("1", "2"), ("3",)]
        assert "'1'" not in repr(contents[0])
    else:
        assert code(strings.file_values, data, addresses) == -14


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0.00", 0), ("0.01", 1), ("10.00", 1000), ("42949672.94", 4294967294)],
)
def test_amounts(text: str, amount: int) -> None:
    assert strings.fen(text) == amount
    assert yuan(amount) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42949672.95", -23),
        ("42949672.96", -23),
        ("99999999.99", -23),
        ("100000000.00", -23),
        ("10", -23),
        ("10.0", -23),
        ("10.000", -23),
        (".50", -23),
        ("", -23),
        ("1.2.3", -23),
        ("-1.00", -41),
        ("1,00", -41),
        ("1.00元", -41),
        ("１.00", -41),
    ],
)
def test_broken_amounts(text: str, expected: int) -> None:
    assert code(strings.fen, text) == expected


def test_pay_info() -> None:
    amounts, time = strings.pay_info("10.00|8.00|20240229235959|")
    assert (amounts, time) == (Split(0, 1000, 800), "20240229235959")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.00|8.00|20260102030405", -14),
        ("10.00|20260102030405|", -14),
        ("10.00|10.01|20260102030405|", -23),
        ("10.00|8.00|20260230030405|", -23),
        ("10.00|8.00|20260102240000|", -23),
        ("10.00|8.00|00000102030405|", -23),
        ("10.00|8.00|2026010203040|", -42),
        ("10.00|8.00|2026010203040Z|", -41),
    ],
)
def test_broken_pay_info(text: str, expected: int) -> None:
    assert code(strings.pay_info, text) == expected


PROOF = AuthenticationData(bytes(8), b"\x11" * 8)
KEY = "00" * 8 + "11" * 8


def test_keys() -> None:
    assert strings.proof(KEY) == strings.proof(KEY + "|") == PROOF
    assert strings.proofs(f"{KEY}|{KEY}|") == (PROOF, PROOF)
    assert strings.proofs(f"{KEY}||") == strings.proofs(f"{KEY}|") == (PROOF, None)
    assert strings.command("8424000004ABCDEF01") == bytes.fromhex("8424000004ABCDEF01")
    assert strings.debit_key("0000000A|20260102030405|0A0B0C0D|") == (
        10,
        "20260102030405",
        bytes.fromhex("0A0B0C0D"),
    )


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (strings.proof, f"{KEY}|{KEY}|", -14),
        (strings.proof, KEY[2:], -42),
        (strings.proof, "", -42),
        (strings.proof, "Z" + KEY[1:], -41),
        (strings.proofs, KEY, -14),
        (strings.proofs, f"{KEY}|{KEY}|{KEY}|", -14),
        (strings.proofs, f"{KEY}|{KEY[2:]}|", -42),
        (strings.command, "842", -42),
        (strings.command, "8G", -41),
        (strings.debit_key, "0000000A|20260102030405|", -14),
        (strings.debit_key, "0A|20260102030405|0A0B0C0D|", -42),
        (strings.debit_key, "0000000A|20269902030405|0A0B0C0D|", -23),
        (strings.debit_key, "0000000A|20260102030405|0A0B0C0Z|", -41),
    ],
)
def test_broken_keys(parse: Callable[[str], Any], text: str, expected: int) -> None:
    assert code(parse, text) == expected
