# SPDX-License-Identifier: Apache-2.0
"""The commands that the trace knows: names in English and Chinese, parameters, answers.

LD/T 32.5 for the card, PSAM卡应用指南 for the PSAM. A description gets the selection, the command
and whether it may show secrets; it never raises, whatever the bytes.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import FileDeclaration, KeyUse, Structure
from sscard_chip.standard import commands
from sscard_chip.standard.commands import StandardCommand
from sscard_chip.standard.identifiers import (
    ALGORITHM_3DES,
    ALGORITHM_SM4,
    CODE_OF_ALGORITHM,
    LOAD,
    MF,
    PURCHASE,
    SSF33_CODE,
)
from sscard_chip.standard.keys import (
    USE_ENCRYPTION,
    USE_LOAD,
    USE_MAC,
    USE_MAC_AND_ENCRYPTION,
    USE_PURCHASE,
    USE_TAC,
)
from sscard_chip.standard.messages import medical, personalisation, psam, security
from sscard_chip.standard.messages.directory import fci_algorithm, parse_fci
from sscard_chip.standard.messages.fields import parse_fitting, templates
from sscard_chip.trace import layouts
from sscard_chip.trace.bank import ACTIVATION_ENTRIES, BANK_ENTRIES
from sscard_chip.trace.entry import SECURED, TraceEntry, data, fields, result, table
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.pki import PKI_ENTRIES
from sscard_chip.trace.purse import PURSE_ENTRIES
from sscard_chip.trace.selection import (
    MF_NAME,
    Selection,
    TracedCommand,
    addressed_sfi,
    df_name,
    directory_name,
    item_name,
)

_ALGORITHMS: Final = {
    CODE_OF_ALGORITHM[ALGORITHM_3DES]: "DES",
    SSF33_CODE: "SSF33",
    CODE_OF_ALGORITHM[ALGORITHM_SM4]: "SM4",
}
_OCCURRENCES: Final = ("", ", last 末个", ", next 下一个", ", previous 上一个")
_PSAM_USES: Final = {
    USE_PURCHASE: "医疗消费密钥",
    USE_MAC: "MAC密钥",
    USE_ENCRYPTION: "加密密钥",
    USE_MAC_AND_ENCRYPTION: "MAC、加密密钥",
    USE_LOAD: "账户划入密钥",
    USE_TAC: "TAC密钥",
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


def entry_of(command: TracedCommand, selection: Selection) -> TraceEntry:
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


def _which_record(command: TracedCommand, file: FileDeclaration | None) -> str:
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
    versioned = len(command.data) == security.EXTERNAL_VERSION.sizeof()
    layout = security.EXTERNAL_VERSION if versioned else security.EXTERNAL
    detail = layouts.describe_fields(layout, command.data, unsafe)
    return f"key {selection.key_name(command.p2, KeyUse.EXTERNAL)}, {detail}"


def _internal(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    versioned = len(command.data) == security.INTERNAL_VERSION.sizeof()
    layout = security.INTERNAL_VERSION if versioned else security.INTERNAL
    detail = layouts.describe_fields(layout, command.data, unsafe)
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
    return f"{kind}, {layouts.describe_fields(medical.PROOF, command.data, unsafe)}"


def _session_key(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    use = _PSAM_USES.get(command.p1 & 0x1F, f"type {command.p1 & 0x1F:02X}")
    levels = command.p1 >> 5
    return f"{use}, {levels} levels, key {command.p2:02X}, {secret(command.data, unsafe)}"


def _cipher(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    what = _CIPHERS.get(command.p1, f"P1 {command.p1:02X}")
    return f"{what}, {secret(command.data, unsafe)}"


def _sam_purchase(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    size = psam.INIT_PURCHASE.sizeof()
    head, factors = command.data[:size], command.data[size:]
    detail = layouts.describe_fields(psam.INIT_PURCHASE, head, unsafe)
    return f"{detail}, {len(factors) // 8} factors {secret(factors, unsafe)}"


def _province(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    return (
        f"province {command.data.hex()}"
        if len(command.data) == 1
        else data(selection, command, unsafe)
    )


def _write_key(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    clear = command.cla == commands.WRITE_KEY.cla and not command.p1
    key = parse_fitting(personalisation.NEW_KEY, command.data) if clear else None
    what = f", use {key.use:02X}, key {key.kid:02X}, version {key.key_version}" if key else ""
    return f"key file {command.p2:02X}{what}, {secret(command.data, unsafe)}"


def _create_file(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    layout = personalisation.CREATE_FILE_OF_TYPE.get(command.p2)
    file = parse_fitting(layout, command.data) if layout else None
    what = f", file {file.fid:04X}" if file else ""
    return f"type {command.p2:02X}{what}, {secret(command.data, unsafe)}"


def _unknown(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    header = f"CLA {command.cla:02X} INS {command.ins:02X} P1 {command.p1:02X} P2 {command.p2:02X}"
    return f"{header}, {secret(command.data, unsafe)}" if command.data else header


# --- answers ------------------------------------------------------------------------------------


def _fci(body: bytes, unsafe: bool) -> str:
    fci = parse_fci(body)
    if 0x84 not in fci:
        return secret(body, unsafe)
    parts = [f"FCI of {df_name(fci[0x84])}"]
    dir_sfi = templates(fci.get(0xA5, b"")).get(0x88)
    if dir_sfi:
        parts.append(f"DIR SFI {dir_sfi[:1].hex().upper()}")
    algorithm = fci_algorithm(fci)
    if algorithm:
        code = algorithm[0]
        parts.append(f"algorithm 算法 {code:02X} {_ALGORITHMS.get(code, 'unknown')}")
    return ", ".join(parts)


def _random(body: bytes, unsafe: bool) -> str:
    return f"random {body.hex().upper()}"


_UNKNOWN: Final = TraceEntry(StandardCommand("unknown command", "未知命令", 0, 0, ""), _unknown)

_ENTRIES: Final = (
    table(
        TraceEntry(commands.SELECT, _select, _fci),
        TraceEntry(commands.READ_RECORD, _read_record),
        TraceEntry(commands.UPDATE_RECORD, _update_record),
        TraceEntry(commands.UPDATE_RECORD.secured(), _update_record, note=SECURED),
        TraceEntry(commands.APPEND_RECORD, _append_record),
        TraceEntry(commands.READ_BINARY, _binary),
        TraceEntry(commands.UPDATE_BINARY, _binary),
        TraceEntry(commands.UPDATE_BINARY.secured(), _binary, note=SECURED),
        TraceEntry(commands.GET_CHALLENGE, _length, _random),
        TraceEntry(commands.GET_RESPONSE, _length),
        TraceEntry(commands.INTERNAL_AUTHENTICATE, _internal),
        TraceEntry(commands.EXTERNAL_AUTHENTICATE, _external),
        TraceEntry(commands.VERIFY, _verify),
        TraceEntry(commands.CHANGE_PIN, data, place=()),
        TraceEntry(commands.PIN_CHANGE_UNBLOCK, _unblock),
        TraceEntry(commands.APPLICATION_BLOCK, fields(security.MAC)),
        TraceEntry(commands.CARD_BLOCK, fields(security.MAC)),
        TraceEntry(
            commands.INITIALIZE_FOR_PURCHASE,
            fields(medical.PURCHASE),
            result(medical.PURCHASE_ANSWER),
        ),
        TraceEntry(commands.INITIALIZE_FOR_LOAD, fields(medical.LOAD), result(medical.LOAD_ANSWER)),
        TraceEntry(
            commands.DEBIT_FOR_PURCHASE,
            fields(medical.DEBIT),
            result(medical.DEBIT_ANSWER),
            place=(),
        ),
        TraceEntry(commands.CREDIT_FOR_LOAD, fields(medical.CREDIT), result(medical.CREDIT_ANSWER)),
        TraceEntry(
            commands.GET_BALANCE, _balance, result(medical.BALANCE_ANSWER), place=(0x00, 0x01)
        ),
        TraceEntry(commands.GET_BALANCE, _balance, result(medical.TOTAL_ANSWER)),
        TraceEntry(commands.GET_TRANSACTION_PROOF, _proof, result(medical.PROOF_ANSWER)),
        TraceEntry(commands.UPDATE_STARTING_DAY, fields(medical.STARTING_DAY)),
        TraceEntry(commands.GET_STARTING_DAY, _length, result(medical.STARTING_DAY)),
        # PSAM
        TraceEntry(commands.INITIALIZE_ENVIRONMENT, _province),
        TraceEntry(commands.DELIVERY_SESSION_KEY, _session_key),
        TraceEntry(commands.CIPHER_DATA, _cipher),
        TraceEntry(
            commands.INIT_SAM_FOR_PURCHASE,
            _sam_purchase,
            result(psam.INIT_PURCHASE_ANSWER),
        ),
        TraceEntry(commands.CREDIT_SAM_FOR_PURCHASE, fields(security.MAC)),
        # Structure and keys, on blank cards and PSAMs.
        TraceEntry(commands.CREATE_KEY, _write_key),
        TraceEntry(commands.CREATE_KEY.secured(), _write_key),
        TraceEntry(commands.CHANGE_KEY, _write_key),
        TraceEntry(commands.CHANGE_KEY.secured(), _write_key),
        TraceEntry(commands.CREATE_FILE, _create_file),
        TraceEntry(commands.GET_INFO, _length),
        TraceEntry(commands.CLEAR_DF, data),
        TraceEntry(commands.FREEZE_MF, data),
    )
    | PURSE_ENTRIES
    | PKI_ENTRIES
    | ACTIVATION_ENTRIES
)
