# SPDX-License-Identifier: Apache-2.0
"""GET CHALLENGE, INTERNAL AUTHENTICATE, EXTERNAL AUTHENTICATE."""

from __future__ import annotations

import pytest

from sscard_chip.security.suite import SUITES
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE, INTERNAL_AUTHENTICATE
from tests.bench.exchange import FixedRandom
from tests.bench.issued import ORIGINAL, SSSE, SUITES_OF_CARDS, Bench, roots

# From the shared vectors: an invented key, its answer to one challenge and original.
KEYS = {
    "3des": ("D62D066CB177A599BDED1570F30CC39A", "34EE6369256AE598"),
    "sm4": ("41A597CDDCC7844D31FCDD80D54F2608", "3654EE8C49215375"),
}
CHALLENGE = bytes.fromhex("1122334455667788")


# --- GET CHALLENGE ----------------------------------------------------------------------------


@pytest.mark.parametrize("length", [4, 8, 16])
def test_challenges_differ(length: int) -> None:
    bench = Bench(2)
    taken = {bench.challenge(length) for _ in range(300)}
    assert len(taken) == 300
    assert len({byte for value in taken for byte in value}) > 200


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("00840000", 0x6700),
        ("0084000000", 0x6700),
        ("0084000001", 0x6700),
        ("0084000009", 0x6700),
        ("0084000011", 0x6700),
        ("0084010008", 0x6A86),
        ("0084000108", 0x6A86),
        ("00840000010008", 0x6700),
    ],
)
def test_refused_challenge(command: str, expected: int) -> None:
    assert Bench(2).sw(command) == expected


# --- INTERNAL AUTHENTICATE --------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@pytest.mark.parametrize("tail", ["", "01"])
@pytest.mark.parametrize("le", ["", "08", "00"])
def test_internal_vector(algorithm: str, tail: str, le: str) -> None:
    key, expected = KEYS[algorithm]
    bench = Bench(3, algorithm=algorithm, secrets={"IRK": bytes.fromhex(key)})
    bench.enter(SSSE)
    command = INTERNAL_AUTHENTICATE.apdu(data=CHALLENGE + ORIGINAL + bytes.fromhex(tail))
    assert bench.ok(command + bytes.fromhex(le)).hex().upper() == expected


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_internal_versions(generation: int, algorithm: str) -> None:
    bench = Bench(generation, algorithm=algorithm)
    bench.enter(SSSE)
    answers = set()
    for version in (1, 2, 3):
        data = bench.session(bench.key("IRK", version), CHALLENGE).authentication_data(ORIGINAL)
        command = INTERNAL_AUTHENTICATE.apdu(data=CHALLENGE + ORIGINAL + bytes((version,)))
        assert bench.ok(command) == data
        answers.add(data)
    assert len(answers) == 3


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("0088000011" + "00" * 16 + "04", 0x6A88),
        ("0088000011" + "00" * 16 + "00", 0x6A88),
        ("0088000010" + "00" * 16 + "07", 0x6C08),
        ("008800000F" + "00" * 15, 0x6700),
        ("0088000012" + "00" * 18, 0x6700),
        ("00880000", 0x6700),
        ("0088000010" + "00" * 15, 0x6700),
        ("0088010010" + "00" * 16, 0x6A86),
        ("0088000110" + "00" * 16, 0x6A86),
    ],
)
def test_refused_internal(command: str, expected: int) -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    assert bench.sw(command) == expected


def test_internal_needs_a_key_of_the_directory() -> None:
    bench = Bench(2)
    assert bench.sw("0088000010" + "00" * 16) == 0x6A88  # the MF has none
    bench.enter(0xDF01)
    assert bench.sw("0088000010" + "00" * 16) == 0x6A88


# --- EXTERNAL AUTHENTICATE --------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@pytest.mark.parametrize("tail", ["", "01"])
def test_external_vector(algorithm: str, tail: str) -> None:
    key, expected = KEYS[algorithm]
    bench = Bench(3, algorithm=algorithm, secrets={"RKSSSE": bytes.fromhex(key)})
    bench.card._session.random = FixedRandom(CHALLENGE)  # type: ignore[union-attr]
    bench.enter(SSSE)
    assert bench.sw("00B0870000") == 0x6982
    assert bench.challenge() == CHALLENGE
    data = bytes.fromhex(expected) + ORIGINAL + bytes.fromhex(tail)
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=0x0A, data=data)) == 0x9000
    assert len(bench.ok("00B0870000")) == 256


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
@pytest.mark.parametrize("length", [4, 8, 16])
def test_challenge_lengths(generation: int, algorithm: str, length: int) -> None:
    """4 bytes are padded with 00; of 16 the DES suite takes the first 8."""
    bench = Bench(generation, algorithm=algorithm)
    bench.enter(SSSE)
    challenge = bench.challenge(length)
    assert bench.sw(bench.authentication(0x04, challenge)) == 0x9000


def test_the_last_challenge_counts() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    first, second = bench.challenge(), bench.challenge()
    assert bench.sw(bench.authentication(0x04, first)) == 0x63C2
    second = bench.challenge()
    assert bench.sw(bench.authentication(0x04, second)) == 0x9000


