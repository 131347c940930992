# SPDX-License-Identifier: Apache-2.0
"""From a form to an operation of the centre, and what is shown of its answer or refusal."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from sscard_chip.standard.errors import SscardError
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceEvidence, ServiceSubject
from sscard_service.pages.menu import PICTURES, MenuItem
from sscard_service.pages.offers import OFFERS, Offer
from sscard_service.pages.views import PAGED, day, show, state_text
from sscard_service.pages.visitors import Shown, Visitor
from sscard_service.pages.words import PageText
from sscard_service.printing import PrintedPaper, print_paper

Form = Mapping[str, str]
_STRONGER: Final = (Code.LEVEL_TOO_LOW, Code.STALE)
_TYPED: Final = (Code.FORMAT, Code.DOCUMENTS, Code.WRONG_PROOF, Code.NAME_MISMATCH)
"""Refusals of what was typed: the form comes back with it."""
_NOW: Final = PageText("当前状态：", "Present state: ")
_CHECK: Final = PageText("请检查输入内容。", "Check what you have typed.")
_FIELDS: Final = {
    "photo": PageText("照片", "Photo"),
    "identity": PageText("身份证件影像", "Scan of the document"),
    "document_to": PageText("证件有效期", "Validity of the document"),
    "bank": PageText("银行账户", "Bank account"), "phone": PageText("手机号码", "Mobile telephone"),
}  # fmt: skip
"""What a document is called that is missing."""


class PageAsker:
    """Asks the centre in one channel for the visitors of its pages."""

    channel = ""

    def __init__(self, centre: ServiceCentre, device: str = "") -> None:
        self.centre = centre
        self.device = device

    def ask(
        self, operation: str, visitor: Visitor, details: Mapping[str, Any] | None = None, *,
        subject: ServiceSubject | None = None, evidence: ServiceEvidence | None = None,
        request_id: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """An operation for a visitor; what is answered.

        :raises ServiceRefusedError: it was not done.
        """
        answer = self.centre.perform(
            operation,
            visitor.subject if subject is None else subject,
            self._actor(visitor),
            self.channel,
            visitor.evidence if evidence is None else evidence,
            request_id or f"page-{secrets.token_hex(16)}",
            details,
        )
        return answer.data

    def done(self, visitor: Visitor, item: MenuItem, form: Form) -> Shown:
        """Do an item; what is shown of it, also where it was refused."""
        title = item.label.of(visitor.language)
        try:
            data = self._ask_item(visitor, item, form)
        except ServiceRefusedError as error:
            return self.refused(visitor, item, error)
        except (SscardError, OSError):
            return self.refused(visitor, item, ServiceRefusedError(Code.DOWN))
        return Shown(
            title, show(item.operation, data, visitor.language), item=item.name,
            pdf=str(data.get("pdf", "")), code=str(data.get("code", "")),
        )  # fmt: skip

    def offer(self, visitor: Visitor, item: MenuItem) -> Offer | Shown:
        """What there is to choose from in an item; or why there is nothing."""
        try:
            return OFFERS[item.name](
                item, lambda operation: self.ask(operation, visitor), visitor.language, self._now()
            )
        except ServiceRefusedError as error:
            return self.refused(visitor, item, error)
        except (SscardError, OSError):
            return self.refused(visitor, item, ServiceRefusedError(Code.DOWN))

    def refused(self, visitor: Visitor, item: MenuItem, error: ServiceRefusedError) -> Shown:
        """What a refusal is for a visitor."""
        language = visitor.language
        said = error.english if language == "en" else error.chinese
        help_ = ""
        until = str(error.details.get("until", ""))
        field = _FIELDS.get(str(error.details.get("field", "")))
        if until:
            help_ = day(until)
        elif error.code is Code.DOCUMENTS and field is not None:
            help_ = field.of(language)
        elif error.code is Code.FORMAT:
            labels = {one.name: one.label for one in item.fields}
            help_ = labels.get(str(error.details.get("field", "")), _CHECK).of(language)
        elif error.code is Code.STATE and error.details.get("now"):
            help_ = _NOW.of(language) + state_text(str(error.details["now"]), language)
        if error.code is Code.STALE:
            visitor.token = ""
        return Shown(
            item.label.of(language), refused=said, help=help_, item=item.name,
            stronger=error.code in _STRONGER,
            again=error.code in _TYPED or (error.code is Code.NOT_FOUND and not item.known),
        )  # fmt: skip

    # --- the parts of it -------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self.centre.now()

    def _actor(self, visitor: Visitor) -> ServiceActor:
        return ServiceActor("holder", "", self.device, visitor.source or self.device)

    def _ask_item(self, visitor: Visitor, item: MenuItem, form: Form) -> dict[str, Any]:
        typed = {
            one.name: form.get(one.name, "").strip()
            for one in item.fields
            if one.keys not in PICTURES
        }
        number = visitor.requests.get(item.name, "")
        if item.name == "report":
            return self.ask(
                "loss", visitor, request_id=number,
                subject=ServiceSubject(identity=typed["identity"]),
                evidence=ServiceEvidence(card_number=typed["card_number"]),
            )  # fmt: skip
        if item.name == "progress":
            subject = ServiceSubject(receipt=typed["receipt"].upper())
            return self.ask("progress", visitor, subject=subject, evidence=ServiceEvidence())
        if item.kind == "reprint":
            return self._file_of(visitor, typed["code"])
        if item.kind == "paper":
            wanted = {name: value for name, value in typed.items() if value}
            details = {"kind": item.name, **_details(item, wanted)}
            data = self.ask("paper", visitor, details, request_id=number)
            return data | self._file_of(visitor, data["code"])
        if not item.known:
            return self.ask(item.operation, visitor, subject=ServiceSubject(),
                            evidence=ServiceEvidence())  # fmt: skip
        details = _details(item, {name: value for name, value in typed.items() if value})
        if item.name in PAGED:
            details = {"order": "newest", "page": int(form.get("page", "1"))}
        evidence = self._pictured(visitor, item, form)
        return self.ask(item.operation, visitor, details, evidence=evidence, request_id=number)

    def _pictured(self, visitor: Visitor, item: MenuItem, form: Form) -> ServiceEvidence:
        """What the visitor has shown, with the pictures of a form."""
        evidence = visitor.evidence
        for one in item.fields:
            content = visitor.pictures.get(one.name) or form.get(one.name, "")
            if one.keys == "photo" and content:
                evidence = msgspec.structs.replace(evidence, photo=content)
            elif one.keys == "scan" and content:
                papers = {**evidence.papers, one.name: content}
                evidence = msgspec.structs.replace(evidence, papers=papers)
        return evidence

    def _file_of(self, visitor: Visitor, code: str) -> dict[str, Any]:
        """Print a paper; ``pdf`` is the file as Base64."""
        printed: PrintedPaper = print_paper(
            self.centre, visitor.subject, self._actor(visitor), self.channel, visitor.evidence, code
        )
        return {"code": printed.code, "pdf": base64.b64encode(printed.pdf).decode()}


def _details(item: MenuItem, typed: dict[str, str]) -> dict[str, Any]:
    """The details of an operation out of what was typed and chosen."""
    details: dict[str, Any] = dict(typed)
    if item.name == "level":
        insurance, _, level = details.pop("level", "").partition("-")
        return {"insurance": insurance, "level": level}
    if item.name == "bill":
        first, _, last = details.pop("period", "").partition("-")
        chosen = details.pop("insurances", "").split("+")
        return {"first": first, "last": last, "insurances": chosen, **details}
    if "months" in details:
        details["months"] = int(details["months"]) if details["months"].isdecimal() else 0
    if item.name == "referral":
        details |= {"kind": "referral", "hosp_agre_refl_flag": "1"}
    return details
