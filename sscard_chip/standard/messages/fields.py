# SPDX-License-Identifier: Apache-2.0
"""What layouts share: fields that many have, and TLV."""

from __future__ import annotations

from typing import Any, Final

from construct import (
    Bytes,
    Const,
    ConstructError,
    FocusedSeq,
    GreedyBytes,
    GreedyRange,
    If,
    Int8ub,
    Int32ub,
    Prefixed,
    Struct,
    this,
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

_BER_TLV: Final = Struct(
    "first" / Int8ub,
    "second" / If(this.first & 0x1F == 0x1F, Int8ub),
    "value" / Prefixed(Int8ub, GreedyBytes),
)
_TEMPLATE: Final = GreedyRange(_BER_TLV)


def tagged(tag: int, content: Any) -> Any:
    """A TLV of a one-byte tag; what it parses to and is built from is its content."""
    return FocusedSeq("value", Const(bytes((tag,))), "value" / Prefixed(Int8ub, content))


def templates(data: bytes) -> dict[int, bytes]:
    """The TLVs of ``data`` by tag (one or two bytes), as far as it holds any; never raises."""
    try:
        parsed = _TEMPLATE.parse(data)
    except ConstructError:
        return {}
    found: dict[int, bytes] = {}
    for tlv in parsed:
        tag = tlv.first if tlv.second is None else tlv.first << 8 | tlv.second
        found.setdefault(tag, tlv.value)
    return found


def parse_fitting(layout: Any, data: bytes) -> Any:
    """The fields of ``data``, None when it does not fit ``layout``."""
    try:
        return layout.parse(data)
    except ConstructError:
        return None
