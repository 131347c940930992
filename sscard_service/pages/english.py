# SPDX-License-Identifier: Apache-2.0
"""English for what the centre answers in Chinese: names of states, insurances and classes."""

from __future__ import annotations

from enum import Enum
from typing import Final

from sscard_chip.settlement.ledger import CardStatus
from sscard_service.operations.bills import WAYS
from sscard_service.operations.filing import CLASSES
from sscard_service.pages.menu import STAYS
from sscard_service.records import STATUS_TEXTS, Insurance
from sscard_service.store.applications import MakingState


def _words(one: Enum) -> str:
    return one.name.replace("_", " ").capitalize()


_ENGLISH: Final[dict[str, str]] = {
    **{one.chinese: _words(one) for one in CardStatus},
    **{one.chinese: _words(one) for one in MakingState},
    **{one.chinese: _words(one) for one in Insurance},
    **dict(zip(STATUS_TEXTS.values(), ("Paying", "Paused", "Ended"), strict=True)),
    **{text.chinese: text.english for _, text in STAYS},
    CLASSES["referral"]: "Referral",
    **{text: f"By {name}" for name, text in WAYS.items()},
    "灵活就业": "Flexible worker",
    "参保": "Insured",
}


def english(text: str) -> str:
    """A name in English; any other text as it is.

    >>> english("临时挂失"), english("职工基本医疗保险"), english("林")
    ('Temporary loss', 'Medical', '林')
    """
    return _ENGLISH.get(text, text)
