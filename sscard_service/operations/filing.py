# SPDX-License-Identifier: Apache-2.0
"""异地就医备案: filing treatment in another place, ending it early, withdrawing it.

Members are those of the platform's 2501A [H]: a hospital's transfer (转诊) and the person's own
filing have one form, and the number that comes back is ``trt_dcla_detl_sn``. A class that stays
goes on until it is ended; a temporary one ends after the region's months [L].
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec

from sscard_chip.standard.dates import DAY
from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.fields import DayText, NoteText, OptionalDay, PrivateModel, ReceiptNumber, plain
from sscard_service.masks import mask_name
from sscard_service.store.filings import TreatmentFiling, add_filing, end_filing, filings_of
from sscard_service.store.persons import check_name
from sscard_service.work import NoDetails, OperationEffect, Work, operation

CLASSES: Final = {
    "retired": "异地安置退休", "resident": "异地长期居住", "posted": "常驻异地工作",
    "referral": "转诊", "other": "其他临时外出",
}  # fmt: skip
"""Classes of filings [M]."""
_TEMPORARY: Final = frozenset({"referral", "other"})
_AHEAD: Final = timedelta(days=366)
_Text200 = Annotated[str, plain(200)]
_Text2000 = Annotated[str, plain(2000)]


class FilingAgent(PrivateModel, frozen=True):
    """代办人: who files for the person; ``agnter_rlts`` by XN."""

    agnter_name: Annotated[str, rule(check=check_name)]
    agnter_certno: Annotated[str, rule("must be a document's number", pattern="[0-9A-Z]{6,18}")]
    agnter_cert_type: Annotated[str, rule("must be a type of BZ", pattern="[ACDJKM]")] = "A"
    agnter_tel: Annotated[str, rule("must be 11 digits", pattern="1[0-9]{10}|")] = ""
    agnter_addr: _Text200 = ""
    agnter_rlts: Annotated[
        str, rule("must be a relation of XN", pattern="1|21|22|31|32|4|6|7|8")
    ] = "8"


class FilingDetails(PrivateModel, frozen=True):
    """A filing: ``mdtrtarea_admdvs`` is the place of treatment; without ``enddate`` it ends by
    its class. A referral names hospital, day and illness."""

    WHAT = "the details"

    kind: Literal["retired", "resident", "posted", "referral", "other"]
    mdtrtarea_admdvs: Annotated[str, rule("must be 6 digits", pattern="[0-9]{6}")]
    begndate: DayText
    enddate: OptionalDay = ""
    insutype: Annotated[str, rule("must be three digits", pattern="[0-9]{3}")] = "310"
    tel: Annotated[str, rule("must be a telephone number", pattern="[0-9+-]{7,20}|")] = ""
    addr: Annotated[str, plain(100)] = ""
    insu_optins: Annotated[str, rule("must be 6 digits", pattern="[0-9]{6}|")] = ""
    diag_code: Annotated[str, plain(20)] = ""
    diag_name: _Text200 = ""
    dise_cond_dscr: _Text2000 = ""
    reflin_medins_no: Annotated[
        str, rule("must be 12 letters and digits", pattern="[0-9A-Z]{12}|")
    ] = ""
    reflin_medins_name: _Text200 = ""
    hosp_agre_refl_flag: Annotated[str, rule("must be 0 or 1", pattern="[01]|")] = ""
    refl_type: Annotated[str, plain(6)] = ""
    refl_date: OptionalDay = ""
    refl_rea: _Text2000 = ""
    refl_opnn: _Text2000 = ""
    agent: FilingAgent | None = None


class FilingEndDetails(PrivateModel, frozen=True):
    """Which filing; ``enddate`` is its last day, and without one it is withdrawn whole."""

    WHAT = "the details"

    trt_dcla_detl_sn: ReceiptNumber
    enddate: OptionalDay = ""
    memo: NoteText = ""


@operation("filing", OperationEffect.KEEPS, FilingDetails)
def file_treatment(work: Work, details: FilingDetails) -> dict[str, Any]:
    """备案: treatment elsewhere from a day on; two never hold on one day."""
    _check(work, details)
    ends = details.enddate
    if not ends and details.kind in _TEMPORARY:
        ends = _months_after(details.begndate, work.region.time.filing_months)
    work.t.lock_name(f"filings of {work.person.id}")
    for one in filings_of(work.t, work.person.id):
        same = one.details(work.person.key)["insutype"] == details.insutype
        if same and one.meets(details.begndate, ends):
            raise ServiceRefusedError(Code.RUNNING)
    number = add_filing(
        work.t, work.person, details.kind, details.mdtrtarea_admdvs, details.begndate, ends,
        msgspec.to_builtins(details), work.time,
    )  # fmt: skip
    work.after = "filed"
    return {
        "trt_dcla_detl_sn": number, "begndate": details.begndate, "enddate": ends,
        "time": work.time,
    }  # fmt: skip


@operation("unfile", OperationEffect.KEEPS, FilingEndDetails)
def end_treatment(work: Work, details: FilingEndDetails) -> dict[str, Any]:
    """End a filing early, or withdraw it whole before it has begun."""
    work.t.lock_name(f"filings of {work.person.id}")
    found = next(
        (one for one in filings_of(work.t, work.person.id)
         if one.number == details.trt_dcla_detl_sn),
        None,
    )  # fmt: skip
    if found is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    if found.withdrawn or found.ended or _state(found, work.day) == "ended":
        raise ServiceRefusedError(Code.ALREADY)
    if not details.enddate and found.begins <= work.day:
        raise ServiceRefusedError(Code.TOO_LATE, field="enddate", rule="it has begun: end it")
    if details.enddate:
        last = found.ends or "99991231"
        if not max(found.begins, work.day) <= details.enddate <= last:
            raise ServiceRefusedError(
                Code.FORMAT, field="enddate", rule="must be from today on, and within the filing"
            )
    end_filing(work.t, found.id, details.enddate, work.time, details.memo)
    work.before, work.after = "filed", "ended" if details.enddate else "withdrawn"
    return {
        "trt_dcla_detl_sn": found.number, "enddate": details.enddate,
        "withdrawn": not details.enddate, "time": work.time,
    }  # fmt: skip


@operation("filings", OperationEffect.SHOWS)
def show_filings(work: Work, _: NoDetails) -> dict[str, Any]:
    """The person's filings, and which of them hold today."""
    shown = []
    for one in filings_of(work.t, work.person.id):
        said = one.details(work.person.key)
        agent = said["agent"]
        shown.append(
            {
                "trt_dcla_detl_sn": one.number, "kind": one.kind, "kind_text": CLASSES[one.kind],
                "insutype": said["insutype"], "mdtrtarea_admdvs": one.division,
                "begndate": one.begins, "enddate": one.ends, "state": _state(one, work.day),
                "agent": "" if agent is None else mask_name(agent["agnter_name"]),
            }
        )  # fmt: skip
    return {"filings": shown}


