# SPDX-License-Identifier: Apache-2.0
"""DF01 公共应用 and DF02 就业与失业 of generation 2 (LD/T 32.6; letter 37, DF01 and DF02)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    L,
    M,
    an,
    btlv,
    cn,
    cyclic,
    external,
    maintenance,
    pin_or,
    transparent,
    variable,
)
from sscard_chip.profile.model import (
    FREE,
    Directory,
    ElementaryFile,
    Item,
    Key,
    Provision,
    key,
)

_DF01: Final = "LD/T 32.6; letter 37, DF01"
_DF02: Final = "LD/T 32.6; letter 37, DF02"
_READ: Final = pin_or(0x88)  # RK1DF01 and RK1DF02

DEGREE: Final = btlv(
    0x40,
    "学位信息",
    "academic degree",
    an(0x57, 0x03, "学位", "degree"),
    cn(0x58, 0x03, "专业", "field of study"),
    an(0x59, 0x28, "毕业学校", "school"),
)


def _reserved(number: int) -> ElementaryFile:
    """预留1 to 预留5, EF16 to EF1A: room, free to read; 128 is hex as all lengths of letter 37.

    The identifiers of the write keys UK7DF01 to UKBDF01 are inferred [L].
    """
    fid = 0xEF15 + number
    return transparent(
        fid,
        f"预留{number}",
        f"reserved {number}",
        FREE,
        key(0x89 + number),
        0x128,
        provision=Provision.RESERVED,
        clause=f"{_DF01} EF{fid & 0xFF:02X}",
    )


def _reserved_key(number: int) -> Key:
    root = f"UK{6 + number:X}DF01"
    return external(root, 0x89 + number, f"write EF{0x15 + number:02X}", confidence=L)


DF01_FILES: Final[tuple[ElementaryFile, ...]] = (
    variable(
        0xEF05,
        "户籍信息",
        "household registration",
        _READ,
        key(0x83),
        an(0x20, 0x02, "户口类别", "kind of household registration", codes.HOUSEHOLD),
        an(0x21, 0x50, "户口所在地地址", "registered address"),
        cn(0x0E, 0x03, "户口所在地行政区划", "division of the registered address"),
        clause=f"{_DF01} EF05",
    ),
    variable(
        0xEF06,
        "常住地信息",
        "residence",
        _READ,
        key(0x86),
        an(0x23, 0x50, "常住地址", "address of residence"),
        cn(0x24, 0x03, "常住地行政区划", "division of the residence"),
        an(0x28, 0x0F, "联系电话", "telephone"),
        an(0x2C, 0x32, "联系人姓名", "name of a contact"),
        an(0x2D, 0x0F, "联系人电话", "telephone of the contact"),
        clause=f"{_DF01} EF06",
    ),
    variable(
        0xEF07,
        "个人状况信息",
        "personal status",
        _READ,
        key(0x84),
        an(0x29, 0x01, "就业或离退休状态", "in work or retired", codes.EMPLOYMENT),
        clause=f"{_DF01} EF07",
    ),
    variable(
        0xEF08,
        "婚姻状况信息",
        "marital status",
        _READ,
        key(0x85),
        an(0x2B, 0x01, "婚姻状况", "marital status", codes.MARITAL_STATUS),
        clause=f"{_DF01} EF08",
    ),
    variable(
        0xEF09,
        "人员身份及就业单位信息",
        "identity and employer",
        _READ,
        key(0x84),
        an(0x2E, 0x46, "单位名称", "name of the employer"),
        an(0x30, 0x09, "组织机构代码", "organisation code of the employer"),
        an(0x32, 0x02, "人员身份", "identity", codes.IDENTITY),
        clause=f"{_DF01} EF09",
    ),
    variable(
        0xEF0A,
        "国籍及政治面貌信息",
        "nationality and political affiliation",
        _READ,
        key(0x87),
        an(0x37, 0x03, "国籍", "nationality, ISO 3166 alpha-3"),
        an(0x38, 0x02, "政治面貌", "political affiliation", codes.POLITICAL),
        cn(0x39, 0x04, "参加党派日期", "date of joining"),
        clause=f"{_DF01} EF0A",
    ),
    variable(
        0xEF15,
        "学历信息",
        "education",
        _READ,
        key(0x89),
        cn(0x2A, 0x01, "学历", "education", codes.EDUCATION),
        DEGREE,
        DEGREE,
        DEGREE,
        clause=f"{_DF01} EF15",
    ),
    *(_reserved(number) for number in range(1, 6)),
)

DF01_KEYS: Final = (
    maintenance("STKDF01", 0x82),
    external("UK1DF01", 0x83, "write EF05"),
    external("UK2DF01", 0x84, "write EF07, EF09"),
    external("UK3DF01", 0x85, "write EF08"),
    external("UK4DF01", 0x86, "write EF06"),
    external("UK5DF01", 0x87, "write EF0A"),
    external("RK1DF01", 0x88, "read"),
    external("UK6DF01", 0x89, "write EF15"),
    *(_reserved_key(number) for number in range(1, 6)),
)

DF01: Final = Directory(
    0xDF01,
    "公共应用",
    "public application",
    bytes.fromhex("D15600000500"),
    DF01_FILES,
    DF01_KEYS,
    label="公共应用信息区",
    clause=_DF01,
)

_QUALIFICATION: Final = btlv(
    0x43,
    "职业资格信息",
    "vocational qualification",
    an(0x5A, 0x07, "职业", "occupation"),
    an(0x5B, 0x01, "等级", "grade"),
    an(0x5C, 0x46, "发证机构名称", "issuing body"),
    cn(0x5D, 0x04, "发证日期", "date of issue"),
    an(0x5E, 0x10, "证书编号", "certificate number"),
)

# Names of the sub items are read from lengths and neighbours.
_SPECIAL_SKILL: Final = btlv(
    0x44,
    "职业能力信息",
    "professional skill",
    an(0x33, 0x03, "项目", "subject", confidence=L),
    an(0x34, 0x46, "发证机构名称", "issuing body", confidence=L),
    cn(0x35, 0x04, "发证日期", "date of issue", confidence=L),
    an(0x36, 0x10, "证书编号", "certificate number", confidence=L),
    confidence=L,
)

_AID: Final = btlv(
    0x99,
    "就业援助信息",
    "employment aid",
    an(0x10, 0x03, "援助对象类型", "kind of aid"),
    cn(0x11, 0x04, "认定日期", "date of recognition", confidence=M),
    cn(0x12, 0x03, "认定地区划", "division of recognition", confidence=M),
)

REGISTRATION_DATE: Final = cn(0x60, 0x04, "失业登记日期", "date of unemployment registration")
"""Tag 60 stands in DF02 EF06 or in DF03 EF05, in exactly one of the two (letter 37)."""

WORK_HISTORY: Final = (
    an(0, 0x07, "从事职业", "occupation"),
    cn(0, 0x04, "起始日期", "first day"),
    cn(0, 0x04, "终止日期", "last day"),
    an(0, 0x46, "单位名称", "name of the employer"),
)


def _status_items(*, registration_date: bool) -> tuple[Item, ...]:
    """EF06 就业状况, in the order of records."""
    return (
        cn(0x4C, 0x04, "就业登记日期", "date of employment registration"),
        an(0x4B, 0x05, "就业登记类型及形式", "employment registration: type 2, form 3"),
        cn(0x4D, 0x03, "就业登记地区划", "division of employment registration"),
        *((REGISTRATION_DATE,) if registration_date else ()),
        an(0x4F, 0x06, "失业登记类型及原因", "unemployment: type 2, reason 2, reason of ending 2"),
        cn(0x50, 0x03, "失业登记地区划", "division of unemployment registration"),
        an(0x3A, 0x07, "现从事职业", "present occupation"),
    )


def df02(*, registration_date: bool = True) -> Directory:
    """DF02; ``registration_date`` says whether tag 60 stands here and not in DF03 EF05."""
    return Directory(
        0xDF02,
        "就业与失业",
        "employment and unemployment",
        bytes.fromhex("D15600000501"),
        _df02_files(registration_date=registration_date),
        DF02_KEYS,
        label="就业与失业信息区",
        clause=_DF02,
    )


def _df02_files(*, registration_date: bool) -> tuple[ElementaryFile, ...]:
    return (
        variable(
            0xEF05,
            "职业和专业技能信息",
            "occupation and skills",
            _READ,
            key(0x83),
            an(0x42, 0x03, "专业技术职务代码", "professional post"),
            an(0x41, 0x03, "专业技术职务级别", "grade of the post", confidence=M),
            *(_QUALIFICATION,) * 2,
            *(_SPECIAL_SKILL,) * 2,
            provision=Provision.PRESET,
            clause=f"{_DF02} EF05",
        ),
        variable(
            0xEF06,
            "就业状况信息",
            "employment status",
            _READ,
            key(0x84),
            *_status_items(registration_date=registration_date),
            clause=f"{_DF02} EF06",
        ),
        cyclic(
            0xEF07,
            "就业记录",
            "work history",
            _READ,
            key(0x85),
            4,
            *WORK_HISTORY,
            clause=f"{_DF02} EF07",
        ),
        variable(
            0xEF09,
            "就业失业登记证信息",
            "employment registration certificate",
            _READ,
            key(0x86),
            an(0x55, 0x10, "证书编号", "certificate number"),
            an(0x56, 0x46, "发证机构", "issuing body"),
            cn(0x96, 0x04, "发证日期", "date of issue"),
            cn(0x97, 0x03, "发证地区划", "division of issue"),
            clause=f"{_DF02} EF09",
        ),
        variable(
            0xEF15,
            "就业援助信息",
            "employment aid",
            _READ,
            key(0x87),
            *(_AID,) * 4,
            cn(0x0F, 0x04, "退出日期", "date of leaving"),
            cn(0x1F, 0x03, "退出地区划", "division of leaving", confidence=M),
            clause=f"{_DF02} EF15",
        ),
        cyclic(
            0xEF16,
            "享受扶持政策信息",
            "support received",
            _READ,
            key(0x89),
            4,
            an(0, 0x03, "扶持政策类型", "kind of support"),
            cn(0, 0x04, "核准日期", "date of approval"),
            cn(0, 0x04, "起始日期", "first day"),
            cn(0, 0x04, "终止日期", "last day"),
            cn(0, 0x03, "核准地区划", "division of approval"),
            clause=f"{_DF02} EF16",
        ),
    )


DF02_KEYS: Final = (
    maintenance("STKDF02", 0x82),
    external("UK1DF02", 0x83, "write EF05"),
    external("UK2DF02", 0x84, "write EF06"),
    external("UK3DF02", 0x85, "write EF07"),
    external("UK4DF02", 0x86, "write EF09"),
    external("UK5DF02", 0x87, "write EF15"),
    external("RK1DF02", 0x88, "read"),
    external("UK6DF02", 0x89, "write EF16"),
)
