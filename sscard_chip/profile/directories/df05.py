# SPDX-License-Identifier: Apache-2.0
"""DF05 生命与健康, advisory (letter 37, annex B).

Our sources print tags, formats and lengths, but few names. Names read from the resident health
card, whose items have the same lengths, or from the file are marked L; items of which nothing is
known are called by their tag. Keys and identifiers are ours [L].
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sscard_chip.profile.build import (
    L,
    an,
    btlv,
    cited,
    cn,
    external,
    key_of,
    maintenance,
    variable,
)
from sscard_chip.profile.model import FREE, DirectoryDeclaration, FileDeclaration, Item
from sscard_chip.standard.identifiers import DF05
from sscard_chip.standard.text import encode_text

_CLAUSE: Final = "letter 37, annex B, DF05"
_LABEL: Final = "生命与健康信息区"


def _status(tag: int) -> Item:
    return an(tag, 0x01, f"数据项{tag:02X}", f"item {tag:02X}, name not public", confidence=L)


_BLOOD: Final = an(0xA2, 0x04, "ABO血型", "blood group, as A型")
_DRUG: Final = btlv(
    0xA3,
    "禁忌药物信息",
    "drug to avoid",
    an(0xA5, 0x10, "禁忌药物", "drug"),
    an(0xA6, 0x04, "登记日期", "date", confidence=L),
)
_DISEASE: Final = btlv(
    0xA4,
    "重大疾病信息",
    "serious disease",
    an(0xA7, 0x10, "重大疾病", "disease"),
    an(0xA8, 0x03, "代码", "code", confidence=L),
)
_LISTS: Final = (*(_DRUG,) * 5, *(_DISEASE,) * 5)

# --- generation 1 -------------------------------------------------------------------------------

_HEALTH_1: Final = variable(
    0xEF05,
    "生命与健康信息",
    "life and health",
    FREE,
    key_of("UK1DF05"),
    _status(0xA0),
    _status(0xA1),
    _BLOOD,
    *_LISTS,
)

# It has no registered name and is selected by its label, 16 bytes [L].
FIRST: Final = DirectoryDeclaration(
    DF05,
    "生命与健康",
    "life and health",
    encode_text(_LABEL),
    cited(_CLAUSE, _HEALTH_1),
    (maintenance("STKDF05", L), external("UK1DF05", "write EF05", confidence=L)),
    label=_LABEL,
    clause=_CLAUSE,
    optional=True,
)

# --- generation 2: with the items that letter 37 marks as new -------------------------------------

_FLAGS: Final = (
    (0xAC, "哮喘标志", "asthma"),
    (0xAD, "心脏病标志", "heart disease"),
    (0xAE, "心脑血管病标志", "cardiovascular disease"),
    (0xAF, "癫痫病标志", "epilepsy"),
    (0xB0, "凝血紊乱标志", "coagulation disorder"),
    (0xB1, "糖尿病标志", "diabetes"),
    (0xB2, "青光眼标志", "glaucoma"),
    (0xB3, "透析标志", "dialysis"),
    (0xB4, "器官移植标志", "organ transplant"),
    (0xB5, "器官缺失标志", "missing organ"),
    (0xB6, "可装卸义肢标志", "removable prosthesis"),
    (0xB7, "心脏起搏器标志", "pacemaker"),
    (0xBC, "精神病标志", "mental illness"),
)

_HEALTH_2: Final[FileDeclaration] = replace(
    FIRST.file(0xEF05),
    items=(
        _status(0xA0),
        _status(0xA1),
        _status(0xB9),
        _BLOOD,
        cn(0xA9, 0x01, "RH血型", "rhesus factor"),
        *_LISTS,
        an(0xBA, 0x14, "过敏物质名称", "allergen", confidence=L),
        an(0xBB, 0x64, "过敏反应", "allergic reaction", confidence=L),
        an(0xAA, 0x14, "免疫接种名称", "vaccination", confidence=L),
        cn(0xAB, 0x04, "免疫接种日期", "date of vaccination", confidence=L),
        *(an(tag, 0x01, name, english, confidence=L) for tag, name, english in _FLAGS),
        an(0xB8, 0x28, "其他医学警示名称", "other medical warning", confidence=L),
    ),
)

SECOND: Final = FIRST.with_files(_HEALTH_2)
