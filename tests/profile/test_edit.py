# SPDX-License-Identifier: Apache-2.0
"""A card changed by the document that describes it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sscard_chip import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.edit import CardEditError, edit_card
from sscard_chip.profile.inspect import inspect_card
from sscard_cli.main import main
from tests.bench import purse_cards, transit_cards
from tests.bench.shop import card_memory

CARDS = ["1", "2", "3", "purse", "transit"]
SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")


@pytest.fixture(scope="module", params=CARDS)
def memory(request: pytest.FixtureRequest) -> Memory:
    return memory_of(request.param)


def memory_of(name: str) -> Memory:
    if not name.isdecimal():
        return purse_cards.new_memory() if name == "purse" else transit_cards.new_memory()
    return card_memory(int(name), "sm4" if name == "3" else "3des")


def document(memory: Memory) -> Any:
    return json.loads(json.dumps(inspect_card(Card(memory.copy())).to_dict()))


def leaves(items: list[Any]) -> Iterator[Any]:
    """Items without items of their own."""
    for one in items:
        if one["items"]:
            yield from leaves(one["items"])
        else:
            yield one


def all_leaves(card: Any) -> Iterator[Any]:
    for directory in card["directories"]:
        for file in directory["files"]:
            for record in file["records"]:
                yield from leaves(record)


def only_raw(card: Any) -> None:
    """Leave out what is said of a value in other words."""
    for directory in card["directories"]:
        del directory["purse"], directory["transit"]  # what some files say together
        for file in directory["files"]:
            if file["records"]:
                del file["body"]
            for record in file["records"]:
                without_words(record)


def without_words(items: list[Any]) -> None:
    for one in items:
        del one["text"], one["meaning"]
        without_words(one["items"])
        if one["items"]:
            del one["raw"]


def raws(card: Any) -> list[str]:
    return [one["raw"] for one in all_leaves(card)]


def test_the_document_of_a_card_changes_nothing(memory: Memory) -> None:
    edited, changes = edit_card(memory, document(memory))
    assert changes == ()
    assert edited.cells == memory.cells
    assert edit_card(memory, {})[1] == ()


@pytest.mark.parametrize("seed", range(3))
def test_any_bytes_in_every_item_and_back(memory: Memory, seed: int) -> None:
    """Not in those by which a card is known: version, and tags that judge others."""
    own = random.Random(seed)
    before = document(memory)
    wanted = copy.deepcopy(before)
    only_raw(wanted)
    count = 0
    for directory in wanted["directories"]:
        for file in directory["files"]:
            if directory["fid"] == "DDF1" and file["fid"] == "EF05":
                continue
            if file["name"] in ("目录", "复位信息", "FCI 数据") or any(
                one["items"] for record in file["records"] for one in record
            ):
                continue
            for record in file["records"]:
                for one in leaves(record):
                    one["raw"] = own.randbytes(len(one["raw"]) // 2).hex().upper()
                    # never the mark of a later meaning, which would change what is declared
                    one["raw"] = one["raw"][:-2] + "31" if one["raw"] else ""
                    count += 1
            if not file["records"] and file["structure"] == "transparent":
                file["body"] = own.randbytes(file["size"]).hex().upper()
    edited, changes = edit_card(memory, wanted)
    after = document(edited)
    assert count > 50
    assert len(changes) > 0.9 * count
    assert raws(after) == raws(wanted)
    only_raw(before)
    back, _ = edit_card(edited, before)
    assert back.cells == memory.cells


def test_texts_in_every_item(memory: Memory) -> None:
    before = document(memory)
    wanted = copy.deepcopy(before)
    texts = {}
    for number, one in enumerate(all_leaves(wanted)):
        size = len(one["raw"]) // 2
        if one["name"] in ("", "规范版本", "卡识别码") or one["meaning"] or size < 3:
            continue
        text = one["text"]
        if text.isdecimal() and len(text) == 2 * size:
            one["text"] = f"{number:0{2 * size}d}"[: 2 * size]
        elif not one["raw"].strip("0"):
            one["text"] = "文"
        else:
            continue
        texts[number] = one["text"]
    try:
        edited, _ = edit_card(memory, wanted)
    except CardEditError as error:
        # items of bytes and of digits do not take it, and say so
        for finding in error.findings:
            assert (
                finding.rule in ("must be digits",)
                or "hex digits" in finding.rule
                or ("no code of the table" in finding.rule)
            ), finding
        refused = {finding.item.removesuffix(" text") for finding in error.findings}
        assert len(refused) < len(texts)
        return
    shown = list(all_leaves(document(edited)))
    assert {number: shown[number]["text"] for number in texts} == texts


def test_name_pin_blocked_and_account() -> None:
    memory = memory_of("2")
    wanted = {
        "life_cycle": "blocked",
        "directories": [
            {
                "fid": "DDF1",
                "pin": {"tries": 1},
                "files": [{"fid": "EF06", "records": document_records(memory, "09", "李四")}],
            },
            {"fid": "DF04", "account": {"balance_fen": 5, "year": "2031", "purchase_counter": 9}},
            {"fid": "DF02", "blocked": True},
        ],
    }
    edited, changes = edit_card(memory, wanted)
    assert [(one.place, one.after, one.right) for one in changes] == [
        ("life_cycle", "blocked", "none: no command changes it"),
        ("DF DDF1 pin tries", "1", "VERIFY, or PIN CHANGE/UNBLOCK"),
        ("DF DDF1 EF06 09 姓名", "李四", "key 04"),
        ("DF DF04 account balance_fen", "5", "a load or a debit with its key"),
        ("DF DF04 account year", "2031", "a load or a debit with its key"),
        ("DF DF04 account purchase_counter", "9", "a load or a debit with its key"),
        ("DF DF02 blocked", "blocked", "APPLICATION BLOCK with its MAC"),
    ]
    with pytest.raises(CardEditError, match="EF06 09 姓名: raw and text say different things"):
        edit_card(edited, wanted)  # the document of a card that has changed since
    after = document(edited)
    account = next(d["account"] for d in after["directories"] if d["account"])
    assert (account["balance_fen"], account["load_counter"]) == (5, 0)
    # What the card itself says.
    back, _ = edit_card(edited, {"life_cycle": "working"})
    card = Card(back)
    card.power_on()
    card.transmit(SSSE)
    assert card.transmit(bytes.fromhex("00B2023400"))[:6].hex() == "091ec0eecbc4"
    assert card.transmit(bytes.fromhex("0020000003999999")).hex() == "63c0"


def document_records(memory: Memory, tag: str, text: str) -> list[Any]:
    card = document(memory)
    environment = next(d for d in card["directories"] if d["fid"] == "DDF1")
    file = next(one for one in environment["files"] if one["fid"] == "EF06")
    for (one,) in file["records"]:
        if one["tag"] == tag:
            one["text"] = text
    records: list[Any] = file["records"]
    return records


def test_keys() -> None:
    memory = memory_of("2")
    directory = document(memory)["directories"]
    owner, key = next((d, k) for d in directory for k in d["keys"] if k["limit"])
    tries = [0, *key["tries"][1:]]
    wanted = {
        "directories": [
            {"fid": owner["fid"], "keys": [{"kid": key["kid"], "use": key["use"], "tries": tries}]}
        ]
    }
    edited, (change,) = edit_card(memory, wanted)
    assert change.after == "0"
    assert [k["tries"] for d in document(edited)["directories"] for k in d["keys"]][
        [k for d in directory for k in d["keys"]].index(key)
    ] == tries
    assert sum(a != b for a, b in zip(edited.cells, memory.cells, strict=True)) == 1


def test_all_findings_at_once_and_no_value_in_them() -> None:
    memory = memory_of("3")
    cells = bytes(memory.cells)
    card = document(memory)
    environment = next(d for d in card["directories"] if d["fid"] == "DDF1")
    file = next(one for one in environment["files"] if one["fid"] == "EF06")
    for (one,) in file["records"]:
        match one["tag"]:
            case "09":
                one["text"] = "名" * 16
            case "0A":
                one["text"] = "7"
            case "0D":
                one["text"] = "secret"
            case "08":
                one["raw"] = "00"
    environment["pin"]["limit"] = 3
    environment["keys"][0]["limit"] = 9
    wanted = {
        "atr": "3B00",
        "life_cycle": "broken",
        "Zhang San": 1,
        "directories": [
            environment,
            {"fid": "DF77"},
            {"fid": "DF04", "account": {"balance_fen": -1, "starting_day": "1332", "log": [1]}},
            {"fid": "DF01", "files": [{"fid": "EF77"}, {"fid": "EF05", "records": []}], "bank": {}},
            7,
        ],
    }
    with pytest.raises(CardEditError) as caught:
        edit_card(memory, wanted, source="zhang.json")
    read_only = "cannot be changed here: must be as on the card"
    assert [str(one) for one in caught.value.findings] == [
        f"atr: {read_only}",
        "life_cycle: must be one of initial, development, working, blocked, damaged",
        "a name: is not a field of it",
        f"DF DDF1 pin limit: {read_only}",
        f"DF DDF1 key {environment['keys'][0]['name']} limit: {read_only}",
        "DF DDF1 EF06 08 社会保障号码 raw: must be 18 bytes, as on the card",
        "DF DDF1 EF06 09 姓名 text: must be at most 30 bytes in GB 18030",
        "DF DDF1 EF06 0A 性别 text: is no code of the table 性别 (sex)",
        "DF DDF1 EF06 0D 出生日期 text: must be digits",
        "directories.2: must name a directory of the card by its fid",
        f"DF DF04 account balance_fen: must be a whole number from 0 to {0xFFFFFFFF}",
        "DF DF04 account starting_day: must be mmdd",
        f"DF DF04 account log: {read_only}",
        "DF DF01 files.1: must name a file of it by its fid",
        "DF DF01 EF05 records: must be 3, as on the card",
        f"DF DF01 bank: {read_only}",
        "directories.5: must name a directory of the card by its fid",
    ]
    assert "secret" not in str(caught.value)
    assert bytes(memory.cells) == cells


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"raw": "41" * 18}, "raw and text say different things: leave one of them out"),
        ({"raw": 5}, "must be hexadecimal"),
        ({"text": 5}, "must be a text"),
        ({"items": [{}]}, "cannot be changed here: must be as on the card"),
        ({"english": "x"}, "cannot be changed here: must be as on the card"),
    ],
)
def test_an_item_that_contradicts_itself(change: dict[str, Any], rule: str) -> None:
    memory = memory_of("2")
    card = document(memory)
    environment = next(d for d in card["directories"] if d["fid"] == "DDF1")
    file = next(one for one in environment["files"] if one["fid"] == "EF06")
    file["records"][0][0] |= change
    with pytest.raises(CardEditError, match=rule):
        edit_card(memory, card)


@pytest.mark.parametrize(
    "junk", [None, 1, "x", [], [{}], {"directories": 1}, {"directories": [[]]}]
)
def test_junk(junk: Any) -> None:
    with pytest.raises(CardEditError):
        edit_card(memory_of("2"), junk)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, edited = tmp_path / "card.ssc", tmp_path / "card.json"
    Card(memory_of("2")).save(path)
    assert main(["info", str(path), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    edited.write_text(json.dumps(card))
    assert main(["edit", str(path), "--from", str(edited)]) == 0
    assert capsys.readouterr().out == "no changes\n"
    card["life_cycle"] = "blocked"
    edited.write_text(json.dumps(card))
    before = path.read_bytes()
    assert main(["edit", str(path), "--from", str(edited), "--dry-run"]) == 0
    assert "would be" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert main(["edit", str(path), "--from", str(edited), "--json"]) == 0
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    assert (change["place"], change["before"], change["after"]) == (
        "life_cycle", "working", "blocked",
    )  # fmt: skip
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == card
    edited.write_text('{"life_cycle": "lost"}')
    before = path.read_bytes()
    assert main(["edit", str(path), "--from", str(edited)]) == 2
    assert "card.json: life_cycle: must be one of" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path, edited] or set(tmp_path.iterdir()) == {path, edited}
