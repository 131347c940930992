# SPDX-License-Identifier: Apache-2.0
"""Envelopes and nodes: what is refused, by which rule, and what an answer looks like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import Platform
from sscard_chip.standard.amounts import parse_yuan, yuan
from tests.settlement.platform.centre import (
    CARD,
    bill,
    message,
    msgid,
    open_centre,
    open_platform,
    person,
    undo,
)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """On SQLite alone: nothing here depends on the database."""
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        open_centre(ledger)
        yield open_platform(ledger)


def refusal(platform: Platform, request: Any) -> str:
    answer = platform.handle(request)
    assert answer["infcode"] == -1
    assert answer["output"] == {}
    return str(answer["err_msg"])


LONGER = {
    "infno": 6,
    "msgid": 30,
    "mdtrtarea_admvs": 6,
    "insuplc_admdvs": 6,
    "recer_sys_code": 10,
    "dev_no": 100,
    "dev_safe_info": 2000,
    "cainfo": 1024,
    "signtype": 10,
    "infver": 6,
    "opter_type": 3,
    "opter": 30,
    "opter_name": 50,
    "inf_time": 19,
    "fixmedins_code": 12,
    "fixmedins_name": 200,
    "sign_no": 30,
}
OPTIONAL = {"insuplc_admdvs", "dev_no", "dev_safe_info", "cainfo", "signtype", "sign_no"}


@pytest.mark.parametrize("name", LONGER)
def test_lengths_of_the_envelope(platform: Platform, name: str) -> None:
    request = message("1101", 1, person()) | {name: "1" * (LONGER[name] + 1)}
    assert refusal(platform, request) == f"{name}: at most {LONGER[name]} characters"
    assert refusal(platform, request | {name: 5}) == f"{name}: must be text"
    request[name] = ""
    if name in OPTIONAL:
        assert platform.handle(request)["infcode"] == 0
    else:
        assert refusal(platform, request) == f"{name}: is missing"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"mdtrtarea_admvs": "51010"}, "mdtrtarea_admvs: must be 6 digits"),
        ({"opter_type": "9"}, "opter_type: is malformed"),
        ({"inf_time": "2026-03-15T10:11:12"}, "inf_time: must be yyyy-MM-dd HH:mm:ss"),
        ({"inf_time": "2026-02-30 10:11:12"}, "inf_time: must be yyyy-MM-dd HH:mm:ss"),
        ({"msgid": msgid(1)[:-1]}, "msgid: must be institution 12"),
        ({"msgid": msgid(1, "P51010000002")}, "msgid: must be institution 12"),
        ({"msgid": msgid(1, time="20260230101112")}, "msgid: must be institution 12"),
        ({"fixmedins_code": "P5101000000"}, "fixmedins_code: is malformed"),
        ({"infno": "9101"}, "infno: is not served here"),
        ({"input": None}, "input: must be an object"),
        ({"input": {"data": {"x": "y" * 40_000}}}, "input: at most 40000 characters"),
        ({"input": {}}, "data: must be an object"),
    ],
)
def test_rules_of_the_envelope(platform: Platform, changes: dict[str, Any], rule: str) -> None:
    assert refusal(platform, message("1101", 1, person()) | changes).startswith(rule)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"7", b"{}", b'{"infno": "1101"'])
def test_what_is_no_message(platform: Platform, body: bytes) -> None:
    answer = json.loads(platform.handle_json(body))
    assert answer["infcode"] == -1


def test_a_long_error_is_cut(platform: Platform) -> None:
    assert len(refusal(platform, message("1101", 1, {"data": {}}))) <= 200


def test_the_answer_has_the_fields_of_the_standard(platform: Platform) -> None:
    answer = platform.handle(message("1101", 1, person()))
    assert list(answer) == [
        "infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "output",
    ]  # fmt: skip
    assert re.fullmatch("510100[0-9]{24}", answer["inf_refmsgid"])
    assert re.fullmatch("[0-9]{17}", answer["refmsg_time"])
    assert re.fullmatch("[0-9]{17}", answer["respond_time"])


# --- 1101 ----------------------------------------------------------------------------------------


def test_a_person_and_the_balance(platform: Platform) -> None:
    output = platform.handle(message("1101", 1, person()))["output"]
    assert output["baseinfo"]["psn_no"] == "P0001"
    (insurance,) = output["insuinfo"]
    assert (insurance["balc"], insurance["insuplc_admdvs"]) == ("100.00", "510100")


def test_a_card_whose_person_is_not_known_has_a_number_of_its_own(platform: Platform) -> None:
    second = person(mdtrt_cert_no="Z00000002", card_sn=CARD[:-1] + "2")
    output = platform.handle(message("1101", 1, second))["output"]
    assert re.fullmatch("C[0-9]{29}", output["baseinfo"]["psn_no"])


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"mdtrt_cert_type": "02"}, "mdtrt_cert_type: only cards"),
        ({"card_sn": ""}, "card_sn: must be the 卡识别码"),
        ({"card_sn": CARD[:-1] + "9"}, "the card is not in the register"),
        ({"mdtrt_cert_no": "Z00000009"}, "card_sn: is not that of the card"),
        ({"mdtrt_cert_no": ""}, "data.mdtrt_cert_no: is missing"),
    ],
)
def test_who_is_not_found(platform: Platform, changes: dict[str, str], rule: str) -> None:
    assert refusal(platform, message("1101", 1, person(**changes))).startswith(rule)


def test_who_is_insured_elsewhere(platform: Platform) -> None:
    request = message("1101", 1, person(), insuplc_admdvs="510700")
    assert refusal(platform, request) == "insuplc_admdvs: the person is insured elsewhere"


# --- bills ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        ({"drugdetail": []}, "druginfo: must be an object"),
        (bill("1.00") | {"drugdetail": []}, "drugdetail: must be a list of lines"),
        (bill("1.00", medfee_sumamt="1"), "druginfo.medfee_sumamt: must be yuan"),
        (bill("1.00", medfee_sumamt="01.00"), "druginfo.medfee_sumamt: must be yuan"),
        (bill("1.00", medfee_sumamt="1.01"), "druginfo.medfee_sumamt: must be the sum"),
        (bill("0.00"), "druginfo.medfee_sumamt: must be above zero"),
        (bill("1.00", "-2.00"), "drugdetail.pric: must be a number"),
        (bill("1.00", psn_no=""), "druginfo.psn_no: is missing"),
        (bill("1.00", dise_name="x" * 501), "druginfo.dise_name: at most 500"),
        (bill("1.00", begntime="2026"), "druginfo.begntime: must be yyyy-MM-dd"),
        (bill("1.00", acct_used_flag="3"), "druginfo.acct_used_flag: is malformed"),
        (bill("1.00", mdtrt_cert_type="01"), "mdtrt_cert_type: only cards"),
        (bill("1.00", psn_no="P0002"), "the card is not in the register"),
        (bill("1.00", extra="["), "druginfo.exp_content: must be a JSON object"),
        (bill("1.00", extra='{"split": [1, 2, 3]}'), "druginfo.exp_content: the parts"),
        (bill("1.00", extra='{"split": [-1, 2, 99]}'), "druginfo.exp_content: split"),
        (bill("1.00", extra='{"card_sn": "1"}'), "druginfo.exp_content: card_sn"),
        (bill("1.00", extra='{"row": "D"}'), "druginfo.exp_content: row: goes with"),
        (
            bill("1.00", "1.00") | {"drugdetail": [bill("1.00")["drugdetail"][0]] * 2},
            "drugdetail.feedetl_sn: occurs twice",
        ),
    ],
)
@pytest.mark.parametrize("infno", ["2101", "2102"])
def test_what_is_wrong_with_a_bill(
    platform: Platform, infno: str, node: dict[str, Any], rule: str
) -> None:
    assert refusal(platform, message(infno, 1, node)).startswith(rule)


def test_a_malformed_message_does_not_use_up_its_id(platform: Platform) -> None:
    assert refusal(platform, message("2102", 1, bill("1.00", psn_no="")))
    assert platform.handle(message("2102", 1, bill("1.00")))["infcode"] == 0


def test_errors_do_not_quote_values(platform: Platform) -> None:
    node = bill("1.00", psn_no="secret" * 9)
    assert "secret" not in refusal(platform, message("2102", 1, node))


def test_what_cannot_be_reversed(platform: Platform) -> None:
    for number, oinfno in enumerate(("2101", "1101", "2601"), 10):
        request = message("2601", number, undo(msgid(1), oinfno))
        assert refusal(platform, request).startswith("oinfno: cannot be reversed")
    other = msgid(1, "P51010000002")
    assert refusal(platform, message("2601", 3, undo(other, "2102"))).startswith("omsgid")


@given(st.integers(-(10**16) + 1, 10**16 - 1))
def test_yuan_and_fen(amount: int) -> None:
    text = yuan(amount)
    assert parse_yuan(text) == amount
    assert re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]{2}", text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
NASTY = ["\ud800", "\0", '{"row": "\\u0000"}', "[" * 9999]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_comes_is_answered(platform: Platform, data: st.DataObject) -> None:
    """A good message with something put in somewhere; never an exception, never half an answer."""
    good = [
        message("1101", 1, person()),
        message("2102", 2, bill("1.00", extra='{"split": [100, 0, 0]}')),
        message("2103", 3, {"data": {"psn_no": "a", "setl_id": "b", "mdtrt_id": "c"}}),
        message("2601", 4, undo(msgid(9), "2102")),
    ]
    request = json.loads(json.dumps(data.draw(st.sampled_from(good))))
    node, path = request, data.draw(st.integers(0, 3))
    while path and isinstance(node, dict) and node:
        key = data.draw(st.sampled_from(sorted(node)))
        if not isinstance(node[key], dict):
            break
        node, path = node[key], path - 1
    key = data.draw(st.sampled_from(sorted(node)) if node else st.just("x"))
    node[key] = data.draw(JSON | st.sampled_from(NASTY))
    answer = json.loads(platform.handle_json(json.dumps(request).encode()))
    assert answer["infcode"] in (0, -1)
    assert bool(answer["err_msg"]) == (answer["infcode"] == -1)


def test_a_message_nested_too_deep(platform: Platform) -> None:
    deep = b'{"input":' + b"[" * 100_000
    assert json.loads(platform.handle_json(deep))["infcode"] == -1
