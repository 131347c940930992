# SPDX-License-Identifier: Apache-2.0
"""Fields of commands and answers in the trace: their names for people, and what may be shown.

A field named ``..._fen`` is an amount of a citizen's, a field in :data:`SHOWN` is no secret, all
others are PIN blocks, cryptograms or personal data. LD/T 32.5, PSAM guide (PSAM卡应用指南).
"""

from __future__ import annotations

from typing import Any, Final

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

_CODES: Final = ("algorithm", "transaction_type")
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


def hidden(data: bytes) -> str:
    """What stands in place of bytes that are not shown."""
    return "[1 byte]" if len(data) == 1 else f"[{len(data)} bytes]"


def secret(data: bytes, unsafe: bool) -> str:
    """Bytes that are shown only in an unsafe trace."""
    return data.hex().upper() if unsafe else hidden(data)


def describe_fields(layout: Any, data: bytes, unsafe: bool) -> str:
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
    if name in _CODES:
        return f"{value:02X}"
    return value.hex().upper() if isinstance(value, bytes) else str(value)
