# SPDX-License-Identifier: Apache-2.0
"""The text that a message of 4.3 a is signed by: sorted names, no empty ones, numbers as text.

Names of the message are sorted without regard to capitals, those inside of ``data`` with capitals
first, as programs in Java and PHP sort them [M].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

NOT_SIGNED: Final = frozenset({"signData", "encData", "extra"})


def signed_text(message: Mapping[str, Any], data: Any, app_secret: str) -> str:
    """``k=v&…&key=`` and the secret; ``data`` is the content of encData (:func:`as_written`)."""
    members = {
        name: value
        for name, value in message.items()
        if name not in NOT_SIGNED and not _is_empty(value)
    }
    if not _is_empty(data):
        members["data"] = data
    parts = (f"{name}={_text(members[name])}" for name in sorted(members, key=str.lower))
    return "&".join((*parts, f"key={app_secret}"))


def as_written(plain: bytes) -> Any:
    """The content of encData with its numbers as they stand there, 10.50 as the text ``10.50``.

    :raises ValueError: it is no JSON.
    :raises RecursionError: it is nested too deep.
    """
    return json.loads(plain, parse_int=str, parse_float=str)


def sorted_json(value: Any) -> str:
    """JSON without blanks: names sorted at every depth, empty members left out, numbers as text."""
    return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return sorted_json(value)
    return value if isinstance(value, str) else _scalar(value)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value) if not _is_empty(value[name])}
    if isinstance(value, list):
        return [_sorted(one) for one in value]
    return value if isinstance(value, str) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value == []
