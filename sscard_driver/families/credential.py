# SPDX-License-Identifier: Apache-2.0
"""NationEcTrans: the library of the electronic credential (医保电子凭证) at the counter.

It reads the QR code where a request asks for one, and passes the request to the service
(``hsecfc``) of the centre, whose answer it gives.
"""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from sscard_chip.standard.errors import SscardError
from sscard_chip.terminal.codes import DriverError, ReturnCode, code_of
from sscard_chip.terminal.driver import Parameter
from sscard_driver.exports import Export, Out
from sscard_driver.program import CallingProgram

TIMEOUT_S: Final = 60.0
"""For the scanner, and for the service."""
_LIMIT: Final = 64 * 1024
_SCANNED: Final = frozenset({"ec.query", "cn.nhsa.qrcode.get", "iot.gain.ec.qrcode"})
"""Requests for whose answer a QR code is read."""


def transact(program: CallingProgram, url: str, request: str) -> tuple[int, tuple[str, ...]]:
    """NationEcTrans: ``url`` of the service, empty for that of the options."""
    return exchange(program, url, request, TIMEOUT_S)


def exchange(
    program: CallingProgram, url: str, request: str, timeout_s: float
) -> tuple[int, tuple[str, ...]]:
    """Pass a request on; 0 and the service's JSON, or a code and a JSON that says why."""
    try:
        answer = json.dumps(
            _exchange(program, url, _object(request), timeout_s),
            ensure_ascii=False,
            separators=(",", ":"),
        )
    except SscardError as error:
        code = int(code_of(error))
        code = code if code != ReturnCode.LIBRARY else int(ReturnCode.NOT_CONNECTED)
        return code, (failure(code, " ".join(str(error).split())),)
    return int(ReturnCode.OK), (answer,)


def failure(code: int, text: str) -> str:
    """The JSON of a request that did not reach the service."""
    return json.dumps({"code": code, "message": text, "data": None}, ensure_ascii=False)


def person(program: CallingProgram, url: str, timeout_s: float) -> dict[str, str]:
    """Whose QR code is at the scanner.

    :raises DriverError: nobody's, or the service cannot be asked.
    """
    request: dict[str, Any] = {
        "orgId": "",
        "transType": "ec.query",
        "data": {"businessType": "01301", "operatorId": "", "officeId": ""},
        "extra": "",
    }
    answer = _exchange(program, url, request, timeout_s)
    data = answer.get("data")
    if isinstance(data, str):
        data = _object(data)
    if answer.get("code") != 0 or not isinstance(data, dict):
        text = answer.get("message")
        raise DriverError(ReturnCode.INPUT, text if isinstance(text, str) else "no such credential")
    return {str(name): str(value) for name, value in data.items() if value is not None}


def _exchange(
    program: CallingProgram, url: str, request: dict[str, Any], timeout_s: float
) -> dict[str, Any]:
    options = program.terminal.options()
    url = options.centre or url
    try:
        known = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        known = False
    if not known:
        raise DriverError(ReturnCode.PARAMETER, "url: must be the address of an HTTP service")
    data = request.get("data")
    if request.get("transType") in _SCANNED and isinstance(data, dict):
        data.setdefault("ecQrCode", program.terminal.hardware.scan(options, timeout_s))
    body = json.dumps(request, ensure_ascii=False).encode()
    return _object(_post(url, body, timeout_s))


def _post(url: str, body: bytes, timeout_s: float) -> str:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    try:
        # A proxy of the environment is not for the machines of a hospital's network.
        opener = build_opener(ProxyHandler({}))
        request = Request(url, data=body, headers=headers, method="POST")
        with opener.open(request, timeout=timeout_s) as answer:
            content: bytes = answer.read(_LIMIT + 1)
    except HTTPError as error:
        raise DriverError(ReturnCode.NO_ANSWER, f"the service answers HTTP {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = type(error).__name__
        raise DriverError(
            ReturnCode.NOT_CONNECTED, f"the service cannot be asked ({reason})"
        ) from None
    if len(content) > _LIMIT:
        raise DriverError(ReturnCode.LENGTH, "the service's answer is longer than 64 KB")
    return content.decode("utf-8", "replace")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DriverError(ReturnCode.INPUT, "must be a JSON object")
    return value


_TRANSACT: Final = Export(
    "NationEcTrans",
    (Parameter("url", str), Parameter("in", str)),
    (Out("out", 8192),),
    result="char *",
)

ROWS: Final = ((_TRANSACT, transact),)
"""The export and what answers."""
