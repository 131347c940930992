# SPDX-License-Identifier: Apache-2.0
"""Enquiries: what a person may see, by the level that was proven.

The sub-account is the ledger's; the main account is the bank's and shown by nobody but the bank.
"""

from __future__ import annotations

from typing import Any

from sscard_chip.settlement.ledger import CardStatus
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.levels import ProofLevel
from sscard_service.masks import mask_card, mask_identity, mask_name, mask_phone
from sscard_service.store.cards import find_card_number
from sscard_service.work import OperationEffect, ServiceView, Work, operation, view


@view("balance")
def show_balance(work: ServiceView) -> dict[str, Any]:
    """The balance of the medical account, in fen; no name and no number at level 1."""
    card = work.card_to_show()
    return {"balance_fen": work.balance_fen(card.account), "time": work.time}


@view("status")
def show_status(work: ServiceView) -> dict[str, Any]:
    """The states of the person's cards; cancelled ones are history, which level 4 sees."""
    shown = [
        {
            "card": mask_card(one.card_number),
            "status": int(one.status),
            "status_text": one.status.chinese,
            "valid_to": one.valid_to,
            "pays": one.status is CardStatus.NORMAL and not one.expired(work.day),
        }
        for one in work.cards()
        if one.status is not CardStatus.CANCELLED or work.level >= ProofLevel.IN_PERSON
    ]
    return {"cards": shown, "time": work.time}


@operation("card_state", OperationEffect.SHOWS, about="nothing")
def show_card_state(work: Work, _: Any) -> dict[str, Any]:
    """Whether a card pays at this second, for a till that has it before it; nothing of the holder.

    The subject is the card: both its number and its 卡识别码 are taken.
    """
    card = find_card_number(work.t, work.subject.card, work.time) if work.subject.card else None
    if card is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    return {
        "status": int(card.status),
        "status_text": card.status.chinese,
        "pays": card.status is CardStatus.NORMAL and not card.expired(work.day),
        "time": work.time,
    }


@view("person")
def show_person(work: ServiceView) -> dict[str, Any]:
    """The person's own data; numbers are masked below level 4. ``bank`` has the main account: its
    balance is asked at that bank's own counter."""
    data, whole = work.person.data, work.level >= ProofLevel.IN_PERSON
    return {
        "psn_no": work.person.psn_no,
        "name": data.name if whole else mask_name(data.name),
        "identity": data.identity if whole else mask_identity(data.identity),
        "sex": data.sex,
        "nation": data.nation,
        "birth_date": data.birth_date if whole else data.birth_date[:4],
        "phone": data.phone if whole else mask_phone(data.phone),
        "address": data.address if whole else "",
        "unit": data.unit,
        "class": data.class_,
        "insured": data.insured,
        "first_work": data.first_work,
        "retired": data.retired,
        "division": work.person.division,
        "bank": data.bank,
        "cards": [mask_card(one.card_number) for one in work.cards()],
    }
