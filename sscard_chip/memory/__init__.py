# SPDX-License-Identifier: Apache-2.0
"""The non-volatile memory of a card: flat cells, staged writes, atomic commits, an image file."""

from sscard_chip.memory.errors import CardImageError, CardInUseError, CardMemoryError
from sscard_chip.memory.image import Durability, create_image, load_image, open_image, read_image
from sscard_chip.memory.store import Memory

__all__ = [
    "CardImageError",
    "CardInUseError",
    "CardMemoryError",
    "Durability",
    "Memory",
    "create_image",
    "load_image",
    "open_image",
    "read_image",
]
