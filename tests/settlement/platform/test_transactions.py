# SPDX-License-Identifier: Apache-2.0
"""What the further transactions do: shifts, enquiries, stock, catalogue; each as it is declared."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.platform.fields import check_fields
from sscard_chip.settlement.platform.transactions import TRANSACTIONS
from sscard_chip.settlement.reconciliation.messages import file_services
from tests.settlement.platform.centre import (
    PERSON,
    PHARMACY,
    SHARING,
    back,
    bill,
    message,
    open_centre,
    open_platform,
    person,
    undo,
)
from tests.settlement.platform.insured import PERSONS

DRUG = "XZ99AAA0010101010200001"


@pytest.fixture
def platform(ledger: Ledger) -> Platform:
    open_centre(ledger)
    return open_platform(
        ledger, policy=SHARING, persons=PERSONS, strict=False, extra=file_services()
    )


def ask(platform: Platform, infno: str, number: int, node: dict[str, Any]) -> dict[str, Any]:
    """The output of a success, held against its declaration."""
    answer = platform.handle(message(infno, number, node))
    assert answer["err_msg"] == ""
    output: dict[str, Any] = answer["output"]
    for rule in TRANSACTIONS[infno].output:
        if rule.name:
            rule.check(output)
        else:
            check_fields(output, "", rule.fields)
    return output


def refused(platform: Platform, infno: str, number: int, node: dict[str, Any]) -> str:
    answer = platform.handle(message(infno, number, node))
    assert answer["infcode"] == -1
    return str(answer["err_msg"])


def sold(platform: Platform, number: int = 1, **changes: str) -> dict[str, Any]:
    node = bill("35.00", **changes)
    node["drugdetail"][0]["med_list_codg"] = DRUG
    return ask(platform, "2102", number, node)


def test_a_declaration_for_each_and_an_answer_of_every_number() -> None:
    assert sorted(TRANSACTIONS) == [
        "1101", "1301", "1302", "1306", "1312", "1317", "1318", "1319", "1901", "2001", "2101",
        "2102", "2102A", "2103", "2501", "2501A", "2502", "2601", "3201", "3202", "3501", "3502",
        "3503", "3504", "3505", "3506", "3507", "5203", "5204", "5301", "9001", "9002", "9101",
        "9102",
    ]  # fmt: skip


def test_whole_answers_of_a_sale(platform: Platform) -> None:
    ask(platform, "1101", 1, person())
    ask(platform, "2101", 2, bill("35.00"))
    output = sold(platform, 3)
    assert [(one["fund_pay_type"], one["fund_payamt"]) for one in output["setldetail"]] == [
        ("310100", "20.00"), ("310200", "15.00"),
    ]  # fmt: skip
    (line,) = output["detlcutinfo"]
    assert (line["chrgitm_lv"], line["med_chrgitm_type"]) == ("02", "09")
    info = output["setlinfo"]
    for name, value in {
        "psn_name": "林知夏", "psn_cert_type": "01", "age": "25", "insutype": "310",
        "psn_type": "11", "cvlserv_flag": "0", "hifdm_pay": "0.00", "clr_type": "41",
        "mdtrt_cert_type": "03", "setl_time": "2026-03-15 10:11:12",
    }.items():  # fmt: skip
        assert info[name] == value, name
    gone = ask(platform, "2103", 4, back(info))
    assert [(one["fund_pay_type"], one["fund_payamt"]) for one in gone["setldetail"]] == [
        ("310100", "-20.00"), ("310200", "-15.00"),
    ]  # fmt: skip
    names = ("psn_part_amt", "psn_pay", "psn_cash_pay", "cash_payamt", "medfee_sumamt", "balc")
    assert [gone["setlinfo"][name] for name in names] == [
        "-15.00", "-15.00", "0.00", "0.00", "-35.00", "100.00",
    ]  # fmt: skip


# --- shifts --------------------------------------------------------------------------------------


def test_a_shift(platform: Platform, ledger: Ledger) -> None:
    node = {"signIn": {"opter_no": "001", "mac": "00-11", "ip": "10.0.0.1"}}
    first = platform.handle(message("9001", 1, node))
    assert platform.handle(message("9001", 1, node)) == first
    sign_no = first["output"]["signinoutb"]["sign_no"]
    assert sign_no != ask(platform, "9001", 2, node)["signinoutb"]["sign_no"]
    assert "warn_msg" not in platform.handle(message("1101", 3, person(), sign_no=sign_no))
    out = {"signOut": {"sign_no": sign_no, "opter_no": "001"}}
    wrong = {"signOut": {"sign_no": sign_no, "opter_no": "002"}}
    assert refused(platform, "9002", 4, wrong).startswith("sign_no: the operator has not")
    assert ask(platform, "9002", 5, out)["signoutoutb"]["sign_time"] == "2026-03-15 10:11:12"
    assert refused(platform, "9002", 6, out) == "sign_no: the operator has signed out already"
    told = platform.handle(message("1101", 7, person(), sign_no=sign_no))
    assert (told["infcode"], told["warn_msg"]) == (0, "sign_no: is not signed in")
    strict = open_platform(ledger, policy=SHARING)
    for infno, asked in (("1101", person()), ("2102", bill("1.00"))):
        answer = strict.handle(message(infno, 8, asked, sign_no=sign_no))
        assert answer["err_msg"] == "sign_no: is not signed in"


# --- enquiries -----------------------------------------------------------------------------------


def entitlement(med_type: str) -> dict[str, Any]:
    return {
        "data": {
            "psn_no": PERSON, "insutype": "310", "fixmedins_code": PHARMACY,
            "med_type": med_type, "begntime": "2026-03-15 10:11:12",
        }
    }  # fmt: skip


def test_entitlements_are_the_policys(platform: Platform) -> None:
    def flags(number: int, med_type: str) -> list[tuple[str, str]]:
        rows = ask(platform, "2001", number, entitlement(med_type))["trtinfo"]
        return [(one["fund_pay_type"], one["trt_enjymnt_flag"]) for one in rows]

    assert flags(1, "41") == [("310100", "1"), ("310200", "1")]
    assert flags(2, "14") == [("310100", "0"), ("310200", "1")]
    unknown = {"data": entitlement("41")["data"] | {"psn_no": "P9"}}
    assert refused(platform, "2001", 3, unknown) == "psn_no: nobody in the register"


def test_did_it_happen(platform: Platform) -> None:
    info = sold(platform)["setlinfo"]
    found = ask(platform, "5203", 2, back(info))
    assert found["setlinfo"]["medfee_sumamt"] == "35.00"
    assert (found["setlinfo"]["psn_pay"], found["setlinfo"]["refd_setl_flag"]) == ("15.00", "0")
    (line,) = ask(platform, "5204", 3, back(info))["feedetail"]
    assert (line["med_list_codg"], line["hilist_name"], line["det_item_fee_sumamt"]) == (
        DRUG, "安宁片", "35.00",
    )  # fmt: skip
    assert refused(platform, "5203", 4, back(info, psn_no="P2")) == (
        "the centre knows no such settlement"
    )
    gone = ask(platform, "2103", 5, back(info))["setlinfo"]
    assert ask(platform, "5203", 6, back(info))["setlinfo"]["refd_setl_flag"] == "0"
    counter = ask(platform, "5203", 7, back(gone))["setlinfo"]
    assert (counter["refd_setl_flag"], counter["psn_pay"]) == ("1", "-15.00")
    other = sold(platform, 8)["setlinfo"]
    ask(platform, "2601", 9, undo(other["medins_setl_id"], "2102"))
    assert "no such settlement" in refused(platform, "5203", 10, back(other))


def test_filings_of_chronic_diseases(platform: Platform) -> None:
    found = ask(platform, "5301", 1, {"data": {"psn_no": PERSON}})
    assert found["feedetail"] == [
        {"opsp_dise_code": "M03900", "opsp_dise_name": "高血压", "begndate": "2026-01-01",
         "enddate": "2026-12-31"}
    ]  # fmt: skip
    assert refused(platform, "5301", 2, {"data": {"psn_no": "P9"}}).startswith("psn_no")


def test_a_dictionary(platform: Platform) -> None:
    rows = ask(platform, "1901", 1, {"data": {"type": "acct_used_flag"}})["list"]
    assert [(one["value"], one["label"]) for one in rows] == [
        ("0", "不使用"), ("1", "本人账户"), ("2", "共济账户"),
    ]  # fmt: skip
    assert ask(platform, "1901", 2, {"data": {"type": "NONE"}})["list"] == []


# --- stock ---------------------------------------------------------------------------------------

GOODS: dict[str, Any] = {
    "med_list_codg": DRUG,
    "fixmedins_hilist_id": "G1",
    "fixmedins_hilist_name": "安宁片",
    "fixmedins_bchno": "B1",
    "rx_flag": "0",
    "manu_date": "2026-01-01",
    "expy_end": "2028-01-01",
}
BOUGHT: dict[str, Any] = {
    **GOODS, "spler_name": "虚构批发", "manu_lotnum": "L1", "prdr_name": "虚构制药",
    "aprvno": "国药准字H99000001", "purc_retn_stoin_time": "2026-03-15 09:00:00",
    "purc_retn_opter_name": "甲",
}  # fmt: skip
SOLD: dict[str, Any] = {
    **GOODS, "prsc_dr_name": "乙", "phar_name": "丙", "phar_prac_cert_no": "C1",
    "mdtrt_sn": "1", "manu_lotnum": "L1", "trdn_flag": "0", "rtal_docno": "R1",
    "sel_retn_time": "2026-03-15 10:00:00", "sel_retn_opter_name": "丙",
}  # fmt: skip


def stock(ledger: Ledger) -> dict[str, str]:
    from sscard_chip.settlement.platform.stock import levels

    with ledger.reading() as t:
        return {one.batch: f"{one.quantity.normalize():f}" for one in levels(t, PHARMACY)}


def test_stock_is_counted_bought_sold_returned_and_deleted(
    platform: Platform, ledger: Ledger
) -> None:
    def purchase(cnt: str) -> dict[str, Any]:
        return {"purcinfo": [BOUGHT | {"purc_retn_cnt": cnt}]}

    def sale(cnt: str, **more: str) -> dict[str, Any]:
        trace = {"drugtracinfo": [{"drug_trac_codg": "81234567890123456789"}]}
        return {"selinfo": [SOLD | {"sel_retn_cnt": cnt} | trace | more]}

    inv = GOODS | {"invdate": "2026-03-15", "inv_cnt": "10"}
    ask(platform, "3501", 1, {"invinfo": [inv]})
    ask(platform, "3503", 2, purchase("5.5"))
    ask(platform, "3504", 3, purchase("0.5"))
    assert stock(ledger) == {"B1": "15"}
    change = GOODS | {
        "inv_chg_type": "105", "pric": "1", "cnt": "1", "inv_chg_time": "2026-03-15 09:00:00",
    }  # fmt: skip
    ask(platform, "3502", 4, {"invinfo": [change]})
    ask(platform, "3502", 5, {"invinfo": [change | {"inv_chg_type": "103", "cnt": "3"}]})
    assert stock(ledger) == {"B1": "17"}
    info = sold(platform, 6)["setlinfo"]
    own = {"setl_id": info["setl_id"], "mdtrt_sn": info["mdtrt_id"]}
    first = platform.handle(message("3505", 7, sale("4", **own)))
    assert (first["infcode"], first["output"]) == (0, {})
    assert platform.handle(message("3505", 7, sale("4", **own))) == first
    assert stock(ledger) == {"B1": "13"}
    assert "no such settlement" in refused(platform, "3505", 8, sale("1", setl_id="X"))
    assert "mdtrt_sn: must be" in refused(
        platform, "3505", 9, sale("1", setl_id=info["setl_id"], mdtrt_sn="9")
    )
    back_ = {"selinfo": [SOLD | {"sel_retn_cnt": "3"}]}
    ask(platform, "3506", 10, back_)
    assert refused(platform, "3506", 11, back_) == (
        "selinfo.sel_retn_cnt: is more than was sold of the batch"
    )
    assert stock(ledger) == {"B1": "16"}
    below = platform.handle(message("3505", 12, sale("20", hi_feesetl_type="0")))
    assert below["warn_msg"] == "selinfo.fixmedins_bchno: less is in stock"
    assert stock(ledger) == {"B1": "-4"}
    delete = {"data": {"fixmedins_bchno": "B1", "inv_data_type": "4"}}
    ask(platform, "3507", 13, delete)
    assert stock(ledger) == {"B1": "17"}
    assert "no such records" in refused(platform, "3507", 14, delete)
    ask(platform, "3501", 15, {"invinfo": [inv | {"inv_cnt": "2"}]})
    assert stock(ledger) == {"B1": "2"}
    assert ledger.check().problems == ()


@pytest.mark.parametrize(
    ("infno", "node", "rule"),
    [
        ("3501", {}, "invinfo: must be a list"),
        ("3505", {"selinfo": [dict(SOLD)]}, "selinfo.sel_retn_cnt: is missing"),
        ("3505", {"selinfo": [SOLD | {"sel_retn_cnt": "-1"}]}, "selinfo.sel_retn_cnt: must be"),
        ("3505", {"selinfo": [SOLD | {"sel_retn_cnt": "1", "drugtracinfo": [{}]}]},
         "selinfo.drugtracinfo.drug_trac_codg: is missing"),
        ("3503", {"purcinfo": [{}] * 201}, "purcinfo: at most 200 lines"),
        ("3507", {"data": {"fixmedins_bchno": "B", "inv_data_type": "5"}}, "data.inv_data_type"),
        ("9001", {"signIn": {"opter_no": "1"}}, "signIn.mac: is missing"),
        ("1312", {"data": {"updt_time": "2026-01-01", "page_num": "1", "page_size": "101"}},
         "data.page_size: at most 100"),
        ("1319", {"data": {"updt_time": "2026-01-01", "page_num": "0", "page_size": "1"}},
         "data.page_num: is malformed"),
    ],
)  # fmt: skip
def test_what_is_refused(platform: Platform, infno: str, node: dict[str, Any], rule: str) -> None:
    assert refused(platform, infno, 1, node).startswith(rule)


# --- catalogue, files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("infno", "rows", "columns"), [("1301", 40, 92), ("1302", 6, 29), ("1306", 4, 30)]
)
def test_a_catalogue_is_a_file(platform: Platform, infno: str, rows: int, columns: int) -> None:
    told = ask(platform, infno, 1, {"data": {"ver": "v0000"}})
    assert told["data_cnt"] == str(rows)
    asked = {"fsDownloadIn": {"file_qury_no": told["file_qury_no"], "filename": "plc"}}
    file = ask(platform, "9102", 2, asked)
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(file["out"]))) as archive:
        (name,) = archive.namelist()
        lines = archive.read(name).decode().split("\n")
    assert name.endswith(".txt")
    assert lines.pop() == ""
    assert len(lines) == rows
    assert {line.count("\t") + 1 for line in lines} == {columns}
    assert ask(platform, infno, 3, {"data": {"ver": "v0001"}})["data_cnt"] == "0"


def test_pages_of_the_list(platform: Platform) -> None:
    def rows(infno: str, page: int, **more: str) -> tuple[int, list[dict[str, str]]]:
        data = {"updt_time": "2025-01-01", "page_num": str(page), "page_size": "20"} | more
        found = ask(platform, infno, 1, {"data": data})
        return found["recordCounts"], found["data"]

    seen = [one["hilist_code"] for page in (1, 2, 3) for one in rows("1312", page)[1]]
    assert len(seen) == len(set(seen)) == 50
    assert rows("1312", 4) == (50, [])
    assert rows("1312", 1, chrgitm_lv="03")[0] < rows("1312", 1)[0]
    assert rows("1312", 1, hilist_code=DRUG)[1][0]["hilist_name"] == "安宁片"
    assert rows("1312", 1, updt_time="2027-01-01") == (0, [])
    assert rows("1318", 1, hilist_code=DRUG)[1][0]["hilist_pric_uplmt_amt"] == "11.30"
    assert rows("1319", 1, hilist_code=DRUG)[1][0]["selfpay_prop"] == "0.1"
    assert rows("1317", 1, med_list_codg=DRUG)[1][0]["fixmedins_code"] == PHARMACY
