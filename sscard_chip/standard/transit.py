# SPDX-License-Identifier: Apache-2.0
"""Codes in the records of the transport application (交通联合, JT/T 978)."""

from __future__ import annotations

from typing import Final

JOURNEY_ID: Final = 0x2701
"""Identifier of the record of a rail journey."""
JOURNEY_LENGTH: Final = 0x7D
"""Bytes behind identifier and length."""

TRIP_TYPES: Final = {
    "00": "空 empty",
    "02": "单次 single",
    "03": "进站 entry",
    "04": "出站 exit",
    "06": "单次 single",
    "12": "锁卡 lock",
}
MODES: Final = {"01": "地铁 metro", "02": "公交 bus", "03": "轮渡 ferry", "04": "快速公交 BRT"}
"""行业代码."""
STATUSES: Final = {
    "00": "无 none",
    "01": "已进站 entered",
    "02": "已出站 left",
    "03": "补进站 entered by update",
    "04": "补出站 left by update",
}
"""Of a journey."""
