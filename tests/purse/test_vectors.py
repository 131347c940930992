# SPDX-License-Identifier: Apache-2.0
"""``vectors/payment.json``, deposit and purse, through the commands of a real card.

The card holds a vector's keys and its random source gives the vector's random; what the vector
says of MACs and TACs must then come out of INITIALIZE, CREDIT and DEBIT.
"""

from __future__ import annotations

from typing import Any

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.security.purse import (
    DES_PURSE,
    SM4_PURSE,
    command_mac,
    online_factor,
    purchase_factor,
)
from sscard_chip.standard.commands import (
    EXTERNAL_AUTHENTICATE,
    PURSE_CREDIT_FOR_LOAD,
    PURSE_DEBIT_FOR_PURCHASE,
    PURSE_INITIALIZE_FOR_LOAD,
)
from tests.bench.account_cards import KnownRandom
from tests.bench.exchange import set_random
from tests.bench.purse import Terminal
from tests.bench.purse_cards import new_card
from tests.bench.reference import purse as reference
from tests.vectors.cards import load

CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in load("payment.json")["cases"]}


def given(name: str, field: str) -> bytes:
    return bytes.fromhex(CASES[name]["inputs"][field])


def wanted(name: str) -> bytes:
    (value,) = (v for k, v in CASES[name]["expected"].items() if k in ("mac", "tac", "response"))
    return bytes.fromhex(value)


def card_with(random: bytes, *, purse: Purse | None = None, **keys: bytes) -> Terminal:
    """A powered card in the application, PIN verified, that gives this random."""
    names = {f"PURSE_{name}": value for name, value in keys.items()}
    card = new_card(keys=names, purse=purse)
    terminal = Terminal(card.transmit, "3des", names)
    terminal.open()
    set_random(card, KnownRandom(random))
    return terminal


def init(purse: int, load_data: bytes) -> bytes:
    """INITIALIZE FOR LOAD or PURCHASE out of a MAC1 input: amount, type, terminal."""
    amount, terminal = load_data[:4], load_data[5:11]
    return PURSE_INITIALIZE_FOR_LOAD.apdu(p2=purse, data=b"\1" + amount + terminal)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_load_mac1(number: int) -> None:
    session, mac1 = f"purse-load-session-{number}", f"purse-load-mac1-{number}"
    data, factor = given(mac1, "data"), given(session, "data")
    terminal = card_with(factor[:4], DLK=given(session, "key"))
    answer = terminal.ok(init(data[8], data[4:]))
    assert answer[:6] == data[:4] + factor[4:6]
    assert answer[8:] == factor[:4] + wanted(mac1)


def test_load_mac2_and_tac() -> None:
    factor = given("purse-load-session-1", "data")
    dtk = given("purse-tac-key-1", "dtk")
    terminal = card_with(factor[:4], DLK=given("purse-load-session-1", "key"), DTK=dtk)
    data = given("purse-load-mac2-1", "data")
    terminal.ok(init(data[4], data))
    credit = PURSE_CREDIT_FOR_LOAD.apdu(data=data[11:] + wanted("purse-load-mac2-1"))
    assert terminal.ok(credit) == wanted("purse-load-tac-1")
    assert terminal.balance(1).to_bytes(4) == given("purse-load-tac-1", "data")[:4]


def test_purchase() -> None:
    factor = given("purse-purchase-session-1", "data")
    keys = {"DPK": given("purse-purchase-session-1", "key"), "DTK": given("purse-tac-key-1", "dtk")}
    terminal = card_with(factor[:4], purse=Purse(balance_fen=0x1000), **keys)
    data = given("purse-purchase-tac-1", "data")
    amount, number, sequence, time = data[:4], data[5:11], data[11:15], data[15:]
    answer = terminal.ok(b"\x80\x50\x01\x02\x0b\x01" + amount + number)
    assert answer[4:6] + sequence[2:] == factor[4:]
    debit = PURSE_DEBIT_FOR_PURCHASE.apdu(data=sequence + time + wanted("purse-purchase-mac1-1"))
    assert terminal.ok(debit) == wanted("purse-purchase-tac-1") + wanted("purse-purchase-mac2-1")
    assert terminal.balance(2) == 0


def test_external_authentication() -> None:
    name = "purse-external-authentication-1"
    terminal = card_with(given(name, "challenge"), DEAK=given(name, "key"))
    assert terminal.challenge(8) == given(name, "challenge")
    assert terminal.sw(EXTERNAL_AUTHENTICATE.apdu(p2=0x01, data=wanted(name))) == 0x9000


def test_application_block() -> None:
    case = CASES["purse-script-mac-1"]
    terminal = card_with(given(case["name"], "challenge"), DAMK=given(case["name"], "key"))
    assert terminal.challenge(4) == given(case["name"], "challenge")
    assert terminal.sw(case["expected"]["apdu"]) == 0x9000
    assert terminal.sw("805C000204") == 0x6A81


# --- the rules themselves, in both suites ---------------------------------------------------------


@pytest.mark.parametrize("purse", [DES_PURSE, SM4_PURSE], ids=["3des", "sm4"])
def test_rules_agree_with_the_reference(purse: Any) -> None:
    """Everything that card and host compute, against the plain second writing."""
    name, key = purse.suite.name, bytes(range(16))
    random, number, sequence = b"\x11\x22\x33\x44", b"\x00\x05", b"\x01\x02\x03\x04"
    for factor in (online_factor(random, number), purchase_factor(random, number, sequence)):
        session = purse.session(purse.suite.encryptor(key), factor)
        own = reference.session_key(name, key, factor)
        for length in (0, 1, 7, 8, 15, 16, 17, 33):
            message = bytes(range(length))
            assert session.mac(message) == reference.mac(name, own, message)
            assert purse.tac(key, message) == reference.tac(name, key, message)
            expected = reference.command_mac(name, key, random, message)
            assert command_mac(purse, key, random, message) == expected
    assert online_factor(random, number) == bytes.fromhex("1122334400058000")
    assert purchase_factor(random, number, sequence) == bytes.fromhex("1122334400050304")
