# SPDX-License-Identifier: Apache-2.0
"""Scripts of a batch: templates and differences, which are the scripts of the cards in full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from issuance.holder import Holder
from issuance.personalise import prepare
from issuance.plan import BatchScriptError, encode_scripts, make_plan, read_scripts
from issuance.plan.script import plan_document
from sscard_chip.profile import for_generation
from tests.batch.conftest import TODAY, RunBatch, people
from tests.vectors.cards import roots

JPEG = b"\xff\xd8\xff\xe0"


def single(person: dict[str, str], serial: int, folder: Path) -> dict[str, Any]:
    """The script of one card, as ``sscard personalise --script`` writes it."""
    document: dict[str, Any] = {name: text for name, text in person.items() if "photo" not in name}
    if person.get("photo"):
        document["files"] = {"SSSE": {"EF08": {"path": person["photo"]}}}
    document["issue_date"] = f"{TODAY:%Y%m%d}"
    holder = Holder.from_object(document, today=TODAY, folder=folder)
    data = prepare(for_generation(3), roots(), holder, serial=serial.to_bytes(4))
    return plan_document(make_plan(data, transport_key=bytes(16)))


def test_they_are_the_scripts_of_single_cards(run_batch: RunBatch, tmp_path: Path) -> None:
    """More cards than are compared at once, two of them with photos of unequal length."""
    persons = people(105)
    for number, length in ((3, 700), (50, 30), (104, 30)):
        (tmp_path / f"{number}.jpg").write_bytes(JPEG + bytes(range(1, 31)) * (length // 30))
        persons[number]["photo"] = f"{number}.jpg"
    run_batch(persons, outputs=("scripts",))
    path = tmp_path / "out" / "scripts" / "000001.jsonl"
    scripts = list(read_scripts(path))
    assert len(scripts) == 105
    for number in (0, 1, 3, 50, 99, 100, 104):
        assert scripts[number] == single(persons[number], number + 1, tmp_path)
    lines = path.read_bytes().splitlines()
    shared = [line for line in lines if b'"format"' not in line]
    alone = len(json.dumps(scripts[0]))
    assert alone > 80_000
    assert max(map(len, shared)) < alone / 6
    assert sum(map(len, lines)) < 105 * alone / 4


def card(*steps: dict[str, Any], historical: str = "00") -> dict[str, Any]:
    return {
        "format": "sscard-personalisation/1",
        "generation": 3,
        "historical_bytes": historical,
        "keys": {"K": "sm4"},
        "steps": list(steps),
    }


def test_what_differs_is_found_in_whole_bytes(tmp_path: Path) -> None:
    documents = [
        card({"command": "84D40000" + one + "0102{mac:K}FF", "sw": "9000", "answer": "AB" + one})
        for one in ("1234", "1235", "1236AA")
    ]
    (tmp_path / "s").write_bytes(encode_scripts(documents))
    template, *cards = map(json.loads, (tmp_path / "s").read_bytes().splitlines())
    (step,) = template["steps"]
    assert step == {
        "command": "84D4000012{value:0}0102{mac:K}FF",
        "sw": "9000",
        "answer": "AB12{value:1}",
    }
    assert [one["values"] for one in cards] == [["34", "34"], ["35", "35"], ["36AA", "36AA"]]
    assert list(read_scripts(tmp_path / "s")) == documents


def test_other_steps_are_another_template_and_the_order_stays(tmp_path: Path) -> None:
    one, other = {"reset": True}, {"command": "0084000008", "sw": "9000"}
    documents = [
        card(one, historical="01"),
        card(other, historical="02"),
        card(one, historical="03"),
        card(other, historical="04"),
    ]
    (tmp_path / "s").write_bytes(encode_scripts(documents))
    assert list(read_scripts(tmp_path / "s")) == documents
    lines = [json.loads(line) for line in (tmp_path / "s").read_bytes().splitlines()]
    assert [line["template"] for line in lines] == [1, 1, 2, 2, 1, 2]
    assert encode_scripts([]) == b""


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "1", '{"template": 7}', '{"template": 1, "values": []}', '{"format": "other"}'],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "s").write_bytes(
        encode_scripts([card({"command": "00"}), card({"command": "01"})]).splitlines()[0]
        + b"\n" + line.encode()
    )  # fmt: skip
    with pytest.raises(BatchScriptError, match=r"s: line 2: is no script of a card$"):
        list(read_scripts(tmp_path / "s"))
