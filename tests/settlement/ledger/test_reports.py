# SPDX-License-Identifier: Apache-2.0
"""Reports of loss in time: the future, the past, who said so; and the hotlist that follows."""

from __future__ import annotations

import random
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.hotlist import Hotlist, HotlistDelta
from sscard_chip.settlement.ledger import (
    CardRefusedError,
    CardRegisterError,
    CardService,
    CardStatus,
    Ledger,
    LedgerTransaction,
    ReportClock,
    StatusReport,
    change_status,
    find_card,
    read_register,
    register_cards,
    reports_of,
    status_of,
)
from sscard_chip.settlement.ledger.hotlists import (
    hotlist_delta,
    issue_hotlist,
)
from tests.settlement.ledger.people import cards

_ = CardService
NOW = "20260315120000"
FUTURE = "20270101000000"


@pytest.fixture
def people(ledger: Ledger) -> Ledger:
    with ledger.transaction(exclusive=True) as t:
        register_cards(t, cards(5), "20260301", "cards:1")
    return ledger


def number(t: LedgerTransaction, at: int) -> int:
    return find_card(t, f"Z{at:08d}")


@pytest.mark.parametrize(
    ("time", "reason", "right", "refusal"),
    [
        ("20260315120000", "", False, None),
        ("20260315110000", "", False, None),  # an hour is free
        ("20260315105959", "", True, "needs a reason"),
        ("20260315105959", "  ", True, "needs a reason"),
        ("20260315105959", "seen on the camera", False, "not back-dated"),
        ("20260315105959", "seen on the camera", True, None),
        ("20260315120001", "urgent", True, "in the future"),
        ("29991231235959", "", False, "in the future"),
    ],
)
def test_the_time_of_a_report(
    people: Ledger, time: str, reason: str, right: bool, refusal: str | None
) -> None:
    report, clock = StatusReport(reason=reason), ReportClock(NOW, right)

    def change(t: LedgerTransaction) -> bool:
        return change_status(t, number(t, 1), _.FORMAL_LOSS, time, report=report, clock=clock)

    if refusal is None:
        assert people.run(change)
    else:
        with pytest.raises(CardRefusedError, match=refusal):
            people.run(change)
        with people.reading() as t:
            assert status_of(t, number(t, 1), "29991231235959") is CardStatus.NORMAL


def test_a_change_of_the_future_blocks_nothing(people: Ledger) -> None:
    """One that an earlier version has let in: the cancellation, and a report of now."""
    clock = ReportClock(NOW)
    with people.transaction() as t:
        card = number(t, 1)
        change_status(t, card, _.FORMAL_LOSS, FUTURE)
        assert change_status(t, card, _.TEMPORARY_LOSS, NOW, clock=clock)
        later = ReportClock("20260316120000")
        assert change_status(t, card, _.LIFT, "20260316120000", clock=later)
        register = read_register(t)
        for time in (NOW, "20260316115959", "20260316120000", FUTURE, "29991231235959"):
            expected = CardStatus.TEMPORARY_LOSS if NOW <= time < later.now else CardStatus.NORMAL
            assert status_of(t, card, time) is expected
            place = int(np.flatnonzero(register.id == card)[0])
            got = register.status_at(np.array([place]), np.array([int(time)]))
            assert got.tolist() == [int(expected)]


def test_who_reported_is_kept(people: Ledger) -> None:
    first = StatusReport("0017", "hotline", "lost on the bus", "the son")
    with people.transaction() as t:
        card = number(t, 1)
        change_status(t, card, _.TEMPORARY_LOSS, NOW, report=first)
        change_status(t, card, _.LIFT, NOW)
        t.connection.exec_driver_sql(
            "INSERT INTO card_status (card, number, status, since)"
            f" VALUES ({card}, 3, 9, 20260316000000)"
        )
        assert reports_of(t, card) == [first, StatusReport("centre", "counter", "", ""), None]


@pytest.mark.parametrize(
    "fields",
    [
        {"operator": ""},
        {"channel": " "},
        {"operator": "x" * 65},
        {"channel": "x" * 21},
        {"reason": "x" * 201},
        {"agent": "a\nb"},
    ],
)
def test_texts_of_a_report(fields: dict[str, str]) -> None:
    with pytest.raises(CardRegisterError, match=next(iter(fields))):
        StatusReport(**fields)


