# SPDX-License-Identifier: Apache-2.0
"""WRITE KEY: what keys come in and how, and everything it refuses."""

from __future__ import annotations

import pytest

from sscard_chip.security.suite import SUITES
from sscard_chip.standard.commands import (
    CHANGE_KEY,
    CREATE_KEY,
    EXTERNAL_AUTHENTICATE,
    before_mac,
)
from tests.bench.blank import (
    NEW,
    SELECT_MF,
    SELECT_SSSE,
    TEMPORARY,
    ZERO,
    BlankBench,
)

ALGORITHMS = ("3des", "sm4")
EXTERNAL = bytes.fromhex("000A0100 0000 03 AA")
PIN = bytes.fromhex("1F000602 0000 06 00 123456FFFFFFFFFF")


def information(algorithm: str) -> bytes:
    return bytes((0, 0x0A, 1, SUITES[algorithm].key_code(16))) + EXTERNAL[4:] + NEW


@pytest.fixture(params=ALGORITHMS)
def bench(request: pytest.FixtureRequest) -> BlankBench:
    bench = BlankBench(request.param)
    bench.make_ssse()
    return bench


def test_a_key_that_works(bench: BlankBench) -> None:
    assert bench.write_key(0, 2, information(bench.algorithm), ZERO, challenge=8) == 0x9000
    challenge = bench.ok("0084000008")
    suite = SUITES[bench.algorithm]
    session = suite.session(suite.session_key(suite.encryptor(NEW), challenge))
    data = session.authentication_data(bytes(8)) + bytes(8) + b"\x01"
    bench.ok(EXTERNAL_AUTHENTICATE.apdu(p2=0x0A, data=data))
    bench.ok("80E000030D EF08 0004 00 00 00 AA00 0000 00 00", "00A4020002EF08", "00B0000004")
    bench.card.power_on()
    bench.ok(SELECT_SSSE, "00A4020002EF08")
    assert bench.sw("00B0000004") == 0x6982


def test_a_pin_that_works(bench: BlankBench) -> None:
    assert bench.write_key(0, 2, PIN, ZERO) == 0x9000
    assert bench.sw("0020000003123457") == 0x63C5
    bench.ok("0020000003123456")
    assert bench.write_key(0, 2, PIN, ZERO) == 0x6985  # there can be one
    assert bench.write_key(1, 2, bytes.fromhex("1F0000 4321FFFFFFFFFFFF"), ZERO) == 0x9000
    bench.ok("00200000024321")


@pytest.mark.parametrize("length", [4, 8, 16])
def test_challenges_of_all_lengths(bench: BlankBench, length: int) -> None:
    written = bench.write_key(0, 2, information(bench.algorithm), ZERO, challenge=length)
    assert written == 0x9000


def test_a_single_des_key_goes_with_3des_only() -> None:
    for algorithm in ALGORITHMS:
        bench = BlankBench(algorithm)
        bench.make_ssse()
        single = bytes.fromhex("01020101 0000 00 00") + NEW[:8]
        assert bench.write_key(0, 2, single, ZERO) == 0x9000


def test_replacing_a_key_gives_back_its_tries(bench: BlankBench) -> None:
    assert bench.write_key(0, 2, information(bench.algorithm), ZERO) == 0x9000
    bench.ok("0084000008")
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=0x0A, data=bytes(16))) == 0x63C2
    assert bench.write_key(1, 2, bytes.fromhex("000A01") + TEMPORARY, ZERO) == 0x9000
    bench.ok("0084000008")
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=0x0A, data=bytes(16))) == 0x63C2
    bench.card.power_on()
    bench.ok(SELECT_SSSE)
    # Without the master key's right (ACw b6 CMK) no key of the file can be replaced.
    assert bench.write_key(1, 2, bytes.fromhex("000A01") + NEW, ZERO) == 0x6982


@pytest.mark.parametrize(
    ("change", "sw"),
    [
        ({0: 0x03}, 0x6A80),  # no such use
        ({1: 0x8A}, 0x6A80),  # kid with bit 8
        ({1: 0x00}, 0x6A80),  # kid 00 is the master key
        ({3: 0x01}, 0x6A80),  # algorithm of 8 bytes
        ({3: 0x02}, 0x6A80),  # unpublished
        ({4: 0x10}, 0x6A80),  # a right to use it
        ({6: 0x10}, 0x6A80),  # limit
        ({7: 0xA9}, 0x6A80),  # levels the wrong way round
    ],
)
def test_content(bench: BlankBench, change: dict[int, int], sw: int) -> None:
    content = bytearray(information(bench.algorithm))
    for at, value in change.items():
        content[at] = value
    before = bytes(bench.memory.cells)
    assert bench.write_key(0, 2, bytes(content), ZERO) == sw
    assert bench.memory.cells == before


@pytest.mark.parametrize("pin", ["123456FF12FFFFFF", "12ABFFFFFFFFFFFF", "1FFFFFFFFFFFFFFF"])
def test_what_is_no_pin(bench: BlankBench, pin: str) -> None:
    assert bench.write_key(0, 2, PIN[:8] + bytes.fromhex(pin), ZERO) == 0x6A80


