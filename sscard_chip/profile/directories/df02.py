# SPDX-License-Identifier: Apache-2.0
"""DF02 就业与失业: skills, employment, work history (LD/T 32.6; letter 37, DF02)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sscard_chip.profile.build import (
    L,
    M,
    an,
    btlv,
    cited,
    cn,
    cyclic,
    external,
    key_of,
    maintenance,
    pin_or,
    variable,
)
from sscard_chip.profile.model import DirectoryDeclaration, Options, Provision
from sscard_chip.standard.identifiers import AID_OF_DF, DF02

_CLAUSE_1: Final = "LB002-2000; letter 37, table 9 and annex C, DF02"
_CLAUSE_2: Final = "LD/T 32.6; letter 37, DF02"

DEGREE: Final = btlv(
    0x40,
    "学位信息",
    "academic degree",
    an(0x57, 0x03, "学位", "degree"),
    cn(0x58, 0x03, "专业", "field of study"),
    an(0x59, 0x28, "毕业学校", "school"),
)
"""In DF02 EF05 of generation 1, from generation 2 on in DF01 EF15."""

REGISTRATION_DATE: Final = cn(0x60, 0x04, "失业登记日期", "date of unemployment registration")
"""Tag 60 stands in DF02 EF06 or in DF03 EF05, in exactly one of the two (letter 37)."""

# --- generation 1 -------------------------------------------------------------------------------

_QUALIFICATION_1: Final = btlv(
    0x43,
    "职业资格信息",
    "vocational qualification",
    an(0x5A, 0x07, "职业", "occupation"),
    an(0x5B, 0x01, "等级", "grade"),
    an(0x5C, 0x09, "发证/年检机构代码", "code of the issuing body"),
    cn(0x5D, 0x04, "发证/年检日期", "date of issue"),
    confidence=M,
)

_HISTORY_1: Final = cyclic(
    0xEF07,
    "就业记录",
    "work history",
    pin_or("UK3DF02"),
    key_of("UK3DF02"),
    4,
    an(0, 0x07, "从事职业", "occupation"),
    cn(0, 0x04, "起始日期", "first day"),
    cn(0, 0x04, "终止日期", "last day"),
    an(0, 0x46, "单位名称", "name of the employer"),
)

_FILES_1: Final = cited(
    _CLAUSE_1,
    # Sources differ on the read rule; the draft of the specification has UK1DF02 [M].
    variable(
        0xEF05,
        "职业和专业技能信息",
        "occupation and skills",
        pin_or("UK1DF02"),
        key_of("UK1DF02"),
        *(DEGREE,) * 2,
        an(0x42, 0x03, "专业技术职务", "professional post", confidence=M),
        *(_QUALIFICATION_1,) * 2,
        confidence=M,
    ),
    # 4B and 4F may grow to 5 and 6 bytes: annex C gives them new values that long [L].
    variable(
        0xEF06,
        "就业与失业信息",
        "employment and unemployment",
        pin_or("UK2DF02"),
        key_of("UK2DF02"),
        an(0x3A, 0x07, "现从事职业", "present occupation", confidence=M),
        cn(0x4B, 0x04, "首次参加工作日期", "first day of work"),
        cn(0x4C, 0x04, "最近一次办理就业登记日期", "employment registration", confidence=M),
        cn(0x4D, 0x04, "签订劳动合同日期", "date the contract was signed"),
        cn(0x4F, 0x04, "终止(解除)劳动合同日期", "end of the contract"),
        cn(0x50, 0x04, "劳动合同起始日期", "begin of the contract"),
        REGISTRATION_DATE,
        spare=3,
    ),
    _HISTORY_1,
    # Its items are not public: the file is empty, with room for as much as EF09 holds [L].
    variable(
        0xEF08,
        "外来人员就业登记卡信息",
        "registration card of workers from elsewhere",
        pin_or("UK4DF02"),
        key_of("UK4DF02"),
        spare=0x60,
        confidence=M,
    ),
    variable(
        0xEF09,
        "外来人员就业证信息",
        "work permit of workers from elsewhere",
        pin_or("UK5DF02"),
        key_of("UK5DF02"),
        cn(0x55, 0x0A, "外来人员就业证编号", "permit number"),
        an(0x56, 0x46, "就业证签发机关", "issuing body", confidence=M),
        cn(0x96, 0x04, "就业证签发/年检日期", "date of issue or check", confidence=M),
        cn(0x97, 0x04, "就业证有效期", "expiry date"),
        confidence=M,
    ),
)

FIRST: Final = DirectoryDeclaration(
    DF02,
    "就业与失业",
    "employment and unemployment",
    AID_OF_DF[DF02],
    _FILES_1,
    (
        maintenance("STKDF02"),
        external("UK1DF02", "write EF05; read it without PIN"),
        external("UK2DF02", "write EF06; read it without PIN"),
        external("UK3DF02", "write EF07; read it without PIN"),
        external("UK4DF02", "write EF08; read it without PIN", confidence=M),
        external("UK5DF02", "write EF09; read it without PIN", confidence=M),
    ),
    label="就业与失业信息区",
    clause=_CLAUSE_1,
)

# --- generation 2 -------------------------------------------------------------------------------

_READ: Final = pin_or("RK1DF02")

_QUALIFICATION_2: Final = btlv(
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

_STATUS: Final = variable(
    0xEF06,
    "就业状况信息",
    "employment status",
    _READ,
    key_of("UK2DF02"),
    cn(0x4C, 0x04, "就业登记日期", "date of employment registration"),
    an(0x4B, 0x05, "就业登记类型及形式", "employment registration: type 2, form 3"),
    cn(0x4D, 0x03, "就业登记地区划", "division of employment registration"),
    REGISTRATION_DATE,
    an(0x4F, 0x06, "失业登记类型及原因", "unemployment: type 2, reason 2, reason of ending 2"),
    cn(0x50, 0x03, "失业登记地区划", "division of unemployment registration"),
    an(0x3A, 0x07, "现从事职业", "present occupation"),
)

_FILES_2: Final = cited(
    _CLAUSE_2,
    variable(
        0xEF05,
        "职业和专业技能信息",
        "occupation and skills",
        _READ,
        key_of("UK1DF02"),
        an(0x42, 0x03, "专业技术职务代码", "professional post"),
        an(0x41, 0x03, "专业技术职务级别", "grade of the post", confidence=M),
        *(_QUALIFICATION_2,) * 2,
        *(_SPECIAL_SKILL,) * 2,
        provision=Provision.PRESET,
    ),
    _STATUS,
    replace(_HISTORY_1, read=_READ),
    variable(
        0xEF09,
        "就业失业登记证信息",
        "employment registration certificate",
        _READ,
        key_of("UK4DF02"),
        an(0x55, 0x10, "证书编号", "certificate number"),
        an(0x56, 0x46, "发证机构", "issuing body"),
        cn(0x96, 0x04, "发证日期", "date of issue"),
        cn(0x97, 0x03, "发证地区划", "division of issue"),
    ),
    variable(
        0xEF15,
        "就业援助信息",
        "employment aid",
        _READ,
        key_of("UK5DF02"),
        *(_AID,) * 4,
        cn(0x0F, 0x04, "退出日期", "date of leaving"),
        cn(0x1F, 0x03, "退出地区划", "division of leaving", confidence=M),
    ),
    cyclic(
        0xEF16,
        "享受扶持政策信息",
        "support received",
        _READ,
        key_of("UK6DF02"),
        4,
        an(0, 0x03, "扶持政策类型", "kind of support"),
        cn(0, 0x04, "核准日期", "date of approval"),
        cn(0, 0x04, "起始日期", "first day"),
        cn(0, 0x04, "终止日期", "last day"),
        cn(0, 0x03, "核准地区划", "division of approval"),
    ),
)

_WITH_REGISTRATION_DATE: Final = replace(FIRST, files=_FILES_2, clause=_CLAUSE_2).with_keys(
    external("UK1DF02", "write EF05"),
    external("UK2DF02", "write EF06"),
    external("UK3DF02", "write EF07"),
    external("UK4DF02", "write EF09"),
    external("UK5DF02", "write EF15"),
    external("RK1DF02", "read"),
    external("UK6DF02", "write EF16"),
)


def second(options: Options) -> DirectoryDeclaration:
    """Generation 2: tag 60 stands in EF06, where the region does not have it in DF03 EF05."""
    if options.registration_date_in == DF02:
        return _WITH_REGISTRATION_DATE
    status = _WITH_REGISTRATION_DATE.file(0xEF06)
    items = tuple(item for item in status.items if item is not REGISTRATION_DATE)
    return _WITH_REGISTRATION_DATE.with_files(replace(status, items=items))
