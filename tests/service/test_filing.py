# SPDX-License-Identifier: Apache-2.0
"""Treatment in another place: filed, ended, withdrawn; and the allocation list of level choices."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from sscard_chip.settlement.ledger import allocate, read_allocations
from sscard_service import Code, ServiceRefusedError
from sscard_service.levelling import write_allocation_list
from sscard_service.store.persons import PersonData, change_person, find_person
from tests.service.city import KEYS, LIN, WANG, City

AWAY: Final = {"kind": "resident", "mdtrtarea_admdvs": "990200", "begndate": "20260310"}
REFERRAL: Final = {
    **AWAY, "kind": "referral", "reflin_medins_no": "H99020000001", "refl_date": "20260301",
    "diag_code": "I25.103", "diag_name": "冠状动脉粥样硬化性心脏病", "hosp_agre_refl_flag": "1",
}  # fmt: skip


def test_a_filing_holds_until_it_is_ended(city: City) -> None:
    agent = {"agnter_name": "林安", "agnter_certno": WANG, "agnter_rlts": "1"}
    done = city.ask("filing", details={**AWAY, "agent": agent}).data
    number = done["trt_dcla_detl_sn"]
    assert (done["enddate"], len(number)) == ("", 20)
    (shown,) = city.ask("filings").data["filings"]
    assert (shown["kind_text"], shown["state"], shown["agent"]) == (
        "异地长期居住",
        "to come",
        "*安",
    )
    assert city.refused("filing", details={**AWAY, "kind": "other"}) is Code.RUNNING
    city.later(days=10)
    assert city.ask("filings").data["filings"][0]["state"] == "holds"
    other = {"trt_dcla_detl_sn": number}
    assert city.refused("unfile", WANG, details=other) is Code.NOT_FOUND
    assert city.refused("unfile", details=other) is Code.TOO_LATE
    assert city.refused("unfile", details={**other, "enddate": "20260311"}) is Code.FORMAT
    ended = city.ask("unfile", details={**other, "enddate": "20260312", "memo": "回来"}).data
    assert (ended["enddate"], ended["withdrawn"]) == ("20260312", False)
    assert city.refused("unfile", details={**other, "enddate": "20260312"}) is Code.ALREADY
    city.later(days=1)
    assert city.ask("filings").data["filings"][0]["state"] == "ended"
    city.ask("filing", details={**AWAY, "begndate": "20260313"})


def test_a_filing_is_withdrawn_before_it_begins(city: City) -> None:
    number = city.ask("filing", details=AWAY).data["trt_dcla_detl_sn"]
    assert city.ask("unfile", details={"trt_dcla_detl_sn": number}).data["withdrawn"] is True
    assert city.ask("filings").data["filings"][0]["state"] == "withdrawn"
    assert city.refused("unfile", details={"trt_dcla_detl_sn": number}) is Code.ALREADY
    city.ask("filing", details=AWAY)


def test_a_temporary_filing_ends_after_the_regions_months(city: City) -> None:
    assert city.ask("filing", details=REFERRAL).data["enddate"] == "20260909"
    later = {**AWAY, "kind": "other", "begndate": "20260910"}
    assert city.ask("filing", details=later).data["enddate"] == "20270309"


BAD: Final = (
    ("mdtrtarea_admdvs", "990199"), ("mdtrtarea_admdvs", "99020"), ("begndate", "20260301"),
    ("begndate", "20270401"), ("begndate", "20260230"), ("enddate", "20260309"),
    ("reflin_medins_no", ""), ("diag_name", ""), ("refl_date", "20260303"),
    ("kind", "holiday"), ("tel", "123"), ("refl_rea", "a\u202eb"), ("addr", "x" * 101),
)  # fmt: skip


def test_what_a_filing_must_not_be(city: City) -> None:
    for field, value in BAD:
        with pytest.raises(ServiceRefusedError) as caught:
            city.ask("filing", details={**REFERRAL, field: value})
        assert (caught.value.code, caught.value.details["field"]) == (Code.FORMAT, field)
    assert city.ask("filings").data["filings"] == []


def test_level_choices_become_the_allocation_of_the_month(city: City, tmp_path: Path) -> None:
    def settle_in(t: Any) -> None:
        lin = find_person(t, KEYS, LIN)
        assert lin is not None
        data = PersonData("林知夏", LIN, birth_date="19900101", class_="灵活就业")
        change_person(t, KEYS, lin, data, "load", "20260101000000")

    city.ledger.run(settle_in, exclusive=True)
    path = tmp_path / "APRIL.tsv"
    city.ask("level", details={"insurance": "310", "level": "2"})
    city.ask("level", details={"insurance": "110", "level": "60"})
    assert write_allocation_list(city.centre, path, "202603", "20260401", "1") == (0, 0)
    # 2% of 8,000 yuan; in May 2% of 4,800
    assert write_allocation_list(city.centre, path, "202604", "20260501", "1") == (1, 16_000)
    city.later(days=31)
    city.ask("level", details={"insurance": "310", "level": "1"})
    may = tmp_path / "MAY.tsv"
    assert write_allocation_list(city.centre, path, "202604", "20260501", "1") == (1, 16_000)
    assert write_allocation_list(city.centre, may, "202605", "20260601", "1") == (1, 9_600)
    done = city.ledger.run(lambda t: allocate(t, read_allocations(path)), exclusive=True)
    assert (done.accounts, done.fen) == (1, 16_000)
    assert city.ask("balance").data["balance_fen"] == 12_345 + 16_000
