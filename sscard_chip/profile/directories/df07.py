# SPDX-License-Identifier: Apache-2.0
"""DF07 人事与人才, which came with generation 2 (LD/T 32.6; letter 37, DF07).

Names marked L are read from the file: our sources print tags, formats and lengths. RKn reads and
UKn writes a file; their identifiers are from a working program [M], that of STKDF07 is ours [L].
"""

from __future__ import annotations

from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    L,
    M,
    an,
    cited,
    cn,
    external,
    key_of,
    maintenance,
    variable,
)
from sscard_chip.profile.model import DirectoryDeclaration, Provision
from sscard_chip.standard.identifiers import AID_OF_DF, DF07

_CLAUSE: Final = "LD/T 32.6; letter 37, DF07"

SECOND: Final = DirectoryDeclaration(
    DF07,
    "人事与人才",
    "personnel and talent",
    AID_OF_DF[DF07],
    cited(
        _CLAUSE,
        variable(
            0xEF05,
            "荣誉信息",
            "honours",
            key_of("RK1DF07"),
            key_of("UK1DF07"),
            an(0xF0, 0x02, "荣誉称号类别", "kind of honour", confidence=L),
            an(0xF1, 0x01, "荣誉称号级别", "grade of honour", confidence=L),
            cn(0xF2, 0x04, "荣誉称号授予日期", "date of honour", confidence=L),
            an(0xF3, 0x03, "奖励类别", "kind of award", confidence=L),
            cn(0xF4, 0x04, "奖励授予日期", "date of award", confidence=L),
            provision=Provision.PRESET,
        ),
        variable(
            0xEF06,
            "专家信息",
            "expert status",
            key_of("RK2DF07"),
            key_of("UK2DF07"),
            an(0xF5, 0x03, "专家类别", "kind of expert", confidence=L),
            cn(0xF6, 0x04, "批准日期", "date of approval", confidence=L),
            an(0xF7, 0x46, "批准机构", "approving body", confidence=L),
            provision=Provision.PRESET,
        ),
        variable(
            0xEF07,
            "军转信息",
            "transfer from the army",
            key_of("RK3DF07"),
            key_of("UK3DF07"),
            cn(0xF8, 0x04, "转业日期", "date of transfer", confidence=L),
            an(0xF9, 0x01, "安置方式", "way of resettlement", codes.RESETTLEMENT),
            provision=Provision.PRESET,
        ),
    ),
    (
        maintenance("STKDF07", L),
        external("RK1DF07", "read EF05", confidence=M),
        external("RK2DF07", "read EF06", confidence=M),
        external("RK3DF07", "read EF07", confidence=M),
        external("UK1DF07", "write EF05", confidence=M),
        external("UK2DF07", "write EF06", confidence=M),
        external("UK3DF07", "write EF07", confidence=M),
    ),
    label="人事人才信息区",
    clause=_CLAUSE,
)
