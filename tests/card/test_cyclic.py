# SPDX-License-Identifier: Apache-2.0
"""Cyclic files: raw records, the newest first, the oldest overwritten."""

from __future__ import annotations

import pytest

from sscard_chip.standard.commands import READ_RECORD
from tests.bench.issued import Bench

LENGTH = 0x55  # DF02 EF07 就业记录: four records
APPEND = "00DC003B"  # SFI 07, previous instance of any record


@pytest.fixture
def bench() -> Bench:
    bench = Bench(2)
    bench.enter(0xDF02)
    assert bench.verify() == 0x9000
    assert bench.authenticate(0x85) == 0x9000
    return bench


def append(bench: Bench, value: int, command: str = APPEND) -> int:
    return bench.sw(bytes.fromhex(command) + bytes((LENGTH,)) + bytes((value,)) * LENGTH)


def values(bench: Bench) -> list[int]:
    answer = bench.send("00B2013D00")
    if answer.sw == 0x6A83:
        return []
    assert answer.sw == 0x9000
    assert len(answer.body) % LENGTH == 0
    return [answer.body[at] for at in range(0, len(answer.body), LENGTH)]


def test_a_new_card_has_no_records(bench: Bench) -> None:
    assert bench.sw("00B2013C00") == 0x6A83
    assert bench.sw("00B2003800") == 0x6A83


def test_newest_first_and_wrapping(bench: Bench) -> None:
    written: list[int] = []
    for value in range(1, 11):
        assert append(bench, value) == 0x9000
        written.insert(0, value)
        assert values(bench) == written[:4]
        for number, expected in enumerate(written[:4], 1):
            body = bench.ok(READ_RECORD.apdu(number, 0x3C, le=LENGTH))
            assert body == bytes((expected,)) * LENGTH
        assert bench.sw(READ_RECORD.apdu(len(written[:4]) + 1, 0x3C, le=0)) == 0x6A83
    bench.power_cycle()
    bench.enter(0xDF02)
    assert bench.authenticate(0x88) == 0x9000
    assert values(bench) == [10, 9, 8, 7]


@pytest.mark.parametrize("command", ["00DC003B", "00DC003C", "00DC013C"])
def test_ways_to_append(bench: Bench, command: str) -> None:
    assert append(bench, 1, command) == 0x9000
    assert append(bench, 2, command) == 0x9000
    assert values(bench) == [2, 1]


def test_appending_to_the_current_file(bench: Bench) -> None:
    bench.select(0xEF07)
    assert append(bench, 1, "00DC0003") == 0x9000
    assert bench.ok("00B2000400")[0] == 1  # the new record is the current one
    assert append(bench, 2, "00DC0003") == 0x9000
    assert [bench.ok("00B2000400")[0], bench.ok("00B2000200")[0]] == [2, 1]
    assert bench.sw("00B2000200") == 0x6A83
    assert bench.ok("00B2000300")[0] == 2
    assert bench.ok("00B2000100")[0] == 1  # the last is the oldest
    assert bench.ok("00B2000000")[0] == 2
    assert bench.ok("00B2010600")[:1] == b"\x01"  # from the last back to 1


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (APPEND + "54" + "01" * 0x54, 0x6700),
        (APPEND + "56" + "01" * 0x56, 0x6700),
        (APPEND, 0x6700),
        ("00DC023C55" + "01" * 0x55, 0x6981),
        ("00DC003855" + "01" * 0x55, 0x6981),
        ("00DC003A55" + "01" * 0x55, 0x6981),
        ("00DC003D55" + "01" * 0x55, 0x6A86),
    ],
)
def test_refused(bench: Bench, command: str, expected: int) -> None:
    assert append(bench, 9) == 0x9000
    before = bytes(bench.memory.cells)
    assert bench.sw(command) == expected
    assert bench.memory.cells == before
    assert values(bench) == [9]


def test_there_is_no_identifier(bench: Bench) -> None:
    append(bench, 0x35)
    assert bench.sw("00B2353800") == 0x6A83
    assert bench.ok("00B2003855") == b"\x35" * LENGTH


def test_le(bench: Bench) -> None:
    append(bench, 1)
    assert bench.sw("00B2013C54") == 0x6C55
    assert len(bench.ok("00B2013C56")) == LENGTH
    for value in (2, 3, 4):
        append(bench, value)
    assert len(bench.ok("00B2013D00")) == 4 * LENGTH  # more than 256 bytes: the reader's matter


def test_the_transaction_details_are_nobodys_to_write() -> None:
    bench = Bench(2)
    bench.enter(0xDF04)
    assert bench.verify() == 0x9000
    for kid in (0x84, 0x85, 0x86, 0x8E):
        assert bench.authenticate(kid) == 0x9000
    assert bench.sw("00DC00431C" + "00" * 0x1C) == 0x6982
    assert bench.sw("00B2014400") == 0x6A83


def test_append_record(bench: Bench) -> None:
    assert append(bench, 1, "00E20038") == 0x9000
    assert append(bench, 2, "00E20038") == 0x9000
    assert values(bench) == [2, 1]
    before = bytes(bench.memory.cells)
    assert append(bench, 3, "00E20138") == 0x6A86
    assert append(bench, 3, "00E2003C") == 0x6A86
    assert bench.sw("00E20038") == 0x6700
    assert bench.sw("00E2003801AA") == 0x6700
    bench.enter(0xDF02)
    bench.enter(0xDF01)
    assert bench.sw("00E2002801AA") == 0x6982
    assert bench.memory.cells == before
