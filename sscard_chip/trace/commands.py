# SPDX-License-Identifier: Apache-2.0
"""The commands that the trace knows: names in English and Chinese, parameters, answers.

LD/T 32.5 for the card, PSAM卡应用指南 for the PSAM. A description gets the selection, the command
and whether it may show secrets; it never raises, whatever the bytes.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import ElementaryFile, KeyUse, Structure
from sscard_chip.standard.identifiers import LOAD, MF, PURCHASE
from sscard_chip.trace import layouts
from sscard_chip.trace.bank import ACTIVATION_ENTRIES, BANK_ENTRIES
from sscard_chip.trace.entry import Entry, data, fields, result
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.purse import PURSE_ENTRIES
from sscard_chip.trace.selection import (
    MF_NAME,
    Selection,
    TracedCommand,
    addressed_sfi,
    df_name,
    directory_name,
    fci_algorithm,
    item_name,
)

_ALGORITHMS: Final = {b"\x01": "DES", b"\x02": "SSF33", b"\x03": "SM4"}
_OCCURRENCES: Final = ("", ", last 末个", ", next 下一个", ", previous 上一个")
_PSAM_USES: Final = {
    0x02: "医疗消费密钥",
    0x06: "MAC密钥",
    0x07: "加密密钥",
    0x08: "MAC、加密密钥",
    0x09: "账户划入密钥",
    0x0C: "TAC密钥",
}
_CIPHERS: Final = {
    0x00: "encipher 加密",
    0x01: "MAC, last blocks",
    0x02: "encipher 加密, more follows",
    0x03: "MAC, next blocks",
    0x05: "MAC",
    0x07: "MAC, first blocks",
}
_BALANCES: Final = {1: "账户余额", 2: "年度个人自付累计", 3: "年度统筹累计"}
_TRANSACTIONS: Final = {LOAD: "划入", PURCHASE: "结算"}


def entry_of(command: TracedCommand, selection: Selection) -> Entry:
    """The entry of a command; one that shows the header alone when it is unknown."""
    if selection.bank and (entry := BANK_ENTRIES.get((command.cla, command.ins))):
        return entry
    for key in (
        (command.cla, command.ins, command.p1, command.p2),
        (command.cla, command.ins, command.p1),
        (command.cla, command.ins),
    ):
        entry = _ENTRIES.get(key)
        if entry:
            return entry
    return _UNKNOWN


# --- parameters ---------------------------------------------------------------------------------


def _le(command: TracedCommand) -> str:
    return f", Le {command.le}" if command.le else ""


def _select(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    data = command.data
    if command.p1 == 0x04:
        occurrence = _OCCURRENCES[command.p2 & 0x03]
        directory = selection.named(data)
        if directory and directory.df_name == data:
            return directory_name(directory) + occurrence
        return f"AID {df_name(data)}{occurrence}"
    if not data:
        return MF_NAME
    if len(data) != 2:
        return secret(data, unsafe)
    fid = int.from_bytes(data, "big")
    directory = None if command.p1 == 0x02 else selection.directory_of(fid)
    if directory:
        return directory_name(directory)
    return MF_NAME if fid == MF else selection.file_name(fid)


def _which_record(command: TracedCommand, file: ElementaryFile | None) -> str:
    """Record number or identifier, with the item's name where a linear file is known."""
    number, mode = command.p1, command.p2 & 0x07
    items = file.items if file and file.structure is not Structure.CYCLIC else ()
    if mode == 4:
        if 0 < number <= len(items):
            item = items[number - 1]
            return f"record {number} ({item.tag:02X} {item.name})"
        return f"record {number}" if number else "current record"
    if mode == 5:
        return f"records {number} to last"
    if mode == 6:
        return f"records from last to {number}"
    if mode == 7:
        return "P2 xxxxx111"
    occurrence = ("", ", last", ", next", ", previous")[mode]
    return f"tag {item_name(number, file)}{occurrence}"


