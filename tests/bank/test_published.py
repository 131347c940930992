# SPDX-License-Identifier: Apache-2.0
"""The published cryptograms of ``vectors/payment.json``, through the commands of a whole card.

The card is put where the published one stood: keys, ATC, AIP, what its counters remember. Then a
terminal sends what the published one sent, and the card must answer the published bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sscard_chip.applications.bank.data import INTERCHANGE_PROFILE, Flags
from sscard_chip.profile.bank.model import CDOL2
from sscard_chip.security.emv import DES_BANK, card_key
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE
from tests.bench.bank import ARQC, CASH, CONTENTS, KEYS, TC, BankBench
from tests.vectors.cards import load

CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in load("payment.json")["cases"]}


def given(name: str, field: str) -> bytes:
    case = CASES[name]
    return bytes.fromhex({**case["inputs"], **case["expected"]}[field])


def terminal_data(message: bytes) -> dict[str, bytes]:
    """The terminal's values out of a cryptogram's input."""
    values, at = {}, 0
    for tag, length in (
        ("t9F02", 6), ("t9F03", 6), ("t9F1A", 2), ("t95", 5), ("t5F2A", 2), ("t9A", 3),
        ("t9C", 1), ("t9F37", 4),
    ):  # fmt: skip
        values[tag] = message[at : at + length]
        at += length
    return values


def test_an_online_transaction_with_a_load_of_electronic_cash() -> None:
    message = given("bank-cryptogram-des-1", "data")
    keys = replace(
        KEYS,
        cryptogram=given("bank-session-des-1", "udk"),
        script_mac=given("bank-script-mac-des-1", "udk_mac"),
    )
    bench = BankBench(replace(CONTENTS, keys=keys))
    bench.set_value(INTERCHANGE_PROFILE, message[29:31])
    atc = int.from_bytes(message[31:33])
    flags = Flags.ONLINE_PENDING | Flags.ISSUER_FAILED | Flags.STATIC_FAILED | Flags.DYNAMIC_FAILED
    bench.set_counters(atc=atc - 1, flags=flags)
    bench.set_value(0x9F77, bytes.fromhex("000000100000"))

    bench.select()
    bench.initiate()
    assert bench.verify() == 0x9000
    values = terminal_data(message)
    generated = bench.generate(ARQC, **values)
    assert generated.cvr == message[33:]
    assert generated.cryptogram == given("bank-cryptogram-des-1", "arqc")

    arpc = given("bank-arpc-des-1", "arpc") + given("bank-arpc-des-1", "arc")
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(data=arpc)) == 0x9000
    bench.generate(TC, dol=CDOL2, **values)
    assert bench.sw(given("bank-script-mac-des-1", "apdu")) == 0x9000
    assert bench.ok("80CA9F7900").hex() == "9f7906" + "000000050000"


def test_an_sm4_cryptogram() -> None:
    message = given("bank-cryptogram-sm4-1", "data")
    keys = replace(KEYS, cryptogram=given("bank-session-sm4-1", "udk"))
    bench = BankBench(replace(CONTENTS, keys=keys, suite="sm4", pin=None))
    bench.set_value(INTERCHANGE_PROFILE, message[29:31])
    bench.set_value(0x9F58, b"\x05")
    bench.set_counters(last_online_atc=1)

    bench.select()
    bench.initiate()
    generated = bench.generate(ARQC, **terminal_data(message))
    assert generated.cvr == message[33:]
    assert generated.cryptogram == given("bank-cryptogram-sm4-1", "arqc")
    assert generated.issuer_data[7:8] == b"\x04"
    arpc = given("bank-arpc-sm4-1", "arpc") + given("bank-arpc-sm4-1", "arc")
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(data=arpc)) == 0x9000


def test_the_mac_that_ends_the_issuer_data() -> None:
    """By the published issuer key, for a PAN with a check digit that has the same card keys."""
    master = given("bank-issuer-data-mac-des-1", "imk_mac")
    key = card_key(DES_BANK, master, "806228000100001", "01")
    bench = BankBench(
        replace(CONTENTS, keys=replace(KEYS, script_mac=key)), cash=replace(CASH, balance_fen=1000)
    )
    bench.set_counters(atc=0x0240 - 1)
    bench.select()
    bench.initiate()
    assert bench.generate(ARQC).issuer_data[8:].hex().upper() == "0A010000001000D1F61152"
