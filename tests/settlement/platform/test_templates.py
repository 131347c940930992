# SPDX-License-Identifier: Apache-2.0
"""Answers from texts with places are, letter for letter, those that are built of their members."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.dayfile.envelope import HOLD, compact
from sscard_chip.settlement.ledger.authorisation import fill
from sscard_chip.settlement.platform import answers
from sscard_chip.settlement.platform.drugs import DrugBill, parse_bill
from sscard_chip.settlement.platform.envelope import make_answer, parse_request
from sscard_chip.settlement.platform.persons import InsuredPerson
from sscard_chip.settlement.platform.templates import confirmation_text, hold_text
from sscard_chip.standard.settlement_mode import Split
from tests.settlement.platform.centre import bill, message, row_of

RECEIVED: Final = datetime(2026, 3, 15, 10, 11, 12, 345678)
ANSWERED: Final = datetime(2026, 3, 15, 10, 11, 13, 9000)
LIN: Final = InsuredPerson("990000200102030012", '林知夏 %1$s "', gend="2", brdy="2001-02-03")
USE: Final = '{"offline_use":[1,0,0]}'
_TEXT: Final = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('%$"\\/\t\n'), max_size=12
)
_OTHER: Final = {"psn_name": _TEXT, "certno": _TEXT, "psn_type": st.sampled_from(("", "11"))}
_CHANGES: Final = st.fixed_dictionaries(
    {
        "insutype": st.sampled_from(("310", "390", "510", "%s")),
        "acct_used_flag": st.sampled_from("012"),
        "med_type": st.sampled_from(("41", "14", "%%")),
        "psn_no": _TEXT.filter(bool),
    },
    optional=_OTHER,
)
_CODES: Final = st.sampled_from(("0", "X1", "XA01AAA001A001010100001", '%"\\'))


def checked(changes: dict[str, str], amounts: list[int], codes: list[str]) -> DrugBill:
    node: Any = bill(*(f"{one // 100}.{one % 100:02d}" for one in amounts), **changes)
    for line, code in zip(node["drugdetail"], codes * len(amounts), strict=False):
        line |= {"med_list_codg": code, "medins_list_codg": code}
    return parse_bill(node)


@given(
    _CHANGES, st.lists(st.integers(1, 10**7), min_size=1, max_size=4),
    st.lists(_CODES, min_size=1, max_size=3), st.sampled_from((None, LIN)), st.floats(0, 1),
    st.floats(0, 1),
)  # fmt: skip
def test_a_text_is_what_its_members_are(
    changes: dict[str, str],
    amounts: list[int],
    codes: list[str],
    person: InsuredPerson | None,
    of_pool: float,
    of_account: float,
) -> None:
    asked = checked(changes, amounts, codes)
    request = parse_request(message(HOLD, 1, {}))
    pooled = int(asked.total_fen * of_pool)
    account = int((asked.total_fen - pooled) * of_account) if asked.asks_account else 0
    split = Split(account, asked.total_fen - pooled - account, pooled)
    text = hold_text(request, asked, pooled, RECEIVED, ANSWERED, person)
    parts = (_yuan(one) for one in (split.account_fen, split.self_paid_fen, account + pooled, 7))
    assert fill(text, "S1", "M1", *parts) == built(
        "S1", asked, split, person, psn_no=asked.info["psn_no"], time=request.time,
        msgid=request.msgid, division="510100", setl_id="S1", mdtrt_id="M1",
    )  # fmt: skip
    info = {"setl_id": 'S"1', "mdtrt_id": "M%", "psn_no": "P\\", "medins_setl_id": request.msgid}
    info |= {"acct_pay": "1.00", "psn_cash_pay": "1.00", "fund_pay_sumamt": "1.00"}
    row = replace(
        row_of(info | {"setl_time": "2026-03-15 10:11:12"}),
        account_fen=split.account_fen, cash_fen=split.self_paid_fen, fund_fen=split.pooled_fen,
    )  # fmt: skip
    text = confirmation_text(row, asked, RECEIVED, ANSWERED, person, USE)
    assert fill(text, "R1", "0.07") == built(
        "R1", asked, split, person, {"exp_content": USE}, psn_no="P\\", time="20260315101112",
        msgid=request.msgid, division="510100", setl_id='S"1', mdtrt_id="M%",
    )  # fmt: skip


def built(
    refmsgid: str,
    asked: DrugBill,
    split: Split,
    person: InsuredPerson | None,
    more: dict[str, str] | None = None,
    **labels: Any,
) -> str:
    """The same answer as the long way makes it; the balance is seven fen."""
    insutype = asked.info["insutype"]
    info = answers.setlinfo(split, 7, insutype=insutype, bill=asked, person=person, **labels)
    output = {
        "setlinfo": info | (more or {}),
        "setldetail": answers.setldetail(split, account=asked.asks_account, insutype=insutype),
        "detlcutinfo": answers.detlcutinfo(asked),
    }
    return compact(make_answer(refmsgid, RECEIVED, ANSWERED, output=output))


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


@pytest.mark.parametrize("body", [b'{"a": 1}', b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a": 1e999}'])
def test_what_one_reader_of_json_refuses_the_other_takes(body: bytes) -> None:
    """The quick reader knows no NaN and no half of a pair: such a body is read as ever."""
    import json

    from sscard_chip.settlement.platform.body import read_body

    assert repr(read_body(body)) == repr((json.loads(body), ()))
