# SPDX-License-Identifier: Apache-2.0
"""2001, 5203, 5204, 5301: what a person may have, and what the centre has of a settlement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import CardStatus, LedgerTransaction, status_of
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    Settlement,
    SettlementState,
    find_by_mdtrt_id,
    find_by_setl_id,
    find_cancelled_as,
)
from sscard_chip.settlement.platform import answers
from sscard_chip.settlement.platform.catalogue import find_drug
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.payer import PayerFinder
from sscard_chip.settlement.platform.transactions import TRANSACTIONS
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.settlement.schema import platform as tables
from sscard_chip.settlement.schema.authorisation import step
from sscard_chip.standard.dates import show_time

_UNKNOWN: Final = "the centre knows no such settlement"
_INSTITUTION_PAYS: Final = "2"
"""pay_loc: at the institution [HN]."""
_CHECKED: Final = "1"
"""trt_chk_type [L]."""


class Enquiries:
    """Enquiries on the ledger, a register of persons and a region's policy."""

    def __init__(self, payers: PayerFinder, policy: CentrePolicy) -> None:
        self._payers = payers
        self._policy = policy

    def entitlement(self, t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
        """2001: whether account and pooled fund may pay for this med_type."""
        (data,) = TRANSACTIONS["2001"].input[0].check(request.input)
        payer, person = self._payers.person(t, data["psn_no"])
        if payer is None:
            raise AuthorisationRefusedError("psn_no: nobody in the register")
        why = ""
        status = status_of(t, payer.card, request.time)
        if status is not CardStatus.NORMAL:
            why = f"卡状态 {int(status)} {status.chinese}"
        elif person is not None and person.psn_insu_stas != "1":
            why = f"参保状态 {person.psn_insu_stas}"
        rows = []
        pooled = data["med_type"] in self._policy.pool
        for fund, name, enjoyed in answers.funds(data["insutype"], pooled=pooled):
            reason = why or ("" if enjoyed else f"{name}不支付医疗类别 {data['med_type']}")
            rows.append(
                {
                    "psn_no": data["psn_no"],
                    "trt_chk_type": _CHECKED,
                    "fund_pay_type": fund,
                    "trt_enjymnt_flag": "0" if reason else "1",
                    "begndate": data["begntime"][:10],
                    "enddate": "",
                    "trt_chk_rslt": reason,
                }
            )
        return {"trtinfo": rows}

    def settlement(self, t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
        """5203: a settlement, or its cancellation by the setl_id of that."""
        (data,) = TRANSACTIONS["5203"].input[0].check(request.input)
        found, cancelled = self._find(t, request, data)
        order = found.order
        state = SettlementState.CANCELLED if cancelled else SettlementState.SETTLED
        made = t.connection.execute(
            sa.select(step.c.msgid, step.c.time)
            .where(step.c.authorisation == found.number, step.c.state == str(state))
            .order_by(step.c.number.desc())
        ).first()
        if made is None:
            raise AuthorisationRefusedError(_UNKNOWN)
        kept = _kept(t, made.msgid) or {}
        info, detail = kept.get("setlinfo"), kept.get("setldetail")
        if not isinstance(info, dict):
            _, person = self._payers.person(t, order.psn_no)
            info = answers.setlinfo(
                order.split, 0, psn_no=order.psn_no, time=order.time, msgid=order.msgid,
                division=order.treatment_division, setl_id=data["setl_id"],
                mdtrt_id=order.mdtrt_id, cancellation=cancelled, person=person,
            )  # fmt: skip
        if not isinstance(detail, list):
            detail = answers.setldetail(
                order.split, insutype=info["insutype"], cancellation=cancelled
            )
        more = {
            "psn_pay": info["psn_part_amt"],
            "cash_payamt": info["psn_cash_pay"],
            "refd_setl_flag": "1" if cancelled else "0",
            "pay_loc": _INSTITUTION_PAYS,
            "fixmedins_code": order.pharmacy,
            "fixmedins_name": request.fixmedins_name,
            "begndate": info["setl_time"][:10],
            "enddate": info["setl_time"][:10],
            "year": info["setl_time"][:4],
        }
        info.pop("exp_content", None)
        return {"setlinfo": info | more, "setldetail": detail}

    def fees(self, t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
        """5204: the lines of a settlement, as they were settled."""
        (data,) = TRANSACTIONS["5204"].input[0].check(request.input)
        found, _ = self._find(t, request, data)
        order = found.order
        kept = _kept(t, order.msgid) or {}
        lines = kept.get("detlcutinfo") or []
        info = kept.get("setlinfo") or {}
        rows = []
        for line in lines:
            code = line.get("med_list_codg", "0")
            drug = find_drug(code)
            rows.append(
                {
                    "mdtrt_id": order.mdtrt_id,
                    "setl_id": data["setl_id"] or order.setl_id,
                    "med_type": info.get("med_type", ""),
                    "fee_ocur_time": show_time(order.time),
                    "hilist_code": code,
                    "hilist_name": drug.name if drug else "",
                    "list_type": drug.list_type if drug else "",
                    "med_list_codg": code,
                    "medins_list_codg": line.get("medins_list_codg", code),
                }
                | line
            )
        return {"feedetail": rows}

    def chronic(self, t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
        """5301: chronic diseases that are filed for a person."""
        (data,) = TRANSACTIONS["5301"].input[0].check(request.input)
        payer, person = self._payers.person(t, data["psn_no"])
        if payer is None:
            raise AuthorisationRefusedError("psn_no: nobody in the register")
        return {
            "feedetail": [
                {
                    "opsp_dise_code": one.code,
                    "opsp_dise_name": one.name,
                    "begndate": one.begin,
                    "enddate": one.end,
                }
                for one in (person.filings if person else ())
            ]
        }

    def _find(
        self, t: LedgerTransaction, request: Request, data: Mapping[str, str]
    ) -> tuple[Settlement, bool]:
        """The settlement of the institution, and whether its cancellation is meant."""
        setl_id = data["setl_id"]
        found = find_by_setl_id(t, setl_id) if setl_id else find_by_mdtrt_id(t, data["mdtrt_id"])
        cancelled = False
        if found is None:
            found, cancelled = find_cancelled_as(t, setl_id), True
        gone = (SettlementState.HELD, SettlementState.RELEASED, SettlementState.REVERSED)
        if (
            found is None
            or found.order.pharmacy != request.institution
            or (found.order.psn_no, found.order.mdtrt_id) != (data["psn_no"], data["mdtrt_id"])
            or found.state in gone
            or (cancelled and found.state is not SettlementState.CANCELLED)
        ):
            raise AuthorisationRefusedError(_UNKNOWN)
        return found, cancelled


def _kept(t: LedgerTransaction, msgid: str) -> dict[str, Any] | None:
    """The output of the answer that a message got."""
    content = t.connection.execute(
        sa.select(tables.answer.c.content)
        .join_from(tables.answer, tables.message, tables.message.c.id == tables.answer.c.message)
        .where(tables.message.c.msgid == msgid)
    ).scalar_one_or_none()
    output = json.loads(content)["output"] if content else None
    return output if isinstance(output, dict) else None
