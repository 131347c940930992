# SPDX-License-Identifier: Apache-2.0
"""电子社保卡: a card shown by a program, as WeChat and Alipay do; dead the second the card is.

Its token and codes are those of :mod:`sscard_chip.settlement.credential`, which the pharmacies'
platform reads: a code that is shown here is read there, and the other way round.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from sscard_chip.settlement.credential import CredentialCard, CredentialError, CredentialStore
from sscard_chip.settlement.ledger import CardStatus
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.fields import PrivateModel
from sscard_service.masks import mask_card, mask_name
from sscard_service.store.cards import HeldCard, cards_of, find_card_number, present_card
from sscard_service.store.ecards import (
    BoundCard,
    bind_card,
    bound_cards,
    find_member,
    level_of_card,
    unbind_card,
)
from sscard_service.store.persons import Person, find_psn_no, read_person
from sscard_service.work import OperationEffect, Work, operation

_REFUSED: Final = {
    "unknown": Code.NOT_FOUND,
    "over": Code.STALE,
    "used": Code.ALREADY,
    "card": Code.STATE,
}


class EcardDetails(PrivateModel, frozen=True):
    """Level 1 is for enquiries and proof, level 2 pays: it needs bank account and telephone."""

    WHAT = "the details"

    level: Annotated[int, rule(ge=1, le=2)] = 1


class EcardCodeDetails(PrivateModel, frozen=True):
    """``qr`` is shown for 60 s and read once, ``auth`` is for another program, for 600 s;
    ``member`` is the number of a family member, 0 for the own card."""

    WHAT = "the details"

    kind: Literal["qr", "auth"] = "qr"
    member: Annotated[int, rule(ge=0, le=2**53)] = 0


class EcardReading(PrivateModel, frozen=True):
    """A code that was scanned, or an authorisation."""

    WHAT = "the details"

    code: Annotated[str, rule("must be 28 digits, or 32 of hex", pattern="[0-9]{28}|[0-9a-f]{32}")]


class UnlinkDetails(PrivateModel, frozen=True):
    """Whether all programs are to show the card no more; a clerk always ends all."""

    WHAT = "the details"

    everywhere: bool = False


@operation("ecard", OperationEffect.OPENS, EcardDetails)
def issue_ecard(work: Work, details: EcardDetails) -> dict[str, Any]:
    """签发: bind the person's normal card to the program that asks."""
    card = work.card()
    require_normal(work, card)
    if details.level > 1:
        for field in ("bank", "phone"):
            if not getattr(work.person.data, field):
                raise ServiceRefusedError(Code.DOCUMENTS, field=field)
    program, changed = _program(work), True
    for bound in bound_cards(work.t, work.person.id):
        if bound.program != program:
            continue
        if (bound.card, bound.level) == (card.id, details.level):
            changed = False
        else:
            unbind_card(work.t, bound, work.time)
    if changed:
        bind_card(work.t, work.person.id, card.id, program, details.level, work.time)
        work.notify_holder("ecard", time=work.time)
    token = CredentialStore.token_in(work.t, _sn(card), work.now)
    return {
        "changed": changed,
        "card": mask_card(card.card_number),
        "level": details.level,
        "token": token.token,
        "time": work.time,
    }


@operation("ecard_code", OperationEffect.KEEPS, EcardCodeDetails)
def show_code(work: Work, details: EcardCodeDetails) -> dict[str, Any]:
    """亮码: a new code of the card that this program shows, or of a family member's."""
    bound = _bound(work)
    card = next((one for one in work.cards() if one.id == bound.card), None)
    if card is None:
        raise ServiceRefusedError(Code.NOT_FOUND, field="ecard")
    require_normal(work, card)
    if details.member:
        card = _member_card(work, details.member)
        require_normal(work, card)
    kind: Literal["code", "auth"] = "code" if details.kind == "qr" else "auth"
    shown = CredentialStore.new_code_in(work.t, _sn(card), work.now, kind)
    until = datetime.fromtimestamp(shown.until)
    return {
        "code": shown.code,
        "until": until.strftime(TIME),
        "seconds": shown.until - int(work.now.timestamp()),
    }


