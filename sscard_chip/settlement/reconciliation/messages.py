# SPDX-License-Identifier: Apache-2.0
"""3201 to 3205, 9101 and 9102 in the national platform's envelope (conventions, A8, A9).

All of them may be asked again without harm: reading changes nothing, a file is named by its
content, a claim that stands already is answered with its number.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.clearing.claims import (
    ClaimRefusedError,
    ClaimRequest,
    apply_claim,
    cancel_claim,
    find_claim,
)
from sscard_chip.settlement.ledger import Ledger, LedgerTransaction
from sscard_chip.settlement.platform.catalogue import catalogue_files
from sscard_chip.settlement.platform.envelope import Request, make_answer, parse_request
from sscard_chip.settlement.platform.fields import MessageError, check_fields
from sscard_chip.settlement.platform.services import ServiceHandler
from sscard_chip.settlement.platform.transactions.clearing import (
    CLAIM,
    CLAIM_NUMBER,
    DETAILS,
    DOWNLOAD,
    TOTALS,
    UPLOAD,
)
from sscard_chip.settlement.reconciliation.centre import LedgerCentre
from sscard_chip.settlement.reconciliation.compare import SideTotals
from sscard_chip.settlement.reconciliation.results import ReconciliationError
from sscard_chip.settlement.schema.reconciliation import file
from sscard_chip.standard.amounts import parse_yuan
from sscard_chip.standard.dates import TIME

_RESULT_NAME: Final = "result.zip"


class ClearingPlatform:
    """The centre's side; beside :class:`~sscard_chip.settlement.platform.Platform`.

    ``now`` is the clock of the answers.
    """

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime] = datetime.now) -> None:
        self._ledger = ledger
        self._now = now
        self._handlers: dict[str, ServiceHandler] = {
            "3201": _totals,
            "3202": _details,
            "3203": _claim,
            "3204": _cancel,
            "3205": _status,
            "9101": _upload,
            "9102": _download,
        }

    def handle(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        :raises LedgerError: the ledger cannot be used; there is no answer.
        """
        received = self._now()
        division, output, error = "000000", None, None
        try:
            request = parse_request(message)
            division = request.treatment_division
            handler = self._handlers.get(request.infno)
            if handler is None:
                raise MessageError("infno: is not served here")
            output = self._ledger.run(lambda t: handler(t, request), exclusive=True)
        except (MessageError, ReconciliationError, ClaimRefusedError) as refusal:
            error = str(refusal)
        number = f"{division}{received.strftime(TIME)}{secrets.randbelow(10**10):010d}"
        return make_answer(number, received, self._now(), output=output, error=error)


