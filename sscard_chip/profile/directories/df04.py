# SPDX-License-Identifier: Apache-2.0
"""DF04 社会保险2: medical insurance and the medical account (LD/T 32.6; letter 37, DF04)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    L,
    M,
    amount_file,
    an,
    binary,
    blocking,
    cited,
    cn,
    cyclic,
    external,
    fixed,
    indexed,
    key_of,
    maintenance,
    pin_and,
    pin_or,
    variable,
)
from sscard_chip.profile.model import (
    NEVER,
    PIN,
    DirectoryDeclaration,
    FileDeclaration,
    Item,
    KeyUse,
    Options,
)
from sscard_chip.standard.identifiers import AID_OF_DF, DF04
from sscard_chip.standard.settlement_mode import SettlementMode

_SOURCE_1: Final = "LB002-2000; letter 37, table 9 and annex C"
_CLAUSE_1: Final = f"{_SOURCE_1}, DF04"
_CLAUSE_2: Final = "LD/T 32.6; letter 37, DF04"

# --- the same in all generations -----------------------------------------------------------------


def _hospital(tag: int, name: str, english: str) -> Item:
    """The code of a designated hospital, 9 characters."""
    return an(tag, 0x09, name, english)


def _card_use(mode: SettlementMode) -> Item:
    """Tag 8F 用卡方式. It starts as the region's mode, "1" on-line or "2" off-line [L]."""
    initial = mode.card_usage.encode()
    return an(0x8F, 0x01, "医疗保险用卡方式", "settlement mode", codes.CARD_USE, initial=initial)


