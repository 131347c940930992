# SPDX-License-Identifier: Apache-2.0
"""The PSAM: commands, answers, and its 001x files (PSAM guide, part 9 of the draft of LD/T 32)."""

from __future__ import annotations

from typing import Final

from construct import Bytes, Int8ub, Int16ub, Int32ub, Struct

from sscard_chip.standard.messages.fields import (
    ALGORITHM,
    AMOUNTS,
    KEY_INDEX,
    KEY_VERSION,
    RANDOM,
    TERMINAL,
    TERMINAL_NUMBER,
    TIME,
    TRANSACTION_TYPE,
)

INIT_PURCHASE: Final = Struct(
    RANDOM, "number" / Int16ub, *AMOUNTS, TRANSACTION_TYPE, TIME, KEY_VERSION, ALGORITHM
)
"""INIT SAM FOR PURCHASE of the medical account; one to three factors of 8 bytes follow."""
INIT_PURSE_PURCHASE: Final = Struct(
    RANDOM,
    "number" / Int16ub,
    "amount_fen" / Int32ub,
    TRANSACTION_TYPE,
    TIME,
    KEY_VERSION,
    ALGORITHM,
    "serial" / Bytes(8),
    "issuer" / Bytes(8),
)
"""INIT SAM FOR PURCHASE of deposit and purse, as the field sends it."""
INIT_PURCHASE_ANSWER: Final = Struct(TERMINAL_NUMBER, "MAC1" / Bytes(4))

PUBLIC: Final = Struct(
    "issuer" / Int8ub,
    "serial" / Bytes(10),
    "version" / Int8ub,
    "kind" / Int8ub,
    "fci_data" / Bytes(2),
)
"""0015 卡片公共信息文件."""
TERMINAL_FILE: Final = Struct(TERMINAL)
"""0016 终端信息文件."""
NUMBER_FILE: Final = Struct(TERMINAL_NUMBER)
"""0019 终端交易序号文件: the number that the next purchase gets."""
APPLICATION: Final = Struct(KEY_INDEX, KEY_VERSION, "valid_from" / Bytes(4), "valid_to" / Bytes(4))
"""001A, 001B, 001C: 医疗消费密钥索引号, 鉴别密钥版本号, 启用日期, 有效日期."""
