# SPDX-License-Identifier: Apache-2.0
"""Sessions, passwords, codes by telephone: how a person proves who he is the next time.

An initial password proves level 0: it only starts setting a new one, and that needs level 2.
Setting any password needs the level of the operation, never the old password alone.
"""

from __future__ import annotations

import secrets as random
from datetime import timedelta
from typing import Annotated, Any, Final

from sscard_chip.standard.dates import TIME
from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceEvidence
from sscard_service.fields import PrivateModel
from sscard_service.masks import mask_phone
from sscard_service.region.model import ServiceRegion
from sscard_service.store.proofs import (
    ECARD,
    QUERY,
    attempts_since,
    close_session,
    close_sessions,
    hash_password,
    note_attempt,
    open_session,
    read_credential,
    set_code,
    set_credential,
)
from sscard_service.work import NoDetails, OperationEffect, Work, operation

_SIX: Final = 6
_SENT: Final = "code:sent"


class NewPassword(PrivateModel, frozen=True):
    """A new password of six to 32 printable characters."""

    WHAT = "the details"

    password: Annotated[
        str, rule("must be 6 to 32 characters without blanks", pattern=r"[!-~]{6,32}")
    ]


class NewEcardPassword(PrivateModel, frozen=True):
    """A new password of the electronic card."""

    WHAT = "the details"

    password: Annotated[str, rule("must be six digits", pattern="[0-9]{6}")]


def _hash(_region: ServiceRegion, _evidence: ServiceEvidence, details: Any) -> str:
    return hash_password(details.password)


@operation("login", OperationEffect.KEEPS)
def login(work: Work, _: NoDetails) -> dict[str, Any]:
    """A session of the level that was proven; its token stands for the proof until it ends."""
    ends = work.now + timedelta(minutes=work.region.proof.session_minutes)
    token = open_session(
        work.t, work.person.id, work.channel, work.actor.device, work.level, work.time,
        ends.strftime(TIME),
    )  # fmt: skip
    found = read_credential(work.t, work.person.id, QUERY)
    return {
        "token": token,
        "level": work.level,
        "ends": ends.strftime(TIME),
        "password": "none" if found is None else "initial" if found.initial else "own",
    }


@operation("logout", OperationEffect.KEEPS, about="nothing")
def logout(work: Work, _: NoDetails) -> dict[str, Any]:
    """End a session."""
    return {"ended": close_session(work.t, work.evidence.session)}


@operation("code", OperationEffect.KEEPS)
def send_code(work: Work, _: NoDetails) -> dict[str, Any]:
    """Send a code of six digits to the registered telephone; it is used once.

    Beside what the person knows it proves level 2. A person is sent so many an hour as the
    region says.
    """
    phone = work.person.data.phone
    if not phone:
        raise ServiceRefusedError(Code.NOT_FOUND, field="phone")
    subject = work.keys.digest("codes", str(work.person.id))
    since = (work.now - timedelta(hours=1)).strftime(TIME)
    work.t.lock_name(f"codes {work.person.id}")
    if attempts_since(work.t, subject, _SENT, since) >= work.region.proof.codes_hour:
        raise ServiceRefusedError(Code.RATE, retry=3600)
    note_attempt(work.t, subject, _SENT, subject, work.time, correct=True)
    code = f"{random.randbelow(10**_SIX):0{_SIX}d}"
    ends = work.now + timedelta(seconds=work.region.proof.code_seconds)
    digest = work.keys.digest("code", f"{work.person.id} {code}")
    set_code(work.t, work.person.id, digest, ends.strftime(TIME))
    work.notify_holder("code", code=code, ends=ends.strftime(TIME))
    return {"phone": mask_phone(phone), "ends": ends.strftime(TIME)}


@operation("password", OperationEffect.OPENS, NewPassword, prepare=_hash)
def set_query_password(work: Work, details: NewPassword) -> dict[str, Any]:
    """A new query password; what follows from the identity or card number is refused."""
    data = work.person.data
    numbers = (data.identity, data.phone, *(one.card_number for one in work.cards()))
    if any(details.password.upper() in number for number in numbers):
        raise ServiceRefusedError(
            Code.FORMAT, field="password", rule="must not be part of a number of the person"
        )
    if len(set(details.password)) == 1 or details.password in "01234567890987654321":
        raise ServiceRefusedError(Code.FORMAT, field="password", rule="must not be a plain row")
    set_credential(work.t, work.person.id, QUERY, work.prepared, work.time)
    close_sessions(work.t, work.person.id)
    work.notify_holder("password", time=work.time)
    return {"set": True, "time": work.time}


@operation("ecard_password", OperationEffect.OPENS, NewEcardPassword, prepare=_hash)
def set_ecard_password(work: Work, details: NewEcardPassword) -> dict[str, Any]:
    """A new password of the electronic card, one for all channels."""
    if len(set(details.password)) == 1 or details.password in "01234567890987654321":
        raise ServiceRefusedError(Code.FORMAT, field="password", rule="must not be a plain row")
    set_credential(work.t, work.person.id, ECARD, work.prepared, work.time)
    close_sessions(work.t, work.person.id, ("app",))
    work.notify_holder("password", time=work.time)
    return {"set": True, "time": work.time}
