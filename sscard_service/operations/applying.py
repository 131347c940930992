# SPDX-License-Identifier: Apache-2.0
"""申领, 补领, 换领, 撤回: applying for a card, and how far an application is.

The number of an application is its receipt and that of the voucher (领卡证明): 80 random bits,
so whoever has it may ask how far it is, and sees of a name what masks leave.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec

from sscard_chip.settlement.ledger import CardService, CardStatus, change_status
from sscard_chip.standard.dates import DAY, parse_date
from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import MOST_DOCUMENT, ServiceEvidence
from sscard_service.fields import OptionalDay, OptionalReceipt, PrivateModel, plain
from sscard_service.levels import ProofLevel
from sscard_service.masks import mask_card, mask_name
from sscard_service.operations.acting import require_adult_or_guardian, require_place_of_issue
from sscard_service.operations.loss import follow
from sscard_service.photo import checked_photo, checked_scan
from sscard_service.receipts import shown_keys
from sscard_service.region import add_working_days
from sscard_service.region.model import ServiceRegion
from sscard_service.store.applications import (
    FiledApplication,
    MakingState,
    add_application,
    add_step,
    applications_of,
    find_application,
    keep_evidence,
    last_evidence,
)
from sscard_service.store.cards import OPEN, HeldCard, card_of, lock_cards
from sscard_service.work import NoDetails, OperationEffect, Work, operation

LONG_TERM: str = "99991231"
"""The end of an identity document without one."""


class CardApplication(PrivateModel, frozen=True):
    """An application for a card.

    ``document_from`` and ``document_to`` are the validity of the identity document; 99991231 is
    long-term, and a child under the region's age may have none. A card that is posted needs an
    address.
    """

    WHAT = "the details"

    delivery: Literal["collect", "post"] = "collect"
    address: Annotated[str, plain(100)] = ""
    point: Annotated[str, plain(40)] = ""
    bank: Annotated[str, rule("must be at most 5 characters", pattern="[0-9A-Z]{0,5}")] = ""
    document_from: OptionalDay = ""
    document_to: OptionalDay = ""

    def check(self, work: Work) -> None:
        """Rules between fields and with the person.

        :raises ServiceRefusedError: FORMAT or DOCUMENTS.
        """
        if self.delivery == "post" and not self.address.strip():
            raise ServiceRefusedError(Code.FORMAT, field="address", rule="is needed to post a card")
        if self.document_to and self.document_to < work.day:
            raise ServiceRefusedError(Code.DOCUMENTS, field="document_to")
        if self.document_from and self.document_to and self.document_to < self.document_from:
            raise ServiceRefusedError(Code.FORMAT, field="document_to", rule="must be the later")


class Replacement(CardApplication, frozen=True):
    """An application for a card in place of one: lost, damaged, expired, or with wrong data."""

    reason: Literal["lost", "damaged", "expired", "data", "other"] = "lost"


class WithdrawDetails(PrivateModel, frozen=True):
    """Which application is withdrawn; the running one without a number."""

    WHAT = "the details"

    receipt: OptionalReceipt = ""


def _photo(region: ServiceRegion, evidence: ServiceEvidence, _: Any) -> bytes | None:
    for kind, text in evidence.papers.items():
        checked_scan(f"papers.{kind}", text, MOST_DOCUMENT)
    return checked_photo(region.photo, evidence.photo) if evidence.photo else None


@operation("apply", OperationEffect.OPENS, CardApplication, prepare=_photo)
def apply_for_card(work: Work, details: CardApplication) -> dict[str, Any]:
    """申领: a first card, or a new one after the last was cancelled."""
    lock_cards(work.t, work.person.psn_no)
    if any(one.status in OPEN for one in work.cards()):
        raise ServiceRefusedError(Code.ALREADY)
    return _file(work, details, "first", "first", None)


@operation("replace", OperationEffect.OPENS, Replacement, prepare=_photo)
def replace_card(work: Work, details: Replacement) -> dict[str, Any]:
    """补领 of a lost card, 换领 of one that is damaged, expired or wrong."""
    lock_cards(work.t, work.person.psn_no)
    card = work.card()
    wanted = CardStatus.FORMAL_LOSS if details.reason == "lost" else CardStatus.NORMAL
    if card.status is not wanted:
        raise ServiceRefusedError(Code.STATE, now=card.status.name.lower())
    found = _file(work, details, "replace", details.reason, card)
    if details.reason == "damaged" and not work.region.damaged_usable:
        changed = change_status(
            work.t, card.id, CardService.FORMAL_LOSS, work.time, report=work.report("damaged")
        )
        if changed:
            follow(work, card_of(work.t, card.id, work.time), card.status)
    return found


@operation("withdraw", OperationEffect.KEEPS, WithdrawDetails)
def withdraw(work: Work, details: WithdrawDetails) -> dict[str, Any]:
    """撤回: until the application is in a batch; after that the card is being made."""
    running = [one for one in applications_of(work.t, work.person.id) if one.state.running]
    mine = [one for one in running if details.receipt in ("", one.number)]
    if not mine:
        raise ServiceRefusedError(Code.NOT_FOUND)
    one = mine[-1]
    if one.state not in (MakingState.APPLIED, MakingState.REVIEWED):
        raise ServiceRefusedError(Code.TOO_LATE, now=str(one.state))
    work.before, work.after = str(one.state), str(MakingState.WITHDRAWN)
    add_step(work.t, one.id, MakingState.WITHDRAWN, work.time, work.by_name)
    return {"receipt": one.number, "state": str(MakingState.WITHDRAWN)}


@operation("progress", OperationEffect.SHOWS, about="receipt")
def show_progress(work: Work, _: NoDetails) -> dict[str, Any]:
    """How far an application is, by its number: state, due day, what the voucher is worth."""
    one = find_application(work.t, work.subject.receipt) if work.subject.receipt else None
    if one is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    shown = application_view(work, one)
    if work.owner is not None:
        shown["person"] = mask_name(work.owner.data.name)
    return shown


@operation("applications", OperationEffect.SHOWS)
def show_applications(work: Work, _: NoDetails) -> dict[str, Any]:
    """All applications of a person."""
    found = applications_of(work.t, work.person.id)
    return {"applications": [application_view(work, one) for one in found]}


def application_view(work: Work, one: FiledApplication) -> dict[str, Any]:
    """An application as anybody sees it who has its number."""
    due = parse_date(one.due)
    end = one.due if due is None else (
        due + timedelta(days=work.region.time.voucher_days)
    ).strftime(DAY)  # fmt: skip
    running = one.state.running
    return {
        "receipt": one.number,
        "phone_keys": shown_keys(one.number),
        "kind": one.kind,
        "reason": one.reason,
        "state": str(one.state),
        "state_text": one.state.chinese,
        "changed": one.changed,
        "filed": one.filed,
        "due": one.due,
        "due_provisional": one.provisional,
        "overdue": running and work.day > one.due,
        "note": one.note if one.state in (MakingState.REJECTED,) else "",
        "voucher": {
            "valid": running and work.day <= end,
            "valid_to": end,
            "at_hospital": "cash_then_claim",
        },
        "card": "" if one.card is None else mask_card(
            card_of(work.t, one.card, work.time).card_number
        ),
    }  # fmt: skip


def _file(
    work: Work, details: CardApplication, kind: str, reason: str, predecessor: HeldCard | None
) -> dict[str, Any]:
    """Check what all applications have in common, and file one."""
    require_adult_or_guardian(work)
    require_place_of_issue(work, work.person.division)
    if any(one.state.running for one in applications_of(work.t, work.person.id)):
        raise ServiceRefusedError(Code.RUNNING)
    details.check(work)
    age = work.person.data.age(work.now.date())
    needs_photo = age is None or age >= work.region.time.photo_from
    if (
        needs_photo
        and work.prepared is None
        and last_evidence(work.t, work.person, "photo") is None
    ):
        raise ServiceRefusedError(Code.DOCUMENTS, field="photo")
    minor = age is not None and age < work.region.time.guardian_under
    if not minor and work.level >= ProofLevel.IN_PERSON and not details.document_to:
        raise ServiceRefusedError(Code.DOCUMENTS, field="document_to")
    due = add_working_days(work.region, work.now.date(), work.region.time.replacement_working_days)
    one = add_application(
        work.t, work.person, kind, reason, None if predecessor is None else predecessor.id,
        msgspec.to_builtins(details), work.time, due.day.strftime(DAY), due.provisional,
        work.channel, work.by_name,
    )  # fmt: skip
    _keep_papers(work, one)
    work.after = str(one.state)
    work.notify_holder("applied", receipt=one.number, due=one.due)
    return application_view(work, one)


def _keep_papers(work: Work, one: FiledApplication) -> None:
    """Photo, documents, and who came in the holder's place."""
    if work.prepared is not None:
        keep_evidence(work.t, work.person, "photo", work.prepared, work.time, one.id)
    for kind, text in sorted(work.evidence.papers.items()):
        content = msgspec.json.decode(f'"{text}"', type=bytes)
        keep_evidence(work.t, work.person, kind, content, work.time, one.id)
    for kind in ("proxy", "guardian"):
        other = getattr(work.evidence, kind)
        if other is not None:
            content = json.dumps(msgspec.to_builtins(other), ensure_ascii=False).encode()
            keep_evidence(work.t, work.person, kind, content, work.time, one.id)
