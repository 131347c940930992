# SPDX-License-Identifier: Apache-2.0
"""Rows of tables: each is a card, a reject with its number, or blank; none is lost."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
import zipfile
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuance.holders.cells import column_letters
from issuance.holders.errors import HolderListError
from issuance.holders.mapping import HolderMapping, MappedColumns, parse_mapping
from issuance.holders.rows import CheckedRow, RowReader
from issuance.holders.tables import open_table
from sscard_chip.profile import for_generation
from tests.batch.conftest import TODAY, Person, people

HEAD = 'format = "sscard-holder-mapping/1"\n'
Checked = dict[int, CheckedRow]


def check(path: Path, mapping: str = "") -> Checked:
    """All rows of a table that are not blank, by number."""
    means = parse_mapping(mapping.encode(), "m.toml") if mapping else HolderMapping()
    with open_table(path, encoding=means.encoding, delimiter=means.delimiter) as table:
        columns: MappedColumns = table.columns(means)
        reader = RowReader(columns, for_generation(3), folder=path.parent, today=TODAY)
        return {number: reader.read(number, cells) for number, cells in table}


def problems(checked: Checked) -> dict[int, list[tuple[str, str]]]:
    return {
        number: [(one.item, one.rule) for one in row.problems] for number, row in checked.items()
    }


def refused(path: Path, mapping: str = "") -> str:
    with pytest.raises(HolderListError) as caught:
        check(path, mapping)
    return str(caught.value).removeprefix(f"{path}: ")


# --- CSV ------------------------------------------------------------------------------------------


def table(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def lines_of(persons: list[Person]) -> list[str]:
    return [",".join(persons[0]), *(",".join(person.values()) for person in persons)]


@pytest.mark.parametrize(
    "left",
    [
        "\n , ,　,\t,,,,\n",
        "\n,,,,,,,\n\n\n",
        "\n\x1a",
        "\x1a",
        "\n\0\0\0,\0\n\x1a\x1a",
        ",,\n,,,,,,,,,,,,\n",
        "\r\n\r\n",
        "\n\ufeff\n",
    ],
)
def test_what_spreadsheets_leave_behind_is_ignored(left: str, tmp_path: Path) -> None:
    lines = lines_of(people(2))
    path = table(tmp_path / "t.csv", [lines[0] + ",,", lines[1] + ",,", lines[2] + left])
    assert problems(check(path)) == {2: [], 3: []}


def test_a_blank_row_counts_as_a_row_of_the_table(tmp_path: Path) -> None:
    lines = lines_of(people(3))
    lines[2:2] = ["", " , , "]
    lines[-1] += ","
    path = table(tmp_path / "t.csv", [lines[0], *lines[1:4], lines[4].replace(",1,", ",7,", 1)])
    assert sorted(check(path)) == [2, 5]


def test_one_undecodable_cell_rejects_its_row(tmp_path: Path) -> None:
    persons = people(30)
    lines = [line.encode("gbk") for line in lines_of(persons)]
    for at, raw in {
        7: b"\xfe\x9f\xd0\xa1",
        12: b"\xff",
        20: b"\x95\x32\x82\x36",
        29: b"\xb0",
    }.items():
        cells = lines[at].split(b",")
        cells[2] = raw
        lines[at] = b",".join(cells)
    path = tmp_path / "t.csv"
    path.write_bytes(b"\r\n".join(lines))
    found = problems(check(path, HEAD + 'encoding = "gbk"'))
    assert len(found) == 30
    wrong = {number: rules for number, rules in found.items() if rules}
    assert sorted(wrong) == [8, 13, 21, 30]
    for number, rules in wrong.items():
        assert rules[0][0] == "name"
        assert rules[0][1].startswith(f"cell C{number} is not in the encoding of the file")
        assert len(rules) == 1


def test_a_header_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", ["姓名,sex", "a,1"], "gbk")
    assert refused(path).startswith("row 1: cell A1 is not in the encoding of the file")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "gb18030", "big5hkscs"])
def test_other_encodings(encoding: str, tmp_path: Path) -> None:
    persons = [person | {"name": "林知夏"} for person in people(3)]
    path = table(tmp_path / "t.csv", lines_of(persons), encoding)
    if encoding == "big5hkscs":
        persons[0]["name"] = "林知夏"
    assert problems(check(path, HEAD + f'encoding = "{encoding}"')) == {2: [], 3: [], 4: []}


@pytest.mark.parametrize("encoding", ["hex", "rot13", "zip", "no-such"])
def test_what_is_no_encoding_of_text(encoding: str) -> None:
    with pytest.raises(HolderListError, match="encoding: is not an encoding that is known"):
        parse_mapping((HEAD + f'encoding = "{encoding}"').encode(), "m.toml")


def test_an_open_quote_rejects_one_row(tmp_path: Path) -> None:
    lines = lines_of(people(20))
    lines[5] = lines[5].replace(",", ',"', 2).replace(',"', ",", 1)
    found = problems(check(table(tmp_path / "t.csv", lines)))
    assert {number: rules for number, rules in found.items() if rules} == {
        6: [("", "has an open quote")]
    }
    assert sorted(found) == list(range(2, 22))


def test_a_quote_that_closes_rows_later_swallows_none(tmp_path: Path) -> None:
    lines = lines_of(people(20))
    for at, (before, after) in {5: ('"', ""), 9: ("", '"')}.items():
        cells = lines[at].split(",")
        cells[2] = before + cells[2] + after
        lines[at] = ",".join(cells)
    found = problems(check(table(tmp_path / "t.csv", lines)))
    assert sorted(found) == list(range(2, 22))
    assert sorted(number for number, rules in found.items() if rules) == [6, 10]


def test_quotes_as_csv_has_them(tmp_path: Path) -> None:
    persons = people(3)
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
    writer.writerow([*persons[0], "remark", "DF01.EF05.21"])
    for person in persons:
        writer.writerow([*person.values(), 'two\nlines, "quoted"', '路"1"号, 2'])
    path = tmp_path / "t.csv"
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    checked = check(path, HEAD + 'ignore = ["remark"]')
    assert problems(checked) == {2: [], 3: [], 4: []}
    assert checked[3].given["DF01.EF05.21"] == '路"1"号, 2'


def test_a_line_end_in_a_text_is_a_reject(tmp_path: Path) -> None:
    lines = lines_of(people(2))
    lines[0] += ",DF01.EF05.21"
    lines[1] += ',"路\n1号"'
    lines[2] += ",路1号"
    assert problems(check(table(tmp_path / "t.csv", lines))) == {
        2: [("DF01.EF05.21", "must not hold control characters")],
        3: [],
    }


def test_a_line_without_end_is_one_reject(tmp_path: Path) -> None:
    lines = lines_of(people(3))
    lines[2] += "," + "x" * 3_000_000
    found = problems(check(table(tmp_path / "t.csv", lines)))
    assert found == {2: [], 3: [("", "is longer than 20000 characters")], 4: []}


@pytest.mark.parametrize(
    ("delimiter", "name"), [(";", "a semicolon"), ("\t", "a tab"), ("|", "a bar")]
)
def test_a_wrong_delimiter_is_named(delimiter: str, name: str, tmp_path: Path) -> None:
    lines = [line.replace(",", delimiter) for line in lines_of(people(3))]
    path = table(tmp_path / "t.csv", lines)
    assert refused(path) == (
        f"row 1: has {name} between its cells: a mapping can say so with delimiter"
    )
    with_delimiter = HEAD + f"delimiter = {delimiter!r}".replace("'", '"')
    assert problems(check(path, with_delimiter)) == {2: [], 3: [], 4: []}
    comma = table(tmp_path / "c.csv", lines_of(people(3)))
    assert refused(comma, with_delimiter).startswith("row 1: has a comma between its cells")


def test_a_header_below_a_title(tmp_path: Path) -> None:
    lines = lines_of(people(3))
    path = table(tmp_path / "t.csv", ["六月名单,,,,,,,", "", *lines])
    assert refused(path) == "row 1: is no header, row 3 is: take away what stands above it"


def test_all_that_is_wrong_with_a_header_is_told(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", ["name,name,林知夏,,sex", "a,b,c,d,1"])
    assert refused(path) == (
        "column 2: is name for the second time; column 3: has a name that is not known; a mapping"
        " can tell it; column 4: has no name"
    )


# --- mapping --------------------------------------------------------------------------------------


def test_dates_stripping_and_maps(tmp_path: Path) -> None:
    (person,) = people(1)
    day = person["birth_date"]
    given = {
        **person,
        "birth_date": f"{day[:4]}/{int(day[4:6])}/{int(day[6:])}",
        "sex": {"1": "男", "2": "女"}[person["sex"]],
        "nation": "汉族",
        "card_number": f"\u200b{person['card_number']}\u200e ",
    }
    header = [name.replace("birth_date", "出生日期").replace("nation", "民族") for name in given]
    path = table(tmp_path / "t.csv", [",".join(header), ",".join(given.values())])
    mapping = HEAD + (
        '[columns]\n"出生日期" = "birth_date"\n'
        '[columns.birth_date]\ndate = "%Y/%m/%d"\n'
        '[columns."民族"]\ntarget = "nation"\nmap = {"汉族" = "01", "其他" = "99"}\n'
        '[columns.sex]\nmap = {"男" = "1", "女" = "2"}\n'
        "[columns.card_number]\nstrip = true\n"
    )
    checked = check(path, mapping)
    assert problems(checked) == {2: []}
    assert checked[2].given["birth_date"] == day
    assert checked[2].given["nation"] == "01"
    assert checked[2].given["card_number"] == person["card_number"]
    # Without the mapping's rules none of them is right.
    plain = HEAD + '[columns]\n"出生日期" = "birth_date"\n"民族" = "nation"\n'
    assert {item for item, _ in problems(check(path, plain))[2]} == {
        "birth_date",
        "sex",
        "nation",
        "card_number",
    }


def test_strip_false_leaves_a_cell_as_it_is(tmp_path: Path) -> None:
    lines = lines_of(people(1))
    path = table(tmp_path / "t.csv", [lines[0], " " + lines[1]])
    assert problems(check(path)) == {2: []}
    found = problems(check(path, HEAD + "[columns.card_number]\nstrip = false"))
    assert [item for item, _ in found[2]] == ["card_number"]


def test_a_value_that_the_mapping_does_not_have_is_told_with_its_table(tmp_path: Path) -> None:
    (person,) = people(1)
    bad = person | {"sex": "男性", "nation": "汉", "birth_date": "2001.2.3"}
    path = table(tmp_path / "t.csv", lines_of([bad]))
    mapping = HEAD + (
        '[codes.sex]\n"男" = "1"\n[columns.nation]\nmap = {"汉族" = "01"}\n'
        '[columns.birth_date]\ndate = "%Y-%m-%d"\n'
    )
    assert problems(check(path, mapping))[2] == [
        (
            "sex",
            "must be 1 (male), 2 (female) or 9 (性别, GB/T 2261.1);"
            " is not in codes.sex of the mapping",
        ),
        (
            "nation",
            "must be 01 to 56 or 99 (57, 90 and 98 become 99; 民族, GB/T 3304);"
            " is not in the map of its column in the mapping",
        ),
        (
            "birth_date",
            "must be a real date, YYYYMMDD; is no date of the form %Y-%m-%d in the mapping",
        ),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[columns.sex]\nmap = {"男" = 1}', "columns.sex.map: must be a table of texts"),
        ("[columns.sex]\nstrip = 1", "columns.sex.strip: must be true or false"),
        ('[columns.sex]\nmapp = "x"', "columns.sex.mapp: is not a field of a column"),
        ('[columns.birth_date]\ndate = "%y-%m-%d"', "columns.birth_date.date: must be a form of"),
        ('[columns.birth_date]\ndate = "%Y-%m"', "columns.birth_date.date: must be a form of"),
        ('[columns.birth_date]\ndate = "%Q"', "columns.birth_date.date: must be a form of"),
        ('[columns."姓名"]\nstrip = true', "is not something that a column can hold"),
        ('[columns."姓名"]\ntarget = "nam"', "nam: is not something that a column can hold"),
    ],
)
def test_column_tables_that_are_wrong(text: str, message: str) -> None:
    with pytest.raises(HolderListError) as caught:
        parse_mapping((HEAD + text).encode(), "m.toml")
    assert message in str(caught.value)


# --- XLSX and Parquet -----------------------------------------------------------------------------

EXTRA = ("pin", "bank_account", "DF01.EF05.21", "account.balance_fen", "DF02.EF06.60")


def write_xlsx(path: Path, rows: list[list[Any]], header: list[str] | None = None) -> Path:
    book = import_module("openpyxl").Workbook()
    for row in [header, *rows] if header else rows:
        book.active.append(row)
    book.save(path)
    return path


def person_row(**changes: Any) -> tuple[list[str], list[Any]]:
    person: dict[str, Any] = dict(people(1)[0])
    columns = [*person, *EXTRA]
    return columns, [changes.get(name, person.get(name)) for name in columns]


def place(column: str, row: int = 2) -> str:
    return f"{column_letters(person_row()[0].index(column) + 1)}{row}"


NUMBERS = [
    ("bank_account", "6228480402564890018", None),
    ("bank_account", 6228480402564890018, "is a number of more than 15 digits"),
    ("bank_account", 622848040256489, "is a number; this column takes texts only"),
    ("bank_account", 6.2e18, "is a number of more than 15 digits"),
    ("pin", "012345", None),
    ("pin", 123456, "is a number; this column takes texts only"),
    ("social_security_number", 990000200102030012, "is a number of more than 15 digits"),
    ("city", 639900, None),
    ("DF01.EF05.21", 1234567, None),
    ("DF01.EF05.21", 1000000000000000, "is a number of more than 15 digits"),
    ("DF01.EF05.21", 1.5, "is a number with a fraction"),
    ("DF01.EF05.21", True, "is TRUE or FALSE"),
    ("DF01.EF05.21", False, "is TRUE or FALSE"),
    ("DF01.EF05.21", date(2024, 1, 5), "is a date, not a text"),
    ("name", datetime(2024, 1, 5), "is a date, not a text"),
    ("birth_date", datetime(2001, 2, 3, 16, 0), "is a date with a time of day"),
    ("DF02.EF06.60", date(2024, 1, 5), None),
    ("account.balance_fen", 7700, None),
    ("account.balance_fen", 77.5, "is a number with a fraction"),
    ("account.balance_fen", True, "is TRUE or FALSE"),
]


@pytest.mark.parametrize(("column", "value", "rule"), NUMBERS)
def test_a_number_is_not_the_text_that_was_typed(
    column: str, value: Any, rule: str | None, tmp_path: Path
) -> None:
    header, row = person_row(**{column: value})
    path = write_xlsx(tmp_path / "t.xlsx", [row], header)
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    other = tmp_path / "t.parquet"
    cells = {name: [cell] for name, cell in zip(header, row, strict=True)}
    parquet.write_table(arrow.table(cells), other)
    for file in (path, other):
        found = problems(check(file))[2]
        if rule is None:
            assert found == []
        else:
            assert [(item, text[: len(place(column)) + 5]) for item, text in found] == [
                (column, f"cell {place(column)}")
            ]
            assert rule in found[0][1]


def test_floats_of_a_parquet_column(tmp_path: Path) -> None:
    """Whole or not: a column of floats is what became of texts, with NaN for the empty ones."""
    header, row = person_row()
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    cells = {name: [cell, cell] for name, cell in zip(header, row, strict=True)}
    cells["DF01.EF05.21"] = [12345.0, float("nan")]
    cells["account.balance_fen"] = [7700.0, float("nan")]
    path = tmp_path / "t.parquet"
    parquet.write_table(arrow.table(cells), path)
    assert problems(check(path)) == {
        2: [
            (
                "DF01.EF05.21",
                f"cell {place('DF01.EF05.21')} is a floating-point number,"
                " not the text that was typed",
            )
        ],
        3: [],
    }


def test_other_types_of_parquet(tmp_path: Path) -> None:
    header, row = person_row()
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    cells: dict[str, Any] = {name: [cell] * 2 for name, cell in zip(header, row, strict=True)}
    cells["DF01.EF05.21"] = arrow.array([b"\xff\xfe", "路".encode()])
    cells["name"] = arrow.array([row[2]] * 2).dictionary_encode()
    cells["city"] = arrow.array([639900, 639900], arrow.decimal128(20, 2))
    path = tmp_path / "t.parquet"
    parquet.write_table(arrow.table(cells), path)
    found = problems(check(path))
    assert [item for item, _ in found[2]] == ["DF01.EF05.21"]
    assert "is not in the encoding" in found[2][0][1]
    assert found[3] == []


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?"])
def test_error_cells_are_rejected(error: str, tmp_path: Path) -> None:
    header, row = person_row(**{"DF01.EF05.21": error})
    path = write_xlsx(tmp_path / "t.xlsx", [row], header)
    assert problems(check(path))[2] == [
        ("DF01.EF05.21", f"cell {place('DF01.EF05.21')} is an error of the spreadsheet ({error})")
    ]
    text = table(tmp_path / "t.csv", [",".join(header), ",".join(cell or "" for cell in row)])
    assert problems(check(text))[2] == [
        ("DF01.EF05.21", f"is an error of the spreadsheet ({error})")
    ]


def edited(path: Path, name: str, *changes: tuple[str, str]) -> Path:
    """An XLSX file with changes in the XML of a part."""
    new = path.with_name("edited.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in old.namelist():
            content = old.read(part).decode("utf-8") if part.endswith(("xml", "rels")) else ""
            if part == name:
                for before, after in changes:
                    content, count = re.subn(before, after, content)
                    assert count, before
            archive.writestr(part, content.encode("utf-8"))
    return new


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize("number", [14, 31, 57, 58])
def test_dates_in_formats_of_chinese_spreadsheets(number: int, tmp_path: Path) -> None:
    header, row = person_row(name=date(2024, 1, 5))
    path = write_xlsx(tmp_path / "t.xlsx", [row], header)
    other = edited(path, "xl/styles.xml", (r'<xf numFmtId="164"', f'<xf numFmtId="{number}"'))
    assert problems(check(other))[2] == [("name", "cell C2 is a date, not a text")]


def test_numbers_as_other_programs_write_them(tmp_path: Path) -> None:
    header, row = person_row(city=639900)
    path = write_xlsx(tmp_path / "t.xlsx", [row], header)
    for text in ("639900.0", "6.399E5", "6.39900E+05"):
        assert problems(check(edited(path, SHEET, ("<v>639900</v>", f"<v>{text}</v>"))))[2] == []
    for text in ("6.3990000000000001E5", "1E400", "9" * 40, "x", "NaN"):
        found = problems(check(edited(path, SHEET, ("<v>639900</v>", f"<v>{text}</v>"))))[2]
        assert [item for item, _ in found] == ["city"], text
        assert found[0][1].startswith(f"cell {place('city')} is ")


def test_a_formula_without_its_result_is_rejected(tmp_path: Path) -> None:
    header, row = person_row(name="=A1")
    path = write_xlsx(tmp_path / "t.xlsx", [row], header)
    assert problems(check(path))[2] == [("name", "cell C2 is a formula without its result")]


def test_rows_that_a_sheet_leaves_out_count(tmp_path: Path) -> None:
    header, row = person_row()
    book = import_module("openpyxl").Workbook()
    book.active.append(header)
    for number in (2, 7, 40):
        for column, value in enumerate(row, 1):
            book.active.cell(number, column, value)
    book.active.cell(50, 30).font = import_module("openpyxl.styles").Font(bold=True)
    book.active.cell(60, 1, "  ")
    book.save(tmp_path / "t.xlsx")
    assert sorted(check(tmp_path / "t.xlsx")) == [2, 7, 40]


def test_a_value_beside_the_header_is_rejected(tmp_path: Path) -> None:
    header, row = person_row()
    path = write_xlsx(tmp_path / "t.xlsx", [[*row, "x"], [*row, None], [*row, " "]], header)
    found = problems(check(path))
    beyond = column_letters(len(header) + 1)
    assert found[2] == [("", f"cell {beyond}2 is in a column that row 1 does not name")]
    assert found[3] == found[4] == []


def test_merged_cells(tmp_path: Path) -> None:
    header, row = person_row()
    book = import_module("openpyxl").Workbook()
    book.active.append(header)
    for _ in range(4):
        book.active.append(row)
    book.active.merge_cells("H3:H4")
    book.save(tmp_path / "t.xlsx")
    found = problems(check(tmp_path / "t.xlsx"))
    assert found[2] == found[5] == []
    for number in (3, 4):
        assert found[number] == [("city", f"cell H{number} is merged with others (H3:H4)")]
    book.active.merge_cells("A1:B1")
    book.save(tmp_path / "t.xlsx")
    assert "cells A1:B1 are merged: row 1 names each column in its own cell" in refused(
        tmp_path / "t.xlsx"
    )


def test_a_merged_title_above_the_header(tmp_path: Path) -> None:
    header, row = person_row()
    path = write_xlsx(tmp_path / "t.xlsx", [["六月名单"], header, row])
    assert refused(path) == "row 1: is no header, row 2 is: take away what stands above it"


def test_the_first_sheet_that_is_shown_is_read(tmp_path: Path) -> None:
    header, row = person_row()
    book = import_module("openpyxl").Workbook()
    book.active.append(["codes"])
    book.active.sheet_state = "hidden"
    sheet = book.create_sheet("名单")
    sheet.append(header)
    sheet.append(row)
    book.active = 1
    book.save(tmp_path / "t.xlsx")
    assert problems(check(tmp_path / "t.xlsx")) == {2: []}


def test_shared_and_rich_strings(tmp_path: Path) -> None:
    header, row = person_row(**{"DF01.EF05.21": "PLACE"})
    path = write_xlsx(tmp_path / "t.xlsx", [row], header)
    with zipfile.ZipFile(path) as archive:
        part = "xl/sharedStrings.xml"
        shared = part in archive.namelist() and "PLACE" in archive.read(part).decode()
    rich = (
        "<r><rPr><b/></rPr><t>路</t></r><r><t>1_x002F_2</t></r>"
        '<rPh sb="0" eb="1"><t>lu</t></rPh><phoneticPr fontId="1"/>'
    )
    other = edited(path, part if shared else SHEET, (r"<t[^>]*>PLACE</t>", rich))
    assert check(other)[2].given["DF01.EF05.21"] == "路1/2"


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (SHEET, ("<sheetData>", "<sheetData><oops>"), "is no XLSX file with a sheet"),
        (SHEET, ("<sheetData>", "<sheetData><row>"), "has its rows in no order"),
        (SHEET, ('<row r="2"', '<row r="1"'), "row 1 or behind: has its rows in no order"),
        (SHEET, ('r="B2"', 'r="A2"'), "has its cells in no order"),
        (SHEET, ('r="B2"', 'r="ZZZ2"'), "has a cell beyond the end of a sheet"),
        (SHEET, ("^", "<!DOCTYPE x [<!ENTITY a 'b'>]>"), "has a document type"),
        ("xl/workbook.xml", ("<sheet ", "<shoot "), "is no XLSX file with a sheet"),
    ],
)
def test_damaged_files_are_refused_in_one_line(
    part: str, change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    header, row = person_row()
    path = edited(write_xlsx(tmp_path / "t.xlsx", [row], header), part, change)
    text = refused(path)
    assert message in text
    assert "\n" not in text


def test_an_older_file_or_one_with_a_password(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600))
    assert "is no XLSX file but an older one, or has a password" in refused(path)


# --- memory ---------------------------------------------------------------------------------------

LIMIT_KIB = 300 * 1024
MEASURE = """
import re, sys
from pathlib import Path
from issuance.holders.errors import HolderListError
from issuance.holders.mapping import HolderMapping
from issuance.holders.tables import open_table
from itertools import islice
try:
    with open_table(Path(sys.argv[1])) as table:
        rows = iter(table)
        while group := list(islice(rows, 1000)):
            pass