def test_refusals(bench: BlankBench) -> None:
    content = information(bench.algorithm)
    assert bench.write_key(0, 2, content, ZERO, spoil=-1) == 0x6988
    assert bench.write_key(0, 2, content, ZERO, spoil=5) == 0x6988
    assert bench.write_key(0, 2, content, TEMPORARY) == 0x6988
    assert bench.write_key(0, 3, content, ZERO) == 0x6A82
    assert bench.write_key(0, 0, content, ZERO) == 0x6A86
    assert bench.write_key(2, 2, content, ZERO) == 0x6A86
    assert bench.write_key(0, 2, content[:-1], ZERO) in (0x6700, 0x6A80)
    assert bench.sw(CREATE_KEY.secured().apdu(p2=0x02, data=bytes(5))) == 0x6700
    assert bench.sw(CREATE_KEY.apdu(p2=0x02, data=content)) == 0x6985  # it must be enciphered
    length = 0x24
    bench.ok("0084000004")
    assert bench.sw(bytes((0x84, 0xD4, 0, 2, length)) + bytes(length)) == 0x6988
    assert bench.sw(bytes((0x84, 0xD4, 0, 2, length)) + bytes(length)) == 0x6984
    assert bench.write_key(0, 2, content, ZERO) == 0x9000
    assert bench.write_key(0, 2, content, ZERO) == 0x6985  # twice
    assert bench.write_key(1, 2, b"\x00\x0b\x01" + NEW, ZERO) == 0x6A88
    assert bench.write_key(1, 2, b"\x00\x0a\x02" + NEW, ZERO) == 0x6A88
    assert bench.write_key(1, 2, b"\x00\x0a\x01" + NEW[:8], ZERO) == 0x6A80
    assert bench.write_key(1, 0, b"\x01\x00\x01" + NEW, ZERO) == 0x6A80
    bench.ok(SELECT_MF)
    assert bench.write_key(0, 2, content, ZERO) == 0x6A82  # no key file here


def test_a_full_key_file(bench: BlankBench) -> None:
    content = bytearray(information(bench.algorithm))
    for version in range(1, 0x180 // 26 + 1):
        content[2] = version
        assert bench.write_key(0, 2, bytes(content), ZERO) == 0x9000
    content[2] = 0x60
    assert bench.write_key(0, 2, bytes(content), ZERO) == 0x6A84


def test_a_locked_master_key_protects_nothing(bench: BlankBench) -> None:
    for _ in range(3):
        assert bench.authenticate(NEW) & 0xFFF0 == 0x63C0
    assert bench.write_key(0, 2, information(bench.algorithm), ZERO) == 0x6983


def test_keys_in_clear_where_the_file_wants_no_more() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E0000B08 0002 0180 00 00 0000")
    bench.ok(CREATE_KEY.apdu(p2=0x02, data=information("3des")))
    bench.ok(CHANGE_KEY.apdu(p2=0x02, data=b"\x00\x0a\x01" + TEMPORARY))
    assert bench.sw(CHANGE_KEY.apdu(p2=0x02, data=b"\x00\x0a\x01" + TEMPORARY[:8])) == 0x6A80
    assert bench.sw(CHANGE_KEY.apdu(p2=0x02, data=bytes(18))) == 0x6700
    assert bench.write_key(0, 2, information("3des"), ZERO) == 0x6985


def test_keys_with_a_mac_alone() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E0000B08 0002 0180 00 02 0000")
    content = information("3des")
    random = bench.ok("0084000004")
    command = before_mac(CREATE_KEY.secured().header(p2=0x02), content)
    bench.ok(command + SUITES["3des"].key_mac(ZERO, random, command))


def test_appending_and_changing_can_be_forbidden() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E0000B08 0002 0180 00 08 0000")
    assert bench.sw(CREATE_KEY.apdu(p2=0x02, data=information("3des"))) == 0x6982
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E0000B08 0002 0180 00 04 0000")
    bench.ok(CREATE_KEY.apdu(p2=0x02, data=information("3des")))
    assert bench.sw(CHANGE_KEY.apdu(p2=0x02, data=b"\x00\x0a\x01" + TEMPORARY)) == 0x6982


def test_once_frozen_the_master_key_must_be_proven(bench: BlankBench) -> None:
    bench.ok(SELECT_MF)
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok("BFFE0000", SELECT_SSSE)
    content = information(bench.algorithm)
    assert bench.write_key(0, 2, content, ZERO) == 0x6982
    assert bench.write_key(1, 0, b"\0\0\x01" + NEW, ZERO) == 0x6982
    assert bench.authenticate(ZERO) == 0x9000
    assert bench.write_key(0, 2, content, ZERO) == 0x9000
    assert bench.write_key(1, 0, b"\0\0\x01" + NEW, ZERO) == 0x9000
    assert bench.authenticate(NEW) == 0x9000
