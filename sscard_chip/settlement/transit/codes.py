# SPDX-License-Identifier: Apache-2.0
"""Verdicts on a tap of a day file. The numbers are those of :class:`FindingCode` where these have
one; a tap has one verdict, the first that fits in the order below."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final


@unique
class TapVerdict(IntEnum):
    """What becomes of a tap."""

    BOOKED = 0
    FIELD = 6
    GREY = 104
    UNKNOWN_CARD = 8
    TAC = 1
    AGAIN = 106
    DUPLICATE = 2


NAMES: Final = {
    TapVerdict.BOOKED: "入账 booked",
    TapVerdict.FIELD: "字段或金额有误 field or sums",
    TapVerdict.GREY: "灰交易，待查证 no TAC, not booked until it is proven",
    TapVerdict.UNKNOWN_CARD: "卡不存在 no key for its issuer",
    TapVerdict.TAC: "交易认证码（TAC）不符 wrong TAC",
    TapVerdict.AGAIN: "已入账 booked before",
    TapVerdict.DUPLICATE: "重复上传 another tap has its number",
}
"""For people."""
