# SPDX-License-Identifier: Apache-2.0
"""Tables of holders in three formats, and mapping files."""

from __future__ import annotations

import sys
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from issuance.holders.cells import ColumnUse, OddCell
from issuance.holders.errors import HolderListError
from issuance.holders.mapping import parse_mapping, resolve
from issuance.holders.tables import open_table
from tests.batch.conftest import CITY, Person, RunBatch, people, rows_of


def write_xlsx(path: Path, persons: list[Person]) -> None:
    book = import_module("openpyxl").Workbook()
    book.active.append(list(persons[0]))
    for person in persons:
        values: list[Any] = list(person.values())
        at = list(person).index("birth_date")
        text = values[at]
        values[at] = date(int(text[:4]), int(text[4:6]), int(text[6:]))
        values[list(person).index("city")] = int(person["city"])
        book.active.append(values)
    book.save(path)


def write_parquet(path: Path, persons: list[Person]) -> None:
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(persons), path)


@pytest.mark.parametrize(("suffix", "write"), [("xlsx", write_xlsx), ("parquet", write_parquet)])
def test_other_formats_give_the_same_cards(
    suffix: str, write: Any, run_batch: RunBatch, tmp_path: Path
) -> None:
    persons = people(30)
    run_batch(persons, name="csv")
    path = tmp_path / f"people.{suffix}"
    write(path, persons)
    ledger = tmp_path / "other.sqlite"
    assert run_batch(path, name=suffix, ledger=ledger).cards == 30
    images = [tmp_path / name / "images" / "000001.sscards" for name in ("csv", suffix)]
    assert images[0].read_bytes() == images[1].read_bytes()


@pytest.mark.parametrize("suffix", ["xlsx", "parquet"])
def test_a_file_that_is_none(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"people.{suffix}"
    path.write_bytes(b"card_number\n")
    with pytest.raises(HolderListError, match="is no"), open_table(path) as table:
        list(table)


@pytest.mark.parametrize(("suffix", "module"), [("xlsx", "openpyxl"), ("parquet", "pyarrow")])
def test_a_missing_extra_is_named(
    suffix: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"people.{suffix}"
    path.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(HolderListError, match=r"pip install '\.\[tables\]' in a clone"),
        open_table(path),
    ):
        pass


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(HolderListError, match=r"must end in \.csv, \.parquet, \.xlsx"),
        open_table(tmp_path / "people.txt"),
    ):
        pass


def test_bytes_in_another_encoding_name_the_row(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"name,city\na,1\n" + "林,2\n".encode("gbk"))
    with open_table(path) as table:
        (second, good), (third, bad) = table
    assert (second, good, third) == (2, ["a", "1"], 3)
    assert isinstance(bad[0], OddCell)
    rule = "cell A3 is not in the encoding of the file (UTF-8, or as the mapping says)"
    assert bad[0].broken_rule(ColumnUse.TEXT) == rule
    assert bad[1] == "2"


MAPPING = f"""
format = "sscard-holder-mapping/1"
encoding = "gbk"
delimiter = ";"
ignore = ["备注"]
[columns]
"姓名" = "name"
"性别" = "sex"
[constants]
city = "{CITY}"
[codes.sex]
"男" = "1"
"女" = "2"
"""


def test_a_mapping_file_translates_columns_and_codes(run_batch: RunBatch, tmp_path: Path) -> None:
    persons = people(5)
    run_batch(persons, name="plain")
    names = {"name": "姓名", "sex": "性别"}
    table, mapping = tmp_path / "people.csv", tmp_path / "mapping.toml"
    columns = [name for name in persons[0] if name != "city"]
    lines = [";".join([*(names.get(name, name) for name in columns), "备注"])]
    for person in persons:
        sex = {"1": "男", "2": "女"}[person["sex"]]
        values = [sex if name == "sex" else person[name] for name in columns]
        lines.append(";".join([*values, "无"]))
    table.write_text("\n".join(lines), encoding="gbk")
    mapping.write_text(MAPPING, encoding="utf-8")
    run_batch(table, mapping=mapping, ledger=tmp_path / "other.sqlite", encoding="gbk")
    images = [tmp_path / name / "images" / "000001.sscards" for name in ("plain", "out")]
    assert images[0].read_bytes() == images[1].read_bytes()
    raw = (tmp_path / "out" / "return.csv").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == 6
    assert [row["name"] for row in rows_of(tmp_path / "out" / "return.csv", "gbk")] == [
        person["name"] for person in persons
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = 1", 'line 1: format: must be "sscard-holder-mapping/1"'),
        ('format = "sscard-holder-mapping/1"\nfoo = 1', "line 2: foo: is not a field of a mapping"),
        (
            'format = "sscard-holder-mapping/1"\nencoding = "x1"',
            "line 2: encoding: is not an encoding that is known",
        ),
        (
            'format = "sscard-holder-mapping/1"\n[columns]\na = 1',
            "line 2: columns: must be a table of texts",
        ),
        (
            'format = "sscard-holder-mapping/1"\n[columns]\na = "b"',
            "b: is not something that a column can hold",
        ),
        ("x = ", "is no TOML: Invalid value (at end of document)"),
    ],
)
def test_mapping_files_that_are_wrong(text: str, message: str) -> None:
    with pytest.raises(HolderListError) as error:
        parse_mapping(text.encode(), "mapping.toml")
    assert str(error.value) == f"mapping.toml: {message}"


def test_account_columns_make_cards_with_an_account() -> None:
    mapping = parse_mapping(MAPPING.encode(), "mapping.toml")
    plain = [name for name in people(1)[0] if name not in ("city", "sex")]
    assert not resolve([*plain, "sex"], mapping, "t").with_account
    assert resolve([*plain, "sex", "account.year"], mapping, "t").with_account
