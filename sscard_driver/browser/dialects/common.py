# SPDX-License-Identifier: Apache-2.0
"""What dialects work with: who calls, what was asked, what is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from sscard_driver.library import DriverLibrary
from sscard_driver.terminal import SharedTerminal

MEDICAL: Final = "HeaSecReadInfo"
BUFFER: Final = 64 * 1024
"""Bytes for each string of an answer."""
_SERVICE: Final = "/localcfc/api/hsecfc/localQrCodeQuery"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """``query`` has the first value of each name, ``body`` the bytes as they came."""

    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """``content`` is text of the media type ``kind``."""

    content: bytes
    kind: str = "application/json; charset=utf-8"
    status: int = 200


class Caller:
    """A page's connection: HSM steps belong to the one that began them.

    ``note`` is told the function and code of each call. ``centre`` is where the insurance
    platform is, and in the same place the electronic credential's service, unless Init or the
    configuration say where that is.
    """

    def __init__(
        self,
        terminal: SharedTerminal,
        note: Callable[[str, int], None] = lambda _function, _code: None,
        centre: str = "",
    ) -> None:
        self.terminal = terminal
        self.centre = centre
        self.began = ""
        """The last first step that succeeded."""
        self._library = DriverLibrary(terminal=terminal)
        self._note = note
        self.initialise({})

    def initialise(self, options: dict[str, Any]) -> tuple[int, str]:
        """Init of the medical insurance's library."""
        if not options.get("EC_URL") and self.centre:
            place = urlsplit(self.centre)
            options = {**options, "EC_URL": f"{place.scheme}://{place.netloc}{_SERVICE}"}
        code, (text,) = self._call(MEDICAL, "Init", [json.dumps(options)], 1)
        return code, text

    def call(
        self, library: str, name: str, arguments: list[int | str], outs: int = 1
    ) -> tuple[int, list[str]]:
        """A function of a library: code and its texts."""
        code, texts = self._call(library, name, arguments, outs)
        self._note(name, code)
        return code, texts

    def end(self) -> None:
        """The page has gone: what it began is over."""
        self._library.end()

    def _call(
        self, library: str, name: str, arguments: list[int | str], outs: int
    ) -> tuple[int, list[str]]:
        values = [
            value if isinstance(value, int) else value.encode("utf-8", "surrogatepass")
            for value in arguments
        ]
        code, found = self._library.answer(library, name, values, [BUFFER] * outs)
        return code, [one.removesuffix(b"\0").decode("utf-8", "replace") for one in found]


def read_object(content: str | bytes) -> dict[str, Any] | None:
    """A JSON object, bytes in UTF-8, where .NET puts a mark before it; None for anything else."""
    try:
        value = json.loads(content.decode("utf-8-sig") if isinstance(content, bytes) else content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_json(value: Any) -> str:
    """Pure JSON, as pages parse it with eval: one line, nothing of it ends a line of a script.

    >>> write_json({"a": "\\u2028<b>"})
    '{"a":"\\\\u2028<b>"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
