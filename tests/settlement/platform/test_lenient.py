# SPDX-License-Identifier: Apache-2.0
"""What real programs send: taken and told in warn_msg, refused by name by a strict centre."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.dayfile.business_string import TEST_KEY, BusinessStrings
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import HOLD, Platform
from sscard_chip.settlement.platform.persons import InsuredPerson, PersonRegister
from tests.settlement.platform.centre import (
    BALANCE,
    CARD,
    NO_POOL,
    balances,
    bill,
    message,
    open_centre,
    open_platform,
    person,
    undo,
)
from tests.settlement.platform.insured import LIN, PERSONS, WU

AT = int(datetime(2026, 3, 15, 10, 11, 12).timestamp())
OPTIONS: dict[str, Any] = {
    "policy": NO_POOL,
    "persons": PERSONS,
    "business": BusinessStrings(TEST_KEY),
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """On SQLite alone: nothing here depends on the database."""
    with Ledger.open(tmp_path / "ledger.db") as opened:
        open_centre(opened)
        yield opened


@pytest.fixture
def lenient(ledger: Ledger) -> Platform:
    return open_platform(ledger, strict=False, **OPTIONS)


def with_node(request: dict[str, Any], node: str, **changes: Any) -> dict[str, Any]:
    inside = request["input"] | {node: request["input"][node] | changes}
    return request | {"input": inside}


# a change of the envelope, of druginfo, and what is told of it
DEVIATIONS = [
    ({"dev_no": "null"}, {}, 'dev_no: the text "null"'),
    ({"dev_safe_info": "NULL"}, {}, 'dev_safe_info: the text "NULL"'),
    ({"inf_time": "20260315101112"}, {}, "inf_time: not in the form of the interface"),
    ({"inf_time": "2026-03-15T10:11:12.000"}, {}, "inf_time: not in the form of the interface"),
    ({"inf_time": "2026/03/15 10:11:12"}, {}, "inf_time: not in the form of the interface"),
    ({"opter_type": 1}, {}, "opter_type: a number, not text"),
    ({"infno": 2101}, {}, "infno: a number, not text"),
    ({"infver": ""}, {}, "infver: is missing"),
    ({"msgid": "00A1B2C3D4E5F60718293A4B5C6D7E"}, {}, "msgid: must be institution 12"),
    ({}, {"medfee_sumamt": "10"}, "druginfo.medfee_sumamt: not in the form"),
    ({}, {"medfee_sumamt": "10.0000"}, "druginfo.medfee_sumamt: not in the form"),
    ({}, {"medfee_sumamt": 10}, "druginfo.medfee_sumamt: a number, not text"),
    ({}, {"medfee_sumamt": 10.0}, "druginfo.medfee_sumamt: a number, not text"),
    ({}, {"insutype": 310}, "druginfo.insutype: a number, not text"),
    ({}, {"begntime": "2026-03-15"}, "druginfo.begntime: not in the form"),
    ({}, {"dise_codg": "null"}, 'druginfo.dise_codg: the text "null"'),
    ({}, {"exp_content": {"a": 1}}, "druginfo.exp_content: JSON, not its text"),
]


@pytest.mark.parametrize(("envelope", "info", "told"), DEVIATIONS)
@pytest.mark.parametrize("infno", ["2101", "2102"])
def test_a_deviation_is_taken_and_told(
    lenient: Platform, infno: str, envelope: dict[str, Any], info: dict[str, Any], told: str
) -> None:
    envelope = {name: (int(infno) if name == "infno" else one) for name, one in envelope.items()}
    request = with_node(message(infno, 1, bill("10.00")) | envelope, "druginfo", **info)
    answer = lenient.handle(request)
    assert (answer["infcode"], answer["err_msg"]) == (0, "")
    assert answer["warn_msg"].startswith(told)
    found = answer["output"]["setlinfo"]
    assert (found["medfee_sumamt"], found["acct_pay"]) == ("10.00", "10.00")
    assert found["medins_setl_id"] == request["msgid"]


@pytest.mark.parametrize(("envelope", "info", "told"), DEVIATIONS)
def test_a_strict_centre_refuses_it_by_name(
    ledger: Ledger, envelope: dict[str, Any], info: dict[str, Any], told: str
) -> None:
    strict = open_platform(ledger, **OPTIONS)
    request = with_node(message("2102", 1, bill("10.00")) | envelope, "druginfo", **info)
    answer = strict.handle(request)
    assert answer["infcode"] == -1
    assert answer["err_msg"].startswith(told.split(":")[0])
    assert balances(ledger) == {"personal": BALANCE}


def test_what_is_in_form_has_no_warning(lenient: Platform) -> None:
    for infno, node in (("1101", person()), ("2101", bill("1.00")), ("2102", bill("1.00"))):
        assert "warn_msg" not in lenient.handle(message(infno, 1, node))


@pytest.mark.parametrize("infno", ["1101", "2101", "2102"])
@pytest.mark.parametrize(
    ("before", "behind", "told"),
    [
        (b"\xef\xbb\xbf", b"", "body: begins with a byte order mark"),
        (b"", b"\0\0\0", "body: ends with NUL"),
        (
            b"\xef\xbb\xbf\r\n",
            b"\r\n\0",
            "body: begins with a byte order mark; body: ends with NUL",
        ),
        (b"\r\n ", b" \r\n", ""),
    ],
)
def test_what_stands_around_the_json(
    lenient: Platform, ledger: Ledger, infno: str, before: bytes, behind: bytes, told: str
) -> None:
    """A BOM of .NET, a whole buffer of C, lines of Windows."""
    node = person() if infno == "1101" else bill("10.00")
    text = json.dumps(message(infno, 1, node), indent=1).replace("\n", "\r\n")
    body = before + text.encode() + behind
    answer = json.loads(lenient.handle_json(body))
    assert (answer["infcode"], answer.get("warn_msg", "")) == (0, told)
    refused = json.loads(open_platform(ledger, **OPTIONS).handle_json(body))
    assert refused["err_msg"].startswith(told.split(";")[0] if told else "")
    assert (refused["infcode"] == 0) == (told == "")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (json.dumps(message("1101", 1, person())).encode("utf-16"), "body: is UTF-16"),
        (json.dumps(message("1101", 1, person())).encode("utf-16-le"), "body: is UTF-16"),
        (json.dumps(message("1101", 1, person())).encode("utf-32"), "body: is UTF-16"),
        (gzip.compress(json.dumps(message("1101", 1, person())).encode()), "body: is compressed"),
        ('{"a":"虚构"}'.encode("gbk"), "body: is GBK (byte 7), the coding of Chinese Windows"),
        ("\ufeff".encode() + '{"a":"虚构"}'.encode("gbk"), "body: is GBK (byte 7)"),
        (b"\xff{}", "body: is not UTF-8: byte 1"),
        (b"[]", "body: must be an object"),
        (b'"{}"', "body: must be an object"),
        (b"\xef\xbb\xbf", "body: is empty"),
        (b"\0\0", "body: is empty"),
        (b"", "body: is empty"),
        (b"xmldata=%7B%7D", "body: is no JSON: line 1, column 1"),
    ],
)
def test_a_body_that_is_none_is_answered_with_what_it_is(
    lenient: Platform, body: bytes, rule: str
) -> None:
    answer = json.loads(lenient.handle_json(body))
    assert answer["infcode"] == -1
    assert answer["err_msg"].startswith(rule)


def test_other_forms_of_numbers_flags_and_nodes(lenient: Platform, ledger: Ledger) -> None:
    """A number of 18 digits, infno in small letters, input as text, true for a flag."""
    node = {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": 990000200102030012}}
    people = PersonRegister([InsuredPerson("990000200102030012", "甲", psn_no="P0001")])
    platform = open_platform(ledger, strict=False, **(OPTIONS | {"persons": people}))
    answer = platform.handle(message("1101", 1, node))
    assert answer["err_msg"] == ""
    assert answer["output"]["baseinfo"]["certno"] == "990000200102030012"
    assert answer["warn_msg"] == "data.mdtrt_cert_no: a number, not text"
    held = lenient.handle(message(HOLD, 2, bill("1.00")) | {"infno": " 2102a"})
    assert (held["infcode"], held["warn_msg"]) == (0, "infno: not in the form of the interface")
    whole = message("2101", 3, bill("1.00", acct_used_flag=True))
    answer = lenient.handle(whole | {"input": json.dumps(whole["input"])})
    assert answer["output"]["setlinfo"]["acct_pay"] == "1.00"
    assert answer["warn_msg"] == (
        "input: JSON text, not an object; druginfo.acct_used_flag: true or false, not text"
    )
    for wrong in ("{", "[]", "", "x"):
        refused = lenient.handle(whole | {"input": wrong})
        assert refused["err_msg"] == "input: must be an object"


def test_lines_of_numbers_and_a_line_that_is_no_list(lenient: Platform, ledger: Ledger) -> None:
    node = bill("10.00")
    (line,) = node["drugdetail"]
    node["drugdetail"] = line | {"det_item_fee_sumamt": 10, "cnt": 2.0, "pric": 5}
    body = json.dumps(message("2102", 1, node)).encode()
    answer = json.loads(lenient.handle_json(body))
    assert answer["infcode"] == 0
    for told in ("drugdetail: an object, not a list", "drugdetail.cnt: a number, not text"):
        assert told in answer["warn_msg"]
    (cut,) = answer["output"]["detlcutinfo"]
    assert (cut["cnt"], cut["pric"], cut["det_item_fee_sumamt"]) == ("2", "5", "10.00")
    assert lenient.handle_json(body) == lenient.handle_json(body)
    assert balances(ledger) == {"personal": BALANCE - 1000, "pharmacy": 1000}


def test_a_node_that_is_left_out(lenient: Platform) -> None:
    answer = lenient.handle(message("1101", 1, person()["data"]))
    assert answer["output"]["baseinfo"]["psn_no"] == "P0001"
    assert answer["warn_msg"] == "input: has no node data"


def test_a_msgid_of_its_own_form_is_once_and_is_reversed_by_its_owner(
    lenient: Platform, ledger: Ledger
) -> None:
    own = "0123456789ABCDEF0123456789ABCD"
    request = message("2102", own, bill("10.00"), fixmedins_code="P51010000001")
    first = lenient.handle(request)
    assert first["infcode"] == 0
    assert lenient.handle(request) == first
    assert (
        "used for something else" in lenient.handle(request | {"input": bill("11.00")})["err_msg"]
    )
    other = message("2601", 2, undo(own, "2102")) | {
        "fixmedins_code": "P51010000002",
        "msgid": "P51010000002202603151011120002",
    }
    assert "omsgid: is not of this institution" in lenient.handle(other)["err_msg"]
    assert lenient.handle(message("2601", 3, undo(own, "2102")))["infcode"] == 0
    assert balances(ledger) == {"personal": BALANCE}
    held = message(HOLD, own, bill("1.00"), fixmedins_code="P51010000001")
    assert lenient.handle(held)["err_msg"].startswith("msgid: must be institution")


def test_what_cannot_be_mended_is_refused_with_what_was(lenient: Platform) -> None:
    request = with_node(message("2102", 1, bill("10.00")), "druginfo", medfee_sumamt=10.001)
    answer = lenient.handle(request | {"dev_no": "null"})
    assert answer["err_msg"].startswith("druginfo.medfee_sumamt")
    assert answer["warn_msg"] == 'dev_no: the text "null"'
    for wrong in (True, [1], {"a": 1}, float("inf"), 10**40, "1e999", "٣"):
        request = with_node(message("2102", 1, bill("10.00")), "druginfo", medfee_sumamt=wrong)
        assert lenient.handle(request)["infcode"] == -1


# --- who pays ------------------------------------------------------------------------------------


def business(code: str = CARD, number: str = "Z00000001", at: int = AT) -> str:
    return BusinessStrings(TEST_KEY).sign(bytes.fromhex(code), number, at=at)


def who(kind: str, number: str, **more: str) -> dict[str, Any]:
    return {"data": {"mdtrt_cert_type": kind, "mdtrt_cert_no": number} | more}


@pytest.mark.parametrize(
    ("node", "warned"),
    [
        (who("01", LIN.ec_token), ""),
        (who("02", LIN.certno), ""),
        (who("03", "Z00000001", card_sn=CARD), ""),
        (who("03", f"Z00000001|{business()}"), ""),
        (who("03", f"Z00000001|{business()}", card_sn=CARD), ""),
        (who("03", "Z00000001"), "card_sn: is missing"),
        (who("03", "Z00000001", card_sn="null"), "card_sn: is missing"),
        (who("04", f"{LIN.certno}|{LIN.ec_token}"), ""),
        (who("04", f"{LIN.certno}|nothing"), "mdtrt_cert_no: its token is not"),
        (who("02", f"{LIN.certno}|{business('00' * 16, LIN.certno)}"), ""),
    ],
)
def test_every_kind_of_certificate_finds_the_person(
    lenient: Platform, ledger: Ledger, node: dict[str, Any], warned: str
) -> None:
    answer = lenient.handle(message("1101", 1, node))
    assert answer["err_msg"] == ""
    base = answer["output"]["baseinfo"]
    assert base == {
        "psn_no": "P0001", "psn_cert_type": "01", "certno": LIN.certno, "psn_name": "林知夏",
        "gend": "2", "naty": "01", "brdy": "2001-02-03", "age": "25",
    }  # fmt: skip
    (insurance,) = answer["output"]["insuinfo"]
    assert (insurance["balc"], insurance["psn_type"], insurance["emp_name"]) == (
        "100.00", "11", "虚构公司",
    )  # fmt: skip
    assert answer["output"]["idetinfo"][0]["psn_idet_type"] == "2302"
    assert warned in answer.get("warn_msg", "")
    strict = open_platform(ledger, **OPTIONS).handle(message("1101", 2, node))
    assert (strict["infcode"] == 0) == (warned == "")


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        (who("01", "510100ec"), "mdtrt_cert_no: nobody in the register of persons"),
        (who("02", "1"), "mdtrt_cert_no: nobody in the register of persons"),
        (who("05", "1"), "mdtrt_cert_type: must be 01, 02, 03 or 04"),
        (who("03", "Z00000001|abc"), "mdtrt_cert_no: business string: must be 228 characters"),
        (who("03", f"Z00000002|{business()}"), "mdtrt_cert_no: business string: is another card's"),
        (
            who("03", f"Z00000001|{business()}", card_sn=CARD[:-1] + "2"),
            "mdtrt_cert_no: business string: is another card's",
        ),
        (
            who("03", f"Z00000001|{business(at=AT - 90_000)}"),
            "mdtrt_cert_no: business string: is too old",
        ),
        (who("03", "Z00000009"), "card_sn: must be the 卡识别码"),
    ],
)
def test_who_is_not_believed(lenient: Platform, node: dict[str, Any], rule: str) -> None:
    answer = lenient.handle(message("1101", 1, node))
    assert answer["err_msg"].startswith(rule)


def test_without_the_registers_only_cards_are_known(ledger: Ledger) -> None:
    bare = open_platform(ledger, strict=False, policy=NO_POOL)
    assert "only cards (03)" in bare.handle(message("1101", 1, who("02", "1")))["err_msg"]
    node = who("03", f"Z00000001|{business()}", card_sn=CARD)
    told = bare.handle(message("1101", 2, node))
    assert told["warn_msg"] == "mdtrt_cert_no: its business string was not checked"


def test_tokens_may_be_another_services(ledger: Ledger) -> None:
    platform = open_platform(ledger, tokens={"T1": LIN.certno}.get, **OPTIONS)
    answer = platform.handle(message("1101", 1, who("01", "T1")))
    assert answer["output"]["baseinfo"]["certno"] == LIN.certno


@pytest.mark.parametrize(
    "certificate",
    [
        {"mdtrt_cert_type": "01", "mdtrt_cert_no": LIN.ec_token},
        {"mdtrt_cert_type": "02", "mdtrt_cert_no": LIN.certno},
        {"mdtrt_cert_no": f"Z00000001|{business()}"},
        {"card_sn": CARD},
    ],
)
def test_a_sale_by_every_kind_of_certificate(
    lenient: Platform, ledger: Ledger, certificate: dict[str, str]
) -> None:
    trial = lenient.handle(message("2101", 1, bill("10.00", **certificate)))
    assert trial["output"]["setlinfo"]["acct_pay"] == "10.00"
    sold = lenient.handle(message("2102", 2, bill("10.00", **certificate)))
    info = sold["output"]["setlinfo"]
    assert (info["psn_name"], info["certno"], info["age"]) == ("林知夏", LIN.certno, "25")
    assert balances(ledger) == {"personal": BALANCE - 1000, "pharmacy": 1000}
    wrong = bill("10.00", psn_no="P0002", **certificate)
    refused = lenient.handle(message("2102", 3, wrong))["err_msg"]
    assert refused == "psn_no: is not that of the card"


def test_the_account_of_a_relative_pays(lenient: Platform, ledger: Ledger) -> None:
    """acct_used_flag 2 (共济): Wu has nothing, Lin's account pays for him, and gets it back."""
    base = lenient.handle(message("1101", 1, who("02", WU.certno)))["output"]["baseinfo"]
    own = {"mdtrt_cert_type": "02", "mdtrt_cert_no": WU.certno, "psn_no": base["psn_no"]}
    plain = lenient.handle(message("2101", 2, bill("10.00", **own)))["output"]["setlinfo"]
    assert (plain["acct_pay"], plain["psn_cash_pay"]) == ("0.00", "10.00")
    sold = lenient.handle(message("2102", 3, bill("10.00", acct_used_flag="2", **own)))
    info = sold["output"]["setlinfo"]
    assert (info["acct_pay"], info["acct_mulaid_pay"], info["balc"]) == ("10.00", "10.00", "90.00")
    assert (info["psn_name"], info["insutype"]) == ("吴砚秋", "310")
    assert balances(ledger) == {"personal": BALANCE - 1000, "pharmacy": 1000}
    gone = {"data": {name: info[name] for name in ("psn_no", "setl_id", "mdtrt_id")}}
    assert lenient.handle(message("2103", 4, gone))["infcode"] == 0
    assert balances(ledger) == {"personal": BALANCE}


def test_a_shared_account_without_a_relative_is_the_own_one(lenient: Platform) -> None:
    info = lenient.handle(message("2102", 1, bill("10.00", acct_used_flag="2")))["output"]
    assert (info["setlinfo"]["acct_pay"], info["setlinfo"]["acct_mulaid_pay"]) == ("10.00", "0.00")
    assert [one["fund_pay_type"] for one in info["setldetail"]] == ["310200"]
