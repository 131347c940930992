# SPDX-License-Identifier: Apache-2.0
"""The control page of a tester and its API: JSON in, the state out, with the token only."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from sscard_chip.standard.errors import SscardError
from sscard_driver.browser.dialects import PageAnswer, PageRequest
from sscard_driver.browser.dialects.common import read_object, write_json
from sscard_driver.browser.guard import Headers, NotAllowedError, check_same_page, only
from sscard_driver.browser.hands import HandsError, TesterHands

TOKEN_HEADER: Final = "X-Bridge-Token"
PREFIX: Final = "/control/"

_PAGE: Final = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}


def page_of(path: str) -> PageAnswer | None:
    """A file of the control page; it knows neither token nor state."""
    if path not in _PAGE:
        return None
    name, kind = _PAGE[path]
    return PageAnswer(_read(name), kind)


@cache
def _read(name: str) -> bytes:
    return (files("sscard_driver.browser") / "page" / name).read_bytes()


def check(headers: Headers, token: bytes) -> None:
    """See that a request is the tester's.

    :raises NotAllowedError:
    """
    check_same_page(headers)
    given = only(headers, TOKEN_HEADER.lower().encode()) or b""
    if not hmac.compare_digest(given, token):
        raise NotAllowedError(f"{TOKEN_HEADER}: is not the token that sscard bridge has shown")


def control(hands: TesterHands, method: str, request: PageRequest) -> PageAnswer:
    """Do what a tester asks; the answer is the state then."""
    name = request.path.removeprefix(PREFIX)
    if name == "state" and method == "GET":
        return _say(hands.state())
    action = _ACTIONS.get(name)
    if action is None or method != "POST":
        return _say({"error": "there is no such request"}, 404)
    value = read_object(request.body or b"{}")
    if value is None:
        return _say({"error": "the body must be a JSON object"}, 400)
    try:
        action(hands, value)
    except SscardError as error:
        return _say({"error": str(error)}, 400)
    return _say(hands.state())


def _say(value: Mapping[str, Any], status: int = 200) -> PageAnswer:
    return PageAnswer(write_json(value).encode("utf-8", "replace"), status=status)


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise HandsError(f"{name}: must be text")
    return text


def _insert(hands: TesterHands, value: Mapping[str, Any]) -> None:
    card = value.get("card")
    if card is not None and type(card) is not int:
        raise HandsError("card: must be its number")
    hands.insert(card)


_ACTIONS: Final[dict[str, Callable[[TesterHands, Mapping[str, Any]], None]]] = {
    "insert": _insert,
    "remove": lambda hands, _: hands.remove(),
    "swap": lambda hands, _: hands.swap(),
    "pin": lambda hands, value: hands.press(_text(value, "digits")),
    "cancel": lambda hands, _: hands.press(None),
    "code": lambda hands, value: hands.show(_text(value, "code")),
    "fault": lambda hands, value: hands.arm(_text(value, "line")),
    "clear": lambda hands, _: hands.disarm(),
}
