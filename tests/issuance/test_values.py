# SPDX-License-Identifier: Apache-2.0
"""Values of a holder's ``files`` against a profile made for the purpose."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuance.holder import Holder, HolderError
from issuance.values import (
    Contents,
    ValueRuleError,
    add_files,
    encode_files,
    encode_item_value,
)
from sscard_chip.profile import for_generation
from sscard_chip.profile.model import (
    FREE,
    DirectoryDeclaration,
    FileDeclaration,
    Format,
    Item,
    Profile,
    Structure,
)

Person = dict[str, object]
Fill = Callable[[object], Contents]


def item(tag: int, form: Format, length: int, *items: Item) -> Item:
    return Item(tag, "项", "item", form, length, items)


def file(fid: int, structure: Structure, *items: Item, **more: Any) -> FileDeclaration:
    return FileDeclaration(fid, "文件", "file", structure, FREE, FREE, items, **more)


TEMPLATE = item(0x40, Format.BTLV, 9, item(0x57, Format.AN, 3), item(0x58, Format.CN, 2))
FILES = (
    file(
        0xEF05,
        Structure.LINEAR_VARIABLE,
        item(0x20, Format.AN, 4),
        item(0x21, Format.CN, 3),
        item(0x22, Format.B, 2),
        TEMPLATE,
        TEMPLATE,
    ),
    file(
        0xEF07,
        Structure.CYCLIC,
        item(0, Format.AN, 2),
        item(0, Format.CN, 1),
        item(0, Format.B, 4),
        records=3,
    ),
    file(0xEF16, Structure.TRANSPARENT, size=6),
    file(0xEF81, Structure.AMOUNT),
)
ENVIRONMENT = DirectoryDeclaration(
    0xDDF1,
    "社会保障系统环境",
    "environment",
    b"sx1.sh",
    (
        file(0xEF05, Structure.LINEAR_VARIABLE, item(0x07, Format.AN, 9)),
        file(0xEF08, Structure.TRANSPARENT, size=4096),
    ),
    (),
)
PROFILE = Profile(
    2,
    "2.00",
    ENVIRONMENT,
    (DirectoryDeclaration(0xDF01, "公共应用", "public", bytes(6), FILES, ()),),
    contactless=False,
    announce_algorithm=False,
    algorithms=("3des",),
    historical_prefix=bytes(7),
)
JPEG = b"\xff\xd8\xff\xe0"


@pytest.fixture
def fill(person: Person, today: date, tmp_path: Path) -> Fill:
    """Encode ``files`` of a holder whose file lies in ``tmp_path``."""

    def run(files: object) -> Contents:
        holder = Holder.from_object(
            person | {"files": files}, source="HOLDER.json", folder=tmp_path, today=today
        )
        contents = Contents()
        add_files(contents, PROFILE, holder)
        return contents

    return run


def test_formats(fill: Fill) -> None:
    contents = fill({"DF01": {"EF05": {"20": "张", "21": "12345", "22": "aBcD"}}})
    assert contents.values == {
        (0xDF01, 0xEF05, 1): bytes.fromhex("D5C50000"),
        (0xDF01, 0xEF05, 2): bytes.fromhex("12345F"),
        (0xDF01, 0xEF05, 3): bytes.fromhex("ABCD"),
    }


def test_numbers_fill_from_the_right(fill: Fill) -> None:
    contents = fill({"DF01": {"EF05": {"21": 1234, "22": 513}}})
    assert contents.values[0xDF01, 0xEF05, 2] == bytes.fromhex("001234")
    assert contents.values[0xDF01, 0xEF05, 3] == bytes.fromhex("0201")


def test_templates_and_repeated_tags(fill: Fill) -> None:
    full = bytes.fromhex("5703 414243 5802 12FF".replace(" ", ""))
    bare = bytes.fromhex("5703 000000 5802 FFFF".replace(" ", ""))
    first = fill({"DF01": {"EF05": {"40": {"57": "ABC", "58": "12"}}}})
    assert first.values == {(0xDF01, 0xEF05, 4): full}
    both = fill({"DF01": {"EF05": {"40": [{"57": "ABC", "58": "12"}, {}]}}})
    assert both.values == {(0xDF01, 0xEF05, 4): full, (0xDF01, 0xEF05, 5): bare}
    second = fill({"DF01": {"EF05": {"40": [None, {"57": "ABC", "58": "12"}]}}})
    assert second.values == {(0xDF01, 0xEF05, 5): full}


def test_cyclic_records(fill: Fill) -> None:
    contents = fill({"DF01": {"EF07": [["AB", "1", 258], {"3": "00000001"}]}})
    assert contents.cyclic == {
        (0xDF01, 0xEF07): (
            bytes.fromhex("41421F00000102"),
            bytes.fromhex("0000FF00000001"),
        )
    }


def test_transparent_content(fill: Fill, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(JPEG + bytes(100))
    contents = fill({"DF01": {"EF16": "0102"}, "SSSE": {"EF08": {"path": "photo.jpg"}}})
    assert contents.transparent[0xDF01, 0xEF16] == bytes.fromhex("010200000000")
    photo = contents.transparent[0xDDF1, 0xEF08]
    assert photo.startswith(JPEG)
    assert len(photo) == 4096


@pytest.mark.parametrize(
    "path",
    ["/etc/hostname", "../outside.jpg", "sub/../../outside.jpg", "link.jpg", "linked/outside.jpg"],
)
def test_paths_stay_below_the_folder(fill: Fill, tmp_path: Path, path: str) -> None:
    """Absolute, up, or by a link: no file of the machine comes onto a card."""
    below = tmp_path / "below"
    below.mkdir()
    (tmp_path / "outside.jpg").write_bytes(JPEG)
    (below / "sub").mkdir()
    (below / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (below / "linked").symlink_to(tmp_path)
    contents = Contents()
    files = {"SSSE": {"EF08": {"path": path}}}
    findings = encode_files(contents, for_generation(3), files, below)
    rule = "must stay below the folder of the holder's file or table"
    assert [tuple(one)[:2] for one in findings] == [("SSSE EF08 path", rule)]
    assert contents.transparent == {}


def test_links_and_folders_inside_are_followed(tmp_path: Path) -> None:
    (tmp_path / "table").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "photos").mkdir(parents=True)
    (tmp_path / "real" / "photos" / "a.jpg").write_bytes(JPEG)
    (tmp_path / "real" / "b.jpg").symlink_to("photos/a.jpg")
    for path in ("photos/a.jpg", "b.jpg", "./photos/../b.jpg", str(tmp_path / "real" / "b.jpg")):
        contents = Contents()
        files = {"SSSE": {"EF08": {"path": path}}}
        assert encode_files(contents, for_generation(3), files, tmp_path / "table") == []
        assert contents.transparent[0xDDF1, 0xEF08][:3] == JPEG[:3]


@pytest.mark.parametrize("kind", ["pipe", "folder", "circle", "socket"])
def test_what_is_no_regular_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A named pipe does not keep the batch waiting for ever."""
    place = tmp_path / "photo.jpg"
    server = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "circle":
        place.symlink_to(place)
    else:
        server.bind("photo.jpg")
    files = {"SSSE": {"EF08": {"path": "photo.jpg"}}}
    findings = encode_files(Contents(), for_generation(3), files, tmp_path)
    server.close()
    assert [tuple(one)[:2] for one in findings] == [("SSSE EF08 path", "the file cannot be read")]


