# SPDX-License-Identifier: Apache-2.0
"""The card's random numbers."""

from __future__ import annotations

import os


class RandomSource:
    """Random bytes for challenges, drawn from the operating system in larger pieces."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def take(self, length: int) -> bytes:
        """``length`` bytes, each given out once."""
        at = self._at
        piece = self._pool[at : at + length]
        if len(piece) < length:
            self._pool = os.urandom(4096)
            self._at = length
            return self._pool[:length]
        self._at = at + length
        return piece
