# SPDX-License-Identifier: Apache-2.0
"""Rows that are wrong: each is named by row, column and rule, and the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuance.batch.export import export_card
from issuance.batch.run import start
from issuance.batch.synthesize import synthesize_holders
from issuance.holders.errors import HolderListError
from issuance.validity import citizen_check_character
from tests.batch.conftest import Person, RunBatch, people, rows_of

PERSON = people(1)[0]
NO_DATE = "99000020010230001" + citizen_check_character("99000020010230001")

# What is changed in a row, and the findings it must give.
BAD: list[tuple[Person, list[tuple[str, str]]]] = [
    (
        {"social_security_number": "990000200102030013"},
        [("social_security_number", "the check digit is wrong (GB 11643)")],
    ),
    (
        {"social_security_number": NO_DATE},
        [("social_security_number", "digits 7 to 14 are no real date (GB 11643)")],
    ),
    (
        {"card_number": "Z00000014"},
        [("card_number", "the check character is wrong, it must be 3 (annex A)")],
    ),
    ({"city": "519901"}, []),
    ({"city": "009900"}, [("city", "is not a known division code (GB/T 2260)")]),
    (
        {"birthplace": "00"},
        [("birthplace", "must be a division code of 6 digits (GB/T 2260)")],
    ),
    (
        {"name": "林?"},
        [("name", "must not hold characters that are no letters of names: ? (U+003F)")],
    ),
    ({"name": ""}, [("name", "is required")]),
    (
        {"nation": "57"},
        [("nation", "must be 01 to 56 or 99 (57, 90 and 98 become 99; 民族, GB/T 3304)")],
    ),
    ({"issue_date": "20260230"}, [("issue_date", "must be a real date, YYYYMMDD")]),
    ({"expiry_date": "20250101"}, [("expiry_date", "is before the issue date")]),
    (
        {"account.balance_fen": "-5"},
        [("account.balance_fen", "must be a whole number of fen from 0 to 4294967295")],
    ),
    ({"photo": "no.jpg"}, [("photo", "the file cannot be read")]),
    ({"photo": "long.jpg"}, [("photo", "the photo is longer than 4096 bytes")]),
    ({"fingerprint": "long.jpg"}, [("fingerprint", "is longer than 768 bytes")]),
    ({"DF01.EF05.21": "虚" * 50}, [("DF01.EF05.21", "must be at most 80 bytes in GB 18030")]),
    ({"bank_account": "62x"}, [("bank_account", "must be 8 to 30 digits")]),
    ({"pin": "12"}, [("pin", "must be 4 to 16 digits")]),
]


def test_all_kinds_of_bad_rows(run_batch: RunBatch, tmp_path: Path) -> None:
    (tmp_path / "long.jpg").write_bytes(b"\xff\xd8\xff" + bytes(4094))
    persons = people(len(BAD) + 2)
    for person, (change, _) in zip(persons[1:], BAD, strict=False):
        person |= change
        if change.get("social_security_number") == NO_DATE:
            person["birth_date"] = ""
    summary = run_batch(persons)
    found: dict[int, list[tuple[str, str]]] = {}
    for row in rows_of(tmp_path / "out" / "rejects.csv"):
        found.setdefault(int(row["row"]), []).append((row["column"], row["rule"]))
    for number, (change, expected) in enumerate(BAD, 3):
        findings = found.get(number, [])
        assert set(expected) <= set(findings), (change, findings)
        assert bool(expected) is bool(findings), (change, findings)
    assert summary.rejected == len([1 for _, rules in BAD if rules])
    assert summary.cards == len(persons) - summary.rejected
    text = (tmp_path / "out" / "rejects.csv").read_text(encoding="utf-8")
    for change, rules in BAD:
        for value in change.values():
            assert not (rules and len(value) > 3 and value in text), change
    returned = rows_of(tmp_path / "out" / "return.csv")
    assert [row["result"] for row in returned] == [
        "failed" if number in found else "ok" for number in range(2, len(persons) + 2)
    ]
    for row in returned:
        assert bool(row["reason"]) is (row["result"] == "failed")


def test_every_broken_rule_of_a_row_is_told(run_batch: RunBatch, tmp_path: Path) -> None:
    bad = {"name": "", "nation": "57", "sex": "3", "DF01.EF05.21": "虚" * 50, "photo": "no.jpg"}
    good = {"DF01.EF05.21": "虚" * 50, "DF02.EF09.56": "a|b", "photo": "no.jpg"}
    run_batch([PERSON | bad, people(2)[1] | good])
    rows = rows_of(tmp_path / "out" / "rejects.csv")
    assert [(row["row"], row["column"]) for row in rows] == [
        ("2", "name"),
        ("2", "sex"),
        ("2", "nation"),
        ("2", "DF01.EF05.21"),
        ("2", "photo"),
        ("3", "DF01.EF05.21"),
        ("3", "photo"),
        ("3", "DF02.EF09.56"),
    ]


def test_duplicates_inside_the_batch_and_against_earlier_ones(
    run_batch: RunBatch, tmp_path: Path
) -> None:
    one, two, three, four = people(4)
    run_batch([one, two | {"nation": "57"}], name="first")
    twin = {**four, "card_number": three["card_number"]}
    same_person = {
        **two,
        "social_security_number": three["social_security_number"],
        "birth_date": three["birth_date"],
        "sex": three["sex"],
    }
    run_batch([three, one, twin, same_person], name="second")
    rows = rows_of(tmp_path / "second" / "rejects.csv")
    assert [(row["row"], row["column"], row["rule"]) for row in rows] == [
        ("3", "card_number", "was used in an earlier batch"),
        ("4", "card_number", "stands in an earlier row"),
        ("5", "social_security_number", "stands in an earlier row"),
    ]
    # The number of a row that was rejected is free again, for the corrected row.
    assert run_batch([two, four], name="third").cards == 2
    atrs = [
        row["atr"]
        for name in ("first", "second", "third")
        for row in rows_of(tmp_path / name / "return.csv")
        if row["result"] == "ok"
    ]
    assert len(atrs) == len(set(atrs)) == 4
    assert export_card(tmp_path / "third", two["card_number"])


def test_rows_of_another_length(run_batch: RunBatch, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    header, values = ",".join(PERSON), ",".join(PERSON.values())
    table.write_text(f"{header}\n{values},more\n\n{values}\n", encoding="utf-8")
    assert run_batch(table).cards == 1
    rows = rows_of(tmp_path / "out" / "rejects.csv")
    assert [(row["row"], row["rule"]) for row in rows] == [
        ("2", "has 9 cells, the header has 8"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: must name the columns"),
        ("card_number,name\n", "social_security_number: no column has it"),
        (f"{','.join(PERSON)},林知夏\n", "column 9: has a name that is not known"),
        (f"{','.join(PERSON)},name\n", "column 9: is name for the second time"),
        (f"{','.join(PERSON)},DF09.EF05.21\n", "DF09.EF05.21: is not on the cards of this batch"),
        (f"{','.join(PERSON)},DF01.EF05.99\n", "DF01.EF05.99: is not an item of this file"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, keys: Path, text: str, message: str) -> None:
    table = tmp_path / "people.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(HolderListError) as error:
        start(tmp_path / "out", generation=3, keys=str(keys), holders=table)
    assert f"people.csv: {message}" in str(error.value)
    assert "林" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_synthetic_holders_are_all_different_and_nobody() -> None:
    found = list(synthesize_holders(5000, seed=9, city="430100"))
    assert len({holder[0] for holder in found}) == 5000
    assert len({holder[1] for holder in found}) == 5000
    assert {holder[1][:6] for holder in found} == {"990000"}
    assert {holder[0][0] for holder in found} == {"Z"}
    assert {holder[7] for holder in found} == {"430100"}
    assert found == list(synthesize_holders(5000, seed=9, city="430100"))
    assert found != list(synthesize_holders(5000, seed=8, city="430100"))
