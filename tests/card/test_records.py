# SPDX-License-Identifier: Apache-2.0
"""READ RECORD and UPDATE RECORD on linear files."""

from __future__ import annotations

import pytest

from sscard_chip.standard.commands import UPDATE_RECORD
from tests.bench.issued import SSSE, Bench

NUMBER = "07095A3030303030303133"  # EF05 record 7, card number


@pytest.fixture
def bench() -> Bench:
    bench = Bench(2)
    bench.enter(SSSE)
    return bench


def granted(directory: int, kid: int, generation: int = 2) -> Bench:
    """A card on which ``kid`` is authenticated and the PIN verified."""
    bench = Bench(generation)
    bench.enter(directory)
    assert bench.verify() == 0x9000
    assert bench.authenticate(kid) == 0x9000
    return bench


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "00B2072C0B",  # number, SFI, Le exact
        "00B2072C00",
        "00B2072CFF",
        "00B2072C",  # no Le
        "00B207280B",  # tag 07, SFI
        "00B20728",
        "00B207290B",  # last instance of tag 07
        "00B2072A0B",  # next, seen from before the first
        "00B2072B0B",  # previous, with no current record: the last
        "00B2072D0B",  # from 7 to the last
        "00B2072E0B",  # from the last back to 7
    ],
)
def test_straight_after_selecting_the_directory(bench: Bench, command: str) -> None:
    assert bench.ok(command).hex().upper() == NUMBER
    # The SFI made the file current, with record 7 where one record was named.
    assert bench.ok("00B2070400").hex().upper() == NUMBER


def test_current_file(bench: Bench) -> None:
    assert bench.sw("00B2070400") == 0x6986
    bench.select(0xEF05)
    assert bench.ok("00B2070400").hex().upper() == NUMBER
    assert bench.ok("00B2070000").hex().upper() == NUMBER
    assert bench.ok("00B2000400").hex().upper() == NUMBER  # number 00 is the current record
    bench.select(0xEF06)
    assert bench.ok("00B2010400")[0] == 0x08


def test_whole_file(bench: Bench) -> None:
    whole = bench.ok("00B2012D40")
    assert len(whole) == 0x40
    tags, rest = [], whole
    while rest:
        tags.append(rest[0])
        rest = rest[2 + rest[1] :]
    assert tags == [1, 2, 3, 4, 5, 6, 7]
    assert bench.ok("00B2030500") == whole[0x12 + 3 :]  # from record 3 of the current file
    bench.select(0xEF06)
    assert len(bench.ok("00B201055B")) == 0x5B


def test_record_pointer(bench: Bench) -> None:
    bench.select(0xEF05)

    def tag(command: str) -> int:
        return bench.ok(command)[0]

    # Identifier 00 is any record.
    assert tag("00B2000200") == 0x01
    assert [tag("00B2000200") for _ in range(6)] == [2, 3, 4, 5, 6, 7]
    assert bench.sw("00B2000200") == 0x6A83
    assert tag("00B2000400") == 0x07  # the failure left the pointer
    assert [tag("00B2000300") for _ in range(6)] == [6, 5, 4, 3, 2, 1]
    assert bench.sw("00B2000300") == 0x6A83
    assert tag("00B2000000") == 0x01
    assert tag("00B2000100") == 0x07
    assert tag("00B2030400") == 0x03
    assert tag("00B2000200") == 0x04
    bench.select(0xEF05)
    assert bench.sw("00B2000400") == 0x6A83  # no current record


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("00B2082C00", 0x6A83),  # numbers end at 7
        ("00B2FF2C00", 0x6A83),
        ("00B2082D00", 0x6A83),
        ("00B2082E00", 0x6A83),
        ("00B2002D00", 0x6A83),  # from the current record, and there is none
        ("00B24E2800", 0x6A83),  # tag of EF06
        ("00B2082900", 0x6A83),
        ("00B2012F00", 0x6A86),
        ("00B2010700", 0x6A86),
        ("00B201FC00", 0x6A82),  # no such SFI
        ("00B2014400", 0x6981),  # EF08 is transparent
        ("00B2072C0100", 0x6700),
        ("00B2072C010700", 0x6700),
        ("00B2072C01", 0x6C0B),
        ("00B2072C0A", 0x6C0B),
        ("00B2012D3F", 0x6C40),
        ("00B2012801", 0x6C12),
    ],
)
def test_refused_reading(bench: Bench, command: str, expected: int) -> None:
    assert bench.sw(command) == expected


