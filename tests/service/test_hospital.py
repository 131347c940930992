# SPDX-License-Identifier: Apache-2.0
"""Hospitals' filings through the platform (2501, 2501A, 2502), and what the person sees of them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from sscard_chip.dayfile.envelope import make_request
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.schema.services import audit
from sscard_chip.terminal.pos.online import HttpCentre
from sscard_cli.main import main
from sscard_service import (
    SeenDocument,
    ServiceActor,
    ServiceCentre,
    ServiceEvidence,
    ServiceSubject,
    load_region,
)
from sscard_service.hospital import filing_services
from sscard_service.store.persons import PersonData, add_persons
from sscard_service.store.secrets import create_key_file
from tests.service.city import LIN, PHONE, WANG, City
from tests.settlement.serve.test_serve import Centre

HOSPITAL: Final = "H99010000001"
TRANSFER: Final = {
    "psn_no": "51000001", "insutype": "310", "tel": "010-99000001", "addr": "虚构路1号",
    "insu_optins": "990100", "diag_code": "I25.103", "diag_name": "冠状动脉粥样硬化性心脏病",
    "dise_cond_dscr": "需进一步治疗", "reflin_medins_no": "H99020000001",
    "reflin_medins_name": "虚构医院", "mdtrtarea_admdvs": "990200", "hosp_agre_refl_flag": "1",
    "refl_type": "1", "refl_date": "2026-03-01", "refl_rea": "本地不具备条件", "refl_opnn": "同意",
    "begndate": "2026-03-02", "enddate": "2026-04-01",
}  # fmt: skip


def message(
    infno: str, number: int, node: dict[str, Any], time: str = "20260302090000"
) -> dict[str, Any]:
    """A hospital's message."""
    name = "data" if infno == "2502" else "refmedin"
    msgid = f"{HOSPITAL}{time}{number:04d}"
    return make_request(infno, msgid, time, "990100", "990100", {name: node}, operator="9901000001")


@pytest.fixture
def ask(city: City) -> Callable[..., Any]:
    """The platform beside the city's services."""
    platform = Platform(
        city.ledger, now=lambda: city.now, extra=filing_services(city.centre), strict=True
    )

    def answer(*given: Any) -> dict[str, Any]:
        return platform.handle(message(*given))

    return answer


def test_a_transfer_is_filed_once_seen_by_the_person_and_audited(city: City, ask: Any) -> None:
    first = ask("2501", 1, TRANSFER)
    assert (first["infcode"], first["err_msg"]) == (0, "")
    number = first["output"]["result"]["trt_dcla_detl_sn"]
    assert ask("2501", 1, TRANSFER)["output"] == first["output"]  # the same msgid: done once
    (shown,) = city.ask("filings").data["filings"]
    assert (shown["trt_dcla_detl_sn"], shown["kind"], shown["state"]) == (
        number, "referral", "holds",
    )  # fmt: skip
    assert (shown["begndate"], shown["enddate"]) == ("20260302", "20260401")
    again = ask("2501A", 2, TRANSFER)
    assert (again["infcode"], again["err_msg"][:7]) == (-1, "RUNNING")
    with city.ledger.reading() as t:
        rows = t.connection.execute(
            sa.select(audit.c.actor, audit.c.channel, audit.c.level).where(
                audit.c.operation == "filing"
            )
        ).all()
    assert [tuple(one) for one in rows] == [(HOSPITAL, "hospital", 4)]


