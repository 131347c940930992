# SPDX-License-Identifier: Apache-2.0
"""PIN CHANGE/UNBLOCK: right of PUK, a fresh challenge, MAC and encipherment under STK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.exchange import FixedRandom
from tests.bench.issued import SSSE, SUITES_OF_CARDS, Bench

_VECTORS = Path(__file__).parents[2] / "vectors" / "card.json"
RELOADS: list[dict[str, Any]] = [
    case
    for case in json.loads(_VECTORS.read_text(encoding="utf-8"))["cases"]
    if case["name"].startswith("pin-reload")
]
PUK = 0x06


def locked(generation: int = 2, algorithm: str | None = None) -> Bench:
    """A card with its PIN locked and PUK authenticated."""
    bench = Bench(generation, algorithm=algorithm)
    bench.enter(SSSE)
    for _ in range(6):
        bench.verify("999999")
    assert bench.verify() == 0x6983
    assert bench.authenticate(PUK) == 0x9000
    return bench


def reload(bench: Bench, pin: str, challenge: bytes) -> bytes:
    key = bench.key("STKSSSE")
    cryptogram = bench.session(key, challenge).encipher(bytes.fromhex(pin))
    return bench.secured("84240001", cryptogram, key, challenge)


def unblock(bench: Bench, challenge: bytes) -> bytes:
    return bench.secured("84240000", b"", bench.key("STKSSSE"), challenge)


@pytest.mark.parametrize("case", RELOADS, ids=lambda case: str(case["name"]))
@pytest.mark.parametrize("what", ["reload", "unblock"])
def test_vectors(case: dict[str, Any], what: str) -> None:
    given = case["inputs"]
    algorithm = "3des" if case["algorithm"] == "des" else "sm4"
    stk = bytes.fromhex(given["stk"])
    bench = Bench(3, algorithm=algorithm, secrets={"STKSSSE": stk}, pin="654321")
    bench.enter(SSSE)
    assert bench.verify("000000") == 0x63C5
    assert bench.authenticate(PUK) == 0x9000
    challenge = bytes.fromhex(given["challenge"])
    bench.card._session.random = FixedRandom(challenge)  # type: ignore[union-attr]
    bench.challenge()
    assert bench.sw(case["expected"][what]) == 0x9000
    assert bench.sw("0020000000") == 0x63C6
    assert bench.verify(given["new_pin"] if what == "reload" else "654321") == 0x9000


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
@pytest.mark.parametrize("length", [4, 8, 16])
def test_unblock(generation: int, algorithm: str, length: int) -> None:
    bench = locked(generation, algorithm)
    assert bench.sw(unblock(bench, bench.challenge(length))) == 0x9000
    assert bench.sw("0020000000") == 0x63C6
    assert bench.verify() == 0x9000


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
@pytest.mark.parametrize("pin", ["1234", "888888", "12345F", "12345678901234"])
def test_reload(generation: int, algorithm: str, pin: str) -> None:
    bench = locked(generation, algorithm)
    command = reload(bench, pin, bench.challenge())
    assert len(command) == 5 + bench.suite.block + 4
    assert bench.sw(command) == 0x9000
    assert bench.sw("0020000000") == 0x63C6
    assert bench.verify(pin) == 0x9000
    bench.power_cycle()
    bench.enter(SSSE)
    assert bench.verify(pin) == 0x9000


def test_a_pin_of_eight_bytes_needs_two_des_blocks() -> None:
    bench = locked(2)
    command = reload(bench, "1234567890123456", bench.challenge())
    assert len(command) == 5 + 16 + 4
    assert bench.sw(command) == 0x9000
    assert bench.verify("1234567890123456") == 0x9000


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_an_empty_pin_takes_it_away(generation: int, algorithm: str) -> None:
    bench = locked(generation, algorithm)
    assert bench.sw(reload(bench, "", bench.challenge())) == 0x9000
    assert bench.sw("0020000000") == 0x9000


def test_puk_alone_gives_the_right() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    assert bench.verify() == 0x9000
    for kid in (0x04, 0x05, 0x0A):
        assert bench.authenticate(kid) == 0x9000
    assert bench.sw(unblock(bench, bench.challenge())) == 0x6982
    assert bench.authenticate(PUK) == 0x9000
    assert bench.sw(unblock(bench, bench.challenge())) == 0x9000
    bench.enter(0xDF01)
    assert bench.sw(unblock(bench, bench.challenge())) == 0x6982  # lost with the directory


def test_inside_an_application() -> None:
    """PIN and PUK are those of the environment."""
    bench = Bench(2)
    bench.enter(0xDF01)
    assert bench.authenticate(PUK) == 0x9000
    assert bench.sw(reload(bench, "4321", bench.challenge())) == 0x9000
    assert bench.verify("4321") == 0x9000


@pytest.mark.parametrize("p2", [0, 1])
def test_challenge_and_mac(p2: int) -> None:
    bench = locked()

    def command(challenge: bytes) -> bytes:
        return reload(bench, "111111", challenge) if p2 else unblock(bench, challenge)

    before = bytes(bench.memory.cells)
    assert bench.sw(command(bytes(8))) == 0x6984  # PUK spent the only challenge
    right = command(bench.challenge())
    assert bench.sw(right[:-1] + bytes((right[-1] ^ 1,))) == 0x6988
    assert bench.sw(right) == 0x6984  # the failure spent it
    bench.challenge()
    assert bench.sw(right) == 0x6988  # of another challenge
    assert bench.memory.cells == before
    assert bench.sw(command(bench.challenge())) == 0x9000


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("021112", 0x9000),  # the padding is whole below
        ("0112", 0x6A80),  # two digits
        ("03AABBCC", 0x6A80),
        ("03123F56", 0x6A80),
        ("06112233", 0x6A80),  # the padding does not begin where LD says
        ("FF112233", 0x6A80),
    ],
)
def test_what_is_enciphered(generation: int, algorithm: str, plain: str, expected: int) -> None:
    bench = locked(generation, algorithm)
    block = bench.suite.block
    raw = bytes.fromhex(plain) + b"\x80"
    raw = raw.ljust(block, b"\0")
    key, challenge = bench.key("STKSSSE"), bench.challenge()
    session_key = bench.suite.session_key(bench.suite.encryptor(key), challenge)
    cryptogram = bench.suite.encryptor(session_key)(raw)
    before = bytes(bench.memory.cells)
    assert bench.sw(bench.secured("84240001", cryptogram, key, challenge)) == expected
    if expected != 0x9000:
        assert bench.memory.cells == before


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("842400020400000000", 0x6A86),
        ("842401000400000000", 0x6A86),
        ("84240000", 0x6700),
        ("8424000003000000", 0x6700),
        ("84240000050000000000", 0x6700),
        ("842400010400000000", 0x6700),
        ("842400010B" + "00" * 11, 0x6700),
        ("842400011C" + "00" * 28, 0x6700),
        ("002400000400000000", 0x6E00),
        ("042400000400000000", 0x6E00),
    ],
)
def test_refused(command: str, expected: int) -> None:
    bench = locked()
    challenge = bench.challenge()
    assert bench.sw(command) == expected
    assert bench.sw(unblock(bench, challenge)) == 0x9000  # the challenge is still there


def test_puk_locks() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    for left in (2, 1, 0):
        assert bench.authenticate(PUK, wrong=True) == 0x63C0 | left
    assert bench.authenticate(PUK) == 0x6983