def _check(work: Work, details: FilingDetails) -> None:
    """What the form alone does not say."""
    today = work.now.date()
    broken: tuple[str, str] | None = None
    if details.mdtrtarea_admdvs[:4] == work.person.division[:4]:
        broken = ("mdtrtarea_admdvs", "must be another city")
    elif not work.day <= details.begndate <= (today + _AHEAD).strftime(DAY):
        broken = ("begndate", "must be from today on, and within a year")
    elif details.enddate and details.enddate < details.begndate:
        broken = ("enddate", "must not be before begndate")
    elif details.kind == "referral":
        needed = ("reflin_medins_no", "refl_date", "diag_name")
        empty = next((name for name in needed if not getattr(details, name)), None)
        if empty is not None:
            broken = (empty, "is needed for a referral")
        elif details.refl_date > work.day:
            broken = ("refl_date", "must not be in the future")
    if broken is not None:
        raise ServiceRefusedError(Code.FORMAT, field=broken[0], rule=broken[1])


def _state(one: TreatmentFiling, day: str) -> str:
    if one.withdrawn:
        return "withdrawn"
    if one.ends and one.ends < day:
        return "ended"
    return "holds" if one.begins <= day else "to come"


def _months_after(day: str, months: int) -> str:
    """The day before the same day so many months later.

    >>> _months_after("20260302", 6)
    '20260901'
    """
    year, month = divmod(int(day[:4]) * 12 + int(day[4:6]) - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return (date(year, month + 1, min(int(day[6:]), last)) - timedelta(days=1)).strftime(DAY)
