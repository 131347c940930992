# SPDX-License-Identifier: Apache-2.0
"""DF07 人事与人才 and the advisory DF05 生命与健康, DF06 社会救助与优抚 (letter 37, annex B).

Our sources print tags, formats and lengths of these files, but few names. Names read from the
resident health card, whose items have the same lengths, or from the file are marked L; items of
which nothing is known are called by their tag. Keys and identifiers of DF05 and DF06 other than
RK1DF06, and STKDF07, are ours [L].
"""

from __future__ import annotations

from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    NO_CODES,
    Codes,
    L,
    M,
    an,
    blocking,
    btlv,
    cn,
    external,
    maintenance,
    variable,
)
from sscard_chip.profile.model import FREE, Directory, ElementaryFile, Item, Provision, key

_DF07: Final = "LD/T 32.6; letter 37, DF07"
_ANNEX: Final = "letter 37, annex B"


def _an(tag: int, length: int, name: str, english: str, table: Codes = NO_CODES) -> Item:
    return an(tag, length, name, english, table, confidence=L)


def _cn(tag: int, length: int, name: str, english: str) -> Item:
    return cn(tag, length, name, english, confidence=L)


def _unnamed(tag: int, length: int) -> Item:
    """A cn item of DF06 whose name no source of ours prints."""
    return _cn(tag, length, f"数据项{tag:02X}", f"item {tag:02X}, name not public")


def _preset(fid: int, name: str, english: str, number: int, *items: Item) -> ElementaryFile:
    """A file of DF07: read by RKn, written by UKn; identifiers from a working program [M]."""
    return variable(
        fid,
        name,
        english,
        key(0x82 + number),
        key(0x85 + number),
        *items,
        provision=Provision.PRESET,
        clause=f"{_DF07} EF{fid & 0xFF:02X}",
    )


DF07: Final = Directory(
    0xDF07,
    "人事与人才",
    "personnel and talent",
    bytes.fromhex("D15600000504"),
    (
        _preset(
            0xEF05,
            "荣誉信息",
            "honours",
            1,
            _an(0xF0, 0x02, "荣誉称号类别", "kind of honour"),
            _an(0xF1, 0x01, "荣誉称号级别", "grade of honour"),
            _cn(0xF2, 0x04, "荣誉称号授予日期", "date of honour"),
            _an(0xF3, 0x03, "奖励类别", "kind of award"),
            _cn(0xF4, 0x04, "奖励授予日期", "date of award"),
        ),
        _preset(
            0xEF06,
            "专家信息",
            "expert status",
            2,
            _an(0xF5, 0x03, "专家类别", "kind of expert"),
            _cn(0xF6, 0x04, "批准日期", "date of approval"),
            _an(0xF7, 0x46, "批准机构", "approving body"),
        ),
        _preset(
            0xEF07,
            "军转信息",
            "transfer from the army",
            3,
            _cn(0xF8, 0x04, "转业日期", "date of transfer"),
            an(0xF9, 0x01, "安置方式", "way of resettlement", codes.RESETTLEMENT),
        ),
    ),
    (
        maintenance("STKDF07", 0x82, L),
        external("RK1DF07", 0x83, "read EF05", confidence=M),
        external("RK2DF07", 0x84, "read EF06", confidence=M),
        external("RK3DF07", 0x85, "read EF07", confidence=M),
        external("UK1DF07", 0x86, "write EF05", confidence=M),
        external("UK2DF07", 0x87, "write EF06", confidence=M),
        external("UK3DF07", 0x88, "write EF07", confidence=M),
    ),
    label="人事人才信息区",
    clause=_DF07,
)

_DRUG: Final = btlv(
    0xA3,
    "禁忌药物信息",
    "drug to avoid",
    an(0xA5, 0x10, "禁忌药物", "drug"),
    _an(0xA6, 0x04, "登记日期", "date"),
)
_DISEASE: Final = btlv(
    0xA4,
    "重大疾病信息",
    "serious disease",
    an(0xA7, 0x10, "重大疾病", "disease"),
    _an(0xA8, 0x03, "代码", "code"),
)

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


