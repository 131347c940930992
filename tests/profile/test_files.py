# SPDX-License-Identifier: Apache-2.0
"""Files, items and rules of the three generations against the tables of the standards."""

from __future__ import annotations

import pytest

from sscard_chip.profile import Profile, for_generation
from sscard_chip.profile.model import Structure
from tests.profile.tables import (
    GENERATIONS,
    RECORDS_1,
    RECORDS_2,
    RULES_1,
    RULES_2,
    SIZES_1,
    SIZES_2,
    SUB_ITEMS,
    SUB_ITEMS_43,
    WHOLE,
    files,
    name_of,
    records,
    rules,
    shape,
    short_rule,
    sizes,
)


def test_sizes_of_generation_1() -> None:
    own = {
        name_of(d, f): f.content_size
        for d, f in files(for_generation(1, with_account=True))
        if f.structure is not Structure.AMOUNT
    }
    assert own == sizes(SIZES_1)


@pytest.mark.parametrize("generation", [2, 3])
def test_sizes_of_generation_2_and_3(generation: int) -> None:
    profile = for_generation(generation, registration_date_in=0xDF03)
    own = {
        name_of(d, f): f.content_size
        for d, f in files(profile)
        if f.structure is not Structure.AMOUNT
    }
    assert own == sizes(SIZES_2)


@pytest.mark.parametrize("generation", [2, 3])
def test_tag_60_stands_in_exactly_one_file(generation: int) -> None:
    default = for_generation(generation)
    assert default.directory(0xDF02).file(0xEF06).content_size == 0x2E
    assert default.directory(0xDF03).file(0xEF05).content_size == 0x2B - 6
    for place in (0xDF02, 0xDF03):
        profile = for_generation(generation, registration_date_in=place)
        holders = [d.fid for d, f in files(profile) for i in f.items if i.tag == 0x60]
        assert holders == [place]
    moved = for_generation(generation, registration_date_in=0xDF03)
    assert moved.directory(0xDF03).file(0xEF05).record_numbers(0x60) == (2,)


def test_records_of_generation_1() -> None:
    own = {
        name_of(d, f): shape(f.items)
        for d, f in files(for_generation(1))
        if f.items and f.structure is not Structure.CYCLIC
    }
    assert own == records(RECORDS_1)


@pytest.mark.parametrize("generation", [2, 3])
def test_records_of_generation_2_and_3(generation: int) -> None:
    own = {
        name_of(d, f): shape(f.items)
        for d, f in files(for_generation(generation))
        if f.items and f.structure is not Structure.CYCLIC
    }
    assert own == records(RECORDS_2)


@GENERATIONS
def test_sub_items(profile: Profile) -> None:
    expected = SUB_ITEMS | {0x43: SUB_ITEMS_43[profile.generation]}
    seen = set()
    for _, file in files(profile):
        for item in file.items:
            if item.tag in expected:
                assert shape(item.items) == expected[item.tag]
                seen.add(item.tag)
    later = {0x44, 0x4A, 0x79, 0x99}
    assert seen == (set(expected) - later if profile.generation == 1 else set(expected))


def test_cyclic_records() -> None:
    expected = {
        "DF02 07": (4, "00/7n 00/4c 00/4c 00/46n"),
        "DF02 16": (4, "00/3n 00/4c 00/4c 00/4c 00/3c"),
        "DF04 08": (30, "00/2b 00/1n 00/6c 00/7c 00/4b 00/4b 00/4b"),
        "DF04 15": (8, "00/2b 00/1n"),
    }
    for profile in WHOLE.values():
        own = {
            name_of(d, f): (f.records, shape(f.items))
            for d, f in files(profile)
            if f.structure is Structure.CYCLIC
        }
        first = {"DF02 07", "DF04 08"}
        assert own == {n: e for n, e in expected.items() if profile.generation > 1 or n in first}


def test_advisory_directories() -> None:
    new = WHOLE[2].directory(0xDF05).file(0xEF05)
    old = WHOLE[1].directory(0xDF05).file(0xEF05)
    blood = "A2/4n A9/1c " + "A3/18B " * 5 + "A4/17B " * 5
    flags = " ".join(f"{t:02X}/1n" for t in (*range(0xAC, 0xB8), 0xBC))
    rest = f"BA/14n BB/64n AA/14n AB/4c {flags} B8/28n"
    assert shape(new.items) == f"A0/1n A1/1n B9/1n {blood}{rest}"
    assert shape(old.items) == f"A0/1n A1/1n A2/4n {'A3/18B ' * 5}{'A4/17B ' * 5}".strip()
    care = WHOLE[2].directory(0xDF06).file(0xEF06)
    lengths = map(int, "14442144431444314444443322")
    tail = " ".join(f"{0xC9 + n:02X}/{length}c" for n, length in enumerate(lengths))
    assert shape(care.items) == f"C6/46n C8/9n {tail}"
    assert care.items[-1].tag == 0xE2
    assert WHOLE[1].directory(0xDF06).files == WHOLE[2].directory(0xDF06).files


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_rules(generation: int) -> None:
    expected = rules(RULES_1 if generation == 1 else RULES_2)
    if generation == 3:
        expected["SSSE 06"] = "0A 04"
    own = {name_of(d, f): short_rule(f) for d, f in files(WHOLE[generation])}
    assert own == expected