def test_the_first_generation_has_no_name_extension() -> None:
    first, second = Bench(1), Bench(2)
    for bench in (first, second):
        bench.enter(SSSE)
    assert first.sw("00B24E3000") == 0x6A83
    assert second.ok("00B24E3000")[:2] == b"\x4e\x14"
    assert first.ok("00B2033400")[0] == 0x0A
    assert second.ok("00B2033400")[0] == 0x4E
    assert len(first.ok("00B2013545")) == 0x45
    assert len(second.ok("00B201355B")) == 0x5B


def test_instances_of_one_tag() -> None:
    """DF01 EF15: 学历 2A, then 学位 40 three times."""
    bench = granted(0xDF01, 0x89)
    for number in (2, 3, 4):
        record = bytes((0x40, 0x34)) + bytes((number,)) * 0x34
        assert bench.sw(UPDATE_RECORD.apdu(number, 0x15 << 3 | 4, record)) == 0x9000
    bench.select(0xEF15)

    def value(p2: str) -> int:
        return bench.ok(f"00B240{p2}00")[2]

    assert value("00") == 2
    assert value("02") == 3
    assert value("02") == 4
    assert bench.sw("00B2400200") == 0x6A83
    assert value("03") == 3
    assert value("01") == 4
    assert bench.ok("00B22A0300")[0] == 0x2A
    assert bench.sw("00B2400300") == 0x6A83
    assert len(bench.ok("00B2020500")) == 3 * 0x36
    back = bench.ok("00B2020600")
    assert [back[2 + 0x36 * n] for n in range(3)] == [4, 3, 2]


# --- writing ---------------------------------------------------------------------------------


def test_update_by_number_and_by_tag() -> None:
    bench = granted(SSSE, 0x04)
    for command in ("00DC072C0B", "00DC07280B", "00DC07290B"):
        for digit in "89":
            record = NUMBER[:-2] + f"3{digit}"
            assert bench.sw(command + record) == 0x9000
            assert bench.ok("00B2072C00").hex().upper() == record
    bench.power_cycle()
    bench.enter(SSSE)
    assert bench.ok("00B2072C00").hex().upper() == NUMBER[:-2] + "39"


def test_update_of_the_current_record() -> None:
    bench = granted(SSSE, 0x04)
    bench.select(0xEF05)
    assert bench.sw("00DC00040302" + "0134") == 0x6A83  # none is current
    assert bench.ok("00B2020400").hex() == "020133"
    assert bench.sw("00DC000403020134") == 0x9000
    assert bench.ok("00B2000400").hex() == "020134"
    assert bench.sw("00DC000203030134") == 0x6700  # next: record 3 has four bytes
    assert bench.ok("00B2000400").hex() == "020134"
    assert bench.sw("00DC00020603" + "04322E3030") == 0x9000
    assert bench.ok("00B2000400").hex() == "0304322e3030"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("00DC072C0A" + "07095A30303030303031", 0x6A85),
        ("00DC072C0B" + "07085A3030303030303133", 0x6A85),
        ("00DC072C01" + "07", 0x6A85),
        ("00DC072C", 0x6700),
        ("00DC072C00", 0x6700),
        ("00DC072C0A" + "07085A30303030303031", 0x6700),  # a record keeps its length
        ("00DC072C0C" + "070A5A303030303030313333", 0x6700),
        ("00DC072C0B" + "06095A3030303030303133", 0x6A80),  # and its tag
        ("00DC07280B" + "06095A3030303030303133", 0x6A80),
        ("00DC082C03" + "0F0101", 0x6A84),  # appends, and the file is full
        ("00DC0F2803" + "0F0101", 0x6A84),
        ("00DC072D0B" + NUMBER, 0x6A86),
        ("00DC072E0B" + NUMBER, 0x6A86),
        ("00DC072F0B" + NUMBER, 0x6A86),
        ("00DC07FC0B" + NUMBER, 0x6A82),
        ("00DC01440401020304", 0x6981),
    ],
)
def test_refused_update_changes_nothing(command: str, expected: int) -> None:
    bench = granted(SSSE, 0x04)
    before = bytes(bench.memory.cells)
    assert bench.sw(command) == expected
    assert bench.memory.cells == before


