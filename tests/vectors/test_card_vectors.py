# SPDX-License-Identifier: Apache-2.0
"""``vectors/card.json`` against the algorithm suites."""

from __future__ import annotations

from typing import Any

import pytest

from sscard_chip.security.suite import DES, SM4_SUITE, Suite, pad
from sscard_chip.standard.commands import PIN_CHANGE_UNBLOCK, before_mac
from tests.vectors.cards import load
from tests.vectors.schema import errors

CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in load("card.json")["cases"]}


def suite_of(case: dict[str, Any]) -> Suite:
    return {"des": DES, "sm4": SM4_SUITE}[case["algorithm"]]


def inputs_of(case: dict[str, Any]) -> dict[str, bytes]:
    return {
        name: value.to_bytes(4, "big") if isinstance(value, int) else bytes.fromhex(value)
        for name, value in case["inputs"].items()
        if not isinstance(value, list) and name != "new_pin"
    }


def cases(start: str) -> pytest.MarkDecorator:
    found = [case for name, case in CASES.items() if name.startswith(start)]
    assert found
    return pytest.mark.parametrize("case", found, ids=lambda case: str(case["name"]))


def test_file_follows_its_schema() -> None:
    assert errors(load("card.json"), load("schema/card.json")) == []


def test_every_case_is_used() -> None:
    starts = ("diversify-chain", "authentication", "medical-purchase", "pin-reload", "write-key",
              "key-mac", "transport-authentication")  # fmt: skip
    assert [name for name in CASES if not name.startswith(starts)] == []


@cases("diversify-chain")
def test_diversification(case: dict[str, Any]) -> None:
    key = bytes.fromhex(case["inputs"]["root"])
    for factor, expected in zip(case["inputs"]["factors"], case["expected"]["steps"], strict=True):
        key = suite_of(case).diversify(key, bytes.fromhex(factor))
        assert key.hex().upper() == expected


@cases("authentication")
def test_authentication(case: dict[str, Any]) -> None:
    suite, given = suite_of(case), inputs_of(case)
    session = suite.session_key(suite.encryptor(given["key"]), given["factor"])
    assert session.hex().upper() == case["expected"]["session"]
    data = suite.session(session).authentication_data(given["original"])
    assert data.hex().upper() == case["expected"]["data"]


@cases("medical-purchase")
def test_medical_purchase(case: dict[str, Any]) -> None:
    suite, given, expected = suite_of(case), inputs_of(case), case["expected"]
    amounts = given["account_amount"] + given["self_paid_amount"] + given["pooled_amount"]
    terminal = given["transaction_type"] + given["terminal_id"]
    number = given["terminal_transaction_number"]
    factor = given["icc_random"] + given["transaction_number"] + number[2:]
    session_key = suite.session_key(suite.encryptor(given["dpk"]), factor)
    session = suite.session(session_key)
    tac = suite.tac_mac(given["dtk"])
    message = amounts + terminal + number + given["time"]
    assert {
        "session": session_key.hex().upper(),
        "mac1": session.mac(amounts + terminal + given["time"]).hex().upper(),
        "mac2": session.mac(amounts).hex().upper(),
        "tac": tac(pad(message, suite.block)).hex().upper(),
    } == expected


@cases("pin-reload")
def test_pin_reload_and_unblock(case: dict[str, Any]) -> None:
    suite, given = suite_of(case), inputs_of(case)
    session = suite.session(suite.session_key(suite.encryptor(given["stk"]), given["challenge"]))
    enciphered = session.encipher(bytes.fromhex(case["inputs"]["new_pin"]))
    message = before_mac(PIN_CHANGE_UNBLOCK.header(0x00, 0x01), enciphered)
    reload = message + session.mac(message)
    assert reload.hex().upper() == case["expected"]["reload"]
    unblock = bytes.fromhex("8424000004")
    assert (unblock + session.mac(unblock)).hex().upper() == case["expected"]["unblock"]


@cases("write-key")
def test_key_loading(case: dict[str, Any]) -> None:
    suite, given = suite_of(case), inputs_of(case)
    plain = bytes((len(given["information"]),)) + given["information"]
    plain += b"\x80" + bytes(-(len(plain) + 1) % suite.block)
    body = given["header"] + suite.encryptor(given["master"])(plain)
    command = body + suite.key_mac(given["master"], given["challenge"], body)
    assert command.hex().upper() == case["expected"]["command"]


@cases("key-mac")
def test_published_mac(case: dict[str, Any]) -> None:
    given = inputs_of(case)
    mac = suite_of(case).key_mac(given["key"], given["challenge"], given["message"])
    assert mac.hex().upper() == case["expected"]["mac"]


@cases("transport-authentication")
def test_published_transport_authentication(case: dict[str, Any]) -> None:
    given = inputs_of(case)
    data = suite_of(case).encryptor(given["key"])(given["challenge"])
    assert data.hex().upper() == case["expected"]["data"]