def test_a_challenge_is_spent_by_its_use() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=0x04, data=bytes(16))) == 0x6984
    challenge = bench.challenge()
    good = bench.authentication(0x04, challenge)
    assert bench.sw(good) == 0x9000
    assert bench.sw(good) == 0x6984
    bad = bench.authentication(0x04, bench.challenge(), wrong=True)
    assert bench.sw(bad) == 0x63C2
    assert bench.sw(bad) == 0x6984
    bench.challenge()
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=0x0F, data=bytes(16))) == 0x6A88
    assert bench.sw(good) == 0x6984


def test_a_refused_command_keeps_the_challenge() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    challenge = bench.challenge()
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=0x04, data=bytes(15))) == 0x6700
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(0x01, 0x04, bytes(16))) == 0x6A86
    assert bench.ok("00B2012C00")[0] == 0x01
    assert bench.sw(bench.authentication(0x04, challenge)) == 0x9000


@pytest.mark.parametrize("away", [0xDF01, 0x3F00])
def test_a_challenge_is_lost_with_the_directory(away: int) -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    challenge = bench.challenge()
    bench.enter(away)
    bench.enter(SSSE)
    assert bench.sw(bench.authentication(0x04, challenge)) == 0x6984
    challenge = bench.challenge()
    bench.enter(SSSE)  # the same once more: nothing is lost
    assert bench.sw(bench.authentication(0x04, challenge)) == 0x9000


@pytest.mark.parametrize("power", ["reset", "power_cycle"])
def test_a_challenge_is_lost_at_reset(power: str) -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    challenge = bench.challenge()
    getattr(bench, power)()
    bench.enter(SSSE)
    assert bench.sw(bench.authentication(0x04, challenge)) == 0x6984


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_counters(generation: int, algorithm: str) -> None:
    bench = Bench(generation, algorithm=algorithm)
    bench.enter(SSSE)
    assert bench.authenticate(0x04, wrong=True) == 0x63C2
    assert bench.authenticate(0x04, wrong=True) == 0x63C1
    assert bench.authenticate(0x04, 2, wrong=True) == 0x63C2  # each version counts for itself
    assert bench.authenticate(0x04) == 0x9000
    assert bench.authenticate(0x04, wrong=True) == 0x63C2  # success gave all tries back
    bench.power_cycle()  # and power does not
    bench.enter(SSSE)
    assert bench.authenticate(0x04, wrong=True) == 0x63C1
    assert bench.authenticate(0x04, wrong=True) == 0x63C0
    assert bench.authenticate(0x04, wrong=True) == 0x6983
    challenge = bench.challenge()
    right = bench.authentication(0x04, challenge)
    assert bench.sw(right) == 0x6983
    bench.power_cycle()
    bench.enter(SSSE)
    assert bench.authenticate(0x04) == 0x6983
    assert bench.authenticate(0x04, 3) == 0x9000


@pytest.mark.parametrize(("directory", "kid"), [(SSSE, 0x05), (0xDF03, 0x83), (0xDF04, 0x83)])
def test_keys_of_blocking_never_lock(directory: int, kid: int) -> None:
    bench = Bench(2)
    bench.enter(directory)
    before = bytes(bench.memory.cells)
    for _ in range(20):
        assert bench.authenticate(kid, wrong=True) == 0x63CF
    assert bench.memory.cells == before
    assert bench.authenticate(kid) == 0x9000


@pytest.mark.parametrize(
    ("directory", "kid", "version"),
    [
        (SSSE, 0x00, 1),  # the master key is no key of this command
        (SSSE, 0x02, 1),  # nor is STK
        (SSSE, 0x01, 1),
        (SSSE, 0x84, 1),  # no local keys without an application
        (SSSE, 0x8A, 1),
        (SSSE, 0x04, 4),
        (SSSE, 0x04, 0),
        (SSSE, 0x05, 2),  # one version alone
        (0xDF01, 0x80, 1),
        (0xDF01, 0x82, 1),
        (0xDF01, 0x8F, 1),
        (0xDF01, 0xFF, 1),
        (0x3F00, 0x04, 1),  # keys of SSSE are not those of the MF
    ],
)
def test_unknown_keys(directory: int, kid: int, version: int) -> None:
    bench = Bench(2)
    bench.enter(directory)
    bench.challenge()
    before = bytes(bench.memory.cells)
    command = EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=bytes(16) + bytes((version,)))
    assert bench.sw(command) == 0x6A88
    assert bench.memory.cells == before


def test_global_keys_serve_inside_an_application() -> None:
    bench = Bench(2)
    bench.enter(0xDF01)
    assert bench.authenticate(0x04, 2) == 0x9000
    # Its right is that of SSSE, and is lost on the way there.
    bench.enter(SSSE)
    assert bench.sw("00DC072C0B07095A3030303030303133") == 0x6982


@pytest.mark.parametrize("city", ["330102", "330185", "510104"])
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_keys_are_those_of_province_city_and_card(city: str, algorithm: str) -> None:
    """In Zhejiang (33) the city's factor has 00 for the county."""
    bench = Bench(3, algorithm=algorithm, city=city, birthplace=city)
    bench.enter(SSSE)
    card = bench.card.atr[-8:]
    own = city[:4] + "00" if city.startswith("33") else city
    chain = [f"{city[:2]}0000sh".encode(), f"{own}sx".encode(), card]
    (key,) = roots().diversify(algorithm, "RKSSSE", 2, [chain])
    suite = SUITES[algorithm]
    session = suite.session(suite.session_key(suite.encryptor(key), bench.challenge()))
    data = session.authentication_data(ORIGINAL) + ORIGINAL + b"\x02"
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=0x0A, data=data)) == 0x9000
