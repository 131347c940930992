# SPDX-License-Identifier: Apache-2.0
"""Invented citizens, their file, and what is kept of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import CardColumns, Ledger, write_cards
from sscard_chip.settlement.schema.persons import person_index, person_key, person_version
from sscard_service.loading import PersonFileError, load_persons
from sscard_service.store.persons import erase_person, find_person, normal_identity, read_person
from sscard_service.synthesize import synthesize_persons
from tests.service.city import KEYS, LIN, PHONE, WANG, City

DAY = "20260301"
TIME = "20260301120000"


def register(path: Path, opening: list[int]) -> None:
    """A register whose first two cards are of one person, and the last of nobody known."""
    count = len(opening)
    persons = [b"51000009", b"51000009", *(f"5100001{at}".encode() for at in range(count - 3)), b""]
    codes = np.arange(count * 16, dtype=np.uint8).reshape(count, 16)
    cards = CardColumns(
        np.array([f"Z{at:08d}".encode() for at in range(count)], "S9"),
        codes,
        np.full(count, 510100),
        np.array(persons, "S30"),
        np.zeros((count, 8), np.uint8),
        np.zeros(count, np.int64),
        np.array(opening),
    )
    write_cards(path, cards, DAY)


def test_contributions_sum_to_the_money_of_the_register(tmp_path: Path) -> None:
    register(tmp_path / "cards.tsv", [12_345, 0, 777, 1, 0])
    made = synthesize_persons(tmp_path / "cards.tsv", tmp_path / "people", months=7)
    assert (made.persons, made.cards) == (4, 5)
    lines = (tmp_path / "people" / "persons.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines[1:]]
    into = {
        one["psn_no"]: sum(
            row["account_fen"] for row in one["contribution"] if row["insurance"] == "310"
        )
        for one in found
    }
    assert into == {"51000009": 12_345, "51000010": 777, "51000011": 1, "5101000000000005": 0}
    assert {row["period"] for row in found[0]["contribution"]} == {
        "202508", "202509", "202510", "202511", "202512", "202601", "202602",
    }  # fmt: skip
    again = synthesize_persons(tmp_path / "cards.tsv", tmp_path / "again", months=7)
    assert again == made
    assert (tmp_path / "again" / "persons.jsonl").read_text("utf-8").splitlines() == lines


def test_a_file_of_persons_may_come_again_and_brings_what_changed(
    tmp_path: Path, ledger: Ledger
) -> None:
    register(tmp_path / "cards.tsv", [0, 0, 0, 0, 0])
    synthesize_persons(tmp_path / "cards.tsv", tmp_path, months=2)
    path = tmp_path / "persons.jsonl"
    first = load_persons(ledger, KEYS, path, TIME)
    assert (first.added, first.records) == (4, 4 * (5 + 10 + 1))
    again = load_persons(ledger, KEYS, path, TIME)
    assert (again.added, again.changed, again.same, again.records) == (0, 0, 4, 0)
    lines = path.read_text("utf-8").splitlines()
    other = json.loads(lines[1])
    other["data"]["unit"] = "虚构市新厂"
    other["contribution"][0]["base_fen"] += 1
    path.write_text("\n".join([lines[0], json.dumps(other), *lines[2:]]), "utf-8")
    changed = load_persons(ledger, KEYS, path, TIME)
    assert (changed.added, changed.changed, changed.same, changed.records) == (0, 1, 3, 1)
    with ledger.reading() as t:
        person = find_person(t, KEYS, other["data"]["identity"])
    assert person is not None
    assert (person.version, person.data.unit) == (2, "虚构市新厂")


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("identity", "990000199001010018", "check digit"),
        ("identity", "99000019900101001x", "must be 6 to 18 letters and digits"),
        ("identity", "990000199002310011", "digits 7 to 14"),
        ("birth_date", "19900102", "must be that of the identity number"),
        ("name", "<b>林</b>", "must be letters"),
        ("name", "=CMD()", "must be letters"),
        ("name", "\u202e夏知林", "must be letters"),
        ("name", "长" * 51, "at most 50"),
        ("phone", "123", "must be 11 digits"),
    ],
)
def test_a_person_that_breaks_a_rule_is_named_and_nothing_is_loaded(
    tmp_path: Path, field: str, value: str, rule: str
) -> None:
    data = {"name": "林知夏", "identity": LIN, "birth_date": "19900101", field: value}
    line = {"psn_no": "51000001", "division": "990100", "data": data}
    good = {**line, "psn_no": "51000002", "data": {"name": "王明", "identity": WANG}}
    text = "\n".join(json.dumps(one) for one in ({"format": "sscard-persons/1"}, good, line))
    (tmp_path / "p.jsonl").write_text(text, "utf-8")
    with Ledger.open(tmp_path / "city.db") as ledger:
        with pytest.raises(PersonFileError, match="line 3") as refused:
            load_persons(ledger, KEYS, tmp_path / "p.jsonl", TIME)
        assert rule in str(refused.value)
        assert value not in str(refused.value).replace(str(tmp_path), "")
        with ledger.reading() as t:
            assert t.connection.execute(sa.select(person_key)).all() == []


def test_two_persons_have_two_identity_numbers(tmp_path: Path, ledger: Ledger) -> None:
    data = {"name": "林知夏", "identity": LIN}
    rows = [{"psn_no": f"5100000{at}", "division": "990100", "data": data} for at in (1, 2)]
    text = "\n".join(json.dumps(one) for one in ({"format": "sscard-persons/1"}, *rows))
    (tmp_path / "p.jsonl").write_text(text, "utf-8")
    with pytest.raises(PersonFileError, match="line 3: identity: stands in an earlier line"):
        load_persons(ledger, KEYS, tmp_path / "p.jsonl", TIME)


def test_numbers_are_found_however_they_are_typed(city: City) -> None:
    typed = "９９００００ １９９００１０１ ００１７"
    assert normal_identity(typed) == LIN
    assert city.ask("balance", typed, "ivr", card_number="000013").data["balance_fen"] == 12_345


def test_nothing_of_a_person_stands_readable_and_an_erased_one_is_nobody(city: City) -> None:
    with city.ledger.transaction() as t:
        sealed = t.connection.execute(sa.select(person_version.c.sealed)).scalars().all()
        digests = t.connection.execute(sa.select(person_index.c.digest)).scalars().all()
        for text in (LIN, "林知夏", PHONE):
            assert all(text.encode() not in bytes(one) for one in (*sealed, *digests))
        assert erase_person(t, 1) is True
        assert erase_person(t, 1) is False
    with city.ledger.reading() as t:
        assert read_person(t, KEYS, 1) is None
        assert find_person(t, KEYS, LIN) is None
