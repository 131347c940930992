# SPDX-License-Identifier: Apache-2.0
"""The hotlist over HTTP is worked out anew when it may have changed, and then at once."""

from __future__ import annotations

import pytest

from sscard_chip.settlement.ledger import CardService, change_status, find_card
from sscard_chip.settlement.ledger.hotlists import issue_hotlist
from sscard_chip.standard.dates import TIME
from sscard_service import Code, ServiceRefusedError
from sscard_service.http import hotlist
from sscard_service.http.hotlist import ServedHotlist
from tests.service.city import LIN_CARD, WANG_CARD, City


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The times for which a list was worked out."""
    times: list[str] = []

    def counted(t: object, time: str) -> object:
        times.append(time)
        return issue_hotlist(t, time)  # type: ignore[arg-type]

    monkeypatch.setattr(hotlist, "issue_hotlist", counted)
    return times


def elsewhere(city: City, card: str, service: CardService, days: int | None = None) -> None:
    """A change by another program on the same ledger."""
    now = city.now.strftime(TIME)
    city.ledger.run(lambda t: change_status(t, find_card(t, card), service, now, lapse_days=days))


def cards(content: bytes) -> set[str]:
    return {line.split("\t")[2] for line in content.decode().splitlines() if line[0] == "C"}


def version(content: bytes) -> str:
    return content.decode().splitlines()[0].split("\t")[2]


def test_who_asks_again_costs_nothing_and_misses_nothing(city: City, worked_out: list[str]) -> None:
    served = ServedHotlist(city.centre)
    empty = served.text("")
    city.later(minutes=1)
    assert served.text("") == empty
    assert cards(empty) == set()
    assert len(worked_out) == 1

    elsewhere(city, LIN_CARD, CardService.TEMPORARY_LOSS, days=2)
    assert cards(served.text("")) == {LIN_CARD}
    delta = served.text(version(empty))
    city.later(seconds=5)
    assert served.text(version(empty)) == delta
    assert f"\t{LIN_CARD}\t" in delta.decode()
    assert len(worked_out) == 2

    elsewhere(city, WANG_CARD, CardService.FORMAL_LOSS)
    changed = served.text(version(empty))
    assert {f"\t{one}\t" in changed.decode() for one in (LIN_CARD, WANG_CARD)} == {True}
    assert len(worked_out) == 3


def test_a_report_that_lapses_is_off_the_list_though_nothing_is_reported(city: City) -> None:
    served = ServedHotlist(city.centre)
    elsewhere(city, LIN_CARD, CardService.TEMPORARY_LOSS, days=1)
    city.later(hours=23, minutes=30)
    listed = served.text("")
    city.later(minutes=29, seconds=59)
    assert served.text("") == listed
    assert cards(listed) == {LIN_CARD}
    city.later(seconds=1)
    assert cards(served.text("")) == set()
    assert "X\t" in served.text(version(listed)).decode()


@pytest.mark.parametrize(
    ("step", "same"), [({"minutes": 59, "seconds": 59}, True), ({"hours": 1, "seconds": 1}, False)]
)
def test_a_list_says_how_old_it_is(city: City, step: dict[str, float], same: bool) -> None:
    served = ServedHotlist(city.centre)
    first = served.text("")
    city.later(**step)
    assert (served.text("") == first) is same


def test_a_version_that_another_program_has_issued_is_the_last_one(city: City) -> None:
    served = ServedHotlist(city.centre)
    served.text("")
    elsewhere(city, LIN_CARD, CardService.CANCEL)
    city.later(seconds=10)
    other = city.ledger.run(lambda t: issue_hotlist(t, city.now.strftime(TIME)))
    city.later(seconds=10)
    assert version(served.text("")) == other.version


def test_a_version_that_was_never_issued(city: City) -> None:
    served = ServedHotlist(city.centre)
    for after in ("19990101000000", "x" * 9000, "\0"):
        with pytest.raises(ServiceRefusedError) as refused:
            served.text(after)
        assert refused.value.code is Code.NOT_FOUND
