# SPDX-License-Identifier: Apache-2.0
"""A caller's line: what is said to it, and the keys that come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from sscard_chip.standard.errors import SettlementError


class HungUpError(SettlementError):
    """The caller is gone."""


class Spoken(NamedTuple):
    """A piece of what is said: a ``prompt`` by its id, a ``number`` or a ``date`` (YYYYMMDD)."""

    kind: Literal["prompt", "number", "date"]
    value: str


Language = Literal["chinese", "english"]


class CallerLine(Protocol):
    """What a call is played on. Each method raises :class:`HungUpError` when nobody is there."""

    async def speak(self, language: Language) -> None:
        """The language of everything from now on."""

    async def say(self, pieces: Sequence[Spoken]) -> None:
        """Say something to its end."""

    async def ask(self, prompts: Sequence[str], most: int, seconds: int) -> str | None:
        """Say prompts and collect up to ``most`` keys, ended by ``#`` or by ``seconds`` without
        one; None for silence. A key cuts the prompts short."""

    async def transfer(self) -> None:
        """Give the caller to an agent."""

    async def hang_up(self) -> None:
        """End the call."""
