# SPDX-License-Identifier: Apache-2.0
"""A request and an answer of HTTP, as far as the gateway looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.standard.errors import SettlementError

JSON: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, repr=False)
class GatewayRequest:
    """A POST: its path, its headers with names in small letters, its body."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What goes back."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class AnsweredError(SettlementError):
    """The gateway has an answer of its own, and the centre gets no message."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(answer)
        self.answer = answer

    def __str__(self) -> str:
        return f"the gateway answers {self.answer.status}"
