# SPDX-License-Identifier: Apache-2.0
"""Generation 1: LB002-2000 社会保障(个人)卡规范.

Its text is not public. Files, items, rights and keys are rebuilt from letter 37 (table 9, annex
C, closing tables), the later draft of the card specification and programs that work with such
cards. The order of records is certain in SSSE; elsewhere it is by ascending tag [L].
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sscard_chip.profile import codes, environment, further, insurance
from sscard_chip.profile.build import (
    M,
    amount_file,
    an,
    btlv,
    cn,
    cyclic,
    external,
    fixed,
    inferred,
    maintenance,
    pin_and,
    pin_or,
    transparent,
    variable,
)
from sscard_chip.profile.employment import DEGREE, DF01, REGISTRATION_DATE, WORK_HISTORY, df02
from sscard_chip.profile.model import (
    FREE,
    PIN,
    Directory,
    ElementaryFile,
    Key,
    key,
)
from sscard_chip.standard.settlement_mode import SettlementMode

_CLAUSE: Final = "LB002-2000; letter 37, table 9 and annex C"
_GROWTH: Final = 3
_UNKNOWN_ITEMS: Final = 0x60

_SSSE: Final = environment.environment(
    (
        environment.issuer_file("1.00", f"{_CLAUSE}, SSSE EF05"),
        variable(
            0xEF06,
            "持卡人基本信息",
            "holder",
            FREE,
            environment.UKSSSE,
            an(0x08, 0x12, "公民身份号码", "citizen number"),
            *(item for item in environment.HOLDER_ITEMS if item.tag not in (0x08, 0x4E)),
            clause=f"{_CLAUSE}, SSSE EF06",
        ),
        transparent(
            0xEF07,
            "指纹",
            "fingerprint",
            FREE,
            environment.UKSSSE,
            0x300,
            clause=f"{_CLAUSE}, SSSE EF07",
            confidence=M,
        ),
    ),
    environment.BASE_KEYS,
    _CLAUSE,
)

_DF01_FILES: Final = (
    variable(
        0xEF05,
        "户籍信息",
        "household registration",
        PIN,
        key(0x83),
        an(0x20, 0x01, "户口类别", "kind of household registration"),
        an(0x21, 0x50, "常住户口所在地地址", "registered address", confidence=M),
        clause=f"{_CLAUSE}, DF01 EF05",
    ),
    variable(
        0xEF06,
        "通讯信息",
        "communication",
        PIN,
        key(0x86),
        inferred(an(0x26, 0x50, "通讯地址", "postal address")),
        inferred(an(0x27, 0x06, "通讯地址邮政编码", "postcode")),
        an(0x28, 0x0F, "联系电话", "telephone", confidence=M),
        clause=f"{_CLAUSE}, DF01 EF06",
    ),
    fixed(
        0xEF07,
        "个人状况信息",
        "personal status",
        pin_or(0x84),
        key(0x84),
        an(
            0x29,
            0x01,
            "个人就业或离退休(职)状态",
            "in work or retired",
            codes.EMPLOYMENT,
            confidence=M,
        ),
        cn(0x2A, 0x01, "文化程度", "education", confidence=M),
        clause=f"{_CLAUSE}, DF01 EF07",
    ),
    variable(
        0xEF08,
        "婚姻状况信息",
        "marital status",
        PIN,
        key(0x85),
        an(0x2B, 0x01, "婚姻状况", "marital status", codes.MARITAL_STATUS, confidence=M),
        clause=f"{_CLAUSE}, DF01 EF08",
    ),
    variable(
        0xEF09,
        "就业单位信息",
        "employer",
        pin_or(0x84),
        key(0x84),
        an(0x2E, 0x46, "单位名称", "name of the employer", confidence=M),
        an(0x30, 0x09, "单位组织机构代码", "organisation code", confidence=M),
        inferred(an(0x31, 0x02, "单位类型", "kind of employer")),
        an(0x32, 0x03, "单位经济类型", "ownership of the employer"),
        clause=f"{_CLAUSE}, DF01 EF09",
    ),
    fixed(
        0xEF0A,
        "工资信息",
        "wages",
        PIN,
        key(0x87),
        cn(0x37, 0x04, "缴费基数", "contribution base, fen"),
        cn(0x38, 0x04, "上年工资总额", "wages of last year, fen"),
        cn(0x39, 0x04, "工资信息更新日期", "date of update", confidence=M),
        clause=f"{_CLAUSE}, DF01 EF0A",
    ),
)

_DF01_KEYS: Final = (
    maintenance("STKDF01", 0x82),
    external("UK1DF01", 0x83, "write EF05"),
    external("UK2DF01", 0x84, "write EF07, EF09; read them without PIN"),
    external("UK3DF01", 0x85, "write EF08"),
    external("UK4DF01", 0x86, "write EF06"),
    external("UK5DF01", 0x87, "write EF0A"),
)

_QUALIFICATION: Final = btlv(
    0x43,
    "职业资格信息",
    "vocational qualification",
    an(0x5A, 0x07, "职业", "occupation"),
    an(0x5B, 0x01, "等级", "grade"),
    an(0x5C, 0x09, "发证/年检机构代码", "code of the issuing body"),
    cn(0x5D, 0x04, "发证/年检日期", "date of issue"),
    confidence=M,
)

_DF02_FILES: Final = (
    # Sources differ on the read rule; the draft of the specification has UK1DF02 [M].
    variable(
        0xEF05,
        "职业和专业技能信息",
        "occupation and skills",
        pin_or(0x83),
        key(0x83),
        DEGREE,
        DEGREE,
        an(0x42, 0x03, "专业技术职务", "professional post", confidence=M),
        _QUALIFICATION,
        _QUALIFICATION,
        clause=f"{_CLAUSE}, DF02 EF05",
        confidence=M,
    ),
    # 4B and 4F may grow to 5 and 6 bytes: annex C gives them new values that long [L].
    variable(
        0xEF06,
        "就业与失业信息",
        "employment and unemployment",
        pin_or(0x84),
        key(0x84),
        an(0x3A, 0x07, "现从事职业", "present occupation", confidence=M),
        cn(0x4B, 0x04, "首次参加工作日期", "first day of work"),
        cn(0x4C, 0x04, "最近一次办理就业登记日期", "employment registration", confidence=M),
        cn(0x4D, 0x04, "签订劳动合同日期", "date the contract was signed"),
        cn(0x4F, 0x04, "终止(解除)劳动合同日期", "end of the contract"),
        cn(0x50, 0x04, "劳动合同起始日期", "begin of the contract"),
        REGISTRATION_DATE,
        spare=_GROWTH,
        clause=f"{_CLAUSE}, DF02 EF06",
    ),
    cyclic(
        0xEF07,
        "就业记录",
        "work history",
        pin_or(0x85),
        key(0x85),
        4,
        *WORK_HISTORY,
        clause=f"{_CLAUSE}, DF02 EF07",
    ),
    # Its items are not public: the file is empty, with room for as much as EF09 holds [L].
    variable(
        0xEF08,
        "外来人员就业登记卡信息",
        "registration card of workers from elsewhere",
        pin_or(0x86),
        key(0x86),
        spare=_UNKNOWN_ITEMS,
        clause=f"{_CLAUSE}, DF02 EF08",
        confidence=M,
    ),
    variable(
        0xEF09,
        "外来人员就业证信息",
        "work permit of workers from elsewhere",
        pin_or(0x87),
        key(0x87),
        cn(0x55, 0x0A, "外来人员就业证编号", "permit number"),
        an(0x56, 0x46, "就业证签发机关", "issuing body", confidence=M),
        cn(0x96, 0x04, "就业证签发/年检日期", "date of issue or check", confidence=M),
        cn(0x97, 0x04, "就业证有效期", "expiry date"),
        clause=f"{_CLAUSE}, DF02 EF09",
        confidence=M,
    ),
)

_DF02_KEYS: Final = (
    maintenance("STKDF02", 0x82),
    external("UK1DF02", 0x83, "write EF05; read it without PIN"),
    external("UK2DF02", 0x84, "write EF06; read it without PIN"),
    external("UK3DF02", 0x85, "write EF07; read it without PIN"),
    external("UK4DF02", 0x86, "write EF08; read it without PIN", confidence=M),
    external("UK5DF02", 0x87, "write EF09; read it without PIN", confidence=M),
)

_DF03_FILES: Final = (
    # The read key differs in one program (RK1DF03); the draft and letter 37 have RK2DF03 [M].
    variable(
        0xEF05,
        "失业保险信息",
        "unemployment insurance",
        pin_and(0x85),
        key(0x86),
        cn(0x61, 0x04, "月失业保险金支付标准", "monthly benefit, fen"),
        cn(0x62, 0x04, "失业保险信息更新日期", "date of update", confidence=M),
        *insurance.UNEMPLOYMENT_MONTHS,
        cn(0x98, 0x04, "最近一次失业保险金申领日期", "date of claim", confidence=M),
        clause=f"{_CLAUSE}, DF03 EF05",
        confidence=M,
    ),
    variable(
        0xEF06,
        "丧失劳动能力鉴定信息",
        "assessment of working ability",
        PIN,
        key(0x87),
        cn(0x67, 0x04, "丧失劳动能力鉴定日期", "date", confidence=M),
        inferred(an(0x68, 0x01, "丧失劳动能力鉴定结论", "result")),
        an(0x6B, 0x3C, "鉴定机构名称", "assessing body", confidence=M),
        clause=f"{_CLAUSE}, DF03 EF06",
    ),
    variable(
        0xEF07,
        "养老保险信息",
        "pension insurance",
        pin_and(0x84),
        key(0x88),
        cn(0x6C, 0x04, "办理离休、退休或退职日期", "date of retirement", confidence=M),
        inferred(cn(0x6D, 0x04, "月养老金支付金额", "monthly pension, fen")),
        cn(0x6E, 0x04, "基本养老保险个人账户建立日期", "date of the account", confidence=M),
        cn(0x6F, 0x04, "个人账户变更日期", "date the account changed", confidence=M),
        an(0x70, 0x03, "养老保险费累计缴纳月数", "months paid in all", confidence=M),
        cn(0x71, 0x04, "个人账户个人缴纳部分本息储存额", "paid by the person, fen"),
        inferred(cn(0x72, 0x04, "个人账户单位缴纳部分本息储存额", "paid by the employer, fen")),
        cn(0x73, 0x04, "养老保险信息更新日期", "date of update", confidence=M),
        clause=f"{_CLAUSE}, DF03 EF07",
    ),
)

_DF03_KEYS: Final = (
    *insurance.DF03_BASE_KEYS,
    external("RK1DF03", 0x84, "read EF07, with the PIN"),
    external("RK2DF03", 0x85, "read EF05, with the PIN"),
    external("UK1DF03", 0x86, "write EF05"),
    external("UK2DF03", 0x87, "write EF06"),
    external("UK3DF03", 0x88, "write EF07"),
)


def _medical(mode: SettlementMode) -> ElementaryFile:
    return variable(
        0xEF05,
        "医疗保险基本信息",
        "medical insurance",
        PIN,
        key(0x85),
        cn(0x80, 0x04, "基本医疗保险个人账户建立日期", "date of the account", confidence=M),
        an(0x81, 0x46, "定点医疗机构名称1", "name of designated hospital 1"),
        insurance.hospital(0x83, "定点医疗机构代码1", "designated hospital 1"),
        an(0x84, 0x46, "定点医疗机构名称2", "name of designated hospital 2"),
        insurance.hospital(0x86, "定点医疗机构代码2", "designated hospital 2"),
        an(0x87, 0x46, "定点医疗机构名称3", "name of designated hospital 3"),
        insurance.hospital(0x89, "定点医疗机构代码3", "designated hospital 3"),
        an(0x8A, 0x0F, "医疗证号", "medical certificate number", confidence=M),
        an(0x8B, 0x0A, "基本医疗保险个人账号", "number of the personal account"),
        cn(0x8C, 0x01, "医疗人员类别", "kind of person", codes.MEDICAL_PERSON, confidence=M),
        insurance.card_use(mode),
        clause=f"{_CLAUSE}, DF04 EF05",
    )


_ACCOUNT: Final = fixed(
    0xEF06,
    "医疗保险帐户信息",
    "medical account, on-line mode",
    pin_and(0x84),
    key(0x86),
    cn(0x90, 0x04, "基本医疗保险个人账户余额", "balance, fen"),
    cn(0x92, 0x04, "年度个人自付累计金额", "paid by the holder this year, fen", confidence=M),
    cn(0x93, 0x04, "年度统筹基金支付累计金额", "paid by the pool this year, fen"),
    clause=f"{_CLAUSE}, DF04 EF06",
)

_DF04_KEYS: Final = (
    *insurance.DF04_BASE_KEYS,
    external("RK1DF04", 0x84, "read EF06, with the PIN"),
    external("UK1DF04", 0x85, "write EF05"),
    external("UK2DF04", 0x86, "write EF06"),
)


def _df04(mode: SettlementMode, *, with_account: bool, account_only: bool) -> Directory:
    """DF04: EF06 on-line; EF08, the amount file and the settlement keys off-line, or where an
    on-line card is to have an account too [L]."""
    files = [_medical(mode)]
    keys: tuple[Key, ...] = _DF04_KEYS
    if mode is not SettlementMode.OFFLINE:
        files.append(_ACCOUNT)
    if mode is SettlementMode.OFFLINE or with_account:
        clause = f"{_CLAUSE}, DF04 EF08"
        files.append(insurance.details_file(account_only=account_only, clause=clause))
        files.append(amount_file(_CLAUSE))
        keys += insurance.SETTLEMENT_KEYS
    base = insurance.df04(mode=mode, account_only=account_only)
    return _like(base, tuple(files), keys)


def _like(base: Directory, files: tuple[ElementaryFile, ...], keys: tuple[Key, ...]) -> Directory:
    """A DF of generation 2, whose names are those of generation 1 too, with other contents."""
    return replace(base, files=files, keys=keys, clause=f"{_CLAUSE}, {base.short_name}")


def directories(
    mode: SettlementMode, *, with_account: bool, account_only: bool
) -> tuple[Directory, ...]:
    """SSSE, DF01 to DF04, and the advisory DF05 and DF06."""
    return (
        _SSSE,
        _like(DF01, _DF01_FILES, _DF01_KEYS),
        _like(df02(), _DF02_FILES, _DF02_KEYS),
        _like(insurance.df03(), _DF03_FILES, _DF03_KEYS),
        _df04(mode, with_account=with_account, account_only=account_only),
        further.df05(generation=1),
        further.DF06,
    )
