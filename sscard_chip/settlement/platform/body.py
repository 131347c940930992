# SPDX-License-Identifier: Apache-2.0
"""The bytes of a request: JSON in UTF-8, or what they are instead, in words a sender can use."""

from __future__ import annotations

import json
from typing import Any, Final

from sscard_chip.settlement.platform.fields import MessageError

_MARK: Final = b"\xef\xbb\xbf"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")


def read_body(body: bytes) -> Any:
    """The JSON of a request.

    :raises MessageError: what is wrong with the bytes.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MessageError(what_is_wrong(body)) from None


def what_is_wrong(body: bytes) -> str:
    """Why bytes are no JSON in UTF-8: "body: rule"."""
    if not body.strip():
        return "body: is empty: must be one JSON object"
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
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"body: is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"[:180]
    except (ValueError, RecursionError):
        return "body: is no JSON: nested too deep, or a number too long"
    return "body: begins with a byte order mark: must be JSON alone"
