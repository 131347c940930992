# SPDX-License-Identifier: Apache-2.0
"""The transport PSAM over plain commands: MAC1, MAC2, the MAC that locks, and what it refuses."""

from __future__ import annotations

import pytest

from issuance.psam import PsamError, make_psam, make_transport_psam
from issuance.roots import create_roots
from sscard_chip.card import Card
from tests.bench.reference import purse as reference
from tests.bench.transit_cards import PUBLIC
from tests.bench.transit_gates import TERMINAL, card_key, store

SX = {
    "3des": "00A404000F7378312E73682EC9E7BBE1B1A3D5CF",
    "sm4": "00A404000F7378332E73682EC9E7BBE1B1A3D5CF",
}
SELECT = "00A4040008A000000632010105"
FACTORS = PUBLIC[12:20] + PUBLIC[:8]
RANDOM = bytes.fromhex("1A2B3C4D")
TIME = bytes.fromhex("20260315081112")
CODES = {"3des": 0, "sm4": 4}


def psam(algorithm: str = "3des") -> Card:
    card = Card(make_transport_psam(store(), terminal_id=TERMINAL))
    card.power_on()
    for command in (SX[algorithm], SELECT):
        assert card.transmit(bytes.fromhex(command))[-2:] == b"\x90\0"
    return card


def init(algorithm: str, amount: int = 400, version: int = 1, length: int = 36) -> bytes:
    data = RANDOM + b"\0\x09" + amount.to_bytes(4) + b"\x09" + TIME
    data += bytes((version, CODES[algorithm])) + FACTORS
    return bytes.fromhex("80700000") + bytes((length,)) + data[:length]


@pytest.mark.parametrize("algorithm", CODES)
def test_mac1_and_mac2_are_those_of_the_card(algorithm: str) -> None:
    card = psam(algorithm)
    key = card_key(algorithm, "TRANSIT_DPK")
    for number in (1, 2):
        answer = card.transmit(init(algorithm))
        assert answer[:4] == number.to_bytes(4)
        factor = RANDOM + b"\0\x09" + number.to_bytes(2)
        session = reference.session_key(algorithm, key, factor)
        amount = (400).to_bytes(4)
        message = amount + b"\x09" + bytes.fromhex(TERMINAL) + TIME
        assert answer[4:8] == reference.mac(algorithm, session, message)
        assert answer[8:] == b"\x90\0"
        mac2 = reference.mac(algorithm, session, amount)
        wrong = bytes((mac2[0] ^ 1,)) + mac2[1:]
        sent = bytes.fromhex("8072000004") + (mac2 if number == 1 else wrong)
        assert card.transmit(sent).hex() == ("9000" if number == 1 else "9302")
        assert card.transmit(sent).hex() == "6901"


@pytest.mark.parametrize("algorithm", CODES)
def test_the_mac_of_a_lock(algorithm: str) -> None:
    """80 1A 45 02, then CIPHER DATA 05 over challenge and 841E000004, padded."""
    card, challenge = psam(algorithm), bytes.fromhex("0A1B2C3D")
    assert card.transmit(bytes.fromhex("801A450210") + FACTORS) == b"\x90\0"
    block = 8 if algorithm == "3des" else 16
    head = bytes.fromhex("841E000004")
    data = challenge.ljust(block, b"\0") + (head + b"\x80").ljust(block, b"\0")
    answer = card.transmit(bytes.fromhex("80FA0500") + bytes((len(data),)) + data + b"\4")
    key = card_key(algorithm, "TRANSIT_DAMK")
    assert answer[:-2] == reference.command_mac(algorithm, key, challenge, head)
    again = card.transmit(bytes.fromhex("80FA0500") + bytes((len(data),)) + data)
    assert again.hex() == "6901"  # one MAC a key


def test_a_lock_in_a_chain_is_the_same() -> None:
    card = psam()
    for command in ("801A450210" + FACTORS.hex(), "80FA0700080A1B2C3D00000000"):
        assert card.transmit(bytes.fromhex(command)) == b"\x90\0"
    answer = card.transmit(bytes.fromhex("80FA010008841E000004800000"))
    key, challenge = card_key("3des", "TRANSIT_DAMK"), bytes.fromhex("0A1B2C3D")
    expected = reference.command_mac("3des", key, challenge, bytes.fromhex("841E000004"))
    assert answer == expected + b"\x90\0"


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (init("3des", version=2), "6A88"),
        (init("sm4"), "6A88"),  # another environment's
        (init("3des", length=28), "6700"),
        (bytes.fromhex("80700100") + init("3des")[4:], "6A86"),
        (bytes.fromhex("801A450310") + FACTORS, "6A88"),
        (bytes.fromhex("801A420210") + FACTORS, "6A88"),
        (bytes.fromhex("801A250210") + FACTORS, "6A80"),
        (bytes.fromhex("801A450208") + FACTORS[:8], "6700"),
        (bytes.fromhex("BFDE450218") + FACTORS + bytes(8), "6985"),  # never a session key of it
        (bytes.fromhex("80FA050010") + bytes(16), "6901"),
        (bytes.fromhex("00B0990004"), "9000"),
    ],
)
def test_what_it_answers(command: bytes, word: str) -> None:
    assert psam().transmit(command)[-2:].hex().upper() == word


def test_the_social_security_psam_takes_none_of_it() -> None:
    """Neither the purse's form with its keys, nor 80 1A."""
    card = Card(make_psam(create_roots(), level=1, terminal_id=TERMINAL))
    card.power_on()
    card.transmit(bytes.fromhex("00A4000002DF01"))
    assert card.transmit(init("3des")).hex().upper() == "6A86"
    assert card.transmit(bytes.fromhex("801A450210") + FACTORS).hex().upper() == "6D00"


def test_what_cannot_be_made() -> None:
    for wrong in ({"terminal_id": "1"}, {"serial": "x"}, {"algorithm": "des"}, {"issuer": 256}):
        with pytest.raises(PsamError, match="must be"):
            make_transport_psam(store(), **{"terminal_id": TERMINAL, **wrong})  # type: ignore[arg-type]
