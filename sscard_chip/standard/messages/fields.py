# SPDX-License-Identifier: Apache-2.0
"""What layouts share: fields that many have, and TLV."""

from __future__ import annotations

from typing import Any, Final

from construct import (
    Bytes,
    Const,
    ConstructError,
    FocusedSeq,
    Int8ub,
    Int32ub,
    Prefixed,
)

KEY_INDEX: Final = "key_index" / Int8ub
KEY_VERSION: Final = "key_version" / Int8ub
ALGORITHM: Final = "algorithm" / Int8ub
TRANSACTION_TYPE: Final = "transaction_type" / Int8ub
TERMINAL: Final = "terminal" / Bytes(6)
TERMINAL_NUMBER: Final = "terminal_number" / Int32ub
"""终端交易序号."""
TIME: Final = "time" / Bytes(7)
RANDOM: Final = "random" / Bytes(4)
AMOUNTS: Final = ("account_fen" / Int32ub, "self_paid_fen" / Int32ub, "pooled_fen" / Int32ub)
"""个人账户, 个人自付, 统筹基金."""


def tagged(tag: int, content: Any) -> Any:
    """A TLV of a one-byte tag; what it parses to and is built from is its content."""
    return FocusedSeq("value", Const(bytes((tag,))), "value" / Prefixed(Int8ub, content))


def templates(data: bytes) -> dict[int, bytes]:
    """The TLVs of ``data`` by tag (one or two bytes), as far as it holds any; never raises.

    A loop, and no layout: every SELECT that a terminal sends and every one that a trace shows come
    by here.
    """
    found: dict[int, bytes] = {}
    at, end = 0, len(data)
    while at + 1 < end:
        tag = data[at]
        at += 1
        if tag & 0x1F == 0x1F:
            tag = tag << 8 | data[at]
            at += 1
            if at == end:
                break
        start = at + 1
        at = start + data[at]
        if at > end:
            break
        found.setdefault(tag, data[start:at])
    return found


def parse_fitting(layout: Any, data: bytes) -> Any:
    """The fields of ``data``, None when it does not fit ``layout``."""
    try:
        return layout.parse(data)
    except ConstructError:
        return None
