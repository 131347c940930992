# SPDX-License-Identifier: Apache-2.0
"""The bytes of a request: JSON in UTF-8, or what they are instead, in words a sender can use."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from sscard_chip.settlement.platform.fields import MessageError

_MARK: Final = b"\xef\xbb\xbf"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_GZIP: Final = b"\x1f\x8b"
_AROUND: Final[dict[str, Callable[[bytes], bytes]]] = {
    "body: begins with a byte order mark": lambda body: body.removeprefix(_MARK),
    "body: ends with NUL": lambda body: body.rstrip(b"\0"),
}
"""What stands around the JSON of some programs (StreamWriter of .NET; a whole buffer of C)."""


def read_body(body: bytes, *, strict: bool = True) -> tuple[Any, tuple[str, ...]]:
    """The JSON of a request, and how its bytes deviate from the interface: "body: deviation".

    A centre that is not ``strict`` takes a byte order mark before it and NUL bytes behind it.

    :raises MessageError: what is wrong with the bytes.
    """
    try:
        return read_json(body), ()
    except (ValueError, RecursionError):
        if strict:
            raise MessageError(what_is_wrong(body)) from None
    inside, said = body, []
    for deviation, without in _AROUND.items():
        if (rest := without(inside)) != inside:
            inside = rest
            said.append(deviation)
    try:
        return json.loads(inside.decode("utf-8")), tuple(said)
    except (ValueError, RecursionError):
        raise MessageError(what_is_wrong(inside)) from None


def read_json(content: bytes | str) -> Any:
    """JSON in UTF-8, by the quick reader where it can: that takes no NaN and no half of a pair.

    :raises ValueError: it is none.
    :raises RecursionError: it is nested too deep.
    """
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.json.decode(content)
    return json.loads(content if isinstance(content, str) else content.decode("utf-8"))


def what_is_wrong(body: bytes) -> str:
    """Why bytes are no JSON in UTF-8: "body: rule"."""
    if not body.strip():
        return "body: is empty: must be one JSON object"
    if body.startswith(_GZIP):
        return "body: is compressed (gzip): must be plain JSON"
    if body.startswith(_WIDE) or b"\x00" in body[:4]:
        return "body: is UTF-16: must be UTF-8"
    try:
        text = body.removeprefix(_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        try:
            body.decode("gbk")
        except UnicodeDecodeError:
            return f"body: is not UTF-8: byte {error.start + 1}"
        return (
            f"body: is GBK (byte {error.start + 1}), the coding of Chinese Windows: must be UTF-8"
        )
    marked, ended = body.startswith(_MARK), text.endswith("\0")
    try:
        json.loads(text.rstrip("\0"))
    except json.JSONDecodeError as error:
        return f"body: is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"[:180]
    except (ValueError, RecursionError):
        return "body: is no JSON: nested too deep, or a number too long"
    if marked or not ended:
        return "body: begins with a byte order mark: must be JSON alone"
    return "body: ends with NUL: must be JSON alone"