def _read_record(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    name, file = selection.target(addressed_sfi(command))
    return f"{name}, {_which_record(command, file)}{_le(command)}"


def _update_record(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    name, file = selection.target(addressed_sfi(command))
    return f"{name}, {_which_record(command, file)}, {secret(command.data, unsafe)}"


def _append_record(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return f"{selection.target(command.p2 >> 3)[0]}, {secret(command.data, unsafe)}"


def _binary(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    sfi = addressed_sfi(command)
    offset = command.p2 if sfi else (command.p1 & 0x7F) << 8 | command.p2
    content = f", {secret(command.data, unsafe)}" if command.data else ""
    return f"{selection.target(sfi)[0]}, offset {offset}{content}{_le(command)}"


def _length(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return f"{command.le} bytes" if command.le else ""


def _external(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    versioned = len(command.data) == layouts.EXTERNAL_VERSION.sizeof()
    layout = layouts.EXTERNAL_VERSION if versioned else layouts.EXTERNAL
    detail = layouts.describe(layout, command.data, unsafe)
    return f"key {selection.key_name(command.p2, KeyUse.EXTERNAL)}, {detail}"


def _internal(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    versioned = len(command.data) == layouts.INTERNAL_VERSION.sizeof()
    layout = layouts.INTERNAL_VERSION if versioned else layouts.INTERNAL
    detail = layouts.describe(layout, command.data, unsafe)
    return f"key {selection.key_name(command.p2, KeyUse.INTERNAL)}, {detail}"


def _verify(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return f"PIN {secret(command.data, unsafe)}" if command.data else "query 查询"


def _unblock(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    what = {0: "unblock 解锁", 1: "new PIN 重置"}.get(command.p2, f"P2 {command.p2:02X}")
    return f"{what}, {secret(command.data, unsafe)}"


def _balance(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return _BALANCES.get(command.p2, f"P2 {command.p2:02X}")


def _proof(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    kind = _TRANSACTIONS.get(command.p2, f"type {command.p2:02X}")
    return f"{kind}, {layouts.describe(layouts.PROOF, command.data, unsafe)}"


def _session_key(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    use = _PSAM_USES.get(command.p1 & 0x1F, f"type {command.p1 & 0x1F:02X}")
    levels = command.p1 >> 5
    return f"{use}, {levels} levels, key {command.p2:02X}, {secret(command.data, unsafe)}"


def _cipher(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    what = _CIPHERS.get(command.p1, f"P1 {command.p1:02X}")
    return f"{what}, {secret(command.data, unsafe)}"


def _sam_purchase(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    size = layouts.SAM_PURCHASE.sizeof()
    head, factors = command.data[:size], command.data[size:]
    detail = layouts.describe(layouts.SAM_PURCHASE, head, unsafe)
    return f"{detail}, {len(factors) // 8} factors {secret(factors, unsafe)}"


def _province(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return (
        f"province {command.data.hex()}"
        if len(command.data) == 1
        else data(selection, command, unsafe)
    )


def _write_key(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return f"key file {command.p2:02X}, {secret(command.data, unsafe)}"


def _create_file(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return f"type {command.p2:02X}, {secret(command.data, unsafe)}"


def _unknown(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    header = f"CLA {command.cla:02X} INS {command.ins:02X} P1 {command.p1:02X} P2 {command.p2:02X}"
    return f"{header}, {secret(command.data, unsafe)}" if command.data else header


# --- answers ------------------------------------------------------------------------------------


def _fci(body: bytes, unsafe: bool) -> str:
    fci = layouts.templates(layouts.templates(body).get(0x6F, b""))
    if 0x84 not in fci:
        return secret(body, unsafe)
    parts = [f"FCI of {df_name(fci[0x84])}"]
    dir_sfi = layouts.templates(fci.get(0xA5, b"")).get(0x88)
    if dir_sfi:
        parts.append(f"DIR SFI {dir_sfi[:1].hex().upper()}")
    algorithm = fci_algorithm(fci)
    if algorithm:
        code = algorithm[:1]
        parts.append(f"algorithm 算法 {code.hex().upper()} {_ALGORITHMS.get(code, 'unknown')}")
    return ", ".join(parts)


def _random(body: bytes, unsafe: bool) -> str:
    return f"random {body.hex().upper()}"


_CREATE_KEY: Final = Entry("CREATE KEY", "装载密钥", _write_key)
_CHANGE_KEY: Final = Entry("CHANGE KEY", "修改密钥", _write_key)
_UNKNOWN: Final = Entry("unknown command", "未知命令", _unknown)

# Keys: CLA, INS and, where they tell commands apart, P1 and P2.
_ENTRIES: Final[dict[tuple[int, ...], Entry]] = (
    {
        (0x00, 0xA4): Entry("SELECT", "选择", _select, _fci),
        (0x00, 0xB2): Entry("READ RECORD", "读记录", _read_record),
        (0x00, 0xDC): Entry("UPDATE RECORD", "修改记录", _update_record),
        (0x04, 0xDC): Entry("UPDATE RECORD", "修改记录, 安全报文", _update_record),
        (0x00, 0xE2): Entry("APPEND RECORD", "追加记录", _append_record),
        (0x00, 0xB0): Entry("READ BINARY", "读二进制文件", _binary),
        (0x00, 0xD6): Entry("UPDATE BINARY", "修改二进制文件", _binary),
        (0x04, 0xD6): Entry("UPDATE BINARY", "修改二进制文件, 安全报文", _binary),
        (0x00, 0x84): Entry("GET CHALLENGE", "取随机数", _length, _random),
        (0x00, 0xC0): Entry("GET RESPONSE", "取响应", _length),
        (0x00, 0x88): Entry("INTERNAL AUTHENTICATE", "内部认证", _internal),
        (0x00, 0x82): Entry("EXTERNAL AUTHENTICATE", "外部认证", _external),
        (0x00, 0x20): Entry("VERIFY", "校验个人密码", _verify),
        (0x80, 0x5E): Entry("CHANGE PIN", "修改个人密码", data),
        (0x84, 0x24): Entry("PIN CHANGE/UNBLOCK", "个人密码修改/解锁", _unblock),
        (0x84, 0x1E): Entry("APPLICATION BLOCK", "应用锁定", fields(layouts.MAC)),
        (0x84, 0x16): Entry("CARD BLOCK", "卡片锁定", fields(layouts.MAC)),
        (0xB0, 0x28, 0x01, 0x01): Entry(
            "INITIALIZE FOR PURCHASE",
            "医疗消费初始化",
            fields(layouts.PURCHASE),
            result(layouts.PURCHASE_ANSWER),
        ),
        (0xB0, 0x28, 0x00, 0x01): Entry(
            "INITIALIZE FOR LOAD", "划入初始化", fields(layouts.LOAD), result(layouts.LOAD_ANSWER)
        ),
        (0xB0, 0x2C): Entry(
            "DEBIT FOR PURCHASE", "医疗消费", fields(layouts.DEBIT), result(layouts.DEBIT_ANSWER)
        ),
        (0xB0, 0x2A): Entry(
            "CREDIT FOR LOAD", "账户划入", fields(layouts.CREDIT), result(layouts.CREDIT_ANSWER)
        ),
        (0xB0, 0x26, 0x00, 0x01): Entry(
            "GET BALANCE", "读余额", _balance, result(layouts.BALANCE_ANSWER)
        ),
        (0xB0, 0x26): Entry("GET BALANCE", "读余额", _balance, result(layouts.TOTAL_ANSWER)),
        (0xB0, 0x2E): Entry(
            "GET TRANSACTION PROOF", "取交易认证", _proof, result(layouts.PROOF_ANSWER)
        ),
        (0xB0, 0x56, 0x00): Entry(
            "UPDATE STARTING DAY", "修改年度起始日期", fields(layouts.STARTING_DAY)
        ),
        (0xB0, 0x56, 0x01): Entry(
            "GET STARTING DAY", "读年度起始日期", _length, result(layouts.STARTING_DAY)
        ),
        # PSAM
        (0xBF, 0xEC): Entry("INITIALIZE ENVIRONMENT", "环境初始化", _province),
        (0xBF, 0xDE): Entry("DELIVERY SESSION KEY", "生成过程密钥", _session_key),
        (0x80, 0xFA): Entry("CIPHER DATA", "数据加密", _cipher),
        (0x80, 0x70): Entry(
            "INIT SAM FOR PURCHASE",
            "消费初始化, MAC1",
            _sam_purchase,
            result(layouts.SAM_PURCHASE_ANSWER),
        ),
        (0x80, 0x72): Entry("CREDIT SAM FOR PURCHASE", "校验MAC2", fields(layouts.MAC)),
        # Structure and keys, on blank cards and PSAMs.
        (0x80, 0xD4, 0x00): _CREATE_KEY,
        (0x84, 0xD4, 0x00): _CREATE_KEY,
        (0x80, 0xD4, 0x01): _CHANGE_KEY,
        (0x84, 0xD4, 0x01): _CHANGE_KEY,
        (0x80, 0xE0): Entry("CREATE FILE", "建立文件", _create_file),
        (0xBF, 0xC8): Entry("GET INFO", "读卡片信息", _length),
        (0xBF, 0xCE): Entry("CLEAR DF", "清除目录", data),
        (0xBF, 0xFE): Entry("FREEZE MF", "冻结主文件", data),
    }
    | PURSE_ENTRIES
    | ACTIVATION_ENTRIES
)
