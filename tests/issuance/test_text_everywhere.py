# SPDX-License-Identifier: Apache-2.0
"""A text is the same wherever a card is read: info, driver, C library, shell, return, print."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.card import Card
from sscard_chip.memory import Memory, load_image
from sscard_cli.main import main
from sscard_driver.library import DriverLibrary
from tests.bench.desk import Desk
from tests.bench.issued import HOLDER, roots
from tests.native.native import Images

NAMES = {
    "𠮷小明": "9534B235D0A1C3F7",
    "㛃小明": "8230B731D0A1C3F7",
    "䶮小明": "FE9FD0A1C3F7",
    "邱㑇": "C7F1FE56",
    "龴丽": "FE59C0F6",
    "李𠀀𠀁𠀂𠀃𠀄𠀅𠀆": "C0EE95328236953282379532823895328239953283309532833195328332",
}
ADDRESS = "四川省\u3000成都市\u3000虚构区𠮷路1号"
ADDRESS_BYTES = "CBC4B4A8CAA1A1A1B3C9B6BCCAD0A1A1D0E9B9B9C7F89534B235C2B731BAC5"


Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; what it prints, errors too."""

    def call(*arguments: str | Path, code: int = 0) -> str:
        assert main([str(argument) for argument in arguments]) == code, capsys.readouterr().err
        printed = capsys.readouterr()
        return printed.out + printed.err

    return call


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "roots.json"
    roots().save(path)
    return path


def holder(name: str, address: str = ADDRESS) -> dict[str, Any]:
    return {**HOLDER, "name": name, "files": {"DF01": {"EF05": {"21": address}}}}


@pytest.mark.parametrize("name", NAMES)
def test_issue_info_and_shell(name: str, tmp_path: Path, keys: Path, run: Run) -> None:
    path, card = tmp_path / "holder.json", tmp_path / "card.ssc"
    path.write_text(json.dumps(holder(name)), encoding="utf-8")
    run("issue", "--generation", "2", "--keys", keys, "--holder", path, "--out", card)
    shown = run("info", card, "--json")
    assert "\\ufffd" not in shown
    text = json.dumps(json.loads(shown), ensure_ascii=False)
    assert f'"{name}"' in text
    assert f'"{ADDRESS}"' in text
    lines = tmp_path / "lines.txt"
    lines.write_text("select SSSE\nread EF06 姓名\n", encoding="utf-8")
    assert name in run("shell", "--card", card, "-c", lines)


@pytest.mark.parametrize("name", NAMES)
def test_driver_and_c_library_give_the_bytes_of_the_card(name: str, tmp_path: Path) -> None:
    files = {"DF01": {"EF05": {"21": ADDRESS}}}
    desk = Desk(2, name=name, files=files)
    images = Images.of(desk, tmp_path)
    options = {f"SSCARD_DRIVER_{key.upper()}": value for key, value in images.options.items()}
    library = DriverLibrary(options)
    code, basics = library.call("iReadCardBas", [1], 1024)
    assert code == 0
    assert basics.split(b"|")[4] == bytes.fromhex(NAMES[name])
    info = desk.card_info.encode()
    code, text = library.call("iReadCard", [1, 2, info, b"DF01EF05|21|$"], 20480)
    assert code == 0
    assert text == b"DF01EF05|" + bytes.fromhex(ADDRESS_BYTES) + b"|$\0"
    code, text = library.call(
        "iWriteCard", [1, info, b"DF01EF05|21|$", bytes.fromhex("A1A19534B235") + b"|$"], 1024
    )
    assert (code, text) == (0, b"\0")
    _, text = library.call("iReadCard", [1, 2, info, b"DF01EF05|21|$"], 20480)
    assert text == b"DF01EF05|" + bytes.fromhex("A1A19534B235") + b"|$\0"
    library.close()


FOREIGN = ["A1A1A1A1B0A1", "AAA1B0A1", "FE51", "81308432B0A1", "B0A1FFFE41", "8431A437", "41071B42"]
"""Blanks, user's area, no-break blank, no text at all, U+FFFD, control characters."""


