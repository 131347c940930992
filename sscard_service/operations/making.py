# SPDX-License-Identifier: Apache-2.0
"""审核, 制卡, 到卡, 领卡, 启用: what becomes of an application, up to a card that pays.

A clerk reviews, a batch of issue takes what is reviewed, reports the card that was made, the card
arrives at its point, and is collected. A made card is registered as not activated; collection
activates it and cancels the card that it replaces, in one transaction of the ledger.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import numpy as np

from sscard_chip.settlement.ledger import (
    CardColumns,
    CardStatus,
    ReportClock,
    activate_card,
    register_inactive,
)
from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.fields import NoteText, OptionalDay, PrivateModel, ReceiptNumber, plain
from sscard_service.levels import ProofLevel
from sscard_service.masks import mask_card
from sscard_service.operations.acting import require_adult_or_guardian, require_place_of_issue
from sscard_service.operations.applying import application_view
from sscard_service.operations.loss import follow
from sscard_service.store.applications import (
    FiledApplication,
    MakingState,
    add_step,
    application_of_card,
    find_application,
)
from sscard_service.store.cards import card_of, lock_cards
from sscard_service.work import NoDetails, OperationEffect, Work, operation

_S = MakingState
_READY: Final = frozenset({_S.AT_POINT, _S.POSTED})
_BatchName = Annotated[
    str, rule("must be 1 to 40 letters and digits", pattern="[0-9A-Za-z_-]{1,40}")
]


class ReviewDetails(PrivateModel, frozen=True):
    """Whether an application is accepted; a rejection says why."""

    WHAT = "the details"

    accepted: bool
    reason: NoteText = ""


class BatchDetails(PrivateModel, frozen=True):
    """The batch of issue that an application goes into."""

    WHAT = "the details"

    batch: _BatchName


class MadeDetails(PrivateModel, frozen=True):
    """A card that was made, as the register has it; or why it could not be."""

    WHAT = "the details"

    card_number: Annotated[str, rule("must be a card number", pattern="[0-9A-Z]{1,9}|")] = ""
    card_id_code: Annotated[str, rule("must be 32 hex digits", pattern="[0-9A-F]{32}|")] = ""
    factor: Annotated[str, rule("must be 16 hex digits", pattern="[0-9A-F]{16}|")] = ""
    valid_to: OptionalDay = ""
    failed: NoteText = ""


class ArriveDetails(PrivateModel, frozen=True):
    """Where a card has come to: a point, or the post."""

    WHAT = "the details"

    point: Annotated[str, plain(40)] = ""
    posted: bool = False


class CollectDetails(PrivateModel, frozen=True):
    """The voucher's number."""

    WHAT = "the details"

    receipt: ReceiptNumber


@operation("review", OperationEffect.KEEPS, ReviewDetails, about="receipt")
def review(work: Work, details: ReviewDetails) -> dict[str, Any]:
    """审核: accept or reject an application; of two clerks one is first."""
    if not details.accepted and not details.reason.strip():
        raise ServiceRefusedError(Code.FORMAT, field="reason", rule="must say why")
    state = _S.REVIEWED if details.accepted else _S.REJECTED
    one = _move(work, frozenset({_S.APPLIED}), state, details.reason)
    if state is _S.REJECTED:
        _notify(work, "rejected", one)
    return _view(work, one.number)


@operation("batch", OperationEffect.KEEPS, BatchDetails, about="receipt")
def put_into_batch(work: Work, details: BatchDetails) -> dict[str, Any]:
    """An application goes into a batch of issue: from here on it is not withdrawn."""
    one = _move(work, frozenset({_S.REVIEWED, _S.FAILED}), _S.BATCHED, details.batch)
    return _view(work, one.number)


@operation("made", OperationEffect.KEEPS, MadeDetails, about="receipt")
def report_made(work: Work, details: MadeDetails) -> dict[str, Any]:
    """The card is made: it is registered, not activated. Or it failed, and is made again."""
    if details.failed:
        return _view(work, _move(work, frozenset({_S.BATCHED}), _S.FAILED, details.failed).number)
    if not (details.card_number and details.card_id_code and details.factor):
        raise ServiceRefusedError(Code.FORMAT, field="card_id_code", rule="is needed")
    one = _require(work, frozenset({_S.BATCHED}))
    columns = CardColumns(
        np.array([details.card_number.encode()], "S9"),
        np.frombuffer(bytes.fromhex(details.card_id_code), np.uint8).reshape(1, 16),
        np.array([int(work.person.division)], np.int64),
        np.array([work.person.psn_no.encode()], "S30"),
        np.frombuffer(bytes.fromhex(details.factor), np.uint8).reshape(1, 8),
        np.array([int(details.valid_to or 0)], np.int64),
        np.zeros(1, np.int64),
    )
    card = register_inactive(
        work.t, columns, work.time, predecessor=one.predecessor, report=work.report("made")
    )
    if card_of(work.t, card, work.time).status is not CardStatus.NOT_ACTIVATED:
        raise ServiceRefusedError(Code.STATE)
    work.before, work.after = str(one.state), str(_S.MADE)
    add_step(work.t, one.id, _S.MADE, work.time, work.by_name, card=card)
    work.notify("hotlist", {"card": card, "since": work.time})
    return _view(work, one.number)


