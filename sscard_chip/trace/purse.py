# SPDX-License-Identifier: Apache-2.0
"""Commands of deposit and purse (电子存折/电子钱包, JR/T 0025) and of their PSAM."""

from __future__ import annotations

from typing import Final

from sscard_chip.standard import commands
from sscard_chip.standard.messages import medical, psam, purse, security
from sscard_chip.standard.purse_transactions import PurseId, TransactionType
from sscard_chip.trace import layouts
from sscard_chip.trace.entry import SECURED, TraceEntry, data, fields, result, table
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.selection import Selection, TracedCommand

_PURSES: Final[dict[int, str]] = {PurseId.DEPOSIT: "电子存折", PurseId.PURSE: "电子钱包"}
_VIEWS: Final[dict[int, str]] = {1: "透支限额", 2: "已透支", 3: "自有余额"}
"""P1 of GET BALANCE in a transport application; 00 is the balance with the limit."""
_PURSE_TRANSACTIONS: Final[dict[int, str]] = {
    TransactionType.DEPOSIT_LOAD: "电子存折圈存",
    TransactionType.PURSE_LOAD: "电子钱包圈存",
    TransactionType.UNLOAD: "圈提",
    TransactionType.CASH_WITHDRAWAL: "取现",
    TransactionType.DEPOSIT_PURCHASE: "电子存折消费",
    TransactionType.PURSE_PURCHASE: "电子钱包消费",
    TransactionType.OVERDRAFT_UPDATE: "修改透支限额",
    TransactionType.COMPOUND_PURCHASE: "复合应用消费",
}


def _balance(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    purse = _PURSES.get(command.p2, f"P2 {command.p2:02X}")
    view = _VIEWS.get(command.p1, "")
    return f"{purse}, {view}" if view else purse


def _proof(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    kind = _PURSE_TRANSACTIONS.get(command.p2, f"type {command.p2:02X}")
    return f"{kind}, {layouts.describe_fields(medical.PROOF, command.data, unsafe)}"


def _cache(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    which = "record" if command.p2 & 0x07 == 0x04 else "identifier"
    sfi = f"SFI {command.p2 >> 3:02X}"
    return f"{sfi}, {which} {command.p1:02X}, {secret(command.data, unsafe)}"


PURSE_ENTRIES: Final = table(
    TraceEntry(
        commands.PURSE_INITIALIZE_FOR_LOAD, fields(medical.LOAD), result(medical.LOAD_ANSWER)
    ),
    TraceEntry(
        commands.PURSE_INITIALIZE_FOR_PURCHASE,
        fields(medical.LOAD),
        result(purse.OFFLINE_ANSWER),
    ),
    TraceEntry(
        commands.PURSE_INITIALIZE_FOR_CASH,
        fields(medical.LOAD),
        result(purse.OFFLINE_ANSWER),
    ),
    TraceEntry(
        commands.PURSE_INITIALIZE_FOR_COMPOUND,
        fields(medical.LOAD),
        result(purse.OFFLINE_ANSWER),
    ),
    TraceEntry(
        commands.PURSE_INITIALIZE_FOR_OVERDRAFT,
        fields(purse.OVERDRAFT),
        result(purse.OVERDRAFT_ANSWER),
    ),
    TraceEntry(
        commands.PURSE_INITIALIZE_FOR_UNLOAD, fields(medical.LOAD), result(medical.LOAD_ANSWER)
    ),
    TraceEntry(
        commands.PURSE_CREDIT_FOR_LOAD, fields(medical.CREDIT), result(medical.CREDIT_ANSWER)
    ),
    TraceEntry(
        commands.PURSE_DEBIT_FOR_PURCHASE, fields(medical.DEBIT), result(medical.DEBIT_ANSWER)
    ),
    TraceEntry(
        commands.PURSE_DEBIT_FOR_UNLOAD, fields(medical.CREDIT), result(purse.UNLOAD_ANSWER)
    ),
    TraceEntry(
        commands.UPDATE_OVERDRAW_LIMIT,
        fields(purse.OVERDRAFT_UPDATE),
        result(medical.CREDIT_ANSWER),
    ),
    TraceEntry(commands.GET_TRANSACTION_PROVE, _proof, result(medical.PROOF_ANSWER)),
    TraceEntry(commands.PURSE_GET_BALANCE, _balance, result(medical.BALANCE_ANSWER)),
    TraceEntry(commands.RELOAD_PIN, data),
    TraceEntry(commands.UPDATE_CAPP_DATA_CACHE, _cache),
    TraceEntry(commands.UPDATE_CAPP_DATA_CACHE.secured(), _cache, note=SECURED),
    TraceEntry(commands.APPLICATION_UNBLOCK, fields(security.MAC)),
    TraceEntry(
        commands.INIT_SAM_FOR_PURSE_PURCHASE,
        fields(psam.INIT_PURSE_PURCHASE),
        result(psam.INIT_PURCHASE_ANSWER),
    ),
)
