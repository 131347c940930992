# SPDX-License-Identifier: Apache-2.0
"""The till's side: its four questions as messages of the national interface.

``authorise`` is 1101, 2101 (trial) and a hold; ``confirm`` the 2102 of that hold; ``cancel`` 2103;
``reverse`` 2601. How a message travels is the sender's: a function that takes a request and gives
a response.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    Hold,
    HoldRequest,
)
from sscard_chip.dayfile.envelope import CARD, FAILURE, HOLD, SUCCESS, compact, make_request
from sscard_chip.dayfile.msgid import (
    confirmation_msgid,
    person_msgid,
    reversal_msgid,
    trial_msgid,
)
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.standard.amounts import parse_yuan, yuan
from sscard_chip.standard.insurance import EMPLOYEE_BASIC, PHARMACY_VISIT
from sscard_chip.standard.settlement_mode import OfflineUse, Split

Send = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Sends a request and gives the response. Raises
:class:`~sscard_chip.dayfile.authoriser.CentreUnreachableError` when it certainly
did not leave, :class:`~sscard_chip.dayfile.authoriser.CentreNoAnswerError` when no answer came."""

_NO_CATALOGUE: Final = "0"
"""med_list_codg and medins_list_codg of a till that sells by amount and not by article [ours]."""


class PlatformAuthoriser:
    """An :class:`~sscard_chip.terminal.pos.Authoriser` that speaks the national interface."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def authorise(self, request: HoldRequest) -> Hold:
        """Who it is (1101), the trial (2101), the hold under the request's msgid."""
        code = request.card_id_code.hex().upper()
        person = self._person(request, code)
        asked = _bill(request, person, code, request.split)
        trial = self._ask("2101", trial_msgid(request.msgid), request, asked)
        bill = _bill(request, person, code, _split(trial["setlinfo"]))
        held = self._ask(HOLD, request.msgid, request, bill)["setlinfo"]
        return Hold(
            held["setl_id"],
            held["mdtrt_id"],
            held["psn_no"],
            _split(held),
            parse_yuan(held["balc"]),
        )

    def confirm(self, row: DayRow) -> OfflineUse | None:
        """2102 with the setl_id of the hold and the row, TAC included."""
        extra = {
            "card_sn": row.card_id_code.hex().upper(),
            "setl_id": row.setl_id,
            "row": row.encode(),
        }
        node = _drugs(row.psn_no or "", row.card_number, row.time, row.total_fen, row.msgid, extra)
        answer = self._send_of(
            "2102", confirmation_msgid(row.msgid), row.time, row.treatment_division,
            row.insured_division or "", row.terminal_id, node,
        )  # fmt: skip
        return _offline_use(answer["setlinfo"])

    def cancel(self, row: DayRow, msgid: str) -> str:
        """2103 under ``msgid``; the new setl_id."""
        data = {
            "psn_no": row.psn_no or "",
            "setl_id": row.setl_id or "",
            "mdtrt_id": row.mdtrt_id or "",
        }
        time = msgid[12:26]
        answer = self._send_of(
            "2103", msgid, time, row.treatment_division, row.insured_division or "",
            row.terminal_id, {"data": data},
        )  # fmt: skip
        return str(answer["setlinfo"]["setl_id"])

    def reverse(self, msgid: str) -> None:
        """2601 of the hold ``msgid``."""
        data = {"psn_no": "", "omsgid": msgid, "oinfno": HOLD}
        self._send_of(
            "2601", reversal_msgid(msgid), msgid[12:26], _NOWHERE, "", msgid[:12], {"data": data}
        )

    # --- messages ------------------------------------------------------------------------------

    def _person(self, request: HoldRequest, code: str) -> str:
        data = {
            "mdtrt_cert_type": CARD,
            "mdtrt_cert_no": request.card_number,
            "card_sn": code,
        }
        answer = self._ask("1101", person_msgid(request.msgid), request, {"data": data})
        return str(answer["baseinfo"]["psn_no"])

    def _ask(self, infno: str, msgid: str, request: HoldRequest, node: Mapping[str, Any]) -> Any:
        return self._send_of(
            infno, msgid, request.time, request.treatment_division,
            request.insured_division, request.terminal_id, node,
        )  # fmt: skip

    def _send_of(
        self,
        infno: str,
        msgid: str,
        time: str,
        treatment: str,
        insured: str,
        operator: str,
        node: Mapping[str, Any],
    ) -> Any:
        """The output of a success.

        :raises CentreRefusedError: a failure, with the platform's text.
        :raises CentreNoAnswerError: the answer is none.
        """
        request = make_request(infno, msgid, time, treatment, insured, node, operator=operator)
        answer = self._send(request)
        if answer.get("infcode") == FAILURE:
            raise CentreRefusedError(str(answer.get("err_msg") or "refused"))
        output = answer.get("output")
        if answer.get("infcode") != SUCCESS or not isinstance(output, Mapping):
            raise CentreNoAnswerError("the answer cannot be read")
        return output


_NOWHERE: Final = "100000"
"""mdtrtarea_admvs of a reversal that knows nothing but an id: the country [ours]."""


def _bill(request: HoldRequest, psn_no: str, code: str, split: Split) -> Mapping[str, Any]:
    extra: dict[str, Any] = {"card_sn": code, "split": list(split)}
    if request.use is not None:
        use = request.use
        extra["offline_use"] = [int(use.allowed), use.amount_fen, use.times]
    if request.kind is not None:
        extra["category"] = request.kind
    return _drugs(psn_no, request.card_number, request.time, split.total_fen, request.msgid, extra)


def _drugs(
    psn_no: str, card_number: str, time: str, total_fen: int, msgid: str, extra: Mapping[str, Any]
) -> Mapping[str, Any]:
    at = f"{time[:4]}-{time[4:6]}-{time[6:8]} {time[8:10]}:{time[10:12]}:{time[12:]}"
    total = yuan(total_fen)
    return {
        "druginfo": {
            "psn_no": psn_no,
            "mdtrt_cert_type": CARD,
            "mdtrt_cert_no": card_number,
            "begntime": at,
            "medfee_sumamt": total,
            "invono": "",
            "insutype": EMPLOYEE_BASIC,
            "dise_codg": "",
            "dise_name": "",
            "acct_used_flag": "1",
            "med_type": PHARMACY_VISIT,
            "exp_content": compact(extra),
        },
        "drugdetail": [
            {
                "feedetl_sn": msgid,
                "fee_ocur_time": at,
                "med_list_codg": _NO_CATALOGUE,
                "medins_list_codg": _NO_CATALOGUE,
                "det_item_fee_sumamt": total,
                "cnt": "1",
                "pric": total,
            }
        ],
    }


def _split(info: Mapping[str, str]) -> Split:
    parts = ("acct_pay", "psn_cash_pay", "fund_pay_sumamt")
    return Split(*(parse_yuan(info[name]) for name in parts))


def _offline_use(info: Mapping[str, str]) -> OfflineUse | None:
    if "exp_content" not in info:
        return None
    allowed, amount, times = json.loads(info["exp_content"])["offline_use"]
    return OfflineUse(bool(allowed), amount, times)
