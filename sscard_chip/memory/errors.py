# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a card's memory, each with one clear line."""

from __future__ import annotations


class CardImageError(ValueError):
    """A file that is no card image, or one that is truncated or damaged beyond its journal."""


class CardInUseError(OSError):
    """This card is open already, in this process or another: one card, one owner."""


class CardMemoryError(Exception):
    """The medium under the memory refused a write; the card answers 6581 from then on."""