def test_a_photo_of_exactly_the_limit(fill: Fill, tmp_path: Path) -> None:
    (tmp_path / "photo.bmp").write_bytes(b"BM".ljust(4096, b"\x55"))
    contents = fill({"SSSE": {"EF08": {"path": "photo.bmp"}}})
    assert contents.transparent[0xDDF1, 0xEF08].endswith(b"\x55")


SECRET = "9900002001"
BAD: list[tuple[object, str]] = [
    ({"DF09": {}}, "DF09: is not a DF of this card's profile"),
    ({SECRET: {}}, "files: is not a DF of this card's profile"),
    ({"DF01": {"EF99": {}}}, "DF01 EF99: is not a file of this card's profile"),
    ({"DF01": {SECRET: {}}}, "DF01 a file: is not a file of this card's profile"),
    ({"DF01": {"EF05": "x"}}, "DF01 EF05: must be an object of tags"),
    ({"DF01": {"EF05": {"99": SECRET}}}, "DF01 EF05 99: is not a tag of this file"),
    ({"DF01": {"EF05": {SECRET: ""}}}, "DF01 EF05: a tag must be two capital hex digits"),
    ({"DF01": {"EF05": {"20": SECRET}}}, "DF01 EF05 20: must be at most 4 bytes in GB 18030"),
    ({"DF01": {"EF05": {"20": "张三丰"}}}, "DF01 EF05 20: must be at most 4 bytes in GB 18030"),
    (
        {"DF01": {"EF05": {"20": "𠮷1"}}},
        "DF01 EF05 20: must be at most 4 bytes in GB 18030",
    ),
    (
        {"DF01": {"EF05": {"20": "a|b"}}},
        "DF01 EF05 20: must not hold |, which separates fields in the interfaces",
    ),
    ({"DF01": {"EF05": {"20": "a\n"}}}, "DF01 EF05 20: must not hold control characters"),
    ({"DF01": {"EF05": {"20": 1}}}, "DF01 EF05 20: must be a text"),
    ({"DF01": {"EF05": {"20": None}}}, "DF01 EF05 20: must be a text"),
    ({"DF01": {"EF05": {"20": ["a", "b"]}}}, "DF01 EF05 20: the file has this tag once only"),
    ({"DF01": {"EF05": {"21": SECRET}}}, "DF01 EF05 21: must be at most 6 digits"),
    ({"DF01": {"EF05": {"21": "12A"}}}, "DF01 EF05 21: must be digits"),
    ({"DF01": {"EF05": {"21": -1}}}, "DF01 EF05 21: must be a whole number that fits in 3 bytes"),
    ({"DF01": {"EF05": {"21": True}}}, "DF01 EF05 21: must be a text"),
    ({"DF01": {"EF05": {"22": "ABC"}}}, "DF01 EF05 22: must be 4 hex digits"),
    (
        {"DF01": {"EF05": {"22": 65536}}},
        "DF01 EF05 22: must be a whole number that fits in 2 bytes",
    ),
    ({"DF01": {"EF05": {"40": "x"}}}, "DF01 EF05 40: must be an object of tags"),
    ({"DF01": {"EF05": {"40": {"59": "x"}}}}, "DF01 EF05 40 59: is not a tag of this item"),
    ({"DF01": {"EF05": {"40": {SECRET: ""}}}}, "DF01 EF05 40 a tag: is not a tag of this item"),
    (
        {"DF01": {"EF05": {"40": [{}, {"57": SECRET}]}}},
        "DF01 EF05 40 (2) 57: must be at most 3 bytes in GB 18030",
    ),
    ({"DF01": {"EF05": {"40": [{}, {}, {}]}}}, "DF01 EF05 40: the file has this tag 2 times only"),
    ({"DF01": {"EF07": {}}}, "DF01 EF07: must be a list of records"),
    ({"DF01": {"EF07": [[], [], [], []]}}, "DF01 EF07: has room for 3 records"),
    ({"DF01": {"EF07": [[], "x"]}}, "DF01 EF07 record 2: must be a list or an object of fields"),
    ({"DF01": {"EF07": [["a", "1", 0, ""]]}}, "DF01 EF07 record 1: has 3 fields"),
    ({"DF01": {"EF07": [{"4": ""}]}}, "DF01 EF07 record 1: fields are named 1 to 3"),
    (
        {"DF01": {"EF07": [[], ["a", SECRET]]}},
        "DF01 EF07 record 2 field 2: must be at most 2 digits",
    ),
    ({"DF01": {"EF16": "00" * 7}}, "DF01 EF16: is longer than 6 bytes"),
    ({"DF01": {"EF16": "0"}}, "DF01 EF16: must be pairs of hex digits"),
    ({"DF01": {"EF16": 0}}, 'DF01 EF16: must be hex digits or an object with "path"'),
    ({"DF01": {"EF16": {"file": "x"}}}, 'DF01 EF16: must be hex digits or an object with "path"'),
    ({"DF01": {"EF16": {"path": SECRET}}}, "DF01 EF16 path: the file cannot be read"),
    ({"DF01": {"EF16": {"path": "a\0b"}}}, "DF01 EF16 path: must be a text"),
    ({"DF01": {"EF81": {}}}, "DF01 EF81: comes from the holder's account"),
    ({"SSSE": {"EF05": {"07": SECRET}}}, "SSSE EF05: comes from the holder's own fields"),
    ({"SSSE": {"EF08": "00112233"}}, "SSSE EF08: the photo must be JPEG or BMP"),
    (
        {"SSSE": {"EF08": "FFD8FF" + "00" * 4094}},
        "SSSE EF08: the photo is longer than 4096 bytes",
    ),
    ({"DF01": SECRET}, "files DF01: must be an object of EFs"),
]


