# SPDX-License-Identifier: Apache-2.0
"""DELIVERY SESSION KEY and CIPHER DATA: levels, limits, chains, and how long a key lives."""

from __future__ import annotations

import pytest

from sscard_chip.security.diversify import diversify_chain
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.commands import CIPHER_DATA
from tests.bench.reference import social as reference
from tests.bench.sam import (
    ALGORITHMS,
    BLOCK,
    CARD,
    CITY,
    FACTORS,
    IRK,
    PROVINCE,
    ROOT,
    SELECT_DF01,
    SESSION_FACTOR,
    Sam,
)

ENCRYPT, ENCRYPT_MORE = 0x00, 0x02
ONLY_MAC, FIRST, NEXT, LAST = 0x05, 0x07, 0x03, 0x01
BOTH = (0x68, 0x09)  # STK: enciphers and MACs
CIPHER_ONLY = (0x67, 0x08)
MAC_ONLY = (0x66, 0x20)

both_suites = pytest.mark.parametrize("algorithm", ALGORITHMS)


def session_of(algorithm: str) -> bytes:
    """The session key of the vectors' root, factors and session factor."""
    chain = [bytes.fromhex(factor) for factor in (PROVINCE, CITY, CARD)]
    card = diversify_chain(SUITES[algorithm], ROOT, chain)
    return reference.session_key(algorithm, card, bytes.fromhex(SESSION_FACTOR[algorithm]))


def blocks(algorithm: str, count: int, first: int = 0) -> bytes:
    return bytes((first + i) & 0xFF for i in range(count * BLOCK[algorithm]))


# --- DELIVERY SESSION KEY -------------------------------------------------------------------------


@both_suites
@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_every_number_of_factors(algorithm: str, steps: int) -> None:
    """The same card key from the root, the province's, the city's key, and the key itself."""
    chain = [bytes.fromhex(factor) for factor in (PROVINCE, CITY, CARD)]
    held = diversify_chain(SUITES[algorithm], ROOT, chain[: 3 - steps])
    sam = Sam(algorithm, {IRK: held}, steps=steps)
    assert sam.deliver(steps << 5 | 7, 0x08, FACTORS[: 16 * steps]) == 0x9000
    data = blocks(algorithm, 2)
    answer = sam.cipher(ENCRYPT, data)
    assert answer.body == reference.encrypt(algorithm, session_of(algorithm), data)


@both_suites
def test_wrong_level_is_told_from_a_missing_key(algorithm: str) -> None:
    sam = Sam(algorithm, steps=2)
    for use, factors in ((0x67, FACTORS), (0x27, CARD), (0x07, ""), (0x67, CARD + CITY)):
        assert sam.deliver(use, 0x08, factors) == 0x6A80
    for factors in (FACTORS, CARD, ""):
        assert sam.deliver(0x47, 0x08, factors) == 0x6A80
    assert sam.deliver(0x47, 0x3F, CARD + CITY) == 0x6A88
    assert sam.deliver(0x46, 0x08, CARD + CITY) == 0x6A88  # the identifier, another type
    assert sam.deliver(0x47, 0x08, CARD + CITY) == 0x9000


@both_suites
def test_lengths_and_types(algorithm: str) -> None:
    sam = Sam(algorithm)
    good = sam.delivery(0x67, 0x08)
    for data in (good[5:-1], good[5:12], good[5:] + bytes(8), good[5:] + bytes(16), b""):
        length = bytes((len(data),)) if data else b""
        assert sam.sw(good[:4] + length + data) == 0x6700
    assert sam.deliver(0x62, 0x01) == 0x6985  # a purchase key
    assert sam.deliver(0x69, 0x21) == 0x6985  # a load key
    sam.ok("00A40000023F00")
    assert sam.sw(good) == 0x6985  # no application


@both_suites
def test_failed_delivery_clears_the_register(algorithm: str) -> None:
    sam = Sam(algorithm)
    assert sam.deliver(*BOTH) == 0x9000
    assert sam.deliver(0x67, 0x3F) == 0x6A88
    assert sam.cipher(ENCRYPT, blocks(algorithm, 1)).sw == 0x6901


