# SPDX-License-Identifier: Apache-2.0
"""Answers of usual sales as texts with places, written once for each shape.

What an answer says and in which order is :mod:`.answers`' alone: a shape is an answer of it in
which what differs from sale to sale has become a place. So a sale costs what its own values cost.

The texts are in the words of PostgreSQL's ``format`` (see
:mod:`sscard_chip.settlement.ledger.authorisation.straight`): what only the ledger knows stays a
place, ``%1$s``, and a percent sign is two.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, Final

from sscard_chip.dayfile.envelope import compact
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.settlement.platform import answers
from sscard_chip.settlement.platform.drugs import DrugBill
from sscard_chip.settlement.platform.envelope import Request, make_answer, stamp
from sscard_chip.settlement.platform.persons import InsuredPerson
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import show_time
from sscard_chip.standard.settlement_mode import Split

_MARK: Final = secrets.token_hex(12)
"""What no message knows: it stands for a place while a shape is written."""
_PLACE: Final = re.compile(f'"{_MARK}([a-z_]+)"')
_DAY: Final = "20260101000000"
_ONE: Final = Split(1, 1, 1)


class _Shape:
    """JSON with places."""

    def __init__(self, value: Any) -> None:
        pieces = _PLACE.split(compact(value).replace("%", "%%"))
        self._text = "%s".join(pieces[::2])
        self._values = itemgetter(*pieces[1::2])

    def text(self, values: Mapping[str, str]) -> str:
        """The JSON with its values, which are JSON too."""
        return str(self._text % self._values(values))


def _place(name: str) -> str:
    return f"{_MARK}{name}"


def _places(*names: str) -> dict[str, str]:
    return {name: _place(name) for name in names}


def _json(text: str) -> str:
    """A text as JSON within a text of ``format``."""
    quoted: str = encode_basestring(text)
    return quoted.replace("%", "%%") if "%" in quoted else quoted


_WHOSE: Final = tuple(answers.whose(_DAY, None, None))
_OF_BILL: Final = ("insutype", "mdtrt_cert_type", "med_type", "medfee_sumamt")
_OF_SALE: Final = (
    "psn_no", "setl_id", "mdtrt_id", "setl_time", "medins_setl_id", "clr_optins",
)  # fmt: skip
_OF_SHARE: Final = (
    "acct_pay", "psn_cash_pay", "fulamt_ownpay_amt", "inscp_scp_amt", "hifp_pay",
    "fund_pay_sumamt", "psn_part_amt", "balc",
)  # fmt: skip
_STAMPS: Final = ("inf_refmsgid", "refmsg_time", "respond_time")


@lru_cache(maxsize=64)
def _answer(account: bool, pooled: bool, insutype: str, more: tuple[str, ...] = ()) -> _Shape:
    """The answer to a hold or its confirmation; ``more`` are further members of setlinfo.

    ``account`` and ``pooled`` say who has a row in setldetail.
    """
    info = answers.setlinfo(_ONE, 1, psn_no="", time=_DAY, msgid="", division="")
    info |= _places(*_WHOSE, *_OF_BILL, *_OF_SALE, *_OF_SHARE, *more)
    detail = answers.setldetail(Split(0, 1, int(pooled)), account=account, insutype=insutype)
    for one in detail:
        one |= _places("inscp_scp_amt") | {"fund_payamt": _place("hifp_pay")}
    if account:
        detail[-1]["fund_payamt"] = _place("acct_pay")
    output = {"setlinfo": info, "setldetail": detail, "detlcutinfo": _place("detlcutinfo")}
    answer = make_answer("", datetime.min, datetime.min, output=output)
    return _Shape(answer | _places(*_STAMPS))


def hold_text(
    request: Request,
    bill: DrugBill,
    pooled_fen: int,
    received: datetime,
    answered: datetime,
    person: InsuredPerson | None,
) -> str:
    """The answer to a 2102A, whose places are the setl_id, the mdtrt_id, what the account pays,
    the cash, what is insured, and the balance."""
    values = _values(bill, request.time, received, answered, person)
    pooled, rest = yuan(pooled_fen), yuan(bill.total_fen - pooled_fen)
    values |= _HELD
    values["hifp_pay"] = values["fund_pay_sumamt"] = f'"{pooled}"'
    values["psn_part_amt"] = f'"{rest}"'
    values["psn_no"] = _json(bill.info["psn_no"])
    values["medins_setl_id"] = _json(request.msgid)
    values["clr_optins"] = f'"{request.treatment_division}"'
    shape = _answer(bill.asks_account, pooled_fen > 0, answers.pool_of(bill.info["insutype"]))
    return shape.text(values)


def confirmation_text(
    row: DayRow,
    bill: DrugBill,
    received: datetime,
    answered: datetime,
    person: InsuredPerson | None,
    exp_content: str,
) -> str:
    """The answer to the 2102 of a hold, whose places are its number and the balance."""
    values = _values(bill, row.time, received, answered, person)
    values |= _CONFIRMED
    cash = f'"{yuan(row.cash_fen)}"'
    values["acct_pay"] = f'"{yuan(row.account_fen)}"'
    values["psn_cash_pay"] = values["fulamt_ownpay_amt"] = cash
    values["hifp_pay"] = values["fund_pay_sumamt"] = f'"{yuan(row.fund_fen)}"'
    values["inscp_scp_amt"] = f'"{yuan(row.account_fen + row.fund_fen)}"'
    values["psn_part_amt"] = f'"{yuan(row.account_fen + row.cash_fen)}"'
    values["psn_no"] = _json(row.psn_no or "")
    values["setl_id"] = _json(row.setl_id or "")
    values["mdtrt_id"] = _json(row.mdtrt_id or "")
    values["medins_setl_id"] = _json(row.msgid)
    values["clr_optins"] = f'"{row.treatment_division}"'
    values["exp_content"] = _json(exp_content)
    fund = answers.pool_of(bill.info["insutype"])
    return _answer(bill.asks_account, row.fund_fen > 0, fund, _MORE).text(values)


_MORE: Final = ("exp_content",)
_SETL_ID, _MDTRT_ID, _ACCOUNT, _CASH, _INSURED, _BALANCE = (f'"%{at}$s"' for at in range(1, 7))
_HELD: Final = {
    "inf_refmsgid": _SETL_ID,
    "setl_id": _SETL_ID,
    "mdtrt_id": _MDTRT_ID,
    "acct_pay": _ACCOUNT,
    "psn_cash_pay": _CASH,
    "fulamt_ownpay_amt": _CASH,
    "inscp_scp_amt": _INSURED,
    "balc": _BALANCE,
}
_CONFIRMED: Final = {"inf_refmsgid": '"%1$s"', "balc": '"%2$s"'}
_NOBODY: Final = {name: _json(text) for name, text in answers.whose(_DAY, None, None).items()}


def _values(
    bill: DrugBill, time: str, received: datetime, answered: datetime, person: InsuredPerson | None
) -> dict[str, str]:
    """What the answers to a hold and to its confirmation say alike."""
    info = bill.info
    values = {name: _json(info[name]) for name in _OF_BILL}
    whose = answers.whose(time, bill, person)
    values |= _NOBODY if whose is answers.NOBODY else {n: _json(t) for n, t in whose.items()}
    values["setl_time"] = f'"{show_time(time)}"'
    values["refmsg_time"] = f'"{stamp(received)}"'
    values["respond_time"] = f'"{stamp(answered)}"'
    values["detlcutinfo"] = f"[{','.join([_line_text(line) for line in bill.details])}]"
    return values


# --- a line of the bill --------------------------------------------------------------------------

_OF_LINE: Final = ("feedetl_sn", "det_item_fee_sumamt", "cnt", "pric")
_CODES: Final = ("med_list_codg", "medins_list_codg")
_LEVELS: Final = ("inscp_scp_amt", "chrgitm_lv", "med_chrgitm_type")


@lru_cache(maxsize=2)
def _line(by_amount: bool) -> _Shape:
    line = dict.fromkeys(_OF_LINE, "") | dict.fromkeys(
        _CODES, answers.BY_AMOUNT if by_amount else ""
    )
    codes = () if by_amount else _CODES
    return _Shape(answers.line_cut(line) | _places(*_OF_LINE, *_LEVELS, *codes))


def _line_text(line: Mapping[str, str]) -> str:
    values = {name: _json(line[name]) for name in (*_OF_LINE, *_CODES)}
    level, kind = answers.levels(line["med_list_codg"])
    values["inscp_scp_amt"] = values["det_item_fee_sumamt"]
    values["chrgitm_lv"], values["med_chrgitm_type"] = f'"{level}"', f'"{kind}"'
    return _line(line["med_list_codg"] == answers.BY_AMOUNT).text(values)
