# SPDX-License-Identifier: Apache-2.0
"""A region's own files from TOML: what is taken, and one line for what is not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.profile import for_generation
from sscard_chip.profile.compiler import compile_template
from sscard_chip.profile.generations import build, defined_files, defined_tags
from sscard_chip.profile.local import LocalFileError, load_local_file, parse_local_file
from sscard_chip.profile.model import KeyUse, Structure

EXAMPLE = Path(__file__).parents[2] / "examples" / "local-files.toml"

ITEM = {"tag": "EA", "name": "人员识别号", "format": "an", "length": 12}
FILE = {
    "directory": "SSSE",
    "fid": "EF0D",
    "name": "人员识别信息",
    "structure": "linear variable",
    "read": "free",
    "write": "key 04",
    "item": [ITEM],
}
KEY = {"directory": "SSSE", "kid": "0D", "root": "UKLOCAL0D"}


def document(**parts: object) -> dict[str, Any]:
    return {"format": "sscard-local-files/1", **copy.deepcopy(parts)}


def file(**changes: object) -> dict[str, Any]:
    return {name: v for name, v in {**FILE, **changes}.items() if v is not None}


def test_example() -> None:
    local = load_local_file(EXAMPLE)
    for generation in (1, 2, 3):
        profile = for_generation(generation, local_files=[local])
        own = profile.environment.file(0xEF0D)
        shape = [(i.tag, i.format.value, i.length) for i in own.items]
        assert shape == [(0xEA, "an", 12), (0xEB, "cn", 3), (0xEC, "an", 1), (0xED, "an", 1)]
        assert (str(own.read), str(own.write)) == ("free", "key 0D")
        assert profile.environment.file(0xEF0C).read.kid == 7
        kids = {k.kid for k in profile.environment.keys if k.use is KeyUse.EXTERNAL}
        assert {7, 13} <= kids
        assert profile.root_keys["UKLOCAL0D"] == 3
        assert compile_template(profile).cells
    assert for_generation(2) == for_generation(2, local_files=[])


def test_optional_directories_come_with_the_file() -> None:
    local = parse_local_file(document(optional=["DF05"]))
    fids = [d.fid for d in for_generation(2, local_files=[local]).applications]
    assert fids == [0xDF01, 0xDF02, 0xDF03, 0xDF04, 0xDF05, 0xDF07]


def test_local_directory() -> None:
    own = {"fid": "DF0A", "name": "本地", "df_name": "D1560000050A", "label": "本地应用"}
    files = [
        file(directory="DF0A", fid="EF05", write="PIN and key 83"),
        file(
            directory="DF0A",
            fid="EF06",
            structure="cyclic",
            records=5,
            item=[{"name": "日期", "format": "cn", "length": 4}],
        ),
        file(directory="DF0A", fid="EF07", structure="transparent", size=0x40, item=None),
    ]
    key = {"directory": "DF0A", "kid": "83", "root": "UK1DF0A", "versions": 1, "tries": 0}
    local = parse_local_file(document(directory=[own], file=files, key=[key]))
    profile = for_generation(3, local_files=[local])
    directory = profile.directory(0xDF0A)
    assert [f.structure for f in directory.files] == [
        Structure.LINEAR_VARIABLE,
        Structure.CYCLIC,
        Structure.TRANSPARENT,
    ]
    assert [f.content_size for f in directory.files] == [14, 20, 0x40]
    assert [(k.root, k.kid, k.versions, k.retry_limit) for k in directory.keys] == [
        ("STKDF0A", 0x82, 1, 0),
        ("UK1DF0A", 0x83, 1, 0),
    ]
    assert directory.master_key == "MKDF0A"
    assert compile_template(profile).cells


def test_extra_items_and_repeats() -> None:
    more = {"tag": "EE", "name": "备注", "format": "an", "length": 3, "repeat": 2}
    extra = {"directory": "DF01", "fid": "EF06", "item": [more]}
    local = parse_local_file(document(extra=[extra]))
    grown = for_generation(2, local_files=[local]).directory(0xDF01).file(0xEF06)
    plain = for_generation(2).directory(0xDF01).file(0xEF06)
    assert grown.items[:-2] == plain.items
    assert grown.record_numbers(0xEE) == (6, 7)
    assert grown.content_size == plain.content_size + 10


def test_template_and_codes() -> None:
    sub = {"tag": "EB", "name": "标志", "format": "cn", "length": 1, "codes": {"01": "是"}}
    item = {"tag": "EA", "name": "模板", "format": "B-TLV", "item": [sub]}
    local = parse_local_file(document(file=[file(item=[item])]))
    own = for_generation(2, local_files=[local]).environment.file(0xEF0D).items[0]
    assert own.length == 3
    assert own.items[0].codes == {"01": "是"}


BROKEN = [
    ({"format": "x"}, "format: must be"),
    ({"colour": 1}, "colour: is not a field of this table"),
    ({"optional": ["DF07"]}, "optional: must be of DF05, DF06"),
    ({"optional": "DF05"}, "optional: must be a list of texts"),
    ({"file": {}}, "file: must be an array of tables"),
    ({"file": [file(colour=1)]}, "file 1 colour: is not a field of this table"),
    ({"file": [file(name=None)]}, "file 1 name: is required"),
    ({"file": [file(name="")]}, "file 1 name: must not be empty"),
    ({"file": [file(name=3)]}, "file 1 name: must be a text of one line"),
    ({"file": [file(directory="XX01")]}, "file 1 directory: must be SSSE or DF"),
    ({"file": [file(fid="EF0B")]}, "file 1 fid: must be from EF0C to EF1E"),
    ({"file": [file(fid="EF2C")]}, "file 1 fid: must be from EF0C to EF1E"),
    ({"file": [file(fid="0D")]}, "file 1 fid: must be EF and two capital hex digits"),
    ({"file": [file(fid="EF1E")]}, "file 1 fid: the standard defines this file"),
    ({"file": [file(directory="DF01", fid="EF15")]}, "fid: the standard defines this file"),
    ({"file": [file(structure="purse")]}, "file 1 structure: must be of transparent, linear"),
    ({"file": [file(structure="internal amount")]}, "file 1 structure: must be of"),
    ({"file": [file(read="key 0")]}, "file 1 read: must be free, never, PIN, key NN"),
    ({"file": [file(read="key 10")]}, "file 1 read: a key is 01 to 0F in SSSE"),
    ({"file": [file(write="key 84")]}, "file 1 write: a key of SSSE is below 80"),
    ({"file": [file(write="key 83", directory="DF01")], "f": 1}, "f: is not a field"),
    ({"file": [file(item=None)]}, "file 1 item: at least one item is required"),
    ({"file": [file(records=3)]}, "file 1 records: is not a field of this table"),
    ({"file": [file(structure="cyclic")]}, "file 1 item 1 tag: is not a field of this table"),
    ({"file": [file(structure="transparent", item=None)]}, "file 1 size: is required"),
    ({"file": [file(structure="transparent", size=0x8000)]}, "size: must be a whole number from"),
    ({"file": [file(secure_messaging=1)]}, "file 1 secure_messaging: must be true or false"),
    ({"file": [file(item=[ITEM, {**ITEM, "tag": "08"}])]}, "item 2 tag: the standard defines"),
    ({"file": [file(item=[{**ITEM, "tag": "57"}])]}, "item 1 tag: the standard defines this tag"),
    ({"file": [file(item=[{**ITEM, "tag": "68"}])]}, "item 1 tag: the standard defines this tag"),
    ({"file": [file(item=[{**ITEM, "tag": "FF"}])]}, "item 1 tag: must be from 01 to FE"),
    ({"file": [file(item=[{**ITEM, "tag": "ea"}])]}, "item 1 tag: must be 2 capital hex digits"),
    ({"file": [file(item=[ITEM, ITEM])]}, "file 1 item 2 tag: is declared twice"),
    (
        {"file": [file(item=[{**ITEM, "format": "n"}])]},
        "item 1 format: must be of cn, an, b",
    ),
    ({"file": [file(item=[{**ITEM, "length": 254}])]}, "length: must be a whole number from 1 to"),
    ({"file": [file(item=[{**ITEM, "length": True}])]}, "length: must be a whole number from 1 to"),
    (
        {"file": [file(item=[{**ITEM, "item": [{**ITEM, "tag": "EB"}]}])]},
        "item: a B-TLV item, and no other, has",
    ),
    ({"file": [file(item=[{**ITEM, "codes": {"1": 2}}])]}, "codes: must be a table of texts"),
    ({"file": [file(item=[{**ITEM, "unit": "x"}])]}, "item 1 unit: is not a field of this table"),
    (
        {"file": [file(structure="linear fixed", item=[ITEM, {**ITEM, "tag": "EB", "length": 3}])]},
        "file 1 item: the records of a fixed file must have one length",
    ),
    ({"extra": [{"directory": "SSSE", "fid": "EF06"}]}, "the files of SSSE get no further items"),
    ({"extra": [{"directory": "DF01", "fid": "EF0C"}]}, "fid: must be a file that the standard"),
    ({"extra": [{"directory": "DF01", "fid": "EF06"}]}, "extra 1 item: at least one item is"),
    ({"key": [{**KEY, "kid": "8D"}]}, "key 1 kid: a key is 01 to 0F in SSSE, 81 to 8F in a DF"),
    ({"key": [{**KEY, "root": "uk"}]}, "key 1 root: must be 2 to 32 capital letters and digits"),
    ({"key": [{**KEY, "tries": 16}]}, "key 1 tries: must be a whole number from 0 to 15"),
    (
        {"directory": [{"fid": "DF08", "name": "x", "df_name": "A000000001"}]},
        "directory 1 fid: a local directory counts from DF0A",
    ),
    (
        {"directory": [{"fid": "DF0A", "name": "x", "df_name": "D15600000501"}]},
        "directory 1 df_name: is the name of a directory of the standard",
    ),
    (
        {"directory": [{"fid": "DF0A", "name": "x", "df_name": "D156"}]},
        "directory 1 df_name: must be 10 to 32 capital hex digits",
    ),
    (
        {"directory": [{"fid": "DF0A", "name": "x", "df_name": "A000000001", "label": "本" * 9}]},
        "directory 1 label: must be at most 16 bytes in GB 18030",
    ),
]


@pytest.mark.parametrize(("parts", "message"), BROKEN, ids=[m[:60] for _, m in BROKEN])
def test_broken_declarations(parts: dict[str, object], message: str) -> None:
    with pytest.raises(LocalFileError) as caught:
        parse_local_file(document(**parts), source="region.toml")
    text = str(caught.value)
    assert text.startswith("region.toml: ")
    assert message in text
    assert "\n" not in text


MISFITS = [
    ({"file": [file(directory="DF0B", fid="EF05")]}, "directory DF0B: generation 2 does not have"),
    ({"file": [file(directory="DF05")]}, "directory DF05: generation 2 does not have it"),
    ({"file": [file(write="key 07")]}, "file SSSE EF0D: write: key 07 is not declared"),
    ({"file": [file(write="key 8F", directory="DF01")]}, "write: key 8F is not declared"),
    ({"file": [file(), file(item=[{**ITEM, "tag": "EB"}])]}, "file SSSE EF0D: is declared twice"),
    ({"key": [KEY, {**KEY, "root": "OTHER"}]}, "key SSSE 0D: another key has this low digit"),
    ({"key": [{**KEY, "kid": "04"}]}, "key SSSE 04: another key has this low digit"),
    (
        {"extra": [{"directory": "DF02", "fid": "EF07", "item": [ITEM]}]},
        "extra DF02 EF07: only a file of variable records takes further items",
    ),
    (
        {"extra": [{"directory": "DF02", "fid": "EF08", "item": [ITEM]}]},
        "extra DF02 EF08: the card does not have this file",
    ),
    (
        {"directory": [{"fid": "DF0A", "name": "x", "df_name": "7378312E73682EC9E7BBE1B1A3D5CF"}]},
        "DF0A: the card has this FID or name already",
    ),
]


@pytest.mark.parametrize(("parts", "message"), MISFITS, ids=[m[:60] for _, m in MISFITS])
def test_declarations_that_do_not_fit_the_card(parts: dict[str, object], message: str) -> None:
    local = parse_local_file(document(**parts), source="region.toml")
    with pytest.raises(LocalFileError) as caught:
        for_generation(2, local_files=[local])
    assert message in str(caught.value)


def test_the_same_file_twice_does_not_fit() -> None:
    local = load_local_file(EXAMPLE)
    with pytest.raises(LocalFileError, match="is declared twice"):
        for_generation(2, local_files=[local, local])


def test_unreadable_files(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(LocalFileError, match=r"none\.toml: No such file"):
        load_local_file(missing)
    broken = tmp_path / "broken.toml"
    broken.write_text("format = ")
    with pytest.raises(LocalFileError, match="is no TOML"):
        load_local_file(broken)
    broken.write_bytes(b"format = '\xff'")
    with pytest.raises(LocalFileError, match="must be UTF-8"):
        load_local_file(broken)


def test_all_findings_come_at_once_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    lines = text.splitlines()
    item = next(n for n, line in enumerate(lines, 1) if line == 'tag = "EB"')
    key = next(n for n, line in enumerate(lines, 1) if line.startswith("kid"))
    broken = text.replace('tag = "EB"', 'tag = "08"').replace(lines[key - 1], 'kid = "77"', 1)
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(LocalFileError) as caught:
        load_local_file(path)
    assert [(one.line, one.rule) for one in caught.value.findings] == [
        (item, "the standard defines this tag"),
        (key, "a key is 01 to 0F in SSSE, 81 to 8F in a DF"),
    ]
    path.write_text(text.replace('tag = "EB"', 'tag = "EA"'), encoding="utf-8")
    with pytest.raises(LocalFileError) as caught:
        load_local_file(path)
    (twice,) = caught.value.findings
    assert twice.rule == "is declared twice"


def test_what_the_standard_defines() -> None:
    assert {0xEF05, 0xEF06, 0xEF07, 0xEF08} == defined_files()[0xDDF1]
    assert 0xEF08 in defined_files()[0xDF02]
    assert {0x01, 0x4E, 0x57, 0x68, 0xE7, 0xF9, 0xBC} <= defined_tags()
    assert defined_tags().isdisjoint({0x00, 0xEA, 0xEB, 0xEC, 0xED})
    assert build.cache_info().currsize > 0
