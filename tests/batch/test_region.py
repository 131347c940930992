# SPDX-License-Identifier: Apache-2.0
"""Region profiles: what they change on a card, and the line and field of every error."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from issuance.batch.export import export_card
from issuance.region import SCHEMA, RegionError, load_region, parse_region
from sscard_chip.card import Card
from sscard_chip.filesystem.files import LinearFile
from sscard_chip.standard.documents import line_of
from sscard_cli.main import main
from tests.batch.conftest import CITY, RunBatch, people, rows_of
from tests.vectors.schema import errors

EXAMPLE = Path(__file__).parents[2] / "examples" / "region.toml"
HEAD = 'format = "sscard-region/1"\n'


def record(card: Card, directory: int, fid: int, tag: int) -> bytes:
    found = next(d for d in card.files.directories if d.fid == directory)
    file = found.files[fid]
    assert isinstance(file, LinearFile)
    return file.record(file.numbers(tag)[0])[2:]


def check_card(card: Card) -> None:
    """What the example region wants of a card."""
    directories = {d.fid: d for d in card.files.directories}
    assert 0xDF05 in directories
    assert record(card, 0xDF01, 0xEF05, 0x0E) == bytes.fromhex("639900")
    assert record(card, 0xDF01, 0xEF07, 0x29) == b"1"
    assert record(card, 0xDF04, 0xEF06, 0x90) == b"0"  # mode 2: set, not yet permitted
    assert record(card, 0xDDF1, 0xEF0D, 0xEA) == bytes(12)
    versions = {version for use, _, version in directories[0xDDF1].keys if use == 0x1C}
    assert versions == {1, 2}
    card.power_on()
    card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
    assert card.transmit(bytes.fromhex("0020000003135790")) == b"\x90\x00"


def test_a_batch_follows_the_region(run_batch: RunBatch, tmp_path: Path) -> None:
    persons = people(4)
    persons[1]["city"] = "510100"
    persons[2]["pin"] = "1234"
    summary = run_batch(persons, generation=2, region=EXAMPLE)
    assert summary.cards == 2
    rows = rows_of(tmp_path / "out" / "rejects.csv")
    assert [(row["row"], row["column"], row["rule"]) for row in rows] == [
        ("3", "city", "is not a city of the region"),
        ("4", "pin", "must be 6 to 6 digits in this region"),
    ]
    for index in (0, 3):
        check_card(Card(export_card(tmp_path / "out", persons[index]["card_number"])))


def test_a_single_card_follows_the_region(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holder, card = tmp_path / "holder.json", tmp_path / "card.ssc"
    holder.write_text(json.dumps(people(1)[0]), encoding="utf-8")
    arguments = ["issue", "--generation", "2", "--keys", str(keys), "--holder", str(holder)]
    arguments += ["--out", str(card), "--region", str(EXAMPLE)]
    assert main(arguments) == 0, capsys.readouterr().err
    with Card.open(card) as opened:
        check_card(opened)
    person = people(1)[0] | {"city": "510100"}
    holder.write_text(json.dumps(person), encoding="utf-8")
    assert main([*arguments, "--force"]) == 2
    assert "city: is not a city of the region" in capsys.readouterr().err


def test_the_schema_takes_the_example_and_knows_every_field() -> None:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    document = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert errors(document, schema) == []
    for name in schema["properties"]:
        if name != "format":
            text = f"{HEAD}{name} = 1.5\n"
            assert errors(tomllib.loads(text), schema), name
            with pytest.raises(RegionError) as error:
                parse_region(text.encode(), "r")
            assert error.value.field == name
    assert errors({**document, "more": 1}, schema)
    assert errors({}, schema)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 1", "name: must be a text of one line"),
        ("more = 1", "more: is not a field of a region profile"),
        ('cities = ["99"]', "cities: must be 2, 4 or 6 digits of a division (GB/T 2260)"),
        ('optional = ["DF04"]', "optional: must be of DF05, DF06"),
        ("settlement_mode = 4", "settlement_mode: must be a whole number from 1 to 3"),
        ('[pin]\ninitial = "12"', "pin.initial: must be 4 to 16 digits"),
        ('[pin]\nshortest = 6\ninitial = "1234"', "pin.initial: must be 6 to 16 digits"),
        ("[pin]\ntries = 16", "pin.tries: must be a whole number from 1 to 15"),
        ("[keys]\nIRK = 4", "keys.IRK: must be a whole number from 1 to 3"),
        ('[initial]\n"DF1" = "x"', 'initial.DF1: must be a place such as "DF01.EF05.20"'),
        (
            '[[local.file]]\ndirectory = "SSSE"\nfid = "EF05"\nname = "a"\n'
            'structure = "linear variable"\nread = "free"\nwrite = "never"\n'
            '[[local.file.item]]\ntag = "EA"\nname = "a"\nformat = "cn"\nlength = 1',
            "local.file.1.fid: must be from EF0C to EF1E",
        ),
    ],
)
def test_an_error_names_line_and_field(text: str, message: str) -> None:
    last = next(
        n
        for n, line in enumerate(text.splitlines(), 2)
        if message.split(":")[0].split(".")[-1] in line
    )
    with pytest.raises(RegionError) as error:
        parse_region((HEAD + text).encode(), "region.toml")
    assert str(error.value) == f"region.toml: line {last}: {message}"


def test_what_is_no_toml_names_the_line() -> None:
    with pytest.raises(RegionError, match=r"^r: line 2: is no TOML: "):
        parse_region((HEAD + "x = \ny = 1\n").encode(), "r")


def test_what_a_generation_does_not_have() -> None:
    with pytest.raises(RegionError, match=r"line 2: settlement_mode: temporary"):
        parse_region((HEAD + "settlement_mode = 2").encode(), "r").profile(1)
    with pytest.raises(RegionError, match=r"line 3: keys\.XYZ: a card of generation 2"):
        parse_region((HEAD + "[keys]\nXYZ = 1").encode(), "r").profile(2)


def test_lines_of_fields() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[line_of(text, "pin.tries") - 1] == "tries = 6"
    assert lines[line_of(text, "initial.DF01.EF07.29") - 1] == '"DF01.EF07.29" = "1"'
    assert lines[line_of(text, "local.file.1.fid") - 1] == 'fid = "EF0D"'
    assert line_of(text, "nothing") == 0


def test_the_region_is_that_of_the_example() -> None:
    region = load_region(EXAMPLE)
    assert region.name == "虚构省示例市"
    assert CITY.startswith(region.cities)