@both_suites
def test_new_key_replaces_the_old(algorithm: str) -> None:
    sam = Sam(algorithm)
    assert sam.deliver(*BOTH) == 0x9000
    assert sam.cipher(FIRST, blocks(algorithm, 2)).sw == 0x9000
    assert sam.deliver(*BOTH) == 0x9000
    assert sam.cipher(LAST, blocks(algorithm, 1)).sw == 0x6901


# --- CIPHER DATA ----------------------------------------------------------------------------------


@both_suites
def test_encryption_in_pieces(algorithm: str) -> None:
    sam, data = Sam(algorithm), blocks(algorithm, 17)
    eight = 8 * BLOCK[algorithm]
    assert sam.deliver(*CIPHER_ONLY) == 0x9000
    out = sam.cipher(ENCRYPT_MORE, data[:eight]).body
    out += sam.cipher(ENCRYPT_MORE, data[eight : 2 * eight]).body
    out += sam.cipher(ENCRYPT, data[2 * eight :]).body
    assert out == reference.encrypt(algorithm, session_of(algorithm), data)
    assert sam.cipher(ENCRYPT, data[:eight]).sw == 0x6901


@both_suites
@pytest.mark.parametrize("iv", [0, 0xA5])
def test_chain_is_the_single_command(algorithm: str, iv: int) -> None:
    """07-03-01, cut anywhere, gives what 05 gives, also with an IV that is not zero."""
    size = BLOCK[algorithm]
    first, data = bytes((iv,)) * size, blocks(algorithm, 6)
    expected = reference.cbc_mac(algorithm, session_of(algorithm), first, data)
    sam = Sam(algorithm)
    assert sam.deliver(*MAC_ONLY) == 0x9000
    assert sam.cipher(ONLY_MAC, first + data).body == expected
    for cuts in ((0, 1), (0, 5), (1, 2), (3, 3), (5, 5)):
        left, right = (cut * size for cut in cuts)
        assert sam.deliver(*MAC_ONLY) == 0x9000
        assert sam.cipher(FIRST, first + data[:left]) == (b"", 0x9000)
        if right > left:
            assert sam.cipher(NEXT, data[left:right]) == (b"", 0x9000)
        assert sam.cipher(LAST, data[right:]) == (expected, 0x9000)


@both_suites
def test_one_encryption_and_one_mac(algorithm: str) -> None:
    """One delivered STK builds a PIN reload: the cryptogram, then its MAC, or the other way."""
    data = blocks(algorithm, 2)
    for order in ((ENCRYPT, ONLY_MAC), (ONLY_MAC, ENCRYPT)):
        sam = Sam(algorithm)
        assert sam.deliver(*BOTH) == 0x9000
        for p1 in order:
            assert sam.cipher(p1, data).sw == 0x9000
        for p1 in order:
            assert sam.cipher(p1, data).sw == 0x6901
    for p1 in (ENCRYPT, ONLY_MAC):
        assert sam.deliver(*BOTH) == 0x9000
        assert [sam.cipher(p1, data).sw for _ in range(2)] == [0x9000, 0x6901]


@both_suites
def test_without_a_key(algorithm: str) -> None:
    sam = Sam(algorithm)
    for p1 in (ENCRYPT, ENCRYPT_MORE, ONLY_MAC, FIRST, NEXT, LAST):
        assert sam.cipher(p1, blocks(algorithm, 2)).sw == 0x6901
        assert sam.cipher(p1, b"\0").sw == 0x6901  # said before the length
    for p1 in (0x04, 0x06, 0x08, 0x80):
        assert sam.cipher(p1, blocks(algorithm, 2)).sw == 0x6A86
    assert sam.deliver(*BOTH) == 0x9000
    assert sam.sw(CIPHER_DATA.apdu(p2=0x01, data=bytes(8))) == 0x6A86


@both_suites
@pytest.mark.parametrize(
    ("p1", "least"),
    [(ENCRYPT, 1), (ENCRYPT_MORE, 1), (ONLY_MAC, 2), (FIRST, 1), (NEXT, 1), (LAST, 1)],
)
def test_one_to_eight_blocks(algorithm: str, p1: int, least: int) -> None:
    sam, size = Sam(algorithm), BLOCK[algorithm]
    for length in (0, 1, size - 1, least * size - size, 8 * size + 1, 9 * size):
        assert sam.deliver(*BOTH) == 0x9000
        command = bytes((0x80, 0xFA, p1, 0)) + (bytes((length,)) + bytes(length) if length else b"")
        assert sam.sw(command) == 0x6700
    for length in (least * size, 8 * size):
        assert sam.deliver(*BOTH) == 0x9000
        if p1 in (NEXT, LAST):
            assert sam.cipher(FIRST, bytes(size)).sw == 0x9000
        assert sam.cipher(p1, bytes(length)).sw == 0x9000


