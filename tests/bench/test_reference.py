# SPDX-License-Identifier: Apache-2.0
"""The reference of the benches against the literal vectors: it is right by itself.

What stands against a card computes with ``tests/bench/reference``. Were that as wrong as the card
is, no test of the card would see it; here it meets bytes that others have published or computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.bench.reference import bank, purse, social
from tests.vectors.cards import load

ALGORITHMS: Final = {"des": "3des", "sm4": "sm4"}
CASES: Final[dict[str, Any]] = {
    case["name"]: case for file in ("card.json", "payment.json") for case in load(file)["cases"]
}


def case_of(name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Suite, inputs and expected values of a case; hexadecimal texts as bytes."""
    case = CASES[name]

    def parsed(values: dict[str, Any]) -> dict[str, Any]:
        return {k: bytes.fromhex(v) if isinstance(v, str) else v for k, v in values.items()}

    return ALGORITHMS[case["algorithm"]], parsed(case["inputs"]), parsed(case["expected"])


@pytest.mark.parametrize("suite", ["des", "sm4"])
def test_the_medical_account(suite: str) -> None:
    algorithm, given, wanted = case_of(f"medical-purchase-{suite}")
    factor = given["icc_random"] + given["transaction_number"]
    factor += given["terminal_transaction_number"][2:]
    key = social.session_key(algorithm, given["dpk"], factor)
    assert key == wanted["session"]
    names = ("account_amount", "self_paid_amount", "pooled_amount")
    amounts = b"".join(given[name].to_bytes(4) for name in names)
    what = amounts + b"\x32" + given["terminal_id"]
    assert social.mac(algorithm, key, what + given["time"]) == wanted["mac1"]
    assert social.mac(algorithm, key, amounts) == wanted["mac2"]
    message = what + given["terminal_transaction_number"] + given["time"]
    assert social.tac(algorithm, given["dtk"], message) == wanted["tac"]


@pytest.mark.parametrize("suite", ["des", "sm4"])
def test_authentication_and_key_loading(suite: str) -> None:
    algorithm, given, wanted = case_of(f"authentication-{suite}")
    session = social.Session.of(algorithm, given["key"], given["factor"])
    assert session.key == wanted["session"]
    assert session.authentication_data(given["original"]) == wanted["data"]
    algorithm, given, wanted = case_of(f"pin-reload-{suite}")
    session = social.Session.of(algorithm, given["stk"], given["challenge"])
    command = wanted["reload"]
    assert session.encipher(given["new_pin"]) == command[5:-4]
    assert session.mac(command[:-4]) == command[-4:]
    algorithm, given, wanted = case_of(f"write-key-{suite}")
    command = wanted["command"]
    assert social.enciphered(algorithm, given["master"], given["information"]) == command[5:-4]
    mac = social.key_mac(algorithm, given["master"], given["challenge"], command[:-4])
    assert mac == command[-4:]


def test_what_others_have_published_of_cards() -> None:
    algorithm, given, wanted = case_of("key-mac-published")
    mac = social.key_mac(algorithm, given["key"], given["challenge"], given["message"])
    assert mac == wanted["mac"]
    algorithm, given, wanted = case_of("transport-authentication-published")
    assert social.response(algorithm, given["key"], given["challenge"]) == wanted["data"]


PURSE: Final[dict[str, Callable[[str, dict[str, Any]], bytes]]] = {
    "session_key": lambda suite, at: purse.session_key(suite, at["key"], at["data"]),
    "mac": lambda suite, at: purse.mac(suite, at["key"], at["data"]),
    "mac4": lambda suite, at: purse.mac(suite, at["key"], at["data"]),
    "tac": lambda suite, at: purse.mac(suite, at["key"], at["data"]),
    "response": lambda suite, at: purse.response(suite, at["key"], at["challenge"]),
}


@pytest.mark.parametrize(
    "name",
    [n for n in CASES if n.startswith(("purse-load-", "purse-purchase-", "purse-ext", "sm4-mac"))],
)
def test_deposit_and_purse(name: str) -> None:
    algorithm, given, wanted = case_of(name)
    (what,) = set(wanted) & set(PURSE)
    assert PURSE[what](algorithm, given) == wanted[what]


def test_a_command_of_the_purse_and_its_folded_tac_key() -> None:
    algorithm, given, wanted = case_of("purse-script-mac-1")
    mac = purse.command_mac(algorithm, given["key"], given["challenge"], given["data"])
    assert mac == wanted["mac"]
    _, key, _ = case_of("purse-tac-key-1")
    algorithm, given, wanted = case_of("purse-purchase-tac-1")
    assert purse.tac(algorithm, key["dtk"], given["data"]) == wanted["tac"]


@pytest.mark.parametrize("suite", ["des", "sm4"])
def test_the_bank_application(suite: str) -> None:
    algorithm, given, wanted = case_of(f"bank-session-{suite}-1")
    session = bank.IssuerSession.of(algorithm, given["udk"], given["atc"])
    assert session.key == wanted["sk_ac"]
    _, given, wanted = case_of(f"bank-cryptogram-{suite}-1")
    assert session.key == given["sk_ac"]
    assert session.cryptogram(given["data"]) == wanted["arqc"]
    _, given, wanted = case_of(f"bank-arpc-{suite}-1")
    assert session.arpc(given["arqc"], given["arc"]) == wanted["arpc"]


def test_a_script_of_the_bank() -> None:
    algorithm, given, wanted = case_of("bank-script-mac-des-1")
    session = bank.IssuerSession.of(algorithm, given["udk_mac"], given["atc"])
    assert session.key == wanted["sk_mac"]
    assert session.mac(given["data"]) == wanted["mac"]
