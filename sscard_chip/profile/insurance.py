# SPDX-License-Identifier: Apache-2.0
"""DF03 社会保险1 and DF04 社会保险2 of generation 2 (LD/T 32.6; letter 37, DF03 and DF04)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    L,
    M,
    amount_file,
    an,
    binary,
    blocking,
    btlv,
    cn,
    cyclic,
    external,
    fixed,
    indexed,
    maintenance,
    pin_and,
    pin_or,
    variable,
)
from sscard_chip.profile.employment import REGISTRATION_DATE
from sscard_chip.profile.model import (
    NEVER,
    PIN,
    Directory,
    ElementaryFile,
    Item,
    Key,
    KeyUse,
    key,
)
from sscard_chip.standard.settlement_mode import SettlementMode

_DF03: Final = "LD/T 32.6; letter 37, DF03"
_DF04: Final = "LD/T 32.6; letter 37, DF04"
_RK1: Final = pin_or(0x84)  # RK1DF03 and RK1DF04

UNEMPLOYMENT_MONTHS: Final = (
    an(0x63, 0x03, "累计缴费月数", "months paid in all"),
    an(0x64, 0x03, "有效缴费月数", "months paid that count"),
    an(0x65, 0x03, "应领取月数", "months of benefit due"),
    an(0x66, 0x03, "已领取月数", "months of benefit received"),
)

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


def df03(*, registration_date: bool = False) -> Directory:
    """DF03; ``registration_date`` says whether tag 60 stands here and not in DF02 EF06."""
    return Directory(
        0xDF03,
        "社会保险1",
        "social insurance 1",
        bytes.fromhex("D15600000502"),
        (_unemployment(registration_date=registration_date), *_DF03_FILES),
        DF03_KEYS,
        label="社会保险信息区1",
        clause=_DF03,
    )


def _unemployment(*, registration_date: bool) -> ElementaryFile:
    return variable(
        0xEF05,
        "失业保险信息",
        "unemployment insurance",
        pin_or(0x85),
        key(0x86),
        cn(0x61, 0x03, "参保地区划", "division of insurance"),
        *((REGISTRATION_DATE,) if registration_date else ()),
        cn(0x98, 0x04, "失业保险金申领日期", "date of claim"),
        cn(0x62, 0x04, "报到日期或更新日期", "date of report or update"),
        *UNEMPLOYMENT_MONTHS,
        clause=f"{_DF03} EF05",
    )


_DF03_FILES: Final = (
    variable(
        0xEF06,
        "劳动能力鉴定信息",
        "assessment of working ability",
        _RK1,
        key(0x87),
        an(0x45, 0x14, "鉴定编号", "number"),
        an(0x46, 0x02, "鉴定事项", "subject"),
        an(0x47, 0x02, "伤残等级", "grade of disability", codes.DISABILITY_GRADE),
        an(0x48, 0x01, "生活自理障碍等级", "grade of dependence"),
        an(0x49, 0x01, "丧失劳动能力鉴定结论", "result: loss of working ability"),
        cn(0x67, 0x04, "鉴定日期", "date"),
        an(0x6B, 0x3C, "鉴定机构名称", "assessing body"),
        *(_ASSESSMENT,) * 3,
        clause=f"{_DF03} EF06",
    ),
    variable(
        0xEF07,
        "养老保险信息",
        "pension insurance",
        _RK1,
        key(0x88),
        an(0x70, 0x03, "险种类型", "kind of insurance", codes.PENSION),
        cn(0x71, 0x03, "参保地区划", "division of insurance"),
        cn(0x6E, 0x04, "个人账户建立日期", "date the account was opened"),
        cn(0x6C, 0x04, "离退休日期", "date of retirement"),
        cn(0x6F, 0x04, "待遇享受开始日期", "first day of benefit"),
        cn(0x73, 0x04, "更新日期", "date of update"),
        clause=f"{_DF03} EF07",
    ),
    variable(
        0xEF15,
        "工伤保险信息",
        "work injury insurance",
        _RK1,
        key(0x89),
        cn(0x7A, 0x03, "参保地区划", "division of insurance", confidence=L),
        cn(0x7B, 0x04, "待遇享受开始日期", "first day of benefit", confidence=L),
        cn(0x7C, 0x04, "更新日期", "date of update", confidence=L),
        clause=f"{_DF03} EF15",
    ),
    variable(
        0xEF16,
        "生育保险信息",
        "maternity insurance",
        _RK1,
        key(0x8A),
        cn(0x51, 0x03, "参保地区划", "division of insurance", confidence=L),
        an(0x5F, 0x01, "未就业配偶标志", "spouse without work"),
        clause=f"{_DF03} EF16",
    ),
    variable(
        0xEF17,
        "工伤认定信息",
        "recognition of a work injury",
        _RK1,
        key(0x8B),
        an(0x3B, 0x14, "认定编号", "number", confidence=L),
        an(0x3C, 0x46, "单位名称", "name of the employer", confidence=L),
        an(0x3D, 0x01, "认定结论", "result", confidence=L),
        cn(0x3E, 0x04, "认定日期", "date", confidence=L),
        an(0x3F, 0x3C, "认定机构名称", "recognising body", confidence=L),
        clause=f"{_DF03} EF17",
    ),
    variable(
        0xEF18,
        "供养亲属信息",
        "dependants",
        _RK1,
        key(0x8C),
        an(0x74, 0x03, "险种类型", "kind of insurance", codes.INSURANCE, confidence=L),
        cn(0x75, 0x03, "参保地区划", "division of insurance", confidence=L),
        cn(0x76, 0x01, "供养亲属人数", "number of dependants", confidence=L),
        cn(0x77, 0x04, "待遇享受开始日期", "first day of benefit", confidence=L),
        cn(0x78, 0x04, "更新日期", "date of update", confidence=L),
        clause=f"{_DF03} EF18",
    ),
    fixed(
        0xEF19,
        "参保凭证信息",
        "insurance vouchers: pension, medical, unemployment, reserved",
        _RK1,
        key(0x8D),
        *(_VOUCHER,) * 4,
        clause=f"{_DF03} EF19",
    ),
)

DF03_BASE_KEYS: Final = (
    maintenance("STKDF03", 0x82),
    blocking("LKDF03", 0x83, "authorise APPLICATION BLOCK"),
)

DF03_KEYS: Final = (
    *DF03_BASE_KEYS,
    external("RK1DF03", 0x84, "read all but EF05"),
    external("RK2DF03", 0x85, "read EF05"),
    external("UK1DF03", 0x86, "write EF05"),
    external("UK2DF03", 0x87, "write EF06"),
    external("UK3DF03", 0x88, "write EF07"),
    external("UK4DF03", 0x89, "write EF15"),
    external("UK5DF03", 0x8A, "write EF16"),
    external("UK6DF03", 0x8B, "write EF17"),
    external("UK7DF03", 0x8C, "write EF18"),
    external("UK8DF03", 0x8D, "write EF19"),
)


def hospital(tag: int, name: str, english: str) -> Item:
    """The code of a designated hospital, 9 characters."""
    return an(tag, 0x09, name, english)


def card_use(mode: SettlementMode) -> Item:
    """Tag 8F 用卡方式. It starts as the region's mode, "1" on-line or "2" off-line [L]."""
    initial = mode.card_usage.encode()
    return an(0x8F, 0x01, "医疗保险用卡方式", "settlement mode", codes.CARD_USE, initial=initial)