def _label_name(label: str) -> bytes:
    """DF05 and DF06 have no registered name and are selected by their label, 16 bytes [L]."""
    return label.encode("gbk")


def df05(*, generation: int) -> Directory:
    """DF05; generation 1 lacks the items that letter 37 marks as new."""
    new = generation > 1
    tags = (0xA0, 0xA1, 0xB9) if new else (0xA0, 0xA1)
    status = (
        _an(tag, 0x01, f"数据项{tag:02X}", f"item {tag:02X}, name not public") for tag in tags
    )
    blood = an(0xA2, 0x04, "ABO血型", "blood group, as A型")
    rhesus = cn(0xA9, 0x01, "RH血型", "rhesus factor")
    label = "生命与健康信息区"
    return Directory(
        0xDF05,
        "生命与健康",
        "life and health",
        _label_name(label),
        (
            variable(
                0xEF05,
                "生命与健康信息",
                "life and health",
                FREE,
                key(0x83),
                *status,
                *((blood, rhesus) if new else (blood,)),
                *(_DRUG,) * 5,
                *(_DISEASE,) * 5,
                *(_health_items() if new else ()),
                clause=f"{_ANNEX}, DF05 EF05",
            ),
        ),
        (maintenance("STKDF05", 0x82, L), external("UK1DF05", 0x83, "write EF05", confidence=L)),
        label=label,
        clause=f"{_ANNEX}, DF05",
        optional=True,
    )


def _health_items() -> tuple[Item, ...]:
    flags = tuple(_an(tag, 0x01, name, english) for tag, name, english in _FLAGS)
    return (
        _an(0xBA, 0x14, "过敏物质名称", "allergen"),
        _an(0xBB, 0x64, "过敏反应", "allergic reaction"),
        _an(0xAA, 0x14, "免疫接种名称", "vaccination"),
        _cn(0xAB, 0x04, "免疫接种日期", "date of vaccination"),
        *flags,
        _an(0xB8, 0x28, "其他医学警示名称", "other medical warning"),
    )


def _relief(tag: int, number: int) -> Item:
    name = f"救助信息{number}"
    parts = ((0xE3, 0x01), (0xE4, 0x04), (0xE5, 0x04), (0xE6, 0x04), (0xE7, 0x03))
    subs = (_unnamed(sub, length) for sub, length in parts)
    return btlv(tag, name, f"relief {number}", *subs, confidence=L)


# C9 to E2, in four groups of one kind code, dates and amounts, divisions [L].
_CARE_LENGTHS: Final = bytes.fromhex("0104040402 0104040403 0104040403 0104040404040403030202")

_LABEL6: Final = "救助与优抚信息区"

DF06: Final = Directory(
    0xDF06,
    "社会救助与优待抚恤",
    "social relief and special care",
    _label_name(_LABEL6),
    (
        variable(
            0xEF05,
            "社会救助信息",
            "social relief",
            key(0x83),
            key(0x84),
            _an(0xC0, 0x46, "救助机构名称", "relief body"),
            _an(0xC2, 0x09, "救助机构代码", "code of the relief body"),
            _relief(0xC3, 1),
            _relief(0xC4, 2),
            _relief(0xC5, 3),
            clause=f"{_ANNEX}, DF06 EF05",
        ),
        variable(
            0xEF06,
            "优待抚恤信息",
            "special care",
            key(0x83),
            key(0x85),
            _an(0xC6, 0x46, "优抚机构名称", "care body"),
            _an(0xC8, 0x09, "优抚机构代码", "code of the care body"),
            *(_unnamed(0xC9 + n, length) for n, length in enumerate(_CARE_LENGTHS)),
            clause=f"{_ANNEX}, DF06 EF06",
        ),
    ),
    (
        maintenance("STKDF06", 0x82, L),
        external("RK1DF06", 0x83, "read", confidence=M),
        external("UK1DF06", 0x84, "write EF05", confidence=L),
        external("UK2DF06", 0x85, "write EF06", confidence=L),
        blocking("LKDF06", 0x86, "authorise APPLICATION BLOCK", L),
    ),
    label=_LABEL6,
    clause=f"{_ANNEX}, DF06",
    optional=True,
)
