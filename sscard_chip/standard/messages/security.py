# SPDX-License-Identifier: Apache-2.0
"""Authentication and the PIN (LD/T 32.4, 32.5)."""

from __future__ import annotations

from typing import Final

from construct import Bytes, Int8ub, Struct

EXTERNAL: Final = Struct("cryptogram" / Bytes(8), "original" / Bytes(8))
"""EXTERNAL AUTHENTICATE: 鉴别数据 and 原始信息."""
EXTERNAL_VERSION: Final = Struct(*EXTERNAL.subcons, "key_version" / Int8ub)
INTERNAL: Final = Struct("session_input" / Bytes(8), "original" / Bytes(8))
"""INTERNAL AUTHENTICATE: 过程因子 and 原始信息."""
INTERNAL_VERSION: Final = Struct(*INTERNAL.subcons, "key_version" / Int8ub)
MAC: Final = Struct("MAC" / Bytes(4))
"""The data of a command that is nothing but a MAC."""
