# SPDX-License-Identifier: Apache-2.0
"""``vectors/card.json`` through the commands of real cards that hold the vectors' keys.

The random numbers of the card are those of the vectors; nothing else is different from a card
that is issued.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from issuance.holder import Holder
from issuance.personalise import prepare, write_card
from issuance.roots import RootKeys
from sscard_chip.card import Card
from sscard_chip.profile import for_generation
from sscard_chip.profile.compiler import compile_template
from sscard_chip.security.random import RandomSource
from sscard_chip.standard.commands import (
    DEBIT_FOR_PURCHASE,
    EXTERNAL_AUTHENTICATE,
    INITIALIZE_FOR_PURCHASE,
    INTERNAL_AUTHENTICATE,
)
from tests.vectors.cards import load, roots

CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in load("card.json")["cases"]}
SUITES: dict[str, tuple[int, str]] = {"des": (2, "3des"), "sm4": (3, "sm4")}
SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
PIN = "135790"

Send = Callable[[str], str]


def issue(algorithm: str, generation: int, suite: str) -> Card:
    """A card whose keys are the vectors': IRK, RKSSSE, PUK, DPK derived, STK and DTK as given."""
    chain = CASES[f"diversify-chain-{algorithm}"]
    province, city, factor = (bytes.fromhex(text) for text in chain["inputs"]["factors"])
    assert (province[2:], city[6:]) == (b"0000sh", b"sx")
    root = bytes.fromhex(chain["inputs"]["root"])
    store = RootKeys(dict.fromkeys(roots().slots(), root))
    profile = for_generation(generation)
    profile = replace(profile, historical_prefix=profile.historical_prefix[:5] + factor[:2])
    document = load(f"holders/generation{generation}.json") | {
        "city": city[:6].decode(),
        "files": {},
        "pin": PIN,
        "account": {"purchase_counter": 5},
    }
    data = prepare(profile, store, Holder.from_object(document), algorithm=suite, serial=factor[4:])
    given = {
        "STKSSSE": CASES[f"pin-reload-{algorithm}"]["inputs"]["stk"],
        "DTK": CASES[f"medical-purchase-{algorithm}"]["inputs"]["dtk"],
    }
    for slot in data.keys:
        if slot[1].root in given:
            data.keys[slot] = bytes.fromhex(given[slot[1].root])
        elif slot[1].root in ("IRK", "RKSSSE", "PUK", "DPK"):
            assert data.keys[slot].hex().upper() == chain["expected"]["steps"][2]
    card = Card(write_card(compile_template(profile, suite), data))
    assert card.historical_bytes[-8:] == factor
    return card


@pytest.fixture(params=SUITES)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def send(algorithm: str) -> Send:
    """Command and answer in hexadecimal, on a powered card with SSSE selected."""
    card = issue(algorithm, *SUITES[algorithm])
    card.power_on()

    def transmit(command: str) -> str:
        return card.transmit(bytes.fromhex(command)).hex().upper()

    assert transmit(SELECT_SSSE).endswith("9000")
    return transmit


def draw(monkeypatch: pytest.MonkeyPatch, random: str) -> None:
    """Let the card draw these bytes as its next random number."""
    drawn = bytes.fromhex(random)
    monkeypatch.setattr(RandomSource, "take", lambda _self, length: drawn[:length])


def authenticate(send: Send, monkeypatch: pytest.MonkeyPatch, algorithm: str, kid: str) -> None:
    case = CASES[f"authentication-{algorithm}"]
    draw(monkeypatch, case["inputs"]["factor"])
    assert send("0084000008") == case["inputs"]["factor"] + "9000"
    data = case["expected"]["data"] + case["inputs"]["original"]
    command = EXTERNAL_AUTHENTICATE.apdu(p2=int(kid, 16), data=bytes.fromhex(data))
    assert send(command.hex()) == "9000"


def test_internal_authentication(send: Send, algorithm: str) -> None:
    case = CASES[f"authentication-{algorithm}"]
    given = case["inputs"]["factor"] + case["inputs"]["original"]
    command = INTERNAL_AUTHENTICATE.apdu(data=bytes.fromhex(given))
    assert send(command.hex()) == case["expected"]["data"] + "9000"


def test_external_authentication(
    send: Send, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticate(send, monkeypatch, algorithm, "0A")
    assert send("00B0870010") == "00" * 16 + "9000"


def test_pin_reload_and_unblock(
    send: Send, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[f"pin-reload-{algorithm}"]
    authenticate(send, monkeypatch, algorithm, "06")
    draw(monkeypatch, case["inputs"]["challenge"])
    for command in ("unblock", "reload"):
        send("0084000008")
        assert send(case["expected"][command]) == "9000"
    assert send(f"0020000003{PIN}").startswith("63C")
    assert send(f"0020000003{case['inputs']['new_pin']}") == "9000"


def test_medical_purchase(send: Send, algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[f"medical-purchase-{algorithm}"]
    given, expected = case["inputs"], case["expected"]
    names = ("account_amount", "self_paid_amount", "pooled_amount")
    amounts = "".join(f"{given[name]:08X}" for name in names)
    assert send(f"0020000003{PIN}") == "9000"
    assert send("00A4000002DF04").endswith("9000")
    draw(monkeypatch, given["icc_random"])
    asked = bytes.fromhex(f"01{amounts}{given['terminal_id']}")
    answer = send(INITIALIZE_FOR_PURCHASE.apdu(data=asked).hex())
    state, number, key, random = answer[:28], answer[28:32], answer[32:36], answer[36:]
    assert state == "00" * 14  # balance, totals and 支付年度: nothing has been paid yet
    assert number == given["transaction_number"]
    assert key == {"des": "0100", "sm4": "0103"}[algorithm]
    assert random == given["icc_random"] + "9000"
    debit = given["terminal_transaction_number"] + given["time"] + expected["mac1"]
    assert (
        send(DEBIT_FOR_PURCHASE.apdu(data=bytes.fromhex(debit)).hex())
        == expected["tac"] + expected["mac2"] + "9000"
    )
