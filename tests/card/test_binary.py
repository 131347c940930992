# SPDX-License-Identifier: Apache-2.0
"""READ BINARY and UPDATE BINARY: offsets, SFI, Le."""

from __future__ import annotations

import pytest

from tests.bench.issued import SSSE, Bench

SIZE = 0x300  # SSSE EF07 指纹
CONTENT = bytes(n * 7 & 0xFF for n in range(SIZE))


@pytest.fixture
def bench() -> Bench:
    """The fingerprint file holds CONTENT and may be read and written."""
    bench = Bench(2)
    bench.enter(SSSE)
    assert bench.authenticate(0x04) == 0x9000
    assert bench.authenticate(0x0A) == 0x9000
    bench.select(0xEF07)
    for at in range(0, SIZE, 0x80):
        piece = CONTENT[at : at + 0x80]
        assert bench.sw(b"\x00\xd6" + at.to_bytes(2) + b"\x80" + piece) == 0x9000
    return bench


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("00B0000000", CONTENT[:256]),
        ("00B00000", CONTENT[:256]),
        ("00B0000001", CONTENT[:1]),
        ("00B00000FF", CONTENT[:255]),
        ("00B0012310", CONTENT[0x123:0x133]),
        ("00B0028000", CONTENT[0x280:]),
        ("00B002FF00", CONTENT[-1:]),
        ("00B002F020", CONTENT[0x2F0:]),  # no more than there is
        ("00B0870000", CONTENT[:256]),
        ("00B0871208", CONTENT[0x12:0x1A]),
        ("00B087FF00", CONTENT[0xFF:0x1FF]),
        ("00B0030000", 0x6B00),
        ("00B07FFF00", 0x6B00),
        ("00B0850000", 0x6981),
        ("00B09D0000", 0x6A82),
        ("00B0800000", 0x6A82),
        ("00B0A70000", 0x6A86),
        ("00B0C70000", 0x6A86),
        ("00B00000011100", 0x6700),
        ("00B000000111", 0x6700),
    ],
)
def test_read(bench: Bench, command: str, expected: bytes | int) -> None:
    if isinstance(expected, int):
        assert bench.sw(command) == expected
    else:
        assert bench.ok(command) == expected


def test_sfi_makes_the_file_current() -> None:
    bench = Bench(2)
    bench.enter(0xDF01)
    assert bench.sw("00B0000000") == 0x6986
    assert len(bench.ok("00B0960000")) == 256
    assert len(bench.ok("00B0010000")) == 296 - 256
    bench.select(0xEF17)
    assert bench.sw("00B0850000") == 0x6981
    assert len(bench.ok("00B0010000")) == 296 - 256  # a refused SFI changes nothing


def test_record_files_have_no_offsets() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    bench.select(0xEF05)
    assert bench.sw("00B0000000") == 0x6981
    assert bench.authenticate(0x04) == 0x9000
    assert bench.sw("00D6000001FF") == 0x6981


@pytest.mark.parametrize(
    ("command", "at", "data"),
    [
        ("00D6000003AABBCC", 0, "AABBCC"),
        ("00D602FF01AA", 0x2FF, "AA"),
        ("00D602FD03AABBCC", 0x2FD, "AABBCC"),
        ("00D687FF02AABB", 0xFF, "AABB"),
        ("00D6870002AABB", 0, "AABB"),
    ],
)
def test_update(bench: Bench, command: str, at: int, data: str) -> None:
    assert bench.sw(command) == 0x9000
    new = bytes.fromhex(data)
    expected = CONTENT[:at] + new + CONTENT[at + len(new) :]
    bench.power_cycle()
    bench.enter(SSSE)
    assert bench.authenticate(0x0A) == 0x9000
    assert bench.ok("00B0870000") + bench.ok("00B0010000") + bench.ok("00B0020000") == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("00D6030001AA", 0x6B00),
        ("00D67FFF01AA", 0x6B00),
        ("00D602FF02AABB", 0x6A84),
        ("00D60000", 0x6700),
        ("00D6000000", 0x6700),
        ("00D6A70001AA", 0x6A86),
        ("00D6850001AA", 0x6981),
        ("00D69D0001AA", 0x6A82),
    ],
)
def test_refused_update(bench: Bench, command: str, expected: int) -> None:
    before = bytes(bench.memory.cells)
    assert bench.sw(command) == expected
    assert bench.memory.cells == before
    assert bench.ok("00B0000001") == CONTENT[:1]


@pytest.mark.parametrize("generation", [2, 3])
def test_the_photo_fills_its_file(generation: int) -> None:
    bench = Bench(generation)
    bench.enter(SSSE)
    assert bench.sw("00B0880000") == 0x6982
    assert bench.authenticate(0x0A) == 0x9000
    assert bench.authenticate(0x04) == 0x9000
    bench.select(0xEF08)
    assert bench.sw("00D60FFF01EE") == 0x9000
    assert bench.sw("00D6100001EE") == 0x6B00
    assert bench.ok("00B00FFF00") == b"\xee"
