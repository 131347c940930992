# SPDX-License-Identifier: Apache-2.0
"""3201 to 3205, 9101 and 9102 as messages, on both databases."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import make_request
from sscard_chip.settlement.reconciliation import UploadRow, unpack_result, zip_details
from sscard_chip.settlement.reconciliation.messages import ClearingPlatform
from sscard_chip.terminal.pos import read_day
from tests.bench.shop import LATER, PHARMACY, TERMINAL, TIME
from tests.settlement.town import Town, sell_day

DAYS = {"stmt_begndate": "2026-03-15", "stmt_enddate": "2026-03-15"}
SUMS = {
    "insutype": "310",
    "clr_type": "41",
    "setl_optins": "510100",
    **DAYS,
    "medfee_sumamt": "70.00",
    "fund_pay_sumamt": "40.00",
    "acct_pay": "20.00",
    "fixmedins_setl_cnt": "2",
}
CLAIM = {
    "clr_type": "41",
    "clr_way": "1",
    "setlym": "202603",
    "psntime": "2",
    "medfee_sumamt": "70.00",
    "med_sumfee": "70.00",
    "fund_appy_sum": "40.00",
    "cash_payamt": "10.00",
    "acct_pay": "20.00",
    "begndate": "2026-03-01",
    "enddate": "2026-03-31",
}


class Sender:
    """An institution with a message counter."""

    def __init__(self, ledger: Ledger, institution: str = PHARMACY) -> None:
        self.platform = ClearingPlatform(ledger)
        self.institution = institution
        self.sent = 0

    def ask(self, infno: str, data: Mapping[str, Any], node: str = "data") -> dict[str, Any]:
        self.sent += 1
        msgid = f"{self.institution}20260401090000{self.sent:04d}"
        request = make_request(
            infno, msgid, "20260401090000", "510100", "", {node: data}, operator=TERMINAL
        )
        return self.platform.handle(request)

    def output(self, infno: str, data: Mapping[str, Any], node: str = "data") -> dict[str, Any]:
        answer = self.ask(infno, data, node)
        assert answer["infcode"] == 0, answer["err_msg"]
        found: dict[str, Any] = answer["output"]
        return found

    def error(self, infno: str, data: Mapping[str, Any], node: str = "data") -> str:
        answer = self.ask(infno, data, node)
        assert (answer["infcode"], answer["output"]) == (-1, {})
        return str(answer["err_msg"])


@pytest.fixture
def settled(ledger: Ledger, tmp_path: Path) -> Path:
    """The settled day file of two sales."""
    town = Town(ledger, tmp_path)
    day = sell_day(town.shop(), TIME, LATER)
    assert town.settle(day).posted == 2
    return day


def test_totals_then_details(ledger: Ledger, settled: Path) -> None:
    sender = Sender(ledger)
    even = sender.output("3201", SUMS)["stmtinfo"]
    assert even == {"setl_optins": "510100", "stmt_rslt": "0", "stmt_rslt_dscr": "对平"}
    more = sender.output("3201", SUMS | {"fixmedins_setl_cnt": "1", "medfee_sumamt": "35.00"})
    assert more["stmtinfo"]["stmt_rslt"] == "1"
    rows = [UploadRow.of(row) for row in read_day(settled).rows]
    upload = {
        "in": base64.b64encode(zip_details(rows[:1], "a.txt")).decode(),
        "filename": "a.zip",
        "fixmedins_code": PHARMACY,
    }
    number = sender.output("9101", upload, "fsUploadIn")["file_qury_no"]
    assert sender.output("9101", upload, "fsUploadIn")["file_qury_no"] == number
    details = {
        "setl_optins": "510100",
        "file_qury_no": number,
        **DAYS,
        "medfee_sumamt": "35.00",
        "fund_pay_sumamt": "20.00",
        "cash_payamt": "5.00",
        "fixmedins_setl_cnt": "1",
    }
    result = sender.output("3202", details)["fileinfo"]["file_qury_no"]
    fetched = sender.output("9102", {"file_qury_no": result}, "fsDownloadIn")
    found = unpack_result(base64.b64decode(fetched["out"]), "result")
    assert [(int(row.result), row.msgid) for row in found] == [
        (0, rows[0].msgid),
        (1, rows[1].msgid),
    ]
    other = Sender(ledger, "P51010000002")
    assert "no such file" in other.error("9102", {"file_qury_no": result}, "fsDownloadIn")
    assert "no such file" in other.error("3202", details)


def test_a_claim_by_messages(ledger: Ledger, settled: Path) -> None:
    sender = Sender(ledger)
    refused = sender.error("3203", CLAIM | {"psntime": "3"})
    assert refused == "psntime: is 3, the centre has 2"
    number = sender.output("3203", CLAIM)["result"]["clr_appy_evt_id"]
    assert sender.output("3203", CLAIM)["result"]["clr_appy_evt_id"] == number
    wanted = {"clr_appy_evt_id": number}
    assert sender.output("3205", wanted)["result"]["clr_stas"] == "applied"
    other = Sender(ledger, "P51010000002")
    assert "no such claim" in other.error("3205", wanted)
    assert "no such claim" in other.error("3204", wanted)
    assert sender.output("3204", wanted) == {}
    assert sender.output("3205", wanted)["result"]["clr_stas"] == "cancelled"


@pytest.mark.parametrize(
    ("infno", "node", "data", "rule"),
    [
        ("3201", "data", SUMS | {"stmt_enddate": "2026-02-30"}, "data.stmt_enddate: must be"),
        ("3201", "data", SUMS | {"acct_pay": "20"}, "data.acct_pay: must be yuan"),
        ("3201", "data", {}, "is missing"),
        ("3201", "wrong", SUMS, "data: must be an object"),
        ("3203", "data", CLAIM | {"setlym": "202613"}, "setlym"),
        ("3203", "data", CLAIM | {"clr_type": "11"}, "clr_type"),
        ("3205", "data", {"clr_appy_evt_id": "1"}, "no such claim"),
        ("9101", "fsUploadIn", {"in": "?", "filename": "a", "fixmedins_code": "P"}, "base64"),
        ("9101", "fsUploadIn", {"in": "医保", "filename": "a", "fixmedins_code": "P"}, "base64"),
        ("3299", "data", {}, "infno: is not served here"),
    ],
)
def test_what_is_wrong_is_named(
    ledger: Ledger, infno: str, node: str, data: Mapping[str, str], rule: str
) -> None:
    assert rule in Sender(ledger).error(infno, data, node)


def test_a_file_that_is_none_is_told(ledger: Ledger) -> None:
    sender = Sender(ledger)
    upload = {"in": base64.b64encode(b"x").decode(), "filename": "a", "fixmedins_code": PHARMACY}
    number = sender.output("9101", upload, "fsUploadIn")["file_qury_no"]
    details = {
        "setl_optins": "510100",
        "file_qury_no": number,
        **DAYS,
        "medfee_sumamt": "0.00",
        "fund_pay_sumamt": "0.00",
        "cash_payamt": "0.00",
        "fixmedins_setl_cnt": "0",
    }
    assert sender.error("3202", details) == "upload: is no whole ZIP"
