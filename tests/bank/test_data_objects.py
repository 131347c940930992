# SPDX-License-Identifier: Apache-2.0
"""Data objects, lists of them, and what a card says in its cryptogram."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.terminal.bank.cryptograms import IssuerData
from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.scripts import IssuerScript, script_template
from sscard_chip.terminal.bank.tlv import (
    digits_of,
    dol_data,
    find_object,
    open_template,
    primitives,
    tlv,
    tlvs,
)

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
        find_object(data, 0x9F36, "x")
    except CardDataError:
        pass


def test_templates() -> None:
    inner = tlv(0x9F36, b"\x00\x01") + tlv(0x5F24, bytes(3))
    record = tlv(0x70, tlv(0x61, inner))
    assert open_template(0x70, record, "record") == tlv(0x61, inner)
    assert primitives(record, "record") == [(0x9F36, b"\x00\x01"), (0x5F24, bytes(3))]
    assert find_object(record, 0x61, "record") == inner
    assert find_object(record, 0x57, "record") is None
    for wrong in (record + record, tlv(0x77, b""), b""):
        with pytest.raises(CardDataError, match="not one template 70"):
            open_template(0x70, wrong, "record")


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


# --- what the card says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cryptogram"),
    [
        ("07010103A40000", CryptogramType.ARQC),
        ("07010103900000", CryptogramType.TC),
        ("0701010380A000", CryptogramType.AAC),
    ],
)
def test_issuer_data(value: str, cryptogram: CryptogramType) -> None:
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
    assert IssuerScript.parse(good).commands == (bytes.fromhex("8418000004AABBCCDD"),)
    for wrong in (
        b"", good + good, tlv(0x73, b""), tlv(0x72, tlv(0x86, b"\x84")), tlv(0x72, tlv(0x57, b"")),
    ):  # fmt: skip
        with pytest.raises(CardDataError, match=r"^script: "):
            IssuerScript.parse(wrong)
