# SPDX-License-Identifier: Apache-2.0
"""Levels of proof (T1), and the least level of each operation whatever a region says.

Stopping a card needs little proof, opening needs more: the least levels hold that, and a region
may only ask for more. An initial password proves level 0.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final


@unique
class ProofLevel(IntEnum):
    """How sure it is who asks."""

    NONE = 0
    KNOWLEDGE = 1
    """Identity number with the last six of the card number, or with the own query password."""
    SECOND = 2
    """E-card password or face result of a signed channel; or knowledge and a code by telephone."""
    CARD = 3
    """Card in the reader, authenticated, with PIN; or identity card read, with query password."""
    IN_PERSON = 4
    """A clerk who has seen the documents, both of them for a proxy."""


PROOFS: Final[dict[str, ProofLevel]] = {
    "card_number": ProofLevel.KNOWLEDGE,
    "query_password": ProofLevel.KNOWLEDGE,
    "phone_code": ProofLevel.SECOND,
    "ecard_password": ProofLevel.SECOND,
    "face": ProofLevel.SECOND,
    "card": ProofLevel.CARD,
    "identity_card": ProofLevel.CARD,
    "clerk": ProofLevel.IN_PERSON,
}
"""What proves a person, and the level that it gives."""

LEAST: Final[dict[str, int]] = {
    # shown to anybody
    "policy": 0, "progress": 0, "verify": 0,
    # told to tills and channels that sign
    "card_state": 0,
    # shown to the person
    "status": 1, "balance": 1, "person": 2, "insurances": 2, "contributions": 2, "pension": 2,
    "benefits": 2, "settlements": 2, "applications": 2,
    # how one proves oneself
    "login": 1, "logout": 0, "code": 1, "password": 2, "ecard_password": 2,
    # stops
    "loss": 1,
    # opens, or changes who somebody is
    "lift": 2, "formal": 2, "replace": 2, "apply": 2, "withdraw": 2, "activate": 2, "cancel": 3,
    "contact": 2, "rename": 4, "seal": 4, "collect": 4,
    # what clerks do with applications
    "review": 4, "batch": 4, "made": 4, "arrive": 4,
    # level choice and its bills, filing, papers, electronic card
    "levels": 2, "level": 2, "level_stop": 2,
    "bills": 2, "bill": 2, "bill_withdraw": 2, "bill_paid": 4,
    "filing": 2, "filings": 2, "unfile": 2,
    "paper": 2, "papers": 2, "paper_print": 2, "undelivered": 2,
    "ecard": 2, "ecard_code": 2, "ecard_decode": 0, "unlink": 2,
    "family": 2, "family_add": 2, "family_end": 2,
}  # fmt: skip
"""The least level of each operation."""
