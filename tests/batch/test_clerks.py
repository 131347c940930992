# SPDX-License-Identifier: Apache-2.0
"""Return, print and rejects file as clerks open them: marked UTF-8, GB 18030, XLSX of texts."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from issuance.batch import clerks
from issuance.batch.clerks import encode_rows, write_table
from issuance.batch.errors import BatchError
from tests.batch.conftest import Person, RunBatch, people, rows_of

FORMULAS = ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(A1)", "＝1", "\t=1"]


def some() -> list[Person]:
    persons = people(4)
    persons[1]["name"] = "𠮷小明"
    persons[2]["name"] = "龴丽"
    persons[3] |= {"sex": "7"}
    return persons


def texts_of(path: Path) -> Iterator[list[Any]]:
    for sheet in import_module("openpyxl").load_workbook(path).worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type == "s" or cell.value is None
                assert cell.number_format == "@"
            yield ["" if cell.value is None else cell.value for cell in row]


def test_xlsx_has_the_same_texts_as_csv(run_batch: RunBatch, tmp_path: Path) -> None:
    run_batch(some(), name="csv")
    run_batch(some(), name="xlsx", tables="xlsx", ledger=tmp_path / "other.sqlite")
    for file in ("return", "print", "rejects"):
        expected = rows_of(tmp_path / "csv" / f"{file}.csv")
        header, *found = texts_of(tmp_path / "xlsx" / f"{file}.xlsx")
        assert not (tmp_path / "xlsx" / f"{file}.csv").exists()
        assert len(found) == len(expected) == {"return": 4, "print": 3, "rejects": 1}[file]
        for row, one in zip(found, expected, strict=True):
            same = dict(zip(header, row, strict=True))
            assert {**same, "batch": ""} == {**one, "batch": ""} or file != "return"
    numbers = [row[0] for row in texts_of(tmp_path / "xlsx" / "return.xlsx")]
    assert numbers[1:] == [person["card_number"] for person in some()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_encodings(encoding: str, run_batch: RunBatch, tmp_path: Path) -> None:
    run_batch(some(), encoding=encoding)
    for file in ("return", "print", "rejects"):
        raw = (tmp_path / "out" / f"{file}.csv").read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf") is (encoding == "utf-8-sig")
        assert raw.count(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
        if file == "rejects":
            continue
        names = {
            "gbk": (bytes.fromhex("9534B235D0A1C3F7"), bytes.fromhex("FE59C0F6")),
        }.get(encoding, ("𠮷小明".encode(), "龴丽".encode()))
        assert all(name in raw for name in names)


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    rows = [[text, "ok", "-12"] for text in FORMULAS]
    content = encode_rows(rows).decode("utf-8")
    for line, text in zip(content.splitlines(), FORMULAS, strict=True):
        assert line.startswith(("'", "\"'", "\\t'", "'\\t"))
        assert text.strip()[1:].split("|")[0] in line
        assert line.endswith(",ok,-12")
    write_table(
        tmp_path / "t.csv", ["a", "b", "c"], [encode_rows(rows, tables="xlsx")], tables="xlsx"
    )
    found = list(texts_of(tmp_path / "t.xlsx"))
    assert [row[0] for row in found[1:]] == [text.replace("\t", "\\t") for text in FORMULAS]


def test_a_full_sheet_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clerks, "_SHEET_ROWS", 4)
    rows = [[str(number)] for number in range(8)]
    write_table(tmp_path / "t.csv", ["n"], [encode_rows(rows, tables="xlsx")], tables="xlsx")
    book = import_module("openpyxl").load_workbook(tmp_path / "t.xlsx")
    sheets = [[row[0] for row in sheet.values] for sheet in book.worksheets]
    assert [sheet[0] for sheet in sheets] == ["n"] * len(sheets)
    assert [text for sheet in sheets for text in sheet[1:]] == [row[0] for row in rows]
    assert all(len(sheet) <= 4 for sheet in sheets)


def test_another_kind_of_table_is_refused(run_batch: RunBatch) -> None:
    with pytest.raises(BatchError, match="tables: must be of csv, xlsx"):
        run_batch(some(), tables="ods")


def test_barcodes_as_images(run_batch: RunBatch, tmp_path: Path) -> None:
    run_batch(some(), outputs=("images", "barcodes"), chunk=2)
    made = [person["card_number"] for person in some()[:3]]
    folders = {made[0]: "000001", made[1]: "000001", made[2]: "000002"}
    found = sorted((tmp_path / "out" / "barcodes").rglob("*.*"))
    assert sorted(f"{path.parent.name}/{path.name}" for path in found) == sorted(
        f"{folder}/{number}.{suffix}"
        for number, folder in folders.items()
        for suffix in ("png", "svg")
    )
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in found)
    assert found[0].read_bytes().startswith(b"\x89PNG")
    assert found[1].read_bytes().startswith(b"<?xml")
