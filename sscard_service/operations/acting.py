# SPDX-License-Identifier: Apache-2.0
"""Who may act and where: two clerks where one is not enough, a guardian for a minor, the place of
issue."""

from __future__ import annotations

from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.levels import ProofLevel
from sscard_service.work import Work


def require_second_clerk(work: Work) -> None:
    """Two clerks, and not one twice.

    :raises ServiceRefusedError: FOUR_EYES.
    """
    second = work.evidence.second_clerk
    if not second or work.actor.kind != "clerk" or second == work.actor.name:
        raise ServiceRefusedError(Code.FOUR_EYES)


def require_place_of_issue(work: Work, division: str) -> None:
    """A card or a person of this place: losses are reported, lifted and made formal anywhere; what
    applies for a card, collects, activates or cancels one is done where it is issued [M D1].

    :raises ServiceRefusedError: NOT_HERE, with the ``region`` where.
    """
    own = work.region.issues_for
    if own and division not in own:
        raise ServiceRefusedError(Code.NOT_HERE, region=division)


def require_adult_or_guardian(work: Work) -> None:
    """Under the region's age a guardian acts, with his document; over it there is none.

    :raises ServiceRefusedError: MINOR or DOCUMENTS.
    """
    age = work.person.data.age(work.now.date())
    guardian = work.evidence.guardian
    minor = age is not None and age < work.region.time.guardian_under
    if minor and (guardian is None or work.level < ProofLevel.IN_PERSON):
        raise ServiceRefusedError(Code.MINOR, needs=int(ProofLevel.IN_PERSON))
    if not minor and guardian is not None:
        raise ServiceRefusedError(Code.DOCUMENTS, field="guardian")
