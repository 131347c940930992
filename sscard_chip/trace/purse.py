# SPDX-License-Identifier: Apache-2.0
"""Commands of deposit and purse (电子存折/电子钱包, JR/T 0025) and of their PSAM."""

from __future__ import annotations

from typing import Final

from sscard_chip.trace import layouts
from sscard_chip.trace.entry import Entry, data, fields, result
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.selection import Selection, TracedCommand

_PURSES: Final = {1: "电子存折", 2: "电子钱包"}
_PURSE_TRANSACTIONS: Final = {
    0x01: "电子存折圈存",
    0x02: "电子钱包圈存",
    0x03: "圈提",
    0x04: "取现",
    0x05: "电子存折消费",
    0x06: "电子钱包消费",
    0x07: "修改透支限额",
    0x09: "复合应用消费",
}


def _balance(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return _PURSES.get(command.p2, f"P2 {command.p2:02X}")


def _proof(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    kind = _PURSE_TRANSACTIONS.get(command.p2, f"type {command.p2:02X}")
    return f"{kind}, {layouts.describe(layouts.PROOF, command.data, unsafe)}"


def _cache(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    which = "record" if command.p2 & 0x07 == 0x04 else "identifier"
    sfi = f"SFI {command.p2 >> 3:02X}"
    return f"{sfi}, {which} {command.p1:02X}, {secret(command.data, unsafe)}"


PURSE_ENTRIES: Final[dict[tuple[int, ...], Entry]] = {
    (0x80, 0x50, 0x00): Entry(
        "INITIALIZE FOR LOAD", "圈存初始化", fields(layouts.LOAD), result(layouts.LOAD_ANSWER)
    ),
    (0x80, 0x50, 0x01): Entry(
        "INITIALIZE FOR PURCHASE",
        "消费初始化",
        fields(layouts.LOAD),
        result(layouts.PURSE_ANSWER),
    ),
    (0x80, 0x50, 0x02): Entry(
        "INITIALIZE FOR CASH WITHDRAW",
        "取现初始化",
        fields(layouts.LOAD),
        result(layouts.PURSE_ANSWER),
    ),
    (0x80, 0x50, 0x03): Entry(
        "INITIALIZE FOR CAPP PURCHASE",
        "复合应用消费初始化",
        fields(layouts.LOAD),
        result(layouts.PURSE_ANSWER),
    ),
    (0x80, 0x50, 0x04): Entry(
        "INITIALIZE FOR UPDATE",
        "修改透支限额初始化",
        fields(layouts.OVERDRAFT),
        result(layouts.OVERDRAFT_ANSWER),
    ),
    (0x80, 0x50, 0x05): Entry(
        "INITIALIZE FOR UNLOAD", "圈提初始化", fields(layouts.LOAD), result(layouts.LOAD_ANSWER)
    ),
    (0x80, 0x52): Entry(
        "CREDIT FOR LOAD", "圈存", fields(layouts.CREDIT), result(layouts.CREDIT_ANSWER)
    ),
    (0x80, 0x54, 0x01): Entry(
        "DEBIT", "消费/取现", fields(layouts.DEBIT), result(layouts.DEBIT_ANSWER)
    ),
    (0x80, 0x54, 0x03): Entry(
        "DEBIT FOR UNLOAD", "圈提", fields(layouts.CREDIT), result(layouts.UNLOAD_ANSWER)
    ),
    (0x80, 0x58): Entry(
        "UPDATE OVERDRAW LIMIT",
        "修改透支限额",
        fields(layouts.OVERDRAFT_UPDATE),
        result(layouts.CREDIT_ANSWER),
    ),
    (0x80, 0x5A): Entry(
        "GET TRANSACTION PROVE", "取交易认证", _proof, result(layouts.PROOF_ANSWER)
    ),
    (0x80, 0x5C): Entry("GET BALANCE", "读余额", _balance, result(layouts.BALANCE_ANSWER)),
    (0x80, 0x5E, 0x00): Entry("RELOAD PIN", "重装个人密码", data),
    (0x80, 0xDC): Entry("UPDATE CAPP DATA CACHE", "更新复合应用数据缓存", _cache),
    (0x84, 0xDC): Entry("UPDATE CAPP DATA CACHE", "更新复合应用数据缓存, 安全报文", _cache),
    (0x84, 0x18): Entry("APPLICATION UNBLOCK", "应用解锁", fields(layouts.MAC)),
    (0x80, 0x70, 0x00): Entry(
        "INIT SAM FOR PURCHASE",
        "消费初始化, MAC1",
        fields(layouts.PURSE_SAM),
        result(layouts.SAM_PURCHASE_ANSWER),
    ),
}
