# SPDX-License-Identifier: Apache-2.0
"""Papers: 权益记录单, 参保证明, 领卡证明, progress; asked for, printed, looked up by anybody.

A paper says what the books and records had when it was asked for. Each print is counted before
it is made, so of the first there is never a second; what was not delivered comes again as a copy.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceEvidence
from sscard_service.fields import OptionalReceipt, PrivateModel
from sscard_service.operations.statements import STATEMENTS
from sscard_service.papers.content import PaperContent
from sscard_service.papers.font import PaperFont, paper_font
from sscard_service.papers.page import require_papers
from sscard_service.region import ServiceRegion
from sscard_service.store.papers import (
    MADE,
    UNDELIVERED,
    Paper,
    add_paper,
    add_print_event,
    begin_print,
    count_view,
    find_paper,
    new_code,
    normal_code,
    papers_of,
    papers_since,
    prints_of,
)
from sscard_service.store.persons import read_person
from sscard_service.work import NoDetails, OperationEffect, Work, operation


class PaperDetails(PrivateModel, frozen=True):
    """Which paper: ``year`` of a rights record (last year without one), ``months`` of a
    certificate, ``receipt`` of the application (the last one without it)."""

    WHAT = "the details"

    kind: Literal["rights", "participation", "voucher", "progress"]
    year: Annotated[str, rule("must be YYYY", pattern="[12][0-9]{3}|")] = ""
    months: Literal[12, 24, 36] = 12
    receipt: OptionalReceipt = ""


class PaperCode(PrivateModel, frozen=True):
    """The code of one of the person's papers."""

    WHAT = "the details"

    code: Annotated[str, rule("must be the code of a paper", pattern="[0-9A-Za-z -]{10,40}")]


def _font(_region: ServiceRegion, _evidence: ServiceEvidence, _details: Any) -> PaperFont:
    """The font is looked up, and missing packages are named, before the transaction."""
    require_papers()
    return paper_font()


@operation("paper", OperationEffect.KEEPS, PaperDetails, prepare=_font)
def ask_for_paper(work: Work, details: PaperDetails) -> dict[str, Any]:
    """A paper of today's books; its code, by which it is printed and verified."""
    if work.keys.papers is None:
        raise ServiceRefusedError(Code.CHANNEL, field="papers", rule="the key file signs none")
    midnight = f"{work.day}000000"
    work.t.lock_name(f"papers of {work.person.id}")
    if papers_since(work.t, work.person.id, midnight) >= work.region.papers.a_day:
        raise ServiceRefusedError(Code.RATE, retry=3600)
    content = STATEMENTS[details.kind](work, details)
    place = content.missing(work.prepared)
    if place is not None:
        raise ServiceRefusedError(
            Code.FORMAT, field=place, rule="has a character that the font of papers lacks"
        )
    code = new_code()
    add_paper(
        work.t, work.person, code, details.kind, msgspec.to_builtins(content), work.time,
        work.channel,
    )  # fmt: skip
    return {"code": code, "kind": details.kind, "title": content.title, "time": work.time}


@operation("papers", OperationEffect.SHOWS)
def show_papers(work: Work, _: NoDetails) -> dict[str, Any]:
    """The person's papers with their prints."""
    return {
        "papers": [
            {"code": one.code, "kind": one.kind, "time": one.time,
             "prints": prints_of(work.t, one.id)}
            for one in papers_of(work.t, work.person.id)
        ]
    }  # fmt: skip


@operation("paper_print", OperationEffect.KEEPS, PaperCode)
def count_print(work: Work, details: PaperCode) -> dict[str, Any]:
    """Count the next print of a paper; its file is made after it."""
    found = _own(work, details.code)
    number = begin_print(work.t, found.id, work.time, work.channel)
    work.after = f"print {number}"
    return {"code": found.code, "number": number, "copy": number > 1}


@operation("undelivered", OperationEffect.KEEPS, PaperCode)
def report_undelivered(work: Work, details: PaperCode) -> dict[str, Any]:
    """The last print did not reach the person: the printer had no paper. The next is a copy."""
    found = _own(work, details.code)
    work.t.lock_name(f"paper {found.id}")
    prints = prints_of(work.t, found.id)
    if not prints or prints[-1]["event"] != MADE:
        raise ServiceRefusedError(Code.ALREADY if prints else Code.NOT_FOUND)
    number = prints[-1]["number"]
    add_print_event(work.t, found.id, number, UNDELIVERED, work.time, work.channel)
    return {"code": found.code, "number": number}


@operation("verify", OperationEffect.SHOWS, about="receipt")
def verify_paper(work: Work, _: NoDetails) -> dict[str, Any]:
    """What anybody may see of a paper whose code he has: masked facts, prints, looks."""
    found = find_paper(work.t, normal_code(work.subject.receipt))
    owner = None if found is None else read_person(work.t, work.keys, found.person)
    if found is None or owner is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    content = msgspec.convert(found.content(owner.key), PaperContent)
    return {
        "code": found.code,
        "kind": found.kind,
        "title": content.title,
        "agency": content.agency,
        "made": found.time,
        "facts": [list(pair) for pair in content.masked],
        "prints": len(prints_of(work.t, found.id)),
        "views": count_view(work.t, found.id, work.time),
    }


def _own(work: Work, code: str) -> Paper:
    found = find_paper(work.t, normal_code(code))
    if found is None or found.person != work.person.id:
        raise ServiceRefusedError(Code.NOT_FOUND)
    return found