def file_services() -> dict[str, ServiceHandler]:
    """3201, 3202, 9101 and 9102 for a :class:`~sscard_chip.settlement.platform.Platform`."""

    def of(handler: ServiceHandler) -> ServiceHandler:
        def served(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
            try:
                return handler(t, request)
            except ReconciliationError as error:
                raise MessageError(str(error)) from None

        return served

    return {"3201": of(_totals), "3202": of(_details), "9101": of(_upload), "9102": of(_download)}


def store_file(t: LedgerTransaction, pharmacy: str, filename: str, content: bytes) -> str:
    """9101 for files of any size: keep a file; its file_qury_no."""
    digest = sha256(b"\0".join((pharmacy.encode(), filename.encode(), content)))
    number = digest.hexdigest()[:30].upper()
    known = sa.select(file.c.number).where(file.c.number == number)
    if t.connection.execute(known).first() is None:
        t.connection.execute(
            sa.insert(file).values(
                number=number, pharmacy=pharmacy, filename=filename, content=content
            )
        )
    return number


def fetch_file(t: LedgerTransaction, pharmacy: str, number: str) -> tuple[str, bytes]:
    """9102 for files of any size: name and content.

    :raises ReconciliationError: the institution has no such file.
    """
    row = t.connection.execute(
        sa.select(file.c.filename, file.c.content).where(
            file.c.number == number, file.c.pharmacy == pharmacy
        )
    ).one_or_none()
    if row is None:
        raise ReconciliationError("file_qury_no: there is no such file")
    return row.filename, bytes(row.content)


def _totals(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    data = check_fields(request.input.get("data"), "data", TOTALS)
    own = SideTotals(
        int(data["fixmedins_setl_cnt"]),
        *(parse_yuan(data[name]) for name in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")),
    )
    first, last = _days(data, "stmt_begndate", "stmt_enddate")
    result, _ = LedgerCentre(t).totals(request.institution, first, last, own)
    return {
        "stmtinfo": {
            "setl_optins": data["setl_optins"],
            "stmt_rslt": str(int(result)),
            "stmt_rslt_dscr": result.title,
        }
    }


def _details(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    data = check_fields(request.input.get("data"), "data", DETAILS)
    first, last = _days(data, "stmt_begndate", "stmt_enddate")
    _, upload = fetch_file(t, request.institution, data["file_qury_no"])
    result = LedgerCentre(t).details(request.institution, first, last, upload)
    number = store_file(t, request.institution, _RESULT_NAME, result)
    return {"fileinfo": {"file_qury_no": number, "filename": _RESULT_NAME, "dld_endtime": ""}}


def _upload(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    data = check_fields(request.input.get("fsUploadIn"), "fsUploadIn", UPLOAD)
    try:
        content = base64.b64decode(data["in"], validate=True)
    except ValueError:  # also of text that is not ASCII
        raise MessageError("fsUploadIn.in: must be base64") from None
    number = store_file(t, request.institution, data["filename"], content)
    return {"file_qury_no": number, "filename": data["filename"], "dld_endtime": ""}


def _download(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    data = check_fields(request.input.get("fsDownloadIn"), "fsDownloadIn", DOWNLOAD)
    catalogue = catalogue_files().get(data["file_qury_no"])
    if catalogue is not None:
        name, content = catalogue
        return {"filename": name, "out": base64.b64encode(content).decode()}
    name, content = fetch_file(t, request.institution, data["file_qury_no"])
    return {"filename": name, "out": base64.b64encode(content).decode()}


def _claim(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    data = check_fields(request.input.get("data"), "data", CLAIM)
    first, last = _days(data, "begndate", "enddate")
    claim = apply_claim(
        t,
        ClaimRequest(
            request.institution,
            data["setlym"],
            int(data["psntime"]),
            parse_yuan(data["medfee_sumamt"]),
            parse_yuan(data["med_sumfee"]),
            parse_yuan(data["fund_appy_sum"]),
            parse_yuan(data["cash_payamt"]),
            parse_yuan(data["acct_pay"]),
            first,
            last,
            data["clr_type"],
            data["clr_way"],
        ),
    )
    return {"result": {"clr_appy_evt_id": claim.number}}


def _cancel(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    data = check_fields(request.input.get("data"), "data", CLAIM_NUMBER)
    _own_claim(t, request, data["clr_appy_evt_id"])
    cancel_claim(t, data["clr_appy_evt_id"])
    return {}


def _status(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    data = check_fields(request.input.get("data"), "data", CLAIM_NUMBER)
    state = _own_claim(t, request, data["clr_appy_evt_id"])
    return {"result": {"clr_appy_evt_id": data["clr_appy_evt_id"], "clr_stas": state}}


def _own_claim(t: LedgerTransaction, request: Request, number: str) -> str:
    claim = find_claim(t, number)
    if claim.request.pharmacy != request.institution:
        raise ClaimRefusedError(f"clr_appy_evt_id {number}: there is no such claim")
    return claim.state.value


def _days(data: Mapping[str, str], first: str, last: str) -> tuple[str, str]:
    for name in (first, last):
        try:
            datetime.strptime(data[name], "%Y-%m-%d")
        except ValueError:
            raise MessageError(f"data.{name}: must be yyyy-MM-dd") from None
    return data[first].replace("-", ""), data[last].replace("-", "")
