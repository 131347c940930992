# SPDX-License-Identifier: Apache-2.0
"""DF03 社会保险1: every insurance but the medical one (LD/T 32.6; letter 37, DF03)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    L,
    M,
    an,
    blocking,
    btlv,
    cited,
    cn,
    external,
    fixed,
    inferred,
    key_of,
    maintenance,
    pin_and,
    pin_or,
    variable,
)
from sscard_chip.profile.directories.df02 import REGISTRATION_DATE
from sscard_chip.profile.model import PIN, DirectoryDeclaration, Options
from sscard_chip.standard.identifiers import AID_OF_DF, DF03

_CLAUSE_1: Final = "LB002-2000; letter 37, table 9 and annex C, DF03"
_CLAUSE_2: Final = "LD/T 32.6; letter 37, DF03"

_MONTHS: Final = (
    an(0x63, 0x03, "累计缴费月数", "months paid in all"),
    an(0x64, 0x03, "有效缴费月数", "months paid that count"),
    an(0x65, 0x03, "应领取月数", "months of benefit due"),
    an(0x66, 0x03, "已领取月数", "months of benefit received"),
)

# --- generation 1 -------------------------------------------------------------------------------

_FILES_1: Final = cited(
    _CLAUSE_1,
    # The read key differs in one program (RK1DF03); the draft and letter 37 have RK2DF03 [M].
    variable(
        0xEF05,
        "失业保险信息",
        "unemployment insurance",
        pin_and("RK2DF03"),
        key_of("UK1DF03"),
        cn(0x61, 0x04, "月失业保险金支付标准", "monthly benefit, fen"),
        cn(0x62, 0x04, "失业保险信息更新日期", "date of update", confidence=M),
        *_MONTHS,
        cn(0x98, 0x04, "最近一次失业保险金申领日期", "date of claim", confidence=M),
        confidence=M,
    ),
    variable(
        0xEF06,
        "丧失劳动能力鉴定信息",
        "assessment of working ability",
        PIN,
        key_of("UK2DF03"),
        cn(0x67, 0x04, "丧失劳动能力鉴定日期", "date", confidence=M),
        inferred(an(0x68, 0x01, "丧失劳动能力鉴定结论", "result")),
        an(0x6B, 0x3C, "鉴定机构名称", "assessing body", confidence=M),
    ),
    variable(
        0xEF07,
        "养老保险信息",
        "pension insurance",
        pin_and("RK1DF03"),
        key_of("UK3DF03"),
        cn(0x6C, 0x04, "办理离休、退休或退职日期", "date of retirement", confidence=M),
        inferred(cn(0x6D, 0x04, "月养老金支付金额", "monthly pension, fen")),
        cn(0x6E, 0x04, "基本养老保险个人账户建立日期", "date of the account", confidence=M),
        cn(0x6F, 0x04, "个人账户变更日期", "date the account changed", confidence=M),
        an(0x70, 0x03, "养老保险费累计缴纳月数", "months paid in all", confidence=M),
        cn(0x71, 0x04, "个人账户个人缴纳部分本息储存额", "paid by the person, fen"),
        inferred(cn(0x72, 0x04, "个人账户单位缴纳部分本息储存额", "paid by the employer, fen")),
        cn(0x73, 0x04, "养老保险信息更新日期", "date of update", confidence=M),
    ),
)

FIRST: Final = DirectoryDeclaration(
    DF03,
    "社会保险1",
    "social insurance 1",
    AID_OF_DF[DF03],
    _FILES_1,
    (
        maintenance("STKDF03"),
        blocking("LKDF03", "authorise APPLICATION BLOCK"),
        external("RK1DF03", "read EF07, with the PIN"),
        external("RK2DF03", "read EF05, with the PIN"),
        external("UK1DF03", "write EF05"),
        external("UK2DF03", "write EF06"),
        external("UK3DF03", "write EF07"),
    ),
    label="社会保险信息区1",
    clause=_CLAUSE_1,
)

# --- generation 2 -------------------------------------------------------------------------------

_READ: Final = pin_or("RK1DF03")

# Names of the sub items follow the single items of the same length.
_ASSESSMENT: Final = btlv(
    0x4A,
    "其他鉴定信息",
    "further assessment",
    an(0x13, 0x02, "鉴定事项", "subject", confidence=L),
    an(0x14, 0x01, "鉴定结论", "result", confidence=L),
    an(0x15, 0x14, "鉴定编号", "number", confidence=L),
    cn(0x16, 0x04, "鉴定日期", "date", confidence=L),
    an(0x17, 0x3C, "鉴定机构名称", "assessing body", confidence=L),
    confidence=L,
)

_VOUCHER: Final = btlv(
    0x79,
    "参保凭证信息",
    "insurance voucher",
    an(0x18, 0x03, "险种类型", "kind of insurance", codes.INSURANCE),
    cn(0x19, 0x03, "参保地区划", "division of insurance", confidence=M),
    cn(0x1A, 0x04, "起始日期", "first day"),
    cn(0x1B, 0x04, "终止日期", "last day"),
    cn(0x1C, 0x04, "金额", "amount in fen"),
    an(0x1D, 0x03, "月数", "months"),
    cn(0x1E, 0x04, "更新日期", "date of update", confidence=M),
)

_UNEMPLOYMENT: Final = variable(
    0xEF05,
    "失业保险信息",
    "unemployment insurance",
    pin_or("RK2DF03"),
    key_of("UK1DF03"),
    cn(0x61, 0x03, "参保地区划", "division of insurance"),
    cn(0x98, 0x04, "失业保险金申领日期", "date of claim"),
    cn(0x62, 0x04, "报到日期或更新日期", "date of report or update"),
    *_MONTHS,
)

_FILES_2: Final = cited(
    _CLAUSE_2,
    _UNEMPLOYMENT,
    variable(
        0xEF06,
        "劳动能力鉴定信息",
        "assessment of working ability",
        _READ,
        key_of("UK2DF03"),
        an(0x45, 0x14, "鉴定编号", "number"),
        an(0x46, 0x02, "鉴定事项", "subject"),
        an(0x47, 0x02, "伤残等级", "grade of disability", codes.DISABILITY_GRADE),
        an(0x48, 0x01, "生活自理障碍等级", "grade of dependence"),
        an(0x49, 0x01, "丧失劳动能力鉴定结论", "result: loss of working ability"),
        cn(0x67, 0x04, "鉴定日期", "date"),
        an(0x6B, 0x3C, "鉴定机构名称", "assessing body"),
        *(_ASSESSMENT,) * 3,
    ),
    variable(
        0xEF07,
        "养老保险信息",
        "pension insurance",
        _READ,
        key_of("UK3DF03"),
        an(0x70, 0x03, "险种类型", "kind of insurance", codes.PENSION),
        cn(0x71, 0x03, "参保地区划", "division of insurance"),
        cn(0x6E, 0x04, "个人账户建立日期", "date the account was opened"),
        cn(0x6C, 0x04, "离退休日期", "date of retirement"),
        cn(0x6F, 0x04, "待遇享受开始日期", "first day of benefit"),
        cn(0x73, 0x04, "更新日期", "date of update"),
    ),
    variable(
        0xEF15,
        "工伤保险信息",
        "work injury insurance",
        _READ,
        key_of("UK4DF03"),
        cn(0x7A, 0x03, "参保地区划", "division of insurance", confidence=L),
        cn(0x7B, 0x04, "待遇享受开始日期", "first day of benefit", confidence=L),
        cn(0x7C, 0x04, "更新日期", "date of update", confidence=L),
    ),
    variable(
        0xEF16,
        "生育保险信息",
        "maternity insurance",
        _READ,
        key_of("UK5DF03"),
        cn(0x51, 0x03, "参保地区划", "division of insurance", confidence=L),
        an(0x5F, 0x01, "未就业配偶标志", "spouse without work"),
    ),
    variable(
        0xEF17,
        "工伤认定信息",
        "recognition of a work injury",
        _READ,
        key_of("UK6DF03"),
        an(0x3B, 0x14, "认定编号", "number", confidence=L),
        an(0x3C, 0x46, "单位名称", "name of the employer", confidence=L),
        an(0x3D, 0x01, "认定结论", "result", confidence=L),
        cn(0x3E, 0x04, "认定日期", "date", confidence=L),
        an(0x3F, 0x3C, "认定机构名称", "recognising body", confidence=L),
    ),
    variable(
        0xEF18,
        "供养亲属信息",
        "dependants",
        _READ,
        key_of("UK7DF03"),
        an(0x74, 0x03, "险种类型", "kind of insurance", codes.INSURANCE, confidence=L),
        cn(0x75, 0x03, "参保地区划", "division of insurance", confidence=L),
        cn(0x76, 0x01, "供养亲属人数", "number of dependants", confidence=L),
        cn(0x77, 0x04, "待遇享受开始日期", "first day of benefit", confidence=L),
        cn(0x78, 0x04, "更新日期", "date of update", confidence=L),
    ),
    fixed(
        0xEF19,
        "参保凭证信息",
        "insurance vouchers: pension, medical, unemployment, reserved",
        _READ,
        key_of("UK8DF03"),
        *(_VOUCHER,) * 4,
    ),
)

_WITHOUT_REGISTRATION_DATE: Final = replace(FIRST, files=_FILES_2, clause=_CLAUSE_2).with_keys(
    external("RK1DF03", "read all but EF05"),
    external("RK2DF03", "read EF05"),
    external("UK4DF03", "write EF15"),
    external("UK5DF03", "write EF16"),
    external("UK6DF03", "write EF17"),
    external("UK7DF03", "write EF18"),
    external("UK8DF03", "write EF19"),
)


def second(options: Options) -> DirectoryDeclaration:
    """Generation 2: tag 60 may stand in EF05, as the second record, and not in DF02 EF06."""
    if options.registration_date_in != DF03:
        return _WITHOUT_REGISTRATION_DATE
    unemployment = _WITHOUT_REGISTRATION_DATE.file(0xEF05)
    first, *others = unemployment.items
    items = (first, REGISTRATION_DATE, *others)
    return _WITHOUT_REGISTRATION_DATE.with_files(replace(unemployment, items=items))
