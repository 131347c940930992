# SPDX-License-Identifier: Apache-2.0
"""What was said to a card in a case, without PINs, keys or citizens' data.

Of every data field and answer stand the length and a digest under a key of the run, so that two
equal values can be seen to be equal and none can be guessed. Commands are put into words by the
trace, which shows secrets as their length.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2s
from typing import Final, NamedTuple

from sscard_chip.profile.model import Profile
from sscard_chip.trace import Tracer

_DIGEST: Final = 4
_TIME: Final = len("00:00:00.000 ")


class RawExchange(NamedTuple):
    """A command and its answer as they went over the connection; not for a report."""

    command: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """An exchange that anybody may see."""

    command: str
    answer: str
    meaning: str


class Evidence:
    """Makes exchanges fit to be shown. One object belongs to one run."""

    def __init__(self, profile: Profile | None = None) -> None:
        self._profile = profile
        self._key = os.urandom(16)

    def digest(self, value: bytes) -> str:
        """Length and digest of a value: ``[16 bytes, 1F00A2C4]``."""
        if not value:
            return "[0 bytes]"
        digest = blake2s(value, digest_size=_DIGEST, key=self._key).hexdigest().upper()
        return f"[{len(value)} byte{'s' if len(value) > 1 else ''}, {digest}]"

    def show(self, exchanges: Iterable[RawExchange]) -> tuple[ShownExchange, ...]:
        """The exchanges of a case, from its reset on."""
        tracer = Tracer(profile=self._profile)
        return tuple(self._show(tracer, one) for one in exchanges)

    def _show(self, tracer: Tracer, exchange: RawExchange) -> ShownExchange:
        command, answer = exchange
        if not command:
            return ShownExchange("", "", "RESET 复位")
        asked = command[:5].hex(" ").upper()
        if len(command) > 5:
            asked += f" {self.digest(command[5:])}"
        body, word = answer[:-2], answer[-2:].hex().upper()
        answered = f"{self.digest(body)} {word}" if body else word
        lines = tracer.format(command, answer, 0).split("\n")
        meaning = "; ".join(line[_TIME:].strip().removeprefix("> ") for line in lines)
        return ShownExchange(asked, answered or "nothing", meaning.replace("; < ", ", answer "))