@pytest.mark.parametrize(("files", "message"), BAD)
def test_bad_files(fill: Fill, files: object, message: str) -> None:
    with pytest.raises(HolderError) as caught:
        fill(files)
    assert str(caught.value) == f"HOLDER.json: {message}"
    error: BaseException | None = caught.value
    while error:
        assert SECRET not in repr(error)
        error = error.__context__


@given(st.text("0123456789", max_size=8), st.integers(1, 4))
def test_digits_can_be_read_back(digits: str, length: int) -> None:
    encodes = len(digits) <= 2 * length
    cn = item(1, Format.CN, length)
    if encodes:
        value = encode_item_value(cn, digits)
        assert len(value) == length
        assert value.hex().rstrip("f") == digits
    else:
        with pytest.raises(ValueRuleError, match="at most"):
            encode_item_value(cn, digits)


# --- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"DF01": {"EF05": {"20": "10"}}}, []),
        ({"DF01": {"EF05": {"20": "60"}}}, ["DF01 EF05 20: is no code of the table 户口类别"]),
        ({"DF01": {"EF05": {"20": ""}}}, []),
        ({"DF01": {"EF08": {"2B": "7"}}}, ["DF01 EF08 2B: is no code of the table 婚姻状况"]),
        ({"DF03": {"EF07": {"70": "210"}}}, ["DF03 EF07 70: is no code of the table 险种类型"]),
        (
            {"DF03": {"EF19": {"79": [{"18": "310"}, {"18": "999"}]}}},
            ["DF03 EF19 79 (2) 18: is no code of the table 险种类型"],
        ),
        ({"DF04": {"EF05": {"8C": "42"}}}, []),  # regions have more than the table
        (
            {"DF01": {"EF05": {"20": "6"}, "EF08": {"2B": "x"}}},
            ["DF01 EF05 20: is no code of the table 户口类别", "DF01 EF08 2B: is no code of"],
        ),
    ],
)
def test_codes_are_those_of_their_tables(files: Any, found: list[str]) -> None:
    """All at once, naming the table and never the value."""
    findings = [str(one) for one in encode_files(Contents(), for_generation(2), files, Path())]
    assert len(findings) == len(found)
    for finding, start in zip(findings, found, strict=True):
        assert finding.startswith(start)
        assert not any(value in finding for value in ("60", "999", "x"))
