# SPDX-License-Identifier: Apache-2.0
"""缴费单 of flexible workers: stopped, resumed, billed, withdrawn, paid; what is allocated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sscard_service import Code, ServiceRefusedError
from sscard_service.levelling import write_allocation_list
from tests.service.city import LIN, WANG, City
from tests.service.test_level import choose, make_flexible

FEN_OF_310 = 64_000
"""8 % of 8,000 yuan, level 2."""
FEN_OF_110 = 96_000
"""20 % of 4,800 yuan, level 60."""


@pytest.fixture
def worker(city: City) -> City:
    """林知夏 pays medical insurance at level 2 and pension at 60 % from April 2026 on."""
    make_flexible(city)
    choose(city, "310", "2")
    choose(city, "110", "60")
    return city


def bill(city: City, first: str, last: str, *insurances: str, **more: Any) -> dict[str, Any]:
    details = {"first": first, "last": last, "insurances": list(insurances), "way": "counter"}
    return city.ask("bill", details=details | more).data


def refused_bill(city: City, first: str, last: str, *insurances: str, **more: Any) -> Code:
    details = {"first": first, "last": last, "insurances": list(insurances), "way": "counter"}
    return city.refused("bill", details=details | more)


def test_a_bill_counts_each_month_by_its_level(worker: City) -> None:
    worker.later(days=31)  # 2 April
    choose(worker, "310", "1")  # 8 % of 4,800 from May on
    made = bill(worker, "202604", "202605", "310", "110")
    assert made["fen"] == FEN_OF_310 + 38_400 + 2 * FEN_OF_110
    assert [(one["insurance"], one["month"], one["fen"]) for one in made["lines"]] == [
        ("310", "202604", 64_000), ("310", "202605", 38_400),
        ("110", "202604", 96_000), ("110", "202605", 96_000),
    ]  # fmt: skip
    (shown,) = worker.ask("bills").data["bills"]
    assert (shown["bill"], shown["state"], shown["fen"]) == (made["bill"], "open", 294_400)
    assert worker.ask("bills", WANG).data["bills"] == []


def test_no_month_is_billed_twice_and_what_is_withdrawn_may_be(worker: City) -> None:
    first = bill(worker, "202604", "202606", "310")["bill"]
    assert refused_bill(worker, "202606", "202607", "310") is Code.RUNNING
    bill(worker, "202606", "202607", "110")
    assert worker.refused("bill_withdraw", WANG, details={"bill": first}) is Code.NOT_FOUND
    gone = worker.ask("bill_withdraw", details={"bill": first}).data
    assert gone["state"] == "withdrawn"
    assert worker.refused("bill_withdraw", details={"bill": first}) is Code.ALREADY
    bill(worker, "202606", "202607", "310")


def test_a_stop_holds_from_the_next_month_and_a_choice_resumes(
    worker: City, tmp_path: Path
) -> None:
    worker.later(days=31)
    assert worker.ask("level_stop", details={"insurance": "310"}).data == {
        "insurance": "310", "level": "", "month": "202605",
    }  # fmt: skip
    assert worker.refused("level_stop", details={"insurance": "310"}) is Code.ALREADY
    assert worker.refused("level_stop", details={"insurance": "410"}) is Code.NOT_FOUND
    bill(worker, "202604", "202604", "310")
    assert refused_bill(worker, "202605", "202605", "310") is Code.FORMAT
    listed = [
        write_allocation_list(worker.centre, tmp_path / month, month, f"{month}28", "1")
        for month in ("202603", "202604", "202605")
    ]
    assert listed == [(0, 0), (1, 16_000), (0, 0)]
    worker.later(days=40)
    choose(worker, "310", "1")
    june = write_allocation_list(worker.centre, tmp_path / "june", "202606", "20260628", "1")
    assert june == (1, 9_600)


def test_months_that_are_billed_keep_their_level(worker: City) -> None:
    number = bill(worker, "202604", "202605", "310")["bill"]
    change: dict[str, Any] = {"details": {"insurance": "310", "level": "1"}}
    assert worker.refused("level", **change) is Code.RUNNING
    assert worker.refused("level_stop", details={"insurance": "310"}) is Code.RUNNING
    choose(worker, "110", "80")
    worker.ask("bill_paid", "", details={"bill": number, "reference": "B-1"})
    assert worker.refused("level", **change) is Code.TOO_LATE
    worker.later(days=60)  # 1 May: June is free
    assert worker.ask("level", **change).data["month"] == "202606"


def test_what_was_paid_is_contributed_once(worker: City) -> None:
    number = bill(worker, "202604", "202605", "310")["bill"]
    paid: dict[str, Any] = {"details": {"bill": number, "reference": "B20260402-7"}}
    assert worker.refused("bill_paid", channel="site", **paid) is Code.CHANNEL
    assert worker.ask("contributions").data["contributions"] == []
    worker.ask("bill_paid", "", channel="bank", **paid)
    assert worker.refused("bill_paid", "", channel="bank", **paid) is Code.ALREADY
    assert worker.refused("bill_withdraw", details={"bill": number}) is Code.TOO_LATE
    shown = worker.ask("contributions").data["contributions"]
    assert [
        (one["period"], one["insurance"], one["base_fen"], one["personal_fen"], one["paid"])
        for one in shown
    ] == [("202604", "310", 800_000, 64_000, True), ("202605", "310", 800_000, 64_000, True)]
    assert refused_bill(worker, "202605", "202605", "310") is Code.ALREADY


def test_what_a_bill_must_not_be(worker: City) -> None:
    for first, last in (("202602", "202604"), ("202604", "202703"), ("202605", "202604")):
        assert refused_bill(worker, first, last, "310") is Code.FORMAT
    assert refused_bill(worker, "202604", "202604", "310", "310") is Code.FORMAT
    assert refused_bill(worker, "202603", "202604", "310") is Code.FORMAT  # March has no level
    assert refused_bill(worker, "202604", "202604") is Code.FORMAT
    assert refused_bill(worker, "202604", "202604", "310", way="card") is Code.DOCUMENTS
    assert worker.refused(
        "bill", WANG, details={"first": "202604", "last": "202604", "insurances": ["310"]}
    ) is Code.CLASS  # fmt: skip
    with pytest.raises(ServiceRefusedError, match="310: no level in 202603"):
        bill(worker, "202603", "202604", "310")
    assert worker.ask("bills", LIN).data["bills"] == []
