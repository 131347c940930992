# SPDX-License-Identifier: Apache-2.0
"""UPDATE RECORD and UPDATE BINARY with CLA 04: a MAC at the end (安全报文)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sscard_chip.profile import for_generation
from sscard_chip.profile.model import Profile
from sscard_chip.security.access import AccessRule
from sscard_chip.standard.commands import UPDATE_RECORD
from tests.bench.issued import SSSE, SUITES_OF_CARDS, Bench

RECORD = bytes.fromhex("07095A3030303030303133")


def granted(
    generation: int, algorithm: str | None = None, directory: int = SSSE, kid: int = 0x04
) -> Bench:
    bench = Bench(generation, algorithm=algorithm)
    bench.enter(directory)
    assert bench.authenticate(kid) == 0x9000
    return bench


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_record_of_the_environment(generation: int, algorithm: str) -> None:
    bench = granted(generation, algorithm)
    key = bench.key("STKSSSE")
    new = RECORD[:-1] + b"9"
    assert bench.sw(bench.secured("04DC072C", new, key, bench.challenge())) == 0x9000
    assert bench.ok("00B2072C00") == new


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_record_of_an_application(generation: int, algorithm: str) -> None:
    """The MAC is under STK of the application, not of the environment."""
    bench = granted(generation, algorithm, 0xDF01, 0x83)
    assert bench.verify() == 0x9000
    item = bench.profile.directory(0xDF01).file(0xEF05).items[0]
    new = bytes((0x20, item.length)) + b"5" * item.length
    command = bench.secured("04DC012C", new, bench.key("STKSSSE"), bench.challenge())
    assert bench.sw(command) == 0x6988
    command = bench.secured("04DC012C", new, bench.key("STKDF01"), bench.challenge())
    assert bench.sw(command) == 0x9000
    assert bench.ok("00B2012C00") == new


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_binary(generation: int, algorithm: str) -> None:
    bench = granted(generation, algorithm)
    key = bench.key("STKSSSE")
    # 200 bytes: more than a block, and a length that is aligned with the header or not.
    for length in (1, 3, 8, 11, 16, 200, 251):
        data = bytes(range(length))
        assert bench.sw(bench.secured("04D68700", data, key, bench.challenge())) == 0x9000
        if generation > 1:
            assert bench.authenticate(0x0A) == 0x9000
        assert bench.ok("00B0870000")[:length] == data


def test_cyclic() -> None:
    bench = granted(2, None, 0xDF02, 0x85)
    data = bytes(range(0x55))
    command = bench.secured("04DC003B", data, bench.key("STKDF02"), bench.challenge())
    assert bench.sw(command) == 0x9000
    assert bench.verify() == 0x9000
    assert bench.ok("00B2013C00") == data


@pytest.mark.parametrize("header", ["04DC072C", "04D68700"])
def test_refusals(header: str) -> None:
    bench = granted(2)
    key = bench.key("STKSSSE")
    data = RECORD
    before = bytes(bench.memory.cells)
    assert bench.sw(bench.secured(header, data, key, bytes(8))) == 0x6984
    for missing in ("", "01AA", "02AABB", "03AABBCC"):
        assert bench.sw(header + missing) == 0x6987
    right = bench.secured(header, data, key, bench.challenge())
    assert bench.sw(right[:5] + bytes((right[5] ^ 1,)) + right[6:]) == 0x6988
    assert bench.sw(right) == 0x6984  # the failure spent the challenge
    assert bench.memory.cells == before
    assert bench.sw(bench.secured(header, data, key, bench.challenge())) == 0x9000


def test_the_mac_covers_the_header() -> None:
    bench = granted(2)
    command = bench.secured("04D68700", b"\x11", bench.key("STKSSSE"), bench.challenge())
    before = bytes(bench.memory.cells)
    assert bench.sw(command[:3] + b"\x01" + command[4:]) == 0x6988
    assert bench.memory.cells == before


def test_a_mac_is_no_right() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    command = bench.secured("04DC072C", RECORD, bench.key("STKSSSE"), bench.challenge())
    assert bench.sw(command) == 0x6982


def _with_mac(profile: Profile) -> Profile:
    """The profile with a MAC demanded by SSSE EF06, as a region's own file may."""
    ssse = profile.environment
    file = replace(ssse.file(0xEF06), secure_messaging=True)
    return replace(profile, environment=ssse.with_files(file))


@pytest.mark.parametrize("generation", [2, 3])
def test_a_file_that_demands_a_mac(generation: int) -> None:
    bench = Bench(generation, profile=_with_mac(for_generation(generation)))
    bench.enter(SSSE)
    assert bench.authenticate(0x04) == 0x9000
    bench.challenge()
    assert bench.sw("00DC0A30030A0132") == 0x6987
    command = bench.secured("04DC0A30", b"\x0a\x01\x32", bench.key("STKSSSE"), bench.challenge())
    assert bench.sw(command) == 0x9000
    bench.grant(bench.profile.environment.file(0xEF06).read)
    assert bench.ok("00B20A3000") == b"\x0a\x01\x32"


@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_a_file_that_demands_encipherment(generation: int, algorithm: str) -> None:
    bench = granted(generation, algorithm)
    environment = next(d for d in bench.card.files.directories if d.fid == SSSE)
    file = environment.files[0xEF05]
    file.write_rule = AccessRule.decode(0x30, 0x4400)
    key = bench.key("STKSSSE")
    new = RECORD[:-1] + b"8"
    assert bench.sw(UPDATE_RECORD.apdu(0x07, 0x2C, new)) == 0x6987

    def command(plain: bytes, *, clear: bool = False) -> bytes:
        challenge = bench.challenge()
        data = plain if clear else bench.session(key, challenge).encipher(plain)
        return bench.secured("04DC072C", data, key, challenge)

    assert bench.sw(command(new, clear=True)) == 0x6A80  # no whole blocks
    assert bench.sw(command(b"")) == 0x6700
    assert bench.ok("00B2072C00") == RECORD
    assert bench.sw(command(new)) == 0x9000
    assert bench.ok("00B2072C00") == new