def _details(*, account_only: bool) -> FileDeclaration:
    """EF08 医疗交易明细, 30 records that the card alone writes.

    28 bytes; 20 with the first amount only where the card keeps the personal account only.
    The record length is what shows the card so (LD/T 32.7, section 12).
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
    )


# DSK has an identifier of its own; 8E is ours [L].
_SETTLEMENT_KEYS: Final = (
    indexed("DLK", KeyUse.LOAD, "账户划入, key indexes 1 to 3"),
    indexed("DPK", KeyUse.PURCHASE, "医疗消费, key indexes 1 to 3"),
    indexed("DTK", KeyUse.TAC, "TAC, key indexes 1 to 3"),
    external("DSK", "authorise UPDATE STARTING DAY", confidence=L),
)

# --- generation 1 -------------------------------------------------------------------------------


def _medical_1(mode: SettlementMode) -> FileDeclaration:
    return variable(
        0xEF05,
        "医疗保险基本信息",
        "medical insurance",
        PIN,
        key_of("UK1DF04"),
        cn(0x80, 0x04, "基本医疗保险个人账户建立日期", "date of the account", confidence=M),
        an(0x81, 0x46, "定点医疗机构名称1", "name of designated hospital 1"),
        _hospital(0x83, "定点医疗机构代码1", "designated hospital 1"),
        an(0x84, 0x46, "定点医疗机构名称2", "name of designated hospital 2"),
        _hospital(0x86, "定点医疗机构代码2", "designated hospital 2"),
        an(0x87, 0x46, "定点医疗机构名称3", "name of designated hospital 3"),
        _hospital(0x89, "定点医疗机构代码3", "designated hospital 3"),
        an(0x8A, 0x0F, "医疗证号", "medical certificate number", confidence=M),
        an(0x8B, 0x0A, "基本医疗保险个人账号", "number of the personal account"),
        cn(
            0x8C,
            0x01,
            "医疗人员类别",
            "kind of person",
            codes.MEDICAL_PERSON,
            confidence=M,
            open_codes=True,
        ),
        _card_use(mode),
    )


_ACCOUNT_1: Final = fixed(
    0xEF06,
    "医疗保险帐户信息",
    "medical account, on-line mode",
    pin_and("RK1DF04"),
    key_of("UK2DF04"),
    cn(0x90, 0x04, "基本医疗保险个人账户余额", "balance, fen"),
    cn(0x92, 0x04, "年度个人自付累计金额", "paid by the holder this year, fen", confidence=M),
    cn(0x93, 0x04, "年度统筹基金支付累计金额", "paid by the pool this year, fen"),
)

_FIRST: Final = DirectoryDeclaration(
    DF04,
    "社会保险2",
    "social insurance 2: medical",
    AID_OF_DF[DF04],
    (),
    (
        maintenance("STKDF04"),
        blocking("LKDF04", "authorise APPLICATION BLOCK"),
        external("RK1DF04", "read EF06, with the PIN"),
        external("UK1DF04", "write EF05"),
        external("UK2DF04", "write EF06"),
    ),
    label="社会保险信息区2",
    clause=_CLAUSE_1,
)


def first(options: Options) -> DirectoryDeclaration:
    """Generation 1: EF06 on-line; EF08, the amount file and the settlement keys off-line, or
    where an on-line card is to have an account too [L]."""
    mode = options.settlement_mode
    files, keys = [_medical_1(mode)], _FIRST.keys
    if mode is not SettlementMode.OFFLINE:
        files.append(_ACCOUNT_1)
    if mode is SettlementMode.OFFLINE or options.with_account:
        files += [_details(account_only=options.account_only), amount_file(_SOURCE_1)]
        keys += _SETTLEMENT_KEYS
    return replace(_FIRST, files=cited(_CLAUSE_1, *files), keys=keys)


# --- generation 2 -------------------------------------------------------------------------------

_READ: Final = pin_or("RK1DF04")


def _medical_2(mode: SettlementMode) -> FileDeclaration:
    return variable(
        0xEF05,
        "医疗保险基本信息",
        "medical insurance",
        _READ,
        key_of("UK1DF04"),
        an(
            0x81, 0x08, "险种类型及标识", "kind 3; flags: elsewhere, 门诊统筹, 门诊大病, 救助, 优抚"
        ),
        cn(0x84, 0x03, "参保地区划", "division of insurance"),
        an(0x87, 0x11, "健康档案编号", "health record number"),
        cn(0x8C, 0x01, "医疗人员类别", "kind of person", codes.MEDICAL_PERSON, open_codes=True),
        cn(0x80, 0x04, "个人账户建立日期", "date the account was opened"),
        an(0x8B, 0x1D, "医疗保险个人账号", "number of the personal account"),
        an(0x8A, 0x0F, "医疗证号", "medical certificate number"),
        _hospital(0x83, "定点医疗机构代码1", "designated hospital 1"),
        _hospital(0x86, "定点医疗机构代码2", "designated hospital 2"),
        _hospital(0x89, "定点医疗机构代码3", "designated hospital 3"),
        _hospital(0x7D, "工伤定点医疗机构代码1", "work injury hospital 1"),
        _hospital(0x7E, "工伤定点医疗机构代码2", "work injury hospital 2"),
        _hospital(0x7F, "工伤定点医疗机构代码3", "work injury hospital 3"),
        _hospital(0x8D, "生育定点医疗机构代码1", "maternity hospital 1"),
        _hospital(0x8E, "生育定点医疗机构代码2", "maternity hospital 2"),
        _card_use(mode),
    )


def _temporary(mode: SettlementMode) -> FileDeclaration:
    """EF06. In mode 2 it starts as "not permitted, nothing spent", else blank [P]."""
    permit, amount, times = b"", b"", b""
    if mode is SettlementMode.TEMPORARY_OFFLINE:
        permit, amount, times = b"0", bytes(4), b"00"
    return variable(
        0xEF06,
        "临时脱网结算信息",
        "temporary off-line settlement",
        pin_and("RK1DF04"),
        key_of("UK2DF04"),
        an(0x90, 0x01, "准许脱网标识", "off-line permitted", codes.OFFLINE_PERMIT, initial=permit),
        cn(0x92, 0x04, "脱网累计金额", "spent off-line, fen", initial=amount),
        an(0x93, 0x02, "脱网累计次数", "times off-line", initial=times),
    )


_SPECIAL: Final = cyclic(
    0xEF15,
    "特殊医疗结算信息",
    "special medical settlements",
    _READ,
    key_of("UK2DF04"),
    8,
    binary(0x02, "交易序号", "transaction number"),
    an(0, 0x01, "结算类别", "kind of settlement", codes.SPECIAL_SETTLEMENT),
)

_SECOND: Final = replace(_FIRST, clause=_CLAUSE_2).with_keys(
    external("RK1DF04", "read EF05, EF06, EF15"),
    external("UK2DF04", "write EF06, EF15"),
    *_SETTLEMENT_KEYS,
)


def second(options: Options) -> DirectoryDeclaration:
    """Generation 2: with the amount file, which letter 38 needs in all modes of settlement."""
    mode = options.settlement_mode
    files = (
        _medical_2(mode),
        _temporary(mode),
        _details(account_only=options.account_only),
        _SPECIAL,
        amount_file("LD/T 32.6; letter 38"),
    )
    return replace(_SECOND, files=cited(_CLAUSE_2, *files))