@operation("ecard_decode", OperationEffect.KEEPS, EcardReading, about="nothing", spends=True)
def read_code(work: Work, details: EcardReading) -> dict[str, Any]:
    """解码: whose code a signed channel has scanned, with the card's state of this second."""
    if not work.rules.signed:
        raise ServiceRefusedError(Code.CHANNEL)
    found = read_shown(work, details.code)
    card = find_card_number(work.t, found.card_sn, work.time)
    person = find_psn_no(work.t, work.keys, found.psn_no)
    if card is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    return {
        "token": found.token,
        "card": mask_card(card.card_number),
        "name": "" if person is None else mask_name(person.data.name),
        "division": found.division,
        "level": level_of_card(work.t, card.id),
        "status": int(card.status),
        "status_text": card.status.chinese,
        "pays": True,
        "time": work.time,
    }


@operation("unlink", OperationEffect.KEEPS, UnlinkDetails)
def unlink(work: Work, details: UnlinkDetails) -> dict[str, Any]:
    """解除关联: this program shows the card no more, or none does; codes it has shown are over."""
    program = _program(work)
    everywhere = details.everywhere or work.actor.kind == "clerk"
    ended = [
        bound
        for bound in bound_cards(work.t, work.person.id)
        if everywhere or bound.program == program
    ]
    for bound in ended:
        unbind_card(work.t, bound, work.time)
    return {"ended": len(ended), "time": work.time}


def read_shown(work: Work, code: str) -> CredentialCard:
    """The card of a code or an authorisation; a code is read by that, also where it is refused.

    :raises ServiceRefusedError: NOT_FOUND, STALE, ALREADY or STATE.
    """
    kind: Literal["code", "auth"] = "auth" if len(code) == 32 else "code"
    found = CredentialStore.read_in(work.t, code, work.now, kind)
    if isinstance(found, CredentialError):
        raise ServiceRefusedError(_REFUSED[found.why], field="code")
    if found.token:
        return found
    return CredentialStore.token_in(work.t, found.card_sn, work.now)


def require_normal(work: Work, card: HeldCard) -> None:
    """An electronic card needs one that pays at this second.

    :raises ServiceRefusedError: STATE.
    """
    if card.status is not CardStatus.NORMAL:
        raise ServiceRefusedError(Code.STATE, now=card.status.name.lower())
    if card.expired(work.day):
        raise ServiceRefusedError(Code.STATE, now="expired")


def card_of_person(work: Work, person: Person) -> HeldCard | None:
    """The present card of another person."""
    return present_card(cards_of(work.t, person.psn_no, work.time))


def _member_card(work: Work, number: int) -> HeldCard:
    member = find_member(work.t, number)
    if member is None or member.person != work.person.id:
        raise ServiceRefusedError(Code.NOT_FOUND, field="member")
    person = read_person(work.t, work.keys, member.member)
    if person is None or person.dead:
        raise ServiceRefusedError(Code.NOT_FOUND, field="member")
    card = card_of_person(work, person)
    if card is None:
        raise ServiceRefusedError(Code.NOT_FOUND, field="member")
    return card


def _bound(work: Work) -> BoundCard:
    """What this program shows: of the person's present card only."""
    program, card = _program(work), present_card(work.cards())
    for bound in bound_cards(work.t, work.person.id):
        if card is not None and (bound.program, bound.card) == (program, card.id):
            return bound
    raise ServiceRefusedError(Code.NOT_FOUND, field="ecard")


def _program(work: Work) -> str:
    return work.actor.device or work.channel


def _sn(card: HeldCard) -> str:
    return card.card_id_code.hex().upper()