@both_suites
def test_type_limits_the_use(algorithm: str) -> None:
    sam, data = Sam(algorithm), blocks(algorithm, 2)
    for p1 in (ONLY_MAC, FIRST, NEXT, LAST):
        assert sam.deliver(*CIPHER_ONLY) == 0x9000
        assert sam.cipher(p1, data).sw == 0x6985
    for p1 in (ENCRYPT, ENCRYPT_MORE):
        assert sam.deliver(*MAC_ONLY) == 0x9000
        assert sam.cipher(p1, data).sw == 0x6985


@both_suites
@pytest.mark.parametrize(
    "order",
    [
        (NEXT,),
        (LAST,),
        (FIRST, ENCRYPT),
        (FIRST, NEXT, ENCRYPT_MORE),
        (FIRST, ONLY_MAC),
        (FIRST, FIRST),
        (FIRST, LAST, LAST),
        (ONLY_MAC, FIRST),
        (ENCRYPT, ENCRYPT_MORE),
    ],
)
def test_steps_out_of_order_clear_the_register(algorithm: str, order: tuple[int, ...]) -> None:
    sam, data = Sam(algorithm), blocks(algorithm, 2)
    assert sam.deliver(*BOTH) == 0x9000
    answers = [sam.cipher(p1, data).sw for p1 in order]
    assert answers == [0x9000] * (len(order) - 1) + [0x6901]
    for p1 in (ENCRYPT, ONLY_MAC):
        assert sam.cipher(p1, data).sw == 0x6901


@both_suites
def test_what_a_delivered_key_outlives(algorithm: str) -> None:
    """Reads, a challenge for the holder's card, and selecting where one is already."""
    sam, data = Sam(algorithm), blocks(algorithm, 2)
    for command in ("00B0990004", "0084000008", "00A40200020019", SELECT_DF01):
        assert sam.deliver(*BOTH) == 0x9000
        sam.ok(command)
        assert sam.cipher(ENCRYPT, data).sw == 0x9000


@both_suites
@pytest.mark.parametrize("how", ["MF", "DF", "failure", "reset", "environment", "authentication"])
def test_what_drops_a_delivered_key(algorithm: str, how: str) -> None:
    sam = Sam(algorithm)
    assert sam.deliver(*BOTH) == 0x9000
    if how == "MF":
        sam.ok("00A40000023F00")
    elif how == "DF":
        sam.enter()
    elif how == "failure":
        assert sam.sw("00B0980004") == 0x6A82
    elif how == "reset":
        sam.power_on()
    elif how == "environment":
        sam.ok("BFEC00000151")
    else:
        assert sam.authenticate(1) == 0x9000
    assert sam.cipher(ENCRYPT, blocks(algorithm, 1)).sw == 0x6901


def test_a_too_small_le_gives_nothing_away() -> None:
    sam = Sam()
    assert sam.deliver(*BOTH) == 0x9000
    assert sam.send(b"\x80\xfa\x00\x00\x08" + bytes(8) + b"\x04") == (b"", 0x6C08)


@both_suites
def test_a_too_small_le_spends_nothing(algorithm: str) -> None:
    """6Cxx asks for the same command again: the key and a chain are as they were."""
    sam, untouched = Sam(algorithm), Sam(algorithm)
    block = blocks(algorithm, 1)
    for one in (sam, untouched):
        assert one.deliver(*BOTH) == 0x9000
        one.cipher(FIRST, block * 2)
    size = bytes((len(block),))
    assert sam.sw(b"\x80\xfa\x01\x00" + size + block + b"\x02") == 0x6C04
    assert sam.cipher(LAST, block) == untouched.cipher(LAST, block)
    assert sam.sw(b"\x80\xfa\x00\x00" + size + block + b"\x01") == 0x6C00 | len(block)
    assert sam.cipher(ENCRYPT, block) == untouched.cipher(ENCRYPT, block)