def test_a_transfer_is_withdrawn_or_ended(city: City, ask: Any) -> None:
    for number, (begins, enddate, state) in enumerate(
        (("2026-03-05", "", "withdrawn"), ("2026-03-02", "20260302", "holds"))
    ):
        node = TRANSFER | {"begndate": begins}
        filed = ask("2501", 10 + number, node)["output"]["result"]["trt_dcla_detl_sn"]
        end = {"psn_no": "51000001", "trt_dcla_detl_sn": filed, "memo": "取消"}
        other = ask("2502", 20 + number, end | {"psn_no": "51000002"})
        assert other["err_msg"][:9] == "NOT_FOUND"
        assert ask("2502", 30 + number, end)["infcode"] == 0
        twice = ask("2502", 40 + number, end)
        assert (twice["infcode"], twice["err_msg"][:7]) == (-1, "ALREADY")
        shown = city.ask("filings").data["filings"][-1]
        assert shown["state"] == state
        assert not enddate or shown["enddate"] == enddate


BAD: Final[list[tuple[dict[str, str], str]]] = [
    ({"psn_no": "59999999"}, "psn_no: nobody in the card services"),
    ({"mdtrtarea_admdvs": "990101"}, "mdtrtarea_admdvs: must be another city"),
    ({"begndate": "2026-03-01"}, "begndate: must be from today on, and within a year"),
    ({"begndate": "2026-02-30"}, "begndate: must be a real date"),
    ({"refl_date": "2026-03-03"}, "refl_date: must not be in the future"),
    ({"reflin_medins_no": ""}, "refmedin.reflin_medins_no"),
    ({"addr": "a\u202eb"}, "addr: must be at most 100 printable characters"),
    ({"tel": "电话"}, "tel: must be a telephone number"),
    ({"enddate": "2026-03-01"}, "enddate: must not be before begndate"),
]


def test_what_is_no_transfer_is_refused_by_its_field(city: City, ask: Any) -> None:
    for number, (change, said) in enumerate(BAD):
        answer = ask("2501", number, TRANSFER | change)
        assert answer["infcode"] == -1
        assert answer["err_msg"].startswith(said), answer["err_msg"]
    assert city.ask("filings").data["filings"] == []


def test_the_dead_are_filed_nothing(city: City, ask: Any) -> None:
    city.ask("seal", WANG, details={"died": "20260301"})
    answer = ask("2501", 1, TRANSFER | {"psn_no": "51000002"})
    assert answer["err_msg"][:4] == "DEAD"


def test_settle_serve_takes_them_with_the_key_file(tmp_path: Path) -> None:
    """The whole way, over HTTP: a filing by a hospital shows in the person's own enquiry."""
    keys = create_key_file(tmp_path / "service.keys")
    with Ledger.open(tmp_path / "city.db") as ledger, ledger.transaction() as t:
        person = ("51000001", "990100", PersonData("林知夏", LIN, phone=PHONE))
        add_persons(t, keys, [person], "20260101000000")
    served = Centre(
        tmp_path, str(tmp_path / "city.db"),
        options=["--test-clock", "--service-keys", "service.keys"],
    )  # fmt: skip
    try:
        with HttpCentre(served.url) as line:
            answer = line(message("2501", 1, TRANSFER))
        assert answer["infcode"] == 0, answer["err_msg"]
    finally:
        served.end(signal.SIGTERM)
    with Ledger.open(tmp_path / "city.db") as ledger:
        centre = ServiceCentre(ledger, keys, load_region(), lambda: datetime(2026, 3, 3, 9))
        shown = centre.perform(
            "filings", ServiceSubject(identity=LIN), ServiceActor("clerk", "0017"), "office",
            ServiceEvidence(document=SeenDocument(LIN)), "filings-1",
        ).data["filings"]  # fmt: skip
    filed = answer["output"]["result"]["trt_dcla_detl_sn"]
    assert [one["trt_dcla_detl_sn"] for one in shown] == [filed]


def test_without_card_services_they_are_not_served(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "city.db") as ledger:
        answer = Platform(ledger, test_clock=True).handle(message("2501", 1, TRANSFER))
        assert (answer["infcode"], answer["err_msg"]) == (-1, "infno: is not served here")
    region = tmp_path / "region.toml"
    region.write_text("")
    assert main(["settle", "serve", "--keys", "none.json", "--service-region", str(region)]) == 2