except HolderListError as error:
    print(error)
status = Path("/proc/self/status").read_text()
# of this program alone: ru_maxrss keeps what its parent had when it was forked
print(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])
"""


def bomb(path: Path, part: str, *pieces: tuple[bytes, int]) -> Path:
    """An XLSX file in which a part is made of pieces, each many times."""
    header, row = person_row()
    plain = write_xlsx(path.with_name("plain.xlsx"), [row], header)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in old.namelist():
            if name != part:
                archive.writestr(name, old.read(name))
        with archive.open(part, "w", force_zip64=False) as stream:
            for piece, times in pieces:
                block = piece * max(1, 1_000_000 // len(piece))
                for _ in range(times):
                    stream.write(block)
    return path


SST = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
DATA = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
STRINGS = "xl/sharedStrings.xml"
BOMBS: dict[str, tuple[str, list[tuple[bytes, int]]]] = {
    "many strings": (STRINGS, [(SST, 0), (b"<si><t>abcdefgh</t></si>", 200)]),
    "empty strings": (STRINGS, [(SST, 0), (b"<si/>", 100)]),
    "one long string": (STRINGS, [(SST, 0), (b"<si><t>", 0), (b"a", 400)]),
    "one long tag": (STRINGS, [(SST, 0), (b"<si x='", 0), (b"a", 400)]),
    "deep": (STRINGS, [(SST, 0), (b"<si>", 100)]),
    "one long cell": (SHEET, [(DATA, 0), (b"<row><c t='inlineStr'><is><t>", 0), (b"a", 400)]),
    "one long row": (SHEET, [(DATA, 0), (b"<row>", 0), (b"<c t='str'><v>abc</v></c>", 200)]),
    "many styles": ("xl/styles.xml", [(b"<styleSheet><cellXfs>", 0), (b"<xf/>", 100)]),
    "many sheets": ("xl/workbook.xml", [(b"<workbook><sheets>", 0), (b"<sheet a:id='x'/>", 100)]),
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_xlsx_takes_more_than_300_mib(name: str, tmp_path: Path) -> None:
    part, pieces = BOMBS[name]
    first = b"".join(piece for piece, times in pieces if not times)
    path = bomb(tmp_path / "t.xlsx", part, (first, 1), *(one for one in pieces if one[1]))
    assert path.stat().st_size < 3_000_000
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *message, used = done.stdout.splitlines()
    assert int(used) < LIMIT_KIB
    assert len(message) == 1, "a bomb is refused"
    assert str(path) in message[0]


# --- none is lost ---------------------------------------------------------------------------------

HOSTILE = st.text(st.sampled_from("\",;|\t \0\x1a'=#aA1林　?\ud7ff\u200b"), max_size=6)
CHANGES = st.lists(
    st.tuples(st.integers(1, 12), st.integers(0, 7), HOSTILE, st.booleans()), max_size=6
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, blank=st.sets(st.integers(1, 12)), end=st.sampled_from(["\n", "\r\n"]))
def test_every_row_is_made_rejected_or_blank(
    changes: list[tuple[int, int, str, bool]], blank: set[int], end: str, tmp_path: Path
) -> None:
    """Counted line by line, without any reader of CSV: a line end inside of quotes is not made."""
    lines = lines_of(people(12))
    for line, column, text, replace in changes:
        cells = lines[line].split(",")
        if column < len(cells):
            cells[column] = text if replace else cells[column] + text
        lines[line] = ",".join(cells)
    for line in blank:
        lines[line] = ",,,,,,,"
    path = tmp_path / "t.csv"
    path.write_bytes(end.join(lines).encode("utf-8", "replace"))
    found = check(path)
    untouched = set(range(1, 13)) - blank - {line for line, *_ in changes}
    for line in range(1, 13):
        row = found.get(line + 1)
        if line in untouched:
            assert row is not None
            assert row.holder is not None
        elif row is None:
            assert not re.sub(r"[\s,\0\x1a]", "", lines[line])
        else:
            assert (row.holder is None) is bool(row.problems)
    assert set(found) <= set(range(2, 14))