def _medical(mode: SettlementMode) -> ElementaryFile:
    return variable(
        0xEF05,
        "医疗保险基本信息",
        "medical insurance",
        _RK1,
        key(0x85),
        an(
            0x81, 0x08, "险种类型及标识", "kind 3; flags: elsewhere, 门诊统筹, 门诊大病, 救助, 优抚"
        ),
        cn(0x84, 0x03, "参保地区划", "division of insurance"),
        an(0x87, 0x11, "健康档案编号", "health record number"),
        cn(0x8C, 0x01, "医疗人员类别", "kind of person", codes.MEDICAL_PERSON),
        cn(0x80, 0x04, "个人账户建立日期", "date the account was opened"),
        an(0x8B, 0x1D, "医疗保险个人账号", "number of the personal account"),
        an(0x8A, 0x0F, "医疗证号", "medical certificate number"),
        hospital(0x83, "定点医疗机构代码1", "designated hospital 1"),
        hospital(0x86, "定点医疗机构代码2", "designated hospital 2"),
        hospital(0x89, "定点医疗机构代码3", "designated hospital 3"),
        hospital(0x7D, "工伤定点医疗机构代码1", "work injury hospital 1"),
        hospital(0x7E, "工伤定点医疗机构代码2", "work injury hospital 2"),
        hospital(0x7F, "工伤定点医疗机构代码3", "work injury hospital 3"),
        hospital(0x8D, "生育定点医疗机构代码1", "maternity hospital 1"),
        hospital(0x8E, "生育定点医疗机构代码2", "maternity hospital 2"),
        card_use(mode),
        clause=f"{_DF04} EF05",
    )


