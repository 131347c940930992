# SPDX-License-Identifier: Apache-2.0
"""What tells the generations apart, seen from a terminal."""

from __future__ import annotations

import pytest

from sscard_chip.standard.commands import READ_RECORD
from tests.bench.issued import GENERATIONS, SSSE, Bench


def at(generation: int, directory: int) -> Bench:
    bench = Bench(generation)
    bench.enter(directory)
    return bench


def by_generation(directory: int, command: str, *, pin: bool = False) -> list[int]:
    """The status words of the three generations."""
    words = []
    for generation in GENERATIONS:
        bench = at(generation, directory)
        if pin:
            assert bench.verify() == 0x9000
        words.append(bench.send(command).sw)
    return words


def after_key(directory: int, kid: int, command: str, *, pin: bool = False) -> list[int]:
    words = []
    for generation in GENERATIONS:
        bench = at(generation, directory)
        if pin:
            assert bench.verify() == 0x9000
        if bench.authenticate(kid) == 0x9000:
            words.append(bench.send(command).sw)
    return words


def test_version() -> None:
    versions = [at(g, SSSE).ok("00B2032C00")[2:] for g in GENERATIONS]
    assert versions == [b"1.00", b"2.00", b"3.00"]


def test_holder_is_gated_on_the_third() -> None:
    for number in range(1, 7):
        assert by_generation(SSSE, f"00B2{number:02X}3400") == [0x9000, 0x9000, 0x6982]


def test_fingerprint_and_photo() -> None:
    assert by_generation(SSSE, "00B0870000") == [0x9000, 0x6982, 0x6982]
    assert by_generation(SSSE, "00B0880000") == [0x6A82, 0x6982, 0x6982]
    assert by_generation(SSSE, "00A4020002EF08") == [0x6A82, 0x9000, 0x9000]


def test_personnel_and_talent() -> None:
    assert by_generation(SSSE, "00A4040006D15600000504") == [0x6A82, 0x9000, 0x9000]
    assert by_generation(SSSE, "00A4000002DF07") == [0x6A82, 0x9000, 0x9000]


def test_pin_alone() -> None:
    # DF03 EF07: PIN and RK1DF03 on the first, PIN or RK1DF03 later.
    assert by_generation(0xDF03, "00B2013C00", pin=True) == [0x6982, 0x9000, 0x9000]
    assert after_key(0xDF03, 0x84, "00B2013C00") == [0x6982, 0x9000, 0x9000]
    assert after_key(0xDF03, 0x84, "00B2013C00", pin=True) == [0x9000] * 3
    assert by_generation(0xDF01, "00B2012C00", pin=True) == [0x9000] * 3


def test_employment_permit_changed_its_key() -> None:
    """DF02 EF09: 87 on the first, 86 later; the value 96 has the same length on all."""
    update = "00DC964806" + "960420250102"
    assert after_key(0xDF02, 0x87, update) == [0x9000, 0x6982, 0x6982]
    assert after_key(0xDF02, 0x86, update) == [0x6982, 0x9000, 0x9000]


@pytest.mark.parametrize(
    ("directory", "tag", "sfi", "lengths"),
    [
        (0xDF01, 0x20, 0x05, (1, 2, 2)),
        (0xDF01, 0x32, 0x09, (3, 2, 2)),
        (0xDF01, 0x37, 0x0A, (4, 3, 3)),
        (0xDF02, 0x55, 0x09, (0x0A, 0x10, 0x10)),
        (0xDF02, 0x43, 0x05, (0x1D, 0x6C, 0x6C)),
        (0xDF04, 0x8B, 0x05, (0x0A, 0x1D, 0x1D)),
        (0xDF04, 0x84, 0x05, (0x46, 3, 3)),
    ],
)
def test_lengths_of_reused_tags(
    directory: int, tag: int, sfi: int, lengths: tuple[int, ...]
) -> None:
    found = []
    for generation in GENERATIONS:
        bench = at(generation, directory)
        assert bench.verify() == 0x9000
        found.append(bench.ok(READ_RECORD.apdu(tag, sfi << 3, le=0))[1])
    assert tuple(found) == lengths


WHOLE_FILES_1 = {
    SSSE: {5: 0x40, 6: 0x45},
    0xDF01: {5: 0x55, 6: 0x6B, 7: 6, 8: 3, 9: 0x5C, 10: 0x12},
    0xDF02: {5: 0xAF, 6: 0x2D, 9: 0x60},
    0xDF03: {5: 0x26, 6: 0x47, 7: 0x2F},
    0xDF04: {5: 0x122, 6: 0x12},
}


@pytest.mark.parametrize("directory", WHOLE_FILES_1)
def test_sizes_of_the_first_generation(directory: int) -> None:
    bench = at(1, directory)
    assert bench.verify() == 0x9000
    for kid in (0x84, 0x85):
        if directory in (0xDF03, 0xDF04):
            assert bench.authenticate(kid) == 0x9000
    for sfi, size in WHOLE_FILES_1[directory].items():
        assert len(bench.ok(READ_RECORD.apdu(1, sfi << 3 | 5))) == size
