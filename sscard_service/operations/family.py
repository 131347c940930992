# SPDX-License-Identifier: Apache-2.0
"""亲情账户: family members whose card a person shows in his program, ten at most (S5).

Who is 16 or older agrees with an authorisation of his own electronic card; for a younger one the
channel has compared the child's face.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from sscard_chip.settlement.ledger import CardStatus
from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.fields import PrivateModel
from sscard_service.levels import ProofLevel
from sscard_service.masks import mask_name
from sscard_service.operations.ecard import card_of_person, read_shown, require_normal
from sscard_service.store.ecards import (
    add_member,
    end_member,
    family_of,
    find_member,
    forget_codes,
)
from sscard_service.store.persons import check_name, find_person, normal_identity, read_person
from sscard_service.store.proofs import correct_attempt, note_attempt, wrong_of_source
from sscard_service.work import NoDetails, OperationEffect, Work, operation

MOST: Final = {"elder": 4, "child": 3, "spouse": 1, "other": 2}
"""So many of each relation."""
TRIES_HOUR: Final = 10
"""So often an hour a person may be wrong about a family member: nobody is guessed."""
_TRIED: Final = "family:tried"


class FamilyDetails(PrivateModel, frozen=True):
    """A family member, and how he agrees: ``code`` is an authorisation (auth) or a code of his own
    electronic card, ``face`` that the channel has compared a child's face."""

    WHAT = "the details"

    relation: Literal["elder", "child", "spouse", "other"]
    identity: Annotated[str, rule("must be 18 characters", min_length=18, max_length=18)]
    name: Annotated[str, rule(check=check_name)]
    code: Annotated[
        str, rule("must be 28 digits, or 32 of hex", pattern="[0-9]{28}|[0-9a-f]{32}|")
    ] = ""
    face: bool = False


class MemberDetails(PrivateModel, frozen=True):
    """Which family member."""

    WHAT = "the details"

    member: Annotated[int, rule(ge=1, le=2**53)]


@operation("family_add", OperationEffect.OPENS, FamilyDetails, spends=True)
def add_family(work: Work, details: FamilyDetails) -> dict[str, Any]:
    """Show a family member's card; an unknown person and another name are one answer, whatever
    is shown for him."""
    attempt = _try(work)
    shown_by = read_shown(work, details.code).psn_no if details.code else ""
    member = find_person(work.t, work.keys, normal_identity(details.identity))
    if member is None or member.data.name != details.name or member.dead:
        raise ServiceRefusedError(Code.WRONG_PROOF)
    if member.id == work.person.id:
        raise ServiceRefusedError(Code.FORMAT, field="identity", rule="must be another person")
    age = member.data.age(work.now.date())
    if age is not None and age < work.region.time.guardian_under:
        if not (details.face and "face" in work.rules.proofs):
            raise ServiceRefusedError(Code.LEVEL_TOO_LOW, needs=int(ProofLevel.SECOND))
    elif not shown_by or shown_by != member.psn_no:
        raise ServiceRefusedError(Code.WRONG_PROOF)
    correct_attempt(work.t, attempt)
    shown = family_of(work.t, work.person.id)
    if any(one.member == member.id for one in shown):
        raise ServiceRefusedError(Code.ALREADY)
    most = MOST[details.relation]
    if sum(one.relation == details.relation for one in shown) >= most:
        raise ServiceRefusedError(Code.FORMAT, field="relation", rule=f"at most {most} of these")
    card = card_of_person(work, member)
    if card is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    require_normal(work, card)
    number = add_member(work.t, work.person.id, member.id, details.relation, work.time)
    return {"member": number, "name": mask_name(details.name), "time": work.time}


@operation("family", OperationEffect.SHOWS)
def show_family(work: Work, _: NoDetails) -> dict[str, Any]:
    """The family members, and whether the card of each pays at this second."""
    shown = []
    for one in family_of(work.t, work.person.id):
        person = read_person(work.t, work.keys, one.member)
        card = None if person is None else card_of_person(work, person)
        pays = card is not None and card.status is CardStatus.NORMAL and not card.expired(work.day)
        name = "" if person is None else mask_name(person.data.name)
        shown.append({"member": one.id, "relation": one.relation, "name": name, "pays": pays})
    return {"members": shown, "time": work.time}


@operation("family_end", OperationEffect.KEEPS, MemberDetails)
def end_family(work: Work, details: MemberDetails) -> dict[str, Any]:
    """Show a family member no more, and what was shown of his card is over; the member himself
    may end it as well."""
    found = find_member(work.t, details.member)
    if found is None or work.person.id not in (found.person, found.member):
        raise ServiceRefusedError(Code.NOT_FOUND, field="member")
    end_member(work.t, found.id, work.time)
    member = read_person(work.t, work.keys, found.member)
    card = None if member is None else card_of_person(work, member)
    if card is not None:
        forget_codes(work.t, card.id)
    return {"ended": True, "time": work.time}


def _try(work: Work) -> int:
    """Count that a family member is named, as a wrong one until it is known; the attempt's number.

    :raises ServiceRefusedError: RATE.
    """
    asker = work.keys.digest("family", str(work.person.id))
    work.t.lock_name(f"family {work.person.id}")
    if wrong_of_source(work.t, asker, work.now) >= TRIES_HOUR:
        raise ServiceRefusedError(Code.RATE, retry=3600)
    return note_attempt(work.t, asker, _TRIED, asker, work.time)
