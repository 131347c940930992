# SPDX-License-Identifier: Apache-2.0
"""What a case of the suite is: what it asks, of which cards, at which level, by which clause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

from sscard_chip.profile.model import Confidence
from sscard_chip.terminal.conformance.levels import Level

Judge = Callable[[Any], None]
"""Puts its questions by the trial of its suite (of a card: :class:`.trial.Trial`) and raises a
JudgementError where the answer is not a pass."""

CONTACT: Final = "contact"
CONTACTLESS: Final = "contactless"
BOTH: Final = frozenset({CONTACT, CONTACTLESS})
ALL_GENERATIONS: Final = frozenset({1, 2, 3})


@unique
class Need(StrEnum):
    """What a run has to be given for a case, or what the card must have."""

    PIN = "pin"
    KEYS = "keys"
    MEDICAL = "medical"
    IMAGE = "image"
    POWER_CUT = "power-cut"
    OWN_KEYS = "own-keys"
    AUTHORITY = "authority"
    TRANSPORT_KEYS = "transport-keys"
    USER_PIN = "user-pin"
    ADMIN_PIN = "admin-pin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question with its answer by the standard.

    ``identifier`` stays the same for ever; ``clauses`` are numbers of clauses, the first one that
    which the case is about. ``group`` is the section of the report, after the groups of LD/T
    6001. ``lasting`` says how much is lost on a card that keeps what is done to it: such cases
    come last, the greatest number at the very end. ``part`` is what of the judged one it is about,
    where that has parts: an environment of a PSAM.
    """

    identifier: str
    title: str
    clauses: tuple[str, ...]
    group: str
    judge: Judge
    level: Level = Level.READ
    confidence: Confidence = Confidence.HIGH
    generations: frozenset[int] = ALL_GENERATIONS
    interfaces: frozenset[str] = BOTH
    needs: frozenset[Need] = frozenset()
    lasting: int = 0
    part: str = ""

    @property
    def clause(self) -> str:
        """The clause that the case is about."""
        return self.clauses[0]
