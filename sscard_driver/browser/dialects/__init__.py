# SPDX-License-Identifier: Apache-2.0
"""The dialects of the bridges that pages know: one function each, told apart by the path.

Every port speaks all of them. The first row whose path fits answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sscard_driver.browser.dialects import functions, medical, relay, text
from sscard_driver.browser.dialects.common import Caller, PageAnswer, PageRequest

__all__ = [
    "DIALECTS",
    "SOCKETS",
    "Caller",
    "HttpDialect",
    "PageAnswer",
    "PageRequest",
    "SocketDialect",
    "common",
    "functions",
    "medical",
    "relay",
    "text",
]


@dataclass(frozen=True, slots=True)
class SocketDialect:
    """A dialect over WebSocket: a message in, a message out."""

    path: re.Pattern[str]
    answer: Callable[[Caller, str], str]


@dataclass(frozen=True, slots=True)
class HttpDialect:
    """A dialect over HTTP: a request in, an answer out."""

    methods: frozenset[str]
    path: re.Pattern[str]
    answer: Callable[[Caller, PageRequest], PageAnswer]


SOCKETS: Final = (
    SocketDialect(re.compile(r"/readCard"), text.answer),
    SocketDialect(re.compile(r"/.*"), functions.answer),
)
"""Dialects over WebSocket."""

DIALECTS: Final = (
    HttpDialect(frozenset(("GET", "POST")), re.compile(r"/api/entry"), medical.enter),
    HttpDialect(frozenset(("POST",)), re.compile(r"/api/[a-z]+/init"), medical.initialise),
    HttpDialect(frozenset(("POST",)), re.compile(r"/api/.+"), relay.pass_on),
)
"""Dialects over HTTP."""