def test_update_with_no_current_file() -> None:
    bench = granted(SSSE, 0x04)
    assert bench.sw("00DC07040B" + NUMBER) == 0x6986


def test_fixed_records() -> None:
    """DF01 EF07 of generation 1: two records of three bytes."""
    bench = granted(0xDF01, 0x84, generation=1)
    assert bench.sw("00DC013C03290131") == 0x9000
    assert bench.sw("00DC2A38032A0111") == 0x9000
    assert bench.ok("00B2013D00").hex() == "2901312a0111"
    assert bench.sw("00DC013C0429023132") == 0x6700
    assert bench.sw("00DC033C032B0131") == 0x6A84
    assert bench.ok("00B2013D06").hex() == "2901312a0111"


def test_appending_to_a_file_with_room() -> None:
    """DF02 EF08 of generation 1 is delivered empty, with room."""
    bench = granted(0xDF02, 0x86, generation=1)
    assert bench.sw("00B2014400") == 0x6A83
    assert bench.sw("00B2014500") == 0x6A83
    assert bench.sw("00DC014404" + "53023132") == 0x9000  # a number that is not there
    assert bench.sw("00DC544004" + "54023334") == 0x9000  # a tag that is not there
    assert bench.sw("00DCFE4404" + "55023536") == 0x9000
    assert bench.ok("00B2014500").hex() == "530231325402333455023536"
    assert bench.ok("00B2544000").hex() == "54023334"
    assert bench.ok("00B2000400").hex() == "54023334"
    assert bench.sw("00DC014405" + "5303313233") == 0x9000  # and records may grow
    assert bench.ok("00B2014500").hex() == "53033132335402333455023536"
    assert bench.sw("00DC014404" + "53023132") == 0x6700
    bench.power_cycle()
    bench.enter(0xDF02)
    assert bench.verify() == 0x9000
    assert bench.ok("00B2014500").hex() == "53033132335402333455023536"


def test_append_record() -> None:
    bench = granted(0xDF02, 0x86, generation=1)
    assert bench.sw("00E2004004" + "53023132") == 0x9000
    assert bench.sw("00E2004004" + "53023334") == 0x9000  # a tag may be there twice
    assert bench.ok("00B2014500").hex() == "5302313253023334"
    assert bench.ok("00B2000400").hex() == "53023334"  # the new record is the current one
    assert bench.sw("00E2004004" + "53013334") == 0x6A85
    full = granted(SSSE, 0x04)
    assert full.sw("00E2002803" + "0F0101") == 0x6A84


def test_the_two_reused_records_that_grow() -> None:
    """DF02 EF06 4B and 4F of generation 1 take the longer value of generation 2."""
    bench = granted(0xDF02, 0x84, generation=1)
    assert bench.ok("00B24B3000")[1] == 4
    assert bench.sw("00DC4B3007" + "4B053131313232") == 0x9000
    assert bench.sw("00DC4F3008" + "4F06313132323333") == 0x9000
    assert bench.ok("00B24B3000").hex().upper() == "4B053131313232"
    assert bench.ok("00B24F3000").hex().upper() == "4F06313132323333"
    assert len(bench.ok("00B2013500")) == 0x2D + 3
    assert bench.sw("00DC4B3008" + "4B06313131323232") == 0x6A84