@pytest.mark.parametrize("content", FOREIGN)
def test_bytes_of_foreign_cards_are_kept_in_the_c_library(content: str, tmp_path: Path) -> None:
    desk = Desk(2, files={"DF01": {"EF05": {"21": "示" * 6}}})
    images = Images.of(desk, tmp_path)
    mark = "示".encode("gbk") * 6
    raw = images.card.read_bytes()
    new = bytes.fromhex(content).ljust(len(mark), b"\0")
    cells = bytearray(load_image(raw).cells)
    at = cells.index(mark)
    cells[at : at + len(mark)] = new
    Card(Memory(cells)).save(images.card)
    options = {f"SSCARD_DRIVER_{key.upper()}": value for key, value in images.options.items()}
    for encoding in ("gbk", "utf-8"):
        library = DriverLibrary(options | {"SSCARD_DRIVER_ENCODING": encoding})
        info = desk.card_info.encode()
        code, text = library.call("iReadCard", [1, 2, info, b"DF01EF05|21|$"], 20480)
        assert code == 0
        value = text.removeprefix(b"DF01EF05|").removesuffix(b"|$\0")
        if encoding == "gbk":
            assert value == bytes.fromhex(content)
        else:
            assert value.decode("utf-8")
        library.close()


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_return_and_print_file(encoding: str, tmp_path: Path, keys: Path, run: Run) -> None:
    table, folder = tmp_path / "holders.csv", tmp_path / "june"
    numbers = ["Q00000018", "Q00000026", "Q00000034", "Q00000042", "Q00000050", "Q00000069"]
    persons = [
        "990000199002020110", "990000199003030214", "990000199004040318",
        "990000199005050411", "990000199006060515", "990000199007070619",
    ]  # fmt: skip
    columns = "card_number,social_security_number,name,sex,nation,birthplace,birth_date,city"
    lines = [
        f"{number},{person},{name},1,01,510104,{person[6:14]},510100"
        for number, person, name in zip(numbers, persons, NAMES, strict=True)
    ]
    table.write_text("\n".join([columns, *lines]), encoding="utf-8")
    run(
        *("batch", "run", "--generation", "3", "--keys", keys, "--holders", table),
        *("--out", folder, "--encoding", encoding),
    )
    codec = {"utf-8": "utf-8", "gbk": "gbk"}[encoding]
    for file in ("return.csv", "print.csv"):
        raw = (folder / file).read_bytes()
        for name, encoded in NAMES.items():
            assert (name.encode() if codec == "utf-8" else bytes.fromhex(encoded)) in raw
    if codec == "utf-8":
        rows = list(csv.DictReader((folder / "return.csv").read_text("utf-8").splitlines()))
        assert [row["name"] for row in rows] == list(NAMES)
    card = tmp_path / "card.ssc"
    run("batch", "export", folder, "--card-number", numbers[0], "--out", card)
    assert "𠮷小明" in json.dumps(json.loads(run("info", card, "--json")), ensure_ascii=False)


def test_a_separator_is_refused_and_the_item_named(tmp_path: Path, keys: Path, run: Run) -> None:
    path, card = tmp_path / "holder.json", tmp_path / "card.ssc"
    for separator in "|^$":
        path.write_text(json.dumps(holder("林知夏", f"路{separator}号")), encoding="utf-8")
        command = ["issue", "--generation", "2", "--keys", keys, "--holder", path, "--out", card]
        assert f"DF01 EF05 21: must not hold {separator}," in run(*command, code=2)
        assert not card.exists()


def test_the_driver_refuses_a_separator_inside_a_text() -> None:
    desk = Desk(2)
    code, text = desk.call("iWriteCard", 1, desk.card_info, "DF01EF05|21|$", "路^1|$")
    assert code == -41
    assert "21" in text


def test_a_region_may_forbid_codes_of_four_bytes(tmp_path: Path, keys: Path, run: Run) -> None:
    region, path = tmp_path / "region.toml", tmp_path / "holder.json"
    region.write_text('format = "sscard-region/1"\nfour_byte_names = false\n', encoding="utf-8")
    command = ["issue", "--generation", "2", "--keys", keys, "--holder", path, "--region", region]
    for number, (name, character) in enumerate({"𠮷小明": "𠮷", "㛃小明": "㛃"}.items()):
        path.write_text(json.dumps(holder(name)), encoding="utf-8")
        text = run(*command, "--out", tmp_path / f"{number}.ssc", code=2)
        assert f"name: must not hold codes of four bytes: {character} (U+" in text
        assert name not in text
    path.write_text(json.dumps(holder("䶮小明")), encoding="utf-8")
    run(*command, "--out", tmp_path / "two_bytes.ssc")


def test_the_rule_of_a_region_is_in_the_rejects(tmp_path: Path, keys: Path, run: Run) -> None:
    region, table = tmp_path / "region.toml", tmp_path / "holders.csv"
    region.write_text('format = "sscard-region/1"\nfour_byte_names = false\n', encoding="utf-8")
    columns = "card_number,social_security_number,name,sex,nation,birthplace,birth_date,city"
    lines = [
        f"{number},{person},{name},1,01,510104,{person[6:14]},510100"
        for number, person, name in (
            ("Q00000018", "990000199002020110", "𠮷小明"),
            ("Q00000026", "990000199003030214", "䶮小明"),
        )
    ]
    table.write_text("\n".join([columns, *lines]), encoding="utf-8")
    run(
        *("batch", "run", "--generation", "3", "--keys", keys, "--holders", table),
        *("--out", tmp_path / "june", "--region", region),
    )
    rejects = (tmp_path / "june" / "rejects.csv").read_text("utf-8").splitlines()
    assert rejects[1:] == [
        "2,name,must not hold codes of four bytes: 𠮷 (U+20BB7) (in this region)"
    ]


def test_a_blank_card_is_personalised_with_a_rare_name(
    tmp_path: Path, keys: Path, run: Run
) -> None:
    path, card = tmp_path / "holder.json", tmp_path / "blank.ssc"
    path.write_text(json.dumps(holder("㛃𠮷·龴丽")), encoding="utf-8")
    run("blank", "--generation", "2", "--out", card)
    run("personalise", "--generation", "2", "--keys", keys, "--holder", path, "--blank", card)
    shown = json.dumps(json.loads(run("info", card, "--json")), ensure_ascii=False)
    assert '"㛃𠮷·龴丽"' in shown
    assert f'"{ADDRESS}"' in shown


def test_a_rare_name_is_written_with_an_hsm() -> None:
    desk = Desk(2)
    result = desk.with_hsm("iWriteCard", 1, desk.card_info, "SSSEEF06|09|$", "𠮷小明|$")
    assert result.code == 0, result
    result = desk.with_hsm("iReadCardBas", 1)
    assert result.output.split("|")[4] == "𠮷小明"
