# SPDX-License-Identifier: Apache-2.0
"""Own data: telephone and address by the person, name and identity number by two clerks; death."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from issuance.validity import is_citizen_number
from sscard_chip.settlement.ledger import CardService, ReportClock, change_status
from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.fields import DayText, PrivateModel, plain
from sscard_service.masks import mask_identity, mask_name, mask_phone
from sscard_service.operations.acting import require_second_clerk
from sscard_service.operations.loss import follow
from sscard_service.store.cards import OPEN, card_of, lock_cards
from sscard_service.store.persons import (
    change_person,
    check_name,
    find_person,
    normal_identity,
)
from sscard_service.store.proofs import close_sessions
from sscard_service.work import OperationEffect, Work, operation


def _name_rule(text: str) -> str | None:
    return check_name(text) if text else None


class ContactDetails(PrivateModel, frozen=True):
    """A new telephone number, a new address, or both; what is None stays."""

    WHAT = "the details"

    phone: Annotated[str, rule("must be 11 digits", pattern="1[0-9]{10}|")] | None = None
    address: Annotated[str, plain(100)] | None = None


class RenameDetails(PrivateModel, frozen=True):
    """A new name, a new identity number, or both."""

    WHAT = "the details"

    name: Annotated[str, rule(check=_name_rule)] = ""
    identity: Annotated[
        str, rule("must be an identity number", pattern=r"[0-9A-Za-z\uff10-\uff19 ]{6,24}|")
    ] = ""
    reason: Annotated[str, plain(200)] = ""


class DeathDetails(PrivateModel, frozen=True):
    """The day of a death, YYYYMMDD."""

    WHAT = "the details"

    died: DayText


@operation("contact", OperationEffect.KEEPS, ContactDetails)
def change_contact(work: Work, details: ContactDetails) -> dict[str, Any]:
    """Telephone and address; the old telephone hears that it is one no longer."""
    data = work.person.data
    if set(details.address or "") & set("<>&=+@|\\`"):
        raise ServiceRefusedError(Code.FORMAT, field="address", rule="must be plain text")
    new = msgspec.structs.replace(
        data,
        phone=data.phone if details.phone is None else details.phone,
        address=data.address if details.address is None else details.address,
    )
    if new != data:
        work.notify_holder("contact", time=work.time)
        change_person(work.t, work.keys, work.person, new, "contact", work.time)
    return {"changed": new != data, "phone": mask_phone(new.phone), "time": work.time}


@operation("rename", OperationEffect.KEEPS, RenameDetails)
def rename(work: Work, details: RenameDetails) -> dict[str, Any]:
    """Correct name or identity number, by two clerks; what is printed needs a new card."""
    require_second_clerk(work)
    if not details.reason.strip():
        raise ServiceRefusedError(Code.FORMAT, field="reason", rule="must say why")
    data = work.person.data
    identity = normal_identity(details.identity) or data.identity
    born = identity[6:14] if is_citizen_number(identity) else data.birth_date
    new = msgspec.structs.replace(
        data, name=details.name or data.name, identity=identity, birth_date=born
    )
    broken = new.findings(work.now.date())
    if broken:
        raise ServiceRefusedError(Code.FORMAT, field=broken[0][0], rule=broken[0][1])
    other = find_person(work.t, work.keys, identity)
    if other is not None and other.id != work.person.id:
        raise ServiceRefusedError(Code.ALREADY, field="identity")
    if new != data:
        change_person(work.t, work.keys, work.person, new, "rename", work.time)
        close_sessions(work.t, work.person.id)
    return {
        "changed": new != data,
        "name": mask_name(new.name),
        "identity": mask_identity(new.identity),
        "new_card": new != data and any(one.status in OPEN for one in work.cards()),
        "time": work.time,
    }


@operation("seal", OperationEffect.STOPS, DeathDetails)
def register_death(work: Work, details: DeathDetails) -> dict[str, Any]:
    """A death: all cards are sealed (封存), sessions end, nothing is opened any more."""
    if details.died > work.day:
        raise ServiceRefusedError(Code.FORMAT, field="died", rule="must not be in the future")
    data = work.person.data
    if not data.died:
        new = msgspec.structs.replace(data, died=details.died)
        change_person(work.t, work.keys, work.person, new, "seal", work.time)
    lock_cards(work.t, work.person.psn_no)
    sealed = 0
    for one in work.cards():
        if one.status.name in ("CANCELLED", "SEALED"):
            continue
        changed = change_status(
            work.t, one.id, CardService.SEAL, work.time,
            report=work.report("died"), clock=ReportClock(work.time),
        )  # fmt: skip
        sealed += changed
        if changed:
            follow(work, card_of(work.t, one.id, work.time), one.status)
    close_sessions(work.t, work.person.id)
    work.forget_cards()
    return {"sealed": sealed, "time": work.time}
