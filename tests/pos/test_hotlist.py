# SPDX-License-Identifier: Apache-2.0
"""The hotlist file and its look-ups."""

from __future__ import annotations

import random
from hashlib import sha256
from pathlib import Path

import pytest

from sscard_chip.terminal.pos import DayFileError, HotCard, Hotlist, HotRange

CODE = bytes.fromhex("510100D15600000507A1B2C3D4E5F607")
NOW = "20260315101112"
GOLDEN = (
    "H\tsscard-hotlist/1\t20260315-1\n"
    "C\t510100D15600000507A1B2C3D4E5F607\tZ00000013\tnull\n"
    "C\tnull\tZ00000021\t20260301000000\n"
    "R\tA00000000\tA99999999\tnull\n"
)


def whole(rows: str) -> bytes:
    content = rows.encode()
    count = rows.count("\n") - 1
    return content + f"T\t{count}\t{sha256(content).hexdigest().upper()}\n".encode()


def test_file_of_both_kinds_of_records(tmp_path: Path) -> None:
    path = tmp_path / "hot.tsv"
    path.write_bytes(whole(GOLDEN))
    hotlist = Hotlist.load(path)
    assert hotlist.version == "20260315-1"
    assert hotlist.cards == (
        HotCard(CODE, "Z00000013"),
        HotCard(None, "Z00000021", "20260301000000"),
    )
    assert hotlist.ranges == (HotRange("A00000000", "A99999999"),)
    hotlist.save(tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (GOLDEN.replace("list/1", "list/2"), "row 1: header"),
        (GOLDEN.replace("Z00000013\tnull", "Z00000013"), "row 2: must have 4 cells"),
        (GOLDEN.replace("510100D1", "510100D"), "row 2: card_id_code"),
        (GOLDEN.replace("510100D1", "51"), "row 2: card_id_code"),
        (GOLDEN.replace("Z00000021", "null"), "row 3: must name"),
        (GOLDEN.replace("20260301000000", "20260301"), "row 3: since"),
        (GOLDEN.replace("A00000000", "B00000000"), "row 4: range"),
        (GOLDEN.replace("R\tA", "X\tA"), "row 4: must begin with C or R"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, rows: str, rule: str) -> None:
    path = tmp_path / "hot.tsv"
    path.write_bytes(whole(rows))
    with pytest.raises(DayFileError, match=f"hot.tsv: {rule}"):
        Hotlist.load(path)


def test_a_changed_or_cut_file_is_refused(tmp_path: Path) -> None:
    path, content = tmp_path / "hot.tsv", whole(GOLDEN)
    for changed in (
        content.replace(b"Z00000013", b"Z00000014"),
        content.replace(b"T\t3", b"T\t2"),
        content[:-1],
        content[:-20] + b"\n",
        b"",
        b"\xff\n\n\n",
    ):
        path.write_bytes(changed)
        with pytest.raises(DayFileError, match=r"hot\.tsv: "):
            Hotlist.load(path)


def test_ranges_agree_with_a_plain_search() -> None:
    source = random.Random(11)
    for _ in range(200):
        ranges = []
        for _ in range(source.randrange(8)):
            first, last = sorted((source.randrange(60), source.randrange(60)))
            since = source.choice([None, "20260101000000", "20270101000000"])
            ranges.append(HotRange(f"Z{first:08d}", f"Z{last:08d}", since))
        hotlist = Hotlist("1", ranges=ranges)
        for number in range(60):
            text = f"Z{number:08d}"
            hot = any(one.first <= text <= one.last and (one.since or "") <= NOW for one in ranges)
            assert hotlist.holds(CODE, text, NOW) == hot
        assert not hotlist.holds(CODE, "Z1", NOW)
