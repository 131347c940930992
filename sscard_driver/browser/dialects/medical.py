# SPDX-License-Identifier: Apache-2.0
"""Card, identity card and credential over HTTP: ``/api/entry?param=…`` [M].

Answers are ``{"code","message","data","sign"}``, code 200 or 1001. ``sign`` is the string that the
centre signs, with which ``data`` goes on.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from sscard_driver.browser.dialects.common import (
    MEDICAL,
    Caller,
    PageAnswer,
    PageRequest,
    read_object,
    write_json,
)

_DONE, _FAILED = 200, 1001
_CODE: Final = re.compile(r"(?:[a-z]+_)?qrcode_([0-9]{5})")


def enter(caller: Caller, request: PageRequest) -> PageAnswer:
    """``param``: sicard, idcard, or qrcode_ and a businessType, a province before it."""
    what = request.query.get("param", "")
    if what == "sicard":
        code, (text, sign) = caller.call(MEDICAL, "ReadCardBas", [], 2)
        return _read(code, text, sign)
    if what == "idcard":
        code, (text, sign) = caller.call(MEDICAL, "ReadSFZ", [""], 2)
        return _read(code, text, sign)
    code_of = _CODE.fullmatch(what)
    if code_of is None:
        return _answer(_FAILED, "param: must be sicard, idcard or qrcode_ and a businessType")
    return _credential(caller, code_of[1])


def initialise(caller: Caller, request: PageRequest) -> PageAnswer:
    """Init with the JSON object of the body; an empty one is ``{}``."""
    options = read_object(request.body or b"{}")
    if options is None:
        return _answer(_FAILED, "the body must be a JSON object")
    code, text = caller.initialise(options)
    return _read(code, text and "", "", text)


def _credential(caller: Caller, business: str) -> PageAnswer:
    request = {
        "orgId": "",
        "transType": "ec.query",
        "data": {"businessType": business, "operatorId": "", "officeId": ""},
        "extra": "",
    }
    code, (text,) = caller.call(MEDICAL, "EcQuery", [json.dumps(request)])
    found = read_object(text) or {}
    data = found.get("data")
    if isinstance(data, str):
        data = read_object(data)
    if code or found.get("code") != 0 or not isinstance(data, dict):
        message = found.get("message")
        return _answer(_FAILED, message if isinstance(message, str) else "no such credential")
    return _answer(_DONE, "", data)


def _read(code: int, text: str, sign: str, message: str | None = None) -> PageAnswer:
    if code:
        return _answer(_FAILED, f"{code} {text if message is None else message}")
    return _answer(_DONE, "", text, sign)


def _answer(code: int, message: str, data: Any = "", sign: str = "") -> PageAnswer:
    value = {"code": code, "message": message, "data": data, "sign": sign}
    return PageAnswer(write_json(value).encode("utf-8", "replace"))