# --- the hotlist ---------------------------------------------------------------------------------


def test_lost_and_cancelled_cards_are_on_the_list_since_their_report(
    people: Ledger, tmp_path: Path
) -> None:
    with people.transaction() as t:
        change_status(t, number(t, 1), _.TEMPORARY_LOSS, "20260301120000")  # lapses on the 11th
        change_status(t, number(t, 2), _.TEMPORARY_LOSS, "20260310120000")
        change_status(t, number(t, 2), _.FORMAL_LOSS, "20260312120000")
        change_status(t, number(t, 2), _.CANCEL, "20260313120000")
        change_status(t, number(t, 3), _.FORMAL_LOSS, "20260314120000")
        change_status(t, number(t, 4), _.TEMPORARY_LOSS, "20260314120000")
        change_status(t, number(t, 4), _.LIFT, "20260315110000")
        issued = issue_hotlist(t, NOW)
    issued.hotlist.save(tmp_path / "list.tsv")
    body = (
        f"H\tsscard-hotlist/1\t{NOW}\n"
        "C\t51010000000000000000000000000002\tZ00000002\t20260310120000\n"
        "C\t51010000000000000000000000000003\tZ00000003\t20260314120000\n"
    )
    digest = sha256(body.encode()).hexdigest().upper()
    assert (tmp_path / "list.tsv").read_text() == f"{body}T\t2\t{digest}\n"
    assert issued.hotlist.digest.hex().upper() == digest


def test_versions(people: Ledger) -> None:
    def issue(time: str) -> str:
        return people.run(lambda t: issue_hotlist(t, time)).version

    assert issue(NOW) == NOW
    assert issue("20260315123000") == NOW  # the same within the hour
    assert issue("20260315130001") == "20260315130001"  # so that its age shows
    people.run(lambda t: change_status(t, number(t, 1), _.CANCEL, NOW))
    assert issue("20260315130001") == "20260315130001.2"
    people.run(lambda t: change_status(t, number(t, 2), _.CANCEL, NOW))
    assert issue("20260315130001") == "20260315130001.3"
    with people.reading() as t, pytest.raises(CardRegisterError, match="no such list"):
        hotlist_delta(t, "2", NOW)


@pytest.mark.parametrize("seed", range(2))
def test_a_delta_between_any_two_versions_makes_the_later_list(
    people: Ledger, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    lists: list[Hotlist] = []
    for day in range(1, 13):
        time = f"202604{day:02d}120000"
        with people.transaction() as t:
            for at in chance.sample(range(1, 6), 3):
                service = chance.choice([_.TEMPORARY_LOSS, _.LIFT, _.FORMAL_LOSS])
                if status_of(t, number(t, at), time) is not CardStatus.FORMAL_LOSS:
                    change_status(t, number(t, at), service, time, lapse_days=2)
            lists.append(issue_hotlist(t, time).hotlist)
    for earlier in range(len(lists)):
        for later in range(earlier, len(lists)):
            with people.reading() as t:
                delta = hotlist_delta(t, lists[earlier].version, lists[later].version)
            delta.save(tmp_path / "delta.tsv")
            made = lists[earlier].apply(HotlistDelta.load(tmp_path / "delta.tsv"))
            assert made.cards == lists[later].cards
            assert made.digest == lists[later].digest
    with pytest.raises(DayFileError, match="header: must be H, sscard-hotlist/1, version"):
        Hotlist.load(tmp_path / "delta.tsv")  # a delta is never taken for a list


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: HotlistDelta(d.version, "x", d.digest, d.cards, d.removed), "is for x"),
        (lambda d: HotlistDelta(d.version, d.base, bytes(32), d.cards, d.removed), "digest"),
        (lambda d: HotlistDelta(d.version, d.base, d.digest, (), d.removed), "digest"),
        (lambda d: HotlistDelta(d.version, d.base, d.digest, d.cards, d.cards), "not on it"),
    ],
)
def test_a_wrong_delta_makes_nothing(people: Ledger, change: object, text: str) -> None:
    with people.transaction() as t:
        base = issue_hotlist(t, NOW).hotlist
        change_status(t, number(t, 1), _.CANCEL, NOW)
        after = issue_hotlist(t, "20260315120500")
        delta = hotlist_delta(t, base.version, after.version)
    with pytest.raises(DayFileError, match=text):
        base.apply(change(delta))  # type: ignore[operator]
