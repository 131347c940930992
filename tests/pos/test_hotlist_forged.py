# SPDX-License-Identifier: Apache-2.0
"""Hotlists and deltas that somebody has forged, replayed or mixed up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.hotlist import HotCard, Hotlist, HotlistDelta
from sscard_chip.terminal.pos import HotlistFile
from sscard_chip.terminal.pos.hotlist import update_hotlist

FIRST, SECOND, THIRD = "20260315080000", "20260315080000.2", "20260315080000.10"
LOST = HotCard(bytes(15) + b"\x01", "Z00000001", "20260310000000")
STOLEN = HotCard(bytes(15) + b"\x02", "Z00000002", "20260314000000")


def delta(base: Hotlist, made: Hotlist) -> HotlistDelta:
    added = [one for one in made.cards if one not in base.cards]
    removed = [HotCard(one.card_id_code, one.card_number) for one in base.cards
               if one not in made.cards]  # fmt: skip
    return HotlistDelta(made.version, base.version, made.digest, added, removed)


LISTS = (Hotlist(FIRST), Hotlist(SECOND, [LOST]), Hotlist(THIRD, [LOST, STOLEN]))


def till(folder: Path, at: int) -> Path:
    path = folder / "hotlist.tsv"
    LISTS[at].save(path)
    return path


def saved(folder: Path, *deltas: HotlistDelta) -> list[Path]:
    paths = [folder / f"{number}.tsv" for number in range(len(deltas))]
    for path, one in zip(paths, deltas, strict=True):
        one.save(path)
    return paths


def test_a_chain_in_its_order(tmp_path: Path) -> None:
    path = till(tmp_path, 0)
    chain = saved(tmp_path, delta(LISTS[0], LISTS[1]), delta(LISTS[1], LISTS[2]))
    assert update_hotlist(path, chain).version == THIRD
    assert Hotlist.load(path).digest == LISTS[2].digest


@pytest.mark.parametrize(
    ("at", "forged", "rule"),
    [
        (0, delta(LISTS[1], LISTS[2]), "is for 20260315080000.2"),  # one is left out
        (2, delta(LISTS[0], LISTS[1]), "is for 20260315080000"),  # an old one again
        (2, delta(LISTS[2], LISTS[1]), "leads back, to 20260315080000.2"),
        (2, delta(LISTS[2], Hotlist("20260315075959")), "leads back"),
        (2, delta(LISTS[2], Hotlist(THIRD, [LOST])), "keeps its version"),
        (1, delta(Hotlist(SECOND), Hotlist(THIRD, [STOLEN])), "digest"),  # of another centre
        (1, HotlistDelta(THIRD, SECOND, LISTS[2].digest), "digest"),
        (1, HotlistDelta("9" * 201, SECOND, bytes(32)), "at most 200 characters"),
        (1, HotlistDelta("null", SECOND, bytes(32)), "printable"),
    ],
)
def test_no_link_of_a_chain_is_taken_that_does_not_fit(
    tmp_path: Path, at: int, forged: HotlistDelta, rule: str
) -> None:
    """Nor is what stands before it in the same command: the till's file stays as it is."""
    path = till(tmp_path, at)
    before = path.read_bytes()
    with pytest.raises(DayFileError, match=rule) as error:
        update_hotlist(path, saved(tmp_path, forged))
    assert "0.tsv" in str(error.value)
    later = Hotlist("20260316080000", LISTS[at].cards)
    first = delta(LISTS[at], later)
    second = HotlistDelta(forged.version, "20260101000000", forged.digest)
    with pytest.raises(DayFileError):
        update_hotlist(path, saved(tmp_path, first, second))
    assert path.read_bytes() == before


def test_a_delta_that_changes_nothing_may_come_again(tmp_path: Path) -> None:
    path = till(tmp_path, 2)
    same = delta(LISTS[2], LISTS[2])
    assert update_hotlist(path, saved(tmp_path, same)).digest == LISTS[2].digest


def test_a_running_till_does_not_go_back_to_an_earlier_list(tmp_path: Path) -> None:
    """Whoever puts the list of yesterday there would let its cards pay again."""
    path = till(tmp_path, 2)
    listed = HotlistFile(path)
    for earlier in (LISTS[1], LISTS[0], Hotlist("20251231235959")):
        earlier.save(path)
        (warning,) = listed.refresh()
        assert f"version {earlier.version} is an earlier one" in warning
        assert listed.hotlist.version == THIRD
    for later in (Hotlist("20260315080000.11"), Hotlist("20260315080001"), Hotlist("v7"),
                  LISTS[0]):  # fmt: skip
        later.save(path)  # nobody knows what is before "v7"
        assert listed.refresh() == []
        assert listed.hotlist.version == later.version


def test_a_pipe_or_a_huge_file_in_the_place_of_a_list(tmp_path: Path) -> None:
    path = till(tmp_path, 2)
    listed = HotlistFile(path)
    path.unlink()
    os.mkfifo(path)
    assert "is a named pipe" in listed.refresh()[0]
    path.unlink()
    with path.open("wb") as file:
        file.truncate(3 << 30)
    (warning,) = listed.refresh()
    assert warning.endswith("hotlist.tsv: has more than 134,217,728 bytes")
    assert listed.hotlist.version == THIRD
