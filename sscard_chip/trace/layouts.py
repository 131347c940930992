# SPDX-License-Identifier: Apache-2.0
"""Layouts of commands and answers for the trace: what is in them, and what may be shown.

A field named ``..._fen`` is an amount of a citizen's, a field in :data:`SHOWN` is no secret, all
others are PIN blocks, cryptograms or personal data. LD/T 32.5, PSAM guide (PSAM卡应用指南).
"""

from __future__ import annotations

from typing import Any, Final

from construct import (
    Bytes,
    ConstructError,
    GreedyBytes,
    GreedyRange,
    If,
    Int8ub,
    Int16ub,
    Int24ub,
    Int32ub,
    Prefixed,
    Struct,
    this,
)

from sscard_chip.standard.amounts import yuan

SHOWN: Final = frozenset(
    (
        "algorithm",
        "key_index",
        "key_version",
        "number",
        "starting_day",
        "terminal",
        "terminal_number",
        "time",
        "transaction_type",
        "year",
    )
)

_LABELS: Final = {
    "account_fen": "个人账户",
    "balance_fen": "账户余额",
    "pooled_fen": "统筹基金",
    "pooled_total_fen": "年度统筹累计",
    "self_paid_fen": "个人自付",
    "self_paid_total_fen": "年度自付累计",
    "amount_fen": "金额",
    "limit_fen": "透支限额",
    "number": "交易序号",
    "terminal": "终端机编号",
    "terminal_number": "终端交易序号",
    "time": "时间",
    "year": "支付年度",
    "starting_day": "年度起始日期",
    "key_index": "密钥索引",
    "key_version": "密钥版本",
    "algorithm": "算法",
    "transaction_type": "交易类型",
}

EXTERNAL: Final = Struct("cryptogram" / Bytes(8), "original" / Bytes(8))
EXTERNAL_VERSION: Final = Struct(
    "cryptogram" / Bytes(8), "original" / Bytes(8), "key_version" / Int8ub
)
INTERNAL: Final = Struct("session_input" / Bytes(8), "original" / Bytes(8))
INTERNAL_VERSION: Final = Struct(
    "session_input" / Bytes(8), "original" / Bytes(8), "key_version" / Int8ub
)
MAC: Final = Struct("MAC" / Bytes(4))

PURCHASE: Final = Struct(
    "key_index" / Int8ub,
    "account_fen" / Int32ub,
    "self_paid_fen" / Int32ub,
    "pooled_fen" / Int32ub,
    "terminal" / Bytes(6),
)
PURCHASE_ANSWER: Final = Struct(
    "balance_fen" / Int32ub,
    "self_paid_total_fen" / Int32ub,
    "pooled_total_fen" / Int32ub,
    "year" / Bytes(2),
    "number" / Int16ub,
    "key_version" / Int8ub,
    "algorithm" / Bytes(1),
    "random" / Bytes(4),
)
DEBIT: Final = Struct("terminal_number" / Int32ub, "time" / Bytes(7), "MAC1" / Bytes(4))
DEBIT_ANSWER: Final = Struct("TAC" / Bytes(4), "MAC2" / Bytes(4))
LOAD: Final = Struct("key_index" / Int8ub, "amount_fen" / Int32ub, "terminal" / Bytes(6))
LOAD_ANSWER: Final = Struct(
    "balance_fen" / Int32ub,
    "number" / Int16ub,
    "key_version" / Int8ub,
    "algorithm" / Bytes(1),
    "random" / Bytes(4),
    "MAC1" / Bytes(4),
)
CREDIT: Final = Struct("time" / Bytes(7), "MAC2" / Bytes(4))
CREDIT_ANSWER: Final = Struct("TAC" / Bytes(4))
BALANCE_ANSWER: Final = Struct("balance_fen" / Int32ub)
TOTAL_ANSWER: Final = Struct("amount_fen" / Int32ub, "year" / Bytes(2))
PROOF: Final = Struct("number" / Int16ub)
PROOF_ANSWER: Final = Struct("MAC" / Bytes(4), "TAC" / Bytes(4))
STARTING_DAY: Final = Struct("starting_day" / Bytes(2))

# INIT SAM FOR PURCHASE; one to three diversification factors follow.
SAM_PURCHASE: Final = Struct(
    "random" / Bytes(4),
    "number" / Int16ub,
    "account_fen" / Int32ub,
    "self_paid_fen" / Int32ub,
    "pooled_fen" / Int32ub,
    "transaction_type" / Bytes(1),
    "time" / Bytes(7),
    "key_version" / Int8ub,
    "algorithm" / Bytes(1),
)
SAM_PURCHASE_ANSWER: Final = Struct("terminal_number" / Int32ub, "MAC1" / Bytes(4))

# Deposit and purse (电子存折/电子钱包): what they do not share with the medical account.
PURSE_ANSWER: Final = Struct(
    "balance_fen" / Int32ub,
    "number" / Int16ub,
    "limit_fen" / Int24ub,
    "key_version" / Int8ub,
    "algorithm" / Bytes(1),
    "random" / Bytes(4),
)
OVERDRAFT: Final = Struct("key_index" / Int8ub, "terminal" / Bytes(6))
OVERDRAFT_ANSWER: Final = Struct(*PURSE_ANSWER.subcons, "MAC1" / Bytes(4))
OVERDRAFT_UPDATE: Final = Struct("limit_fen" / Int24ub, "time" / Bytes(7), "MAC2" / Bytes(4))
UNLOAD_ANSWER: Final = Struct("MAC3" / Bytes(4))
PURSE_SAM: Final = Struct(
    "random" / Bytes(4),
    "number" / Int16ub,
    "amount_fen" / Int32ub,
    "transaction_type" / Bytes(1),
    "time" / Bytes(7),
    "key_version" / Int8ub,
    "algorithm" / Bytes(1),
    "serial" / Bytes(8),
    "issuer" / Bytes(8),
)

_BER_TLV: Final = Struct(
    "first" / Int8ub,
    "second" / If(this.first & 0x1F == 0x1F, Int8ub),
    "value" / Prefixed(Int8ub, GreedyBytes),
)
_TEMPLATE: Final = GreedyRange(_BER_TLV)


def hidden(data: bytes) -> str:
    """What stands in place of bytes that are not shown."""
    return "[1 byte]" if len(data) == 1 else f"[{len(data)} bytes]"


def secret(data: bytes, unsafe: bool) -> str:
    """Bytes that are shown only in an unsafe trace."""
    return data.hex().upper() if unsafe else hidden(data)


def describe(layout: Any, data: bytes, unsafe: bool) -> str:
    """The fields of ``data`` by name; its length alone when it does not fit ``layout``."""
    if layout.sizeof() != len(data):
        return secret(data, unsafe)
    parsed = layout.parse(data)
    return ", ".join(
        f"{_LABELS.get(part.name, part.name)} {_render(part, parsed[part.name], unsafe)}"
        for part in layout.subcons
    )


def _render(part: Any, value: Any, unsafe: bool) -> str:
    name = part.name
    if name.endswith("_fen"):
        return f"{yuan(value)} 元" if unsafe else hidden(bytes(part.sizeof()))
    if not (unsafe or name in SHOWN):
        return hidden(value)
    return value.hex().upper() if isinstance(value, bytes) else str(value)


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
