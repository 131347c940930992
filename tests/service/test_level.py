# SPDX-License-Identifier: Apache-2.0
"""缴费档次: chosen by flexible workers, from the next month on."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_service import Code
from sscard_service.store.persons import change_person, find_person
from tests.service.city import LIN, WANG, City


def make_flexible(city: City, identity: str = LIN) -> None:
    """The person is a flexible worker from now on."""

    def work(t: LedgerTransaction) -> None:
        person = find_person(t, city.centre.keys, identity)
        assert person is not None
        data = msgspec.structs.replace(person.data, class_="灵活就业")
        change_person(t, city.centre.keys, person, data, "load", "20260101000000")

    city.ledger.run(work)


def choose(city: City, insurance: str, level: str) -> object:
    details = {"insurance": insurance, "level": level}
    return city.ask("level", details=details).data["month"]


def test_a_level_holds_from_the_next_month_on(city: City) -> None:
    make_flexible(city)
    assert choose(city, "110", "60") == "202604"
    city.now = datetime(2026, 12, 31, 23, 59, 59)
    assert choose(city, "110", "300") == "202701"
    shown = city.ask("levels").data
    assert (shown["may_choose"], shown["first"]) == (True, "202701")
    assert [(one["level"], one["month"]) for one in shown["chosen"]] == [
        ("60", "202604"), ("300", "202701"),
    ]  # fmt: skip
    assert {one["base_fen"] for one in shown["levels"] if one["level"] == "60"} == {480_000}


def test_others_do_not_choose_and_no_level_is_made_up(city: City) -> None:
    details = {"insurance": "110", "level": "60"}
    assert city.refused("level", WANG, details=details) is Code.CLASS
    make_flexible(city)
    assert city.refused("level", details={"insurance": "110", "level": "61"}) is Code.FORMAT
    assert city.refused("level", details={"insurance": "510", "level": "1"}) is Code.FORMAT
    assert city.refused("level", channel="ivr", details=details) is Code.CHANNEL
    assert city.ask("levels").data["chosen"] == []