@operation("arrive", OperationEffect.KEEPS, ArriveDetails, about="receipt")
def arrive(work: Work, details: ArriveDetails) -> dict[str, Any]:
    """The card is at its point, or was posted."""
    state = _S.POSTED if details.posted else _S.AT_POINT
    one = _move(work, frozenset({_S.MADE}), state, details.point)
    _notify(work, "arrived", one)
    return _view(work, one.number)


@operation("collect", OperationEffect.OPENS, CollectDetails)
def collect(work: Work, details: CollectDetails) -> dict[str, Any]:
    """领卡: with the holder's document and the voucher; the new card pays, the old one is void."""
    one = find_application(work.t, details.receipt, lock=True)
    if one is None or one.person != work.person.id:
        raise ServiceRefusedError(Code.NOT_FOUND)
    if one.state is _S.COLLECTED:
        raise ServiceRefusedError(Code.ALREADY)
    if one.state not in _READY:
        raise ServiceRefusedError(Code.STATE, now=str(one.state))
    return _activate(work, one)


@operation("activate", OperationEffect.OPENS)
def activate(work: Work, _: NoDetails) -> dict[str, Any]:
    """启用 of a card that the holder has: it came by post, or it is in the reader."""
    fresh = [one for one in work.cards() if one.status is CardStatus.NOT_ACTIVATED]
    if work.subject.card:
        fresh = [one for one in fresh if one.id == work.card().id]
    if not fresh:
        raise ServiceRefusedError(Code.ALREADY if work.cards() else Code.NOT_FOUND)
    card = fresh[-1]
    known = application_of_card(work.t, card.id)
    one = None if known is None else find_application(work.t, known.number, lock=True)
    if one is None:
        raise ServiceRefusedError(Code.STATE, now=card.status.name.lower())
    shown = work.evidence.card if "card" in work.rules.proofs else None
    in_reader = (
        shown is not None
        and shown.authenticated
        and shown.card_id_code.upper() == card.card_id_code.hex().upper()
    )
    at_hand = in_reader or work.level >= ProofLevel.IN_PERSON
    if one.state is not _S.POSTED and not (one.state is _S.AT_POINT and at_hand):
        raise ServiceRefusedError(Code.STATE, now=str(one.state))
    return _activate(work, one)


def _activate(work: Work, one: FiledApplication) -> dict[str, Any]:
    require_adult_or_guardian(work)
    require_place_of_issue(work, work.person.division)
    if one.card is None:
        raise ServiceRefusedError(Code.STATE, now=str(one.state))
    lock_cards(work.t, work.person.psn_no)
    activate_card(
        work.t, one.card, work.time, predecessor=one.predecessor,
        report=work.report(f"application {one.number}"), clock=ReportClock(work.time),
    )  # fmt: skip
    add_step(work.t, one.id, _S.COLLECTED, work.time, work.by_name, card=one.card)
    work.forget_cards()
    card = card_of(work.t, one.card, work.time)
    work.before, work.after = str(one.state), str(_S.COLLECTED)
    follow(work, card, CardStatus.NOT_ACTIVATED)
    if one.predecessor is not None:
        work.notify("hotlist", {"card": one.predecessor, "since": work.time})
    return {
        "receipt": one.number,
        "card": mask_card(card.card_number),
        "status": int(card.status),
        "status_text": card.status.chinese,
        "time": work.time,
    }


def _require(work: Work, states: frozenset[MakingState]) -> FiledApplication:
    """The application of the subject's receipt, in one of these states; nobody else moves it."""
    one = find_application(work.t, work.subject.receipt, lock=True)
    if one is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    if one.state not in states:
        raise ServiceRefusedError(Code.STATE, now=str(one.state))
    return one


def _move(
    work: Work, states: frozenset[MakingState], state: MakingState, note: str
) -> FiledApplication:
    one = _require(work, states)
    work.before, work.after = str(one.state), str(state)
    add_step(work.t, one.id, state, work.time, work.by_name, note)
    return one


def _notify(work: Work, text: str, one: FiledApplication) -> None:
    if work.owner is not None:
        work.notify_holder(text, receipt=one.number)


def _view(work: Work, receipt: str) -> dict[str, Any]:
    one = find_application(work.t, receipt)
    if one is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    return application_view(work, one)
