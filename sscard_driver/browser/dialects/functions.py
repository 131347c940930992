# SPDX-License-Identifier: Apache-2.0
"""The functions of LD/T 33 over WebSocket, as pages for port 12342 call them [H].

``{"function":"iReadCardBas","iType":3}`` is answered with ``{"functionName","success",
"pOutInfo"}``; success is the number 1, or the negative code. What public pages do otherwise is
borne: general reading begun as ``iReadCard`` without iAuthType, ``ReadCard_HSM_Step2`` for both
reading functions, ``pkey``, a bar behind the HSM's answer. Step 1 of iReadCardBas has 终端编号 as a
ninth field. ``functionName`` is the function that has worked.
"""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.terminal.codes import ReturnCode
from sscard_chip.terminal.driver import Parameter
from sscard_chip.terminal.driver.context import NO_TERMINAL
from sscard_chip.terminal.driver.values import InterfaceType
from sscard_driver.browser.dialects.common import MEDICAL, Caller, read_object, write_json
from sscard_driver.exports import EXPORTS
from sscard_driver.libraries import DRIVER

_DONE: Final = 1
_SHOWN: Final = 64
_BASICS, _READING = "iReadCardBas_HSM_Step1", "iReadCard_HSM_Step1"
_LOOSE: Final = {"ReadCard_HSM_Step2", "iReadCard_HSM_Step2", "iReadCardBas_HSM_Step2"}
_MOST_DIGITS: Final = 10


class _RequestError(Exception):
    """What is wrong with a request."""


def answer(caller: Caller, message: str) -> str:
    """One answer for one message, whatever it is."""
    request = read_object(message)
    if request is None:
        return _say("", int(ReturnCode.PARAMETER), "the message must be a JSON object")
    name = request.get("function")
    if not isinstance(name, str):
        return _say("", int(ReturnCode.PARAMETER), "function: must be the name of a function")
    try:
        return _say(*_answer(caller, name, request))
    except _RequestError as error:
        return _say(name[:_SHOWN], int(ReturnCode.PARAMETER), str(error))


def _answer(caller: Caller, name: str, request: dict[str, Any]) -> tuple[str, int, str]:
    given = {key.lower(): value for key, value in request.items()}
    if name in _OTHERS:
        return name, *_OTHERS[name](caller)
    name = _meant(caller, name, given)
    export = EXPORTS.get(name)
    if export is None:
        raise _RequestError("there is no such function")
    arguments = [_argument(parameter, given) for parameter in export.parameters]
    code, (text,) = caller.call(DRIVER, name, arguments)
    if name.endswith("_HSM_Step1"):
        caller.began = name if code == ReturnCode.OK else ""
    if name == _BASICS and code == ReturnCode.OK:
        text += f"{caller.terminal.options().terminal_id or NO_TERMINAL}|"
    return name, code, text


def _meant(caller: Caller, name: str, given: dict[str, Any]) -> str:
    """The function that a page means."""
    if name == "iReadCard" and "iauthtype" not in given:
        return _READING
    if name not in _LOOSE:
        return name
    key = given.get("pkey")
    reads = caller.began == _READING or (caller.began != _BASICS and name == "iReadCard_HSM_Step2")
    if not reads:
        if isinstance(key, str) and key and not key.endswith("|"):
            given["pkey"] = key + "|"
        return "iReadCardBas_HSM_Step2"
    return "iReadCard_HSM_Step2"


def _argument(parameter: Parameter, given: dict[str, Any]) -> int | str:
    value = given.get(parameter.name.lower())
    if value is None:
        raise _RequestError(f"{parameter.name}: is missing")
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _RequestError(f"{parameter.name}: must be a number or text")
    if parameter.type is str:
        return str(value)
    text = str(value).strip()
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > _MOST_DIGITS:
        raise _RequestError(f"{parameter.name}: must be a number")
    return int(text)


def _bank_number(caller: Caller) -> tuple[int, str]:
    """iReadICCardNum: the number of the bank account (银行卡号)."""
    code, (text,) = caller.call(DRIVER, "iReadPBOCAccount", [int(InterfaceType.CONTACT_FIRST)])
    return code, text.partition("|")[0] if code == ReturnCode.OK else text


def _identity_number(caller: Caller) -> tuple[int, str]:
    """iReadIdentityCard: the number of an identity card (身份证号)."""
    code, (text, _) = caller.call(MEDICAL, "ReadSFZ", [""], 2)
    return code, text.split("|")[5] if code == ReturnCode.OK else text


_OTHERS: Final = {"iReadICCardNum": _bank_number, "iReadIdentityCard": _identity_number}


def _say(name: str, code: int, text: str) -> str:
    success = _DONE if code == ReturnCode.OK else code
    return write_json({"functionName": name, "success": success, "pOutInfo": text})
