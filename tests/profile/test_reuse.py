# SPDX-License-Identifier: Apache-2.0
"""Reused tags on cards of generation 1 (letter 37, annex C)."""

from __future__ import annotations

import pytest

from sscard_chip.profile import for_generation
from sscard_chip.profile.model import Format
from sscard_chip.profile.reuse import REUSED, Reuse, reuse_value, reused_value

FIRST, SECOND = for_generation(1), for_generation(2)
Place = tuple[int, int, int]


def item(generation: int, place: Place) -> tuple[int, Format]:
    directory, file, tag = place
    profile = FIRST if generation == 1 else SECOND
    found = profile.directory(directory).file(file)
    item = found.items[found.record_numbers(tag)[0] - 1]
    return item.length, item.format


@pytest.mark.parametrize(("place", "reuse"), REUSED.items(), ids=lambda p: str(p)[:24])
def test_table_agrees_with_the_profiles(place: Place, reuse: Reuse) -> None:
    assert item(1, place)[0] == reuse.old_length
    if place[2] == 0x55:  # packed on an old card, text on a new one
        assert item(2, place) == (0x10, Format.AN)
    else:
        assert item(2, place) == (reuse.length, reuse.format)
    if reuse.judge:
        judge = REUSED[place[0], place[1], reuse.judge]
        assert judge.length < judge.old_length
    assert reuse.grows is (reuse.length > reuse.old_length)


@pytest.mark.parametrize(("place", "reuse"), REUSED.items(), ids=lambda p: str(p)[:24])
def test_round_trip_and_old_meaning(place: Place, reuse: Reuse) -> None:
    new = b"\x11" * reuse.length
    values = {place[2]: reuse_value(*place, new)}
    assert len(values[place[2]]) == max(reuse.old_length, reuse.length)
    old = {place[2]: b"\x20" * reuse.old_length}
    if reuse.judge:
        judge = REUSED[place[0], place[1], reuse.judge]
        values[reuse.judge] = reuse_value(place[0], place[1], reuse.judge, bytes(judge.length))
        old[reuse.judge] = b"\xff" * judge.old_length
    assert reused_value(*place, values) == new
    assert reused_value(*place, old) is None


@pytest.mark.parametrize(
    ("place", "new", "written"),
    [
        ((0xDF01, 0xEF09, 0x32), b"11", "3131EE"),
        ((0xDF01, 0xEF0A, 0x38), b"13", "3133EEEE"),
        ((0xDF03, 0xEF05, 0x61), bytes.fromhex("990100"), "990100EE"),
        ((0xDF04, 0xEF06, 0x90), b"1", "31EEEEEE"),
        ((0xDF02, 0xEF06, 0x4B), b"12345", "3132333435"),
    ],
)
def test_bytes_on_the_card(place: Place, new: bytes, written: str) -> None:
    assert reuse_value(*place, new) == bytes.fromhex(written)


def test_other_tags_are_not_reused() -> None:
    assert reused_value(0xDF01, 0xEF05, 0x20, {0x20: b"1"}) is None
    with pytest.raises(KeyError):
        reuse_value(0xDF01, 0xEF05, 0x20, b"1")
    with pytest.raises(ValueError, match="32: must be 2 bytes"):
        reuse_value(0xDF01, 0xEF09, 0x32, b"111")
