# SPDX-License-Identifier: Apache-2.0
"""The card's random numbers."""

from __future__ import annotations

import os
import weakref


class RandomSource:
    """Random bytes for challenges, drawn from the operating system in larger pieces.

    After a fork the child draws anew, so two processes with the same card give no challenge twice.
    """

    __slots__ = ("__weakref__", "_at", "_pool")

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0
        _sources.add(self)

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

    def forget(self) -> None:
        """Draw anew with the next call."""
        self._pool = b""
        self._at = 0


_sources: weakref.WeakSet[RandomSource] = weakref.WeakSet()


def _forget_all() -> None:
    for source in _sources:
        source.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
