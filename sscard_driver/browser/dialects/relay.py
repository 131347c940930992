# SPDX-License-Identifier: Apache-2.0
"""``POST /api/…``: a message for the insurance platform, passed on; its answer as text [M]."""

from __future__ import annotations

from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from sscard_driver.browser.dialects.common import (
    Caller,
    PageAnswer,
    PageRequest,
    read_object,
    write_json,
)

TIMEOUT_S: Final = 60.0
LIMIT: Final = 8 << 20
"""Bytes of the platform's answer."""
_BAD, _GATEWAY = 400, 502


def pass_on(caller: Caller, request: PageRequest) -> PageAnswer:
    """The platform's answer, byte for byte, as text; never sent twice."""
    if read_object(request.body) is None:
        return _refuse(_BAD, "the body must be a JSON object in UTF-8")
    if not caller.centre:
        return _refuse(_GATEWAY, "no centre is set (sscard bridge --centre)")
    try:
        opener = build_opener(ProxyHandler({}))
        message = Request(
            caller.centre,
            data=request.body,
            headers={"Content-Type": "application/json; charset=utf-8"},
            method="POST",
        )
        with opener.open(message, timeout=TIMEOUT_S) as found:
            content: bytes = found.read(LIMIT + 1)
    except HTTPError as error:
        return _refuse(_GATEWAY, f"the centre answers HTTP {error.code}")
    except (OSError, HTTPException, ValueError) as error:
        return _refuse(_GATEWAY, f"the centre cannot be asked ({type(error).__name__})")
    if len(content) > LIMIT:
        return _refuse(_GATEWAY, "the centre's answer is longer than 8 MB")
    return PageAnswer(content, "text/plain; charset=utf-8")


def _refuse(status: int, text: str) -> PageAnswer:
    """In the form of the platform, as the page reads that."""
    return PageAnswer(write_json({"infcode": -1, "err_msg": text}).encode(), status=status)
