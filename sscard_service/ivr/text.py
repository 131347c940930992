# SPDX-License-Identifier: Apache-2.0
"""A line that is a terminal: prompts as text, a line of keys typed for each question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sscard_service.ivr.flow import IvrFlow
from sscard_service.ivr.line import HungUpError, Language, Spoken


class TextLine:
    """``read`` gives what is typed for a question, None when there is no more: then the caller
    has hung up. An empty line is silence."""

    def __init__(
        self, flow: IvrFlow, read: Callable[[], str | None], write: Callable[[str], None]
    ) -> None:
        self._flow = flow
        self._read = read
        self._write = write
        self._language: Language = "chinese"

    async def speak(self, language: Language) -> None:
        """The language of everything from now on."""
        self._language = language

    async def say(self, pieces: Sequence[Spoken]) -> None:
        """Write what is said as a line."""
        if pieces:
            self._write(" ".join(self._text(one) for one in pieces))

    async def ask(self, prompts: Sequence[str], most: int, seconds: int) -> str | None:
        """Write the prompts, read a line."""
        await self.say([Spoken("prompt", one) for one in prompts])
        typed = self._read()
        if typed is None:
            raise HungUpError("the caller has hung up")
        keys = typed.strip()
        return keys.partition("#")[0][:most] if keys else None

    async def transfer(self) -> None:
        """Say where the call would go."""
        self._write("-> agent")

    async def hang_up(self) -> None:
        """Say that the call is over."""
        self._write("-> end")

    def _text(self, piece: Spoken) -> str:
        if piece.kind == "prompt":
            prompt = self._flow.prompts[piece.value]
            return prompt.chinese if self._language == "chinese" else prompt.english
        if piece.kind == "date" and len(piece.value) == 8:
            return f"{piece.value[:4]}-{piece.value[4:6]}-{piece.value[6:]}"
        return piece.value
