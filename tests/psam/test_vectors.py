# SPDX-License-Identifier: Apache-2.0
"""The vectors of the PSAM page, command by command."""

from __future__ import annotations

import pytest

from sscard_chip.applications.psam.keys import KeyType
from tests.bench.reference import social as reference
from tests.bench.sam import (
    ALGORITHMS,
    BLOCK,
    CARD,
    CHALLENGE,
    DPK,
    FACTORS,
    IRK,
    ORIGINAL,
    RKSSSE,
    ROOT,
    SESSION_FACTOR,
    Sam,
    key,
)

AUTHENTICATION = {
    "3des": "008200011009EDDD6BC145DCA30102030405060708",
    "sm4": "00820001109D270BF48CABA1190102030405060708",
}
CREATE = {
    "3des": "84D40011248AFC52A9E9A210C98F17DC61F2AACDC40167848F222736D58A275BED31C0E55383A0E91F",
    "sm4": "84D400112493216BB13126D77AC33A1E15DC6822493DA62FEE777AC0770A6CA23845EDE98B44F92A8F",
}
CHANGE = {
    "3des": "84D401111CFE6CDCABB9595C89BF71B789F9B6F59674DE8A291D21DC79B0B4FA9C",
    "sm4": "84D40111249CAA075AA9A1491977C3DE671367D8DDB4E99F2FFD2816D805437D7019CF7FDD99C2CAAB",
}
CREATE_SINGLE = "84D400111CE8C32AE162FD172C8F17DC61F2AACDC4DDC0590F711612840CD58817"
CHANGE_SINGLE = "84D4011114E1A9742AC9AF2FAE6CF59909F246308DEB9339C5"
CIPHERTEXT = {"3des": "34EE6369256AE598", "sm4": "02E376DEF99138F434B79852B0B06B81"}
UNBLOCK_MAC = {"3des": "670895DC", "sm4": "B7F61F1D"}
PURCHASE = {"3des": ("0000012CD319F25A", "B1A0ADFD"), "sm4": ("0000012CF4E4A0BF", "9B6D3F77")}


def _load(sam: Sam, command: str) -> int:
    """The right of KID-01 by the vector, a challenge, and the command."""
    sam.known_challenge()
    assert sam.sw(AUTHENTICATION[sam.algorithm]) == 0x9000
    assert sam.known_challenge() == CHALLENGE
    return sam.sw(command)


def _cipher(sam: Sam, use: int = 0x67, identifier: int = 0x0A, factors: str = FACTORS) -> bytes:
    assert sam.deliver(use, identifier, factors) == 0x9000
    answer = sam.cipher(0x00, ORIGINAL.ljust(BLOCK[sam.algorithm], b"\0"))
    assert answer.sw == 0x9000
    return answer.body


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_external_authentication(algorithm: str) -> None:
    sam = Sam(algorithm)
    sam.known_challenge()
    assert sam.sw(AUTHENTICATION[algorithm]) == 0x9000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_created_key_enciphers(algorithm: str) -> None:
    sam = Sam(algorithm, {})
    assert sam.deliver(0x67, 0x0A) == 0x6A88
    assert _load(sam, CREATE[algorithm]) == 0x9000
    assert _cipher(sam).hex().upper() == CIPHERTEXT[algorithm]
    sam.power_on()
    assert _cipher(sam).hex().upper() == CIPHERTEXT[algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_changed_key_enciphers(algorithm: str) -> None:
    sam = Sam(algorithm, {RKSSSE: bytes(16)})
    assert _cipher(sam).hex().upper() != CIPHERTEXT[algorithm]
    assert _load(sam, CHANGE[algorithm]) == 0x9000
    assert _cipher(sam).hex().upper() == CIPHERTEXT[algorithm]


def test_single_des_key_is_created_and_changed() -> None:
    """26/09 with 8 bytes: DES(K, f) is the card's key, DES(that, random) the session's."""
    sam = Sam("3des", {})
    assert _load(sam, CREATE_SINGLE) == 0x9000
    card = reference.encrypt("3des", ROOT[:8], bytes.fromhex(CARD))
    session = reference.encrypt("3des", card, bytes.fromhex(SESSION_FACTOR["3des"]))
    message = bytes.fromhex("8424000004800000")
    expected = reference.cbc_mac("3des", session, bytes(8), message)
    assert sam.deliver(0x26, 0x09, CARD) == 0x9000
    assert sam.cipher(0x05, bytes(8) + message).body == expected

    assert sam.authenticate(1) == 0x9000
    assert sam.sw(sam.load("84D40111", "260900" + "FF" * 8, sam.known_challenge())) == 0x9000
    assert sam.deliver(0x26, 0x09, CARD) == 0x9000
    assert sam.cipher(0x05, bytes(8) + message).body != expected
    assert _load(sam, CHANGE_SINGLE) == 0x9000
    assert sam.deliver(0x26, 0x09, CARD) == 0x9000
    assert sam.cipher(0x05, bytes(8) + message).body == expected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_mac_of_a_pin_unblock_header(algorithm: str) -> None:
    sam = Sam(algorithm, {key(KeyType.MAC_AND_ENCRYPTION, 0x0A): ROOT})
    size = BLOCK[algorithm]
    assert sam.deliver(0x68, 0x0A) == 0x9000
    answer = sam.cipher(0x05, bytes(size) + bytes.fromhex("8424000004800000").ljust(size, b"\0"))
    assert answer.sw == 0x9000
    assert answer.body.hex().upper() == UNBLOCK_MAC[algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_purchase(algorithm: str) -> None:
    sam = Sam(algorithm, {DPK: ROOT, IRK: bytes(16)})
    first, mac2 = PURCHASE[algorithm]
    answer = sam.init_purchase()
    assert answer.sw == 0x9000
    assert answer.body.hex().upper() == first
    assert sam.sw("8072000004" + mac2) == 0x9000
    assert sam.ok("00B0990004") == bytes.fromhex("0000012D")
