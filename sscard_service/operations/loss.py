# SPDX-License-Identifier: Apache-2.0
"""挂失, 解挂, 正式挂失, 注销: stopping a card, and letting it pay again.

A change of the card's status in the ledger, the message for the tills and the audit row are one
transaction; whatever follows (sessions, electronic cards, bank, holder) is in it or in its outbox.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from sscard_chip.settlement.ledger import CardService, CardStatus, ReportClock, change_status
from sscard_chip.standard.dates import TIME, parse_time
from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.fields import PrivateModel, plain
from sscard_service.levels import ProofLevel
from sscard_service.masks import mask_card
from sscard_service.operations.acting import (
    require_adult_or_guardian,
    require_place_of_issue,
    require_second_clerk,
)
from sscard_service.store.applications import MakingState, add_step, application_of_card
from sscard_service.store.cards import HeldCard, card_of, lock_cards, temporary_reports
from sscard_service.store.ecards import forget_unread, unbind_stopped
from sscard_service.store.proofs import close_sessions
from sscard_service.work import OperationEffect, Work, operation

_HOUR: Final = timedelta(hours=1)


class ReportDetails(PrivateModel, frozen=True):
    """Why a status is to be changed, and since when (YYYYMMDDhhmmss, local; empty for now)."""

    WHAT = "the details"

    reason: Annotated[str, plain(200)] = ""
    time: Annotated[str, rule("must be YYYYMMDDhhmmss", pattern="[0-9]{14}|")] = ""


@operation("loss", OperationEffect.STOPS, ReportDetails)
def report_loss(work: Work, details: ReportDetails) -> dict[str, Any]:
    """临时挂失: nothing is paid with the card from now on, until it is lifted or lapses."""
    card = work.card()
    if card.status is CardStatus.NORMAL and work.level < ProofLevel.SECOND:
        rules = work.region.time
        since = (work.now - timedelta(days=rules.temporary_report_days)).strftime(TIME)
        if temporary_reports(work.t, card.id, since) >= rules.temporary_reports:
            raise ServiceRefusedError(Code.LEVEL_TOO_LOW, needs=int(ProofLevel.SECOND))
    if card.status is CardStatus.FORMAL_LOSS:
        return _answer(work, card, False)  # it is stopped already, for good
    return _change(work, card, CardService.TEMPORARY_LOSS, details)


@operation("lift", OperationEffect.OPENS, ReportDetails)
def lift_loss(work: Work, details: ReportDetails) -> dict[str, Any]:
    """解挂: a temporary report is withdrawn. A formal one cannot be."""
    return _change(work, work.card(), CardService.LIFT, details)


@operation("formal", OperationEffect.FINAL, ReportDetails)
def report_formal_loss(work: Work, details: ReportDetails) -> dict[str, Any]:
    """正式挂失: final, and what a replacement of a lost card needs."""
    require_adult_or_guardian(work)
    asked = work.level >= ProofLevel.IN_PERSON and work.evidence.bank_reference
    if work.region.bank.ask_first and work.person.data.bank and not asked:
        raise ServiceRefusedError(Code.BANK_FIRST)
    return _change(work, work.card(), CardService.FORMAL_LOSS, details)


@operation("cancel", OperationEffect.FINAL, ReportDetails)
def cancel_card(work: Work, details: ReportDetails) -> dict[str, Any]:
    """注销: the card is void for good; one that was not handed out yet is made again."""
    require_adult_or_guardian(work)
    card = work.card()
    require_place_of_issue(work, card.division)
    answer = _change(work, card, CardService.CANCEL, details)
    made_for = application_of_card(work.t, card.id)
    if answer["changed"] and made_for is not None and made_for.state.running:
        add_step(
            work.t, made_for.id, MakingState.FAILED, work.time, work.by_name, details.reason[:200]
        )
    return answer


def _change(
    work: Work, card: HeldCard, service: CardService, details: ReportDetails
) -> dict[str, Any]:
    """Change a status, and tell whoever goes by it."""
    lock_cards(work.t, work.person.psn_no)
    before = card_of(work.t, card.id, work.time).status
    time, clock = _dated(work, details)
    rules = work.region.time
    changed = change_status(
        work.t,
        card.id,
        service,
        time,
        lapse_days=rules.temporary_loss_days or None,
        term_days=rules.formal_term_days or None,
        report=work.report(details.reason),
        clock=clock,
        made=work.time,
    )
    work.forget_cards()
    after = card_of(work.t, card.id, work.time)
    work.before, work.after = before.name.lower(), after.status.name.lower()
    if changed:
        follow(work, after, before)
    elif after.status is not service.target:  # it was so at the report's time, and is no more
        raise ServiceRefusedError(Code.STATE, now=after.status.name.lower())
    return _answer(work, after, changed)


def follow(work: Work, card: HeldCard, before: CardStatus) -> None:
    """What a changed status has to tell: tills, bank and holder; sessions and what programs show
    end with the card."""
    work.notify("hotlist", {"card": card.id, "since": work.time}, card)
    stopped = card.status is not CardStatus.NORMAL
    if stopped:
        close_sessions(work.t, work.person.id, but=_stays(work))
        unbind_stopped(work.t, work.person.id, card.id, work.time)
    lifted = not stopped and before is CardStatus.TEMPORARY_LOSS
    if lifted:
        forget_unread(work.t, card.id)
    temporary = lifted or card.status is CardStatus.TEMPORARY_LOSS
    notify = work.region.bank.notify
    if work.person.data.bank and (notify == "any" or (notify == "formal" and not temporary)):
        content = {"bank": work.person.data.bank, "status": card.status.name.lower()}
        work.notify("bank", content | {"card_number": card.card_number}, card)
    work.notify_holder("status", status=card.status.name.lower(), time=work.time)


def _stays(work: Work) -> str:
    """The session that goes on when a card is stopped: the one that asked for it, where it cannot
    stand on the card itself (level 3) or on its electronic card."""
    on_the_card = work.level >= ProofLevel.CARD or "ecard_password" in work.rules.proofs
    return "" if on_the_card else work.evidence.session


def _dated(work: Work, details: ReportDetails) -> tuple[str, ReportClock]:
    """From when on, by the centre's clock: back-dating by more than an hour takes two clerks."""
    if not details.time:
        return work.time, ReportClock(work.time)
    when = parse_time(details.time)
    if when is None:
        raise ServiceRefusedError(Code.FORMAT, field="time", rule="must be YYYYMMDDhhmmss")
    if when > work.now:
        raise ServiceRefusedError(Code.FORMAT, field="time", rule="must not be in the future")
    if work.now - when <= _HOUR:
        return details.time, ReportClock(work.time)
    if not work.rules.back_dating:
        raise ServiceRefusedError(Code.TOO_LATE)
    if not details.reason.strip():
        raise ServiceRefusedError(Code.FORMAT, field="reason", rule="must say why")
    require_second_clerk(work)
    return details.time, ReportClock(work.time, may_back_date=True)


def _answer(work: Work, card: HeldCard, changed: bool) -> dict[str, Any]:
    """The answer: no name, no number."""
    return {
        "changed": changed,
        "status": int(card.status),
        "status_text": card.status.chinese,
        "card": mask_card(card.card_number),
        "time": work.time,
    }
