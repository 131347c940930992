# SPDX-License-Identifier: Apache-2.0
"""DF01 公共应用: household, residence, status, employer, education (LD/T 32.6; letter 37, DF01)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    L,
    M,
    an,
    cited,
    cn,
    external,
    fixed,
    inferred,
    key_of,
    maintenance,
    pin_or,
    transparent,
    variable,
)
from sscard_chip.profile.directories.df02 import DEGREE
from sscard_chip.profile.model import (
    FREE,
    PIN,
    DirectoryDeclaration,
    FileDeclaration,
    Key,
    Provision,
)
from sscard_chip.standard.identifiers import AID_OF_DF, DF01

_CLAUSE_1: Final = "LB002-2000; letter 37, table 9 and annex C, DF01"
_CLAUSE_2: Final = "LD/T 32.6; letter 37, DF01"

# --- generation 1 -------------------------------------------------------------------------------

_FILES_1: Final = cited(
    _CLAUSE_1,
    variable(
        0xEF05,
        "户籍信息",
        "household registration",
        PIN,
        key_of("UK1DF01"),
        an(0x20, 0x01, "户口类别", "kind of household registration"),
        an(0x21, 0x50, "常住户口所在地地址", "registered address", confidence=M),
    ),
    variable(
        0xEF06,
        "通讯信息",
        "communication",
        PIN,
        key_of("UK4DF01"),
        inferred(an(0x26, 0x50, "通讯地址", "postal address")),
        inferred(an(0x27, 0x06, "通讯地址邮政编码", "postcode")),
        an(0x28, 0x0F, "联系电话", "telephone", confidence=M),
    ),
    fixed(
        0xEF07,
        "个人状况信息",
        "personal status",
        pin_or("UK2DF01"),
        key_of("UK2DF01"),
        an(
            0x29,
            0x01,
            "个人就业或离退休(职)状态",
            "in work or retired",
            codes.EMPLOYMENT,
            confidence=M,
        ),
        cn(0x2A, 0x01, "文化程度", "education", confidence=M),
    ),
    variable(
        0xEF08,
        "婚姻状况信息",
        "marital status",
        PIN,
        key_of("UK3DF01"),
        an(0x2B, 0x01, "婚姻状况", "marital status", codes.MARITAL_STATUS, confidence=M),
    ),
    variable(
        0xEF09,
        "就业单位信息",
        "employer",
        pin_or("UK2DF01"),
        key_of("UK2DF01"),
        an(0x2E, 0x46, "单位名称", "name of the employer", confidence=M),
        an(0x30, 0x09, "单位组织机构代码", "organisation code", confidence=M),
        inferred(an(0x31, 0x02, "单位类型", "kind of employer")),
        an(0x32, 0x03, "单位经济类型", "ownership of the employer"),
    ),
    fixed(
        0xEF0A,
        "工资信息",
        "wages",
        PIN,
        key_of("UK5DF01"),
        cn(0x37, 0x04, "缴费基数", "contribution base, fen"),
        cn(0x38, 0x04, "上年工资总额", "wages of last year, fen"),
        cn(0x39, 0x04, "工资信息更新日期", "date of update", confidence=M),
    ),
)

FIRST: Final = DirectoryDeclaration(
    DF01,
    "公共应用",
    "public application",
    AID_OF_DF[DF01],
    _FILES_1,
    (
        maintenance("STKDF01"),
        external("UK1DF01", "write EF05"),
        external("UK2DF01", "write EF07, EF09; read them without PIN"),
        external("UK3DF01", "write EF08"),
        external("UK4DF01", "write EF06"),
        external("UK5DF01", "write EF0A"),
    ),
    label="公共应用信息区",
    clause=_CLAUSE_1,
)

# --- generation 2 -------------------------------------------------------------------------------

_READ: Final = pin_or("RK1DF01")


def _reserved(number: int) -> FileDeclaration:
    """预留1 to 预留5, EF16 to EF1A: room, free to read; 128 is hex as all lengths of letter 37.

    The identifiers of the write keys UK7DF01 to UKBDF01 are inferred [L].
    """
    return transparent(
        0xEF15 + number,
        f"预留{number}",
        f"reserved {number}",
        FREE,
        key_of(f"UK{6 + number:X}DF01"),
        0x128,
        provision=Provision.RESERVED,
    )


def _reserved_key(number: int) -> Key:
    return external(f"UK{6 + number:X}DF01", f"write EF{0x15 + number:02X}", confidence=L)


_FILES_2: Final = cited(
    _CLAUSE_2,
    variable(
        0xEF05,
        "户籍信息",
        "household registration",
        _READ,
        key_of("UK1DF01"),
        an(0x20, 0x02, "户口类别", "kind of household registration", codes.HOUSEHOLD),
        an(0x21, 0x50, "户口所在地地址", "registered address"),
        cn(0x0E, 0x03, "户口所在地行政区划", "division of the registered address"),
    ),
    variable(
        0xEF06,
        "常住地信息",
        "residence",
        _READ,
        key_of("UK4DF01"),
        an(0x23, 0x50, "常住地址", "address of residence"),
        cn(0x24, 0x03, "常住地行政区划", "division of the residence"),
        an(0x28, 0x0F, "联系电话", "telephone"),
        an(0x2C, 0x32, "联系人姓名", "name of a contact"),
        an(0x2D, 0x0F, "联系人电话", "telephone of the contact"),
    ),
    variable(
        0xEF07,
        "个人状况信息",
        "personal status",
        _READ,
        key_of("UK2DF01"),
        an(0x29, 0x01, "就业或离退休状态", "in work or retired", codes.EMPLOYMENT),
    ),
    variable(
        0xEF08,
        "婚姻状况信息",
        "marital status",
        _READ,
        key_of("UK3DF01"),
        an(0x2B, 0x01, "婚姻状况", "marital status", codes.MARITAL_STATUS),
    ),
    variable(
        0xEF09,
        "人员身份及就业单位信息",
        "identity and employer",
        _READ,
        key_of("UK2DF01"),
        an(0x2E, 0x46, "单位名称", "name of the employer"),
        an(0x30, 0x09, "组织机构代码", "organisation code of the employer"),
        an(0x32, 0x02, "人员身份", "identity", codes.IDENTITY),
    ),
    variable(
        0xEF0A,
        "国籍及政治面貌信息",
        "nationality and political affiliation",
        _READ,
        key_of("UK5DF01"),
        an(0x37, 0x03, "国籍", "nationality, ISO 3166 alpha-3"),
        an(0x38, 0x02, "政治面貌", "political affiliation", codes.POLITICAL),
        cn(0x39, 0x04, "参加党派日期", "date of joining"),
    ),
    variable(
        0xEF15,
        "学历信息",
        "education",
        _READ,
        key_of("UK6DF01"),
        cn(0x2A, 0x01, "学历", "education", codes.EDUCATION),
        *(DEGREE,) * 3,
    ),
    *map(_reserved, range(1, 6)),
)

SECOND: Final = replace(FIRST, files=_FILES_2, clause=_CLAUSE_2).with_keys(
    external("UK2DF01", "write EF07, EF09"),
    external("RK1DF01", "read"),
    external("UK6DF01", "write EF15"),
    *map(_reserved_key, range(1, 6)),
)
