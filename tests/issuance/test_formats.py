# SPDX-License-Identifier: Apache-2.0
"""The formats of files: what ships is what the models say, and the pages say it too."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from issuance.bank.account import BankAccount, InitialElectronicCash, InitialOfflineLimits
from issuance.bank.purse import PurseOptions
from issuance.batch.returnfile import PRINT_COLUMNS, REJECT_COLUMNS, RETURN_COLUMNS
from issuance.holder import Holder, HolderDocument, HolderError, InitialAccount
from issuance.personalise import issue_card
from issuance.pki import CertificateOptions
from issuance.region import load_region
from issuance.roots import create_roots
from issuance.transport import TransportOptions
from sscard_chip import Card
from sscard_chip.dayfile.rows import COLUMNS as DAY_COLUMNS
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.settlement.clearing.exchange import COLUMNS as EXCHANGE_COLUMNS
from sscard_chip.standard.documents import Model, find
from sscard_cli.main import main
from tests.vectors.schema import errors

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "issuance" / "schemas"
EXAMPLE = ROOT / "issuance" / "holder-example.toml"
TODAY = date(2026, 7, 1)
SECTIONS: dict[str, type[Model]] = {
    "": HolderDocument,
    "## `account`": InitialAccount,
    "## `bank`": BankAccount,
    "### `ecash`": InitialElectronicCash,
    "### `offline_limits`": InitialOfflineLimits,
    "### `purse`": PurseOptions,
    "## `transport`": TransportOptions,
    "## `certificates`": CertificateOptions,
}


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_schemas", ROOT / "scripts/make_schemas.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    return found


def test_what_ships_is_what_the_models_generate() -> None:
    texts = generator().texts()
    assert {path.name for path in SCHEMAS.iterdir()} == set(texts)
    for name, text in texts.items():
        assert (SCHEMAS / name).read_text(encoding="utf-8") == text, name


def test_every_schema_refuses_unknown_fields_at_every_level() -> None:
    for path in SCHEMAS.glob("*.schema.json"):
        schema = document(path.name)
        for part in (schema, *schema.get("$defs", {}).values()):
            assert "properties" not in part or part["additionalProperties"] is False, path.name


@pytest.mark.parametrize(
    ("name", "row", "columns"),
    [
        ("day", "row", ("D", *(column.name for column in DAY_COLUMNS))),
        ("exchange", "row", ("D", *EXCHANGE_COLUMNS)),
        ("return", "row", RETURN_COLUMNS),
        ("print", "row", PRINT_COLUMNS),
        ("rejects", "row", REJECT_COLUMNS),
    ],
)
def test_tables_have_the_columns_of_the_code(name: str, row: str, columns: tuple[str, ...]) -> None:
    assert tuple(document(f"{name}.table.json")["rows"][row]) == columns


def test_the_schemas_take_the_examples() -> None:
    for name, path in (
        ("holder", ROOT / "examples" / "holder.json"),
        ("holder", EXAMPLE),
        ("local-files", ROOT / "examples" / "local-files.toml"),
        ("region", ROOT / "examples" / "region.toml"),
    ):
        text = path.read_text(encoding="utf-8")
        given = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        assert errors(given, document(f"{name}.schema.json")) == []
    assert load_region(ROOT / "examples" / "region.toml").name


# --- the command ----------------------------------------------------------------------------------


def test_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--json"]) == 0
    formats = {one["name"]: one for one in json.loads(capsys.readouterr().out)["formats"]}
    assert len(formats) >= 19
    assert formats["holder"]["kind"] == "JSON or TOML file"
    assert formats["hotlist"]["kind"] == "tab-separated UTF-8 table"
    assert all(one["title"] for one in formats.values())


def test_a_format_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "holder"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["required"] == [
        "social_security_number", "name", "sex", "nation", "birthplace", "birth_date",
        "card_number", "city",
    ]  # fmt: skip
    assert main(["schema", "hotlist"]) == 0
    assert "card_id_code" in capsys.readouterr().out
    assert main(["schema", "../roots"]) == 2
    assert "sscard schema lists them" in capsys.readouterr().err


# --- holders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_the_example_issues_as_it_is(
    generation: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["issue", "--example"]) == 0
    holder, keys, card = tmp_path / "h.toml", tmp_path / "roots.json", tmp_path / "card.ssc"
    holder.write_text(capsys.readouterr().out, encoding="utf-8")
    create_roots().save(keys)
    arguments = ["--keys", str(keys), "--holder", str(holder), "--out", str(card)]
    assert main(["issue", "--generation", str(generation), *arguments]) == 0
    with Card.open(card) as opened:
        shown = str(inspect_card(opened).to_dict())
    assert "林知夏" in shown
    assert "Z00000013" in shown


def test_the_example_has_every_field_of_a_holder() -> None:
    text = re.sub("(?m)^# ?", "", EXAMPLE.read_text(encoding="utf-8").partition("\n\n")[2])
    whole = tomllib.loads(text)
    assert set(whole) == set(HolderDocument.__struct_fields__)
    assert set(whole["account"]) == set(InitialAccount.__struct_fields__)
    assert set(whole["bank"]) == set(BankAccount.__struct_fields__)
    assert set(whole["bank"]["ecash"]) == set(InitialElectronicCash.__struct_fields__)
    assert set(whole["bank"]["purse"]) == set(PurseOptions.__struct_fields__)
    assert set(whole["transport"]) == set(TransportOptions.__struct_fields__)
    assert set(whole["certificates"]) == set(CertificateOptions.__struct_fields__)
    assert find(HolderDocument, whole, TODAY) == []


def rows(section: str) -> dict[str, str]:
    """Field and default of the first table of a section of docs/holder.md."""
    page = (ROOT / "docs" / "holder.md").read_text(encoding="utf-8")
    text = page.partition(f"\n{section}\n")[2] if section else page
    table = text.partition("|---|---|---|\n")[2].partition("\n\n")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {cell[0].strip("`"): cell[-1] for cell in cells}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.strip("#` ") or "holder")
def test_the_page_has_every_field_and_its_default(section: str) -> None:
    model = SECTIONS[section]
    page = rows(section)
    assert list(page) == list(model.__struct_fields__)
    for one in msgspec.structs.fields(model):
        told = page[one.name]
        assert (told == "required") is one.required, one.name
        factory = one.default_factory
        default = one.default if factory is msgspec.NODEFAULT else factory()
        if told.startswith("`"):
            assert json.loads(told.strip("`")) == default, one.name
        elif not one.required:  # worked out, or an object of defaults
            assert default in ("", None, {}, InitialElectronicCash(), InitialOfflineLimits())


def test_toml_and_json_are_the_same_holder(tmp_path: Path) -> None:
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    (tmp_path / "h.json").write_text(json.dumps(example), encoding="utf-8")
    first, second = Holder.load(EXAMPLE), Holder.load(tmp_path / "h.json")
    assert msgspec.structs.replace(first, folder=Path(), source="") == msgspec.structs.replace(
        second, folder=Path(), source=""
    )


def test_all_findings_of_a_toml_holder_come_at_once_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "h.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    for right, wrong in (
        ('sex = "1"', 'sex = "3"'),
        ('card_number = "Z00000013"', 'card_number = "Z00000014"'),
        ("birthplace", "birthplaces"),
        ("load_counter = 0", "load_counter = -1"),
    ):
        text = text.replace(right, wrong, 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HolderError) as caught:
        Holder.load(path, today=TODAY)
    lines = text.splitlines()

    def line(start: str) -> int:
        return next(n for n, one in enumerate(lines, 1) if one.startswith(start))

    assert str(caught.value) == (
        f"{path}: line {line('birthplaces')}: birthplaces: is not a field of a holder"
        " (is birthplace meant?)"
        f"; line {line('sex')}: sex: must be 1 (male), 2 (female) or 9 (性别, GB/T 2261.1)"
        "; birthplace: is required"
        f"; line {line('card_number')}: card_number: the check character is wrong, it must be 3"
        " (annex A)"
        f"; line {line('load_counter')}: account load_counter: must be a whole number from 0 to"
        " 65535"
    )


def test_many_findings_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    path.write_text(json.dumps({f"field{number}": 1 for number in range(30)}), encoding="utf-8")
    with pytest.raises(HolderError) as caught:
        Holder.load(path)
    assert len(caught.value.findings) == 38
    assert str(caught.value).endswith("field19: is not a field of a holder; and 18 more")


def test_all_that_is_wrong_in_the_files_is_said_at_once(tmp_path: Path) -> None:
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    example["files"] = {
        "DF01": {"EF05": {"21": 5, "FD": "x"}, "EF99": {}},
        "SSSE": {"EF06": {"0A": "1", "0B": "01"}},
        "DF99": {},
    }
    holder = Holder.from_object(example, source="h.json", today=TODAY)
    with pytest.raises(HolderError) as caught:
        issue_card(3, create_roots(), holder)
    assert [(one.item, one.rule) for one in caught.value.findings] == [
        ("DF01 EF05 21", "must be a text"),
        ("DF01 EF05 FD", "is not a tag of this file"),
        ("DF01 EF99", "is not a file of this card's profile"),
        ("SSSE EF06", "comes from the holder's own fields"),
        ("DF99", "is not a DF of this card's profile"),
    ]