def _temporary(mode: SettlementMode) -> ElementaryFile:
    """EF06. In mode 2 it starts as "not permitted, nothing spent", else blank [P]."""
    used = mode is SettlementMode.TEMPORARY_OFFLINE
    return variable(
        0xEF06,
        "临时脱网结算信息",
        "temporary off-line settlement",
        pin_and(0x84),
        key(0x86),
        an(
            0x90,
            0x01,
            "准许脱网标识",
            "off-line permitted",
            codes.OFFLINE_PERMIT,
            initial=b"0" if used else None,
        ),
        cn(0x92, 0x04, "脱网累计金额", "spent off-line, fen", initial=bytes(4) if used else None),
        an(0x93, 0x02, "脱网累计次数", "times off-line", initial=b"00" if used else None),
        clause=f"{_DF04} EF06",
    )


def details_file(*, account_only: bool, clause: str = f"{_DF04} EF08") -> ElementaryFile:
    """EF08 医疗交易明细, 30 records that the card alone writes.

    28 bytes; 20 with the first amount only where the card keeps the personal account alone.
    The record length is what tells the card so (LD/T 32.7, section 12).
    """
    rest = (
        binary(0x04, "个人自付金额", "paid by the holder, fen"),
        binary(0x04, "统筹基金支付金额", "paid by the pool, fen"),
    )
    return cyclic(
        0xEF08,
        "医疗交易明细",
        "medical transactions",
        PIN,
        NEVER,
        30,
        binary(0x02, "交易序号", "transaction number"),
        an(0, 0x01, "交易类型", "kind of transaction", codes.TRANSACTION),
        cn(0, 0x06, "终端机编号", "terminal"),
        cn(0, 0x07, "交易时间", "local time, YYYYMMDDhhmmss"),
        binary(0x04, "个人账户金额", "personal account, fen"),
        *(() if account_only else rest),
        clause=clause,
    )


_SPECIAL: Final = cyclic(
    0xEF15,
    "特殊医疗结算信息",
    "special medical settlements",
    _RK1,
    key(0x86),
    8,
    binary(0x02, "交易序号", "transaction number"),
    an(0, 0x01, "结算类别", "kind of settlement", codes.SPECIAL_SETTLEMENT),
    clause=f"{_DF04} EF15",
)

DF04_BASE_KEYS: Final = (
    maintenance("STKDF04", 0x82),
    blocking("LKDF04", 0x83, "authorise APPLICATION BLOCK"),
)

# DSK has an identifier of its own; 8E is ours [L].
SETTLEMENT_KEYS: Final[tuple[Key, ...]] = (
    indexed("DLK", KeyUse.LOAD, "账户划入, key indexes 1 to 3"),
    indexed("DPK", KeyUse.PURCHASE, "医疗消费, key indexes 1 to 3"),
    indexed("DTK", KeyUse.TAC, "TAC, key indexes 1 to 3"),
    external("DSK", 0x8E, "authorise UPDATE STARTING DAY", confidence=L),
)

DF04_KEYS: Final = (
    *DF04_BASE_KEYS,
    external("RK1DF04", 0x84, "read EF05, EF06, EF15"),
    external("UK1DF04", 0x85, "write EF05"),
    external("UK2DF04", 0x86, "write EF06, EF15"),
    *SETTLEMENT_KEYS,
)


def df04(*, mode: SettlementMode, account_only: bool) -> Directory:
    """DF04 with the amount file, which letter 38 needs in all modes of settlement."""
    return Directory(
        0xDF04,
        "社会保险2",
        "social insurance 2: medical",
        bytes.fromhex("D15600000503"),
        (
            _medical(mode),
            _temporary(mode),
            details_file(account_only=account_only),
            _SPECIAL,
            amount_file("LD/T 32.6; letter 38"),
        ),
        DF04_KEYS,
        label="社会保险信息区2",
        clause=_DF04,
    )
