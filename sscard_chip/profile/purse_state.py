# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse of a card, decoded for people."""

from __future__ import annotations

from sscard_chip.applications.purse.accounts import LogRecord, PurseAccounts
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.filesystem.layout import ApplicationState, ApplicationType
from sscard_chip.filesystem.tree import Directory
from sscard_chip.profile.contents import PurseAmounts, PurseState, PurseTransaction
from sscard_chip.standard.identifiers import PURSE_PUBLIC
from sscard_chip.standard.purse_transactions import PurseId, TransactionType
from sscard_chip.standard.status import StatusError

_NAMES = {kind.value: kind.name.lower().replace("_", " ") for kind in TransactionType}


def describe_purse(directory: Directory) -> PurseState | None:
    """What a mounted directory of deposit and purse holds; None for any other directory."""
    if directory.application_type != ApplicationType.PURSE:
        return None
    try:
        accounts = PurseAccounts.of(directory)
    except StatusError:
        return None
    file = directory.files.get(PURSE_PUBLIC)
    public = file.read(0, file.size) if isinstance(file, TransparentFile) else bytes(30)
    return PurseState(
        state=ApplicationState(directory.state).name.lower(),
        issuer=public[:8].hex().upper(),
        serial=public[10:20].hex(),
        version=public[9],
        start=_date(public[20:24]),
        expiry=_date(public[24:28]),
        deposit=PurseAmounts(*accounts.read(PurseId.DEPOSIT)),
        purse=PurseAmounts(*accounts.read(PurseId.PURSE)),
        log=tuple(map(_transaction, accounts.log())),
    )


def _transaction(record: LogRecord) -> PurseTransaction:
    digits = record.time.hex()
    return PurseTransaction(
        record.number,
        _NAMES.get(record.type, f"{record.type:02X}"),
        record.terminal.hex(),
        f"{_date(record.time)} {digits[8:10]}:{digits[10:12]}:{digits[12:]}",
        record.amount_fen,
        record.limit_fen,
    )


def _date(bcd: bytes) -> str:
    """YYYY-MM-DD from the first four bytes of BCD."""
    digits = bcd.hex()
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
