# SPDX-License-Identifier: Apache-2.0
"""Holder files: what is right, what is wrong, and what errors say."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from issuance.holder import Holder, HolderError, InitialAccount, check_holder
from sscard_chip.standard.dates import years_after

Person = dict[str, object]
EXAMPLE = Path(__file__).parents[2] / "examples" / "holder.json"


def rule_of(person: Person, today: date) -> str:
    with pytest.raises(HolderError) as caught:
        Holder.from_object(person, source="HOLDER.json", today=today)
    return str(caught.value)


def test_defaults_are_the_standard_s(person: Person, today: date) -> None:
    holder = Holder.from_object(person, today=today)
    assert holder.card_class == "3"
    assert holder.issue_date == "20260701"
    assert holder.expiry_date == "20360701"
    assert holder.pin == "123456"
    assert holder.account is None
    assert holder.files == {}


def test_given_values_are_kept(person: Person, today: date) -> None:
    given: Person = {
        "card_class": "2",
        "issue_date": "20200229",
        "expiry_date": "20210101",
        "pin": None,
        "account": {"balance_fen": 0xFFFFFFFF, "year": "2026", "starting_day": "0229"},
    }
    holder = Holder.from_object(person | given, today=today)
    assert holder.card_class == "2"
    assert (holder.issue_date, holder.expiry_date) == ("20200229", "20210101")
    assert holder.pin is None
    assert holder.account == InitialAccount(
        balance_fen=0xFFFFFFFF, year="2026", starting_day="0229"
    )


def test_ten_years_after_a_leap_day() -> None:
    assert years_after("20240229", 10) == "20340228"
    assert years_after("20240229", 4) == "20280229"
    assert years_after("20240301", 10) == "20340301"


def test_the_example_file_is_right() -> None:
    holder = Holder.load(EXAMPLE)
    assert holder.name == "林知夏"
    assert holder.folder == EXAMPLE.parent


@pytest.mark.parametrize(
    "name",
    [
        "social_security_number",
        "name",
        "sex",
        "nation",
        "birthplace",
        "birth_date",
        "card_number",
        "city",
    ],
)
def test_required_fields(person: Person, today: date, name: str) -> None:
    del person[name]
    assert rule_of(person, today) == f"HOLDER.json: {name}: is required"


BAD: list[tuple[str, object, str]] = [
    ("social_security_number", "990000200102030013", "the check digit is wrong (GB 11643)"),
    ("social_security_number", 990000200102030012, "must be a text"),
    ("name", "", "must not be empty"),
    ("sex", "3", "must be 1 (male), 2 (female) or 9 (性别, GB/T 2261.1)"),
    ("sex", "2", "differs from digit 17 of the social security number"),
    ("sex", "9", "differs from digit 17 of the social security number"),
    ("nation", "57", "must be 01 to 56 or 99 (57, 90 and 98 become 99; 民族, GB/T 3304)"),
    ("nation", "1", "must be 01 to 56 or 99 (57, 90 and 98 become 99; 民族, GB/T 3304)"),
    ("birthplace", "51010", "must be a division code of 6 digits (GB/T 2260)"),
    ("birth_date", "20010230", "must be a real date, YYYYMMDD"),
    ("birth_date", "20990101", "is a date in the future"),
    ("birth_date", "20010204", "differs from digits 7 to 14 of the social security number"),
    ("card_number", "Z00000014", "the check character is wrong, it must be 3 (annex A)"),
    ("city", "999999", "is not a known division code (GB/T 2260)"),
    ("city", "5101", "must be a division code of 6 digits (GB/T 2260)"),
    ("card_class", "5", "must be 1, 2, 3 or 4 (卡类别)"),
    ("issue_date", "20260702", "is a date in the future"),
    ("issue_date", "20010202", "is before the birth date"),
    ("expiry_date", "20260630", "is before the issue date"),
    ("expiry_date", "2036", "must be a real date, YYYYMMDD"),
    ("pin", "123", "must be 4 to 16 digits"),
    ("pin", 123456, "must be a text of digits"),
    ("account", [], "must be an object"),
    ("bank", [], "must be an object"),
    ("files", [], "must be an object of DFs"),
    ("phone", "02800000000", "is not a field of a holder"),
]


@pytest.mark.parametrize(("name", "value", "rule"), BAD)
def test_bad_values(person: Person, today: date, name: str, value: object, rule: str) -> None:
    person[name] = value
    message = rule_of(person, today)
    assert message == f"HOLDER.json: {name}: {rule}"
    assert "\n" not in message


@pytest.mark.parametrize(
    ("account", "message"),
    [
        ({"balance_fen": -1}, "account balance_fen: must be a whole number of fen from 0"),
        ({"balance_fen": 1 << 32}, "account balance_fen: must be a whole number of fen from 0"),
        ({"balance_fen": 1.5}, "account balance_fen: must be a whole number of fen from 0"),
        ({"balance_fen": True}, "account balance_fen: must be a whole number of fen from 0"),
        ({"load_counter": 65536}, "account load_counter: must be a whole number from 0"),
        ({"year": 2026}, "account year: must be a year, YYYY"),
        ({"starting_day": "0230"}, "account starting_day: must be a day of the year, MMDD"),
        ({"balance": 1}, "account balance: is not a field of the account"),
    ],
)
def test_bad_accounts(person: Person, today: date, account: object, message: str) -> None:
    person["account"] = account
    assert rule_of(person, today).startswith(f"HOLDER.json: {message}")


def test_sex_9_belongs_to_numbers_that_tell_none(person: Person, today: date) -> None:
    person |= {"social_security_number": "USA1234", "sex": "9"}
    assert Holder.from_object(person, today=today).sex == "9"


def test_a_card_may_be_out_of_date(person: Person, today: date) -> None:
    person |= {"issue_date": "20100101", "expiry_date": "20200101"}
    assert Holder.from_object(person, today=today).expiry_date == "20200101"


def test_all_problems_are_listed(person: Person, today: date) -> None:
    person |= {"sex": "x", "nation": "00", "city": "1", "extra": 1}
    assert [problem.item for problem in check_holder(person, today=today)] == [
        "extra",
        "sex",
        "nation",
        "city",
    ]


@pytest.mark.parametrize(("name", "value", "rule"), BAD)
def test_no_value_in_error_or_repr(
    person: Person, today: date, name: str, value: object, rule: str
) -> None:
    holder = Holder.from_object(person, today=today)
    assert "林知夏" not in repr(holder)
    assert "9900002001" not in repr(holder)
    person[name] = value
    with pytest.raises(HolderError) as caught:
        Holder.from_object(person, today=today)
    if isinstance(value, str) and len(value) > 3:
        assert value not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_value_in_place_of_a_name_is_not_shown(person: Person, today: date) -> None:
    person["990000200102030012"] = "social_security_number"
    assert rule_of(person, today) == "HOLDER.json: a name: is not a field of a holder"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "is not JSON (line 1, column 1)"),
        (b'{"name": "\xd5\xc5"}', "must be UTF-8 text"),
        (b'{\n"name": x}', "is not JSON (line 2, column 9)"),
        (b'{"name": "a", "name": "b"}', "an object has the same name twice"),
        (b'{"account": {"balance_fen": NaN}}', "is not JSON"),
        (b"[" * 100000, "is not JSON"),
        (b"[]", "must be a JSON object"),
    ],
)
def test_files_that_are_no_holder(tmp_path: Path, content: bytes, rule: str) -> None:
    path = tmp_path / "holder.json"
    path.write_bytes(content)
    with pytest.raises(HolderError) as caught:
        Holder.load(path)
    assert str(caught.value) == f"{path}: {rule}"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(HolderError, match="cannot be read"):
        Holder.load(tmp_path / "none.json")


def test_a_byte_order_mark_is_taken(tmp_path: Path, person: Person, today: date) -> None:
    path = tmp_path / "holder.json"
    path.write_text(json.dumps(person), encoding="utf-8-sig")
    assert Holder.load(path, today=today).city == "510100"
