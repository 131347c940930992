# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a card's memory, each with one clear line."""

from __future__ import annotations

from sscard_chip.standard.errors import BAD_INPUT, CardError


class CardImageError(CardError, ValueError):
    """A file that is no card image, or one that is truncated or damaged beyond its journal."""

    exit_code = BAD_INPUT


class CardInUseError(CardError, OSError):
    """This card is open already, in this process or another: one card, one owner."""


class CardMemoryError(CardError):
    """The medium under the memory refused a write; the card answers 6581 from then on."""
