# SPDX-License-Identifier: Apache-2.0
"""The Chinese social security card (社会保障卡) as software."""

from sscard_chip.card import Card, NotPoweredError
from sscard_chip.memory import CardImageError, CardInUseError, Durability
from sscard_chip.standard.status import StatusError, StatusWord

__all__ = [
    "Card",
    "CardImageError",
    "CardInUseError",
    "Durability",
    "NotPoweredError",
    "StatusError",
    "StatusWord",
]
