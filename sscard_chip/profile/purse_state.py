# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse of a card, decoded for people."""

from __future__ import annotations

from sscard_chip.applications.purse.accounts import LogRecord, PurseAccounts
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.filesystem.layout import ApplicationState, ApplicationType
from sscard_chip.filesystem.tree import Directory
from sscard_chip.profile.contents import PurseAmounts, PurseState, PurseTransaction
from sscard_chip.standard.areas import INTEROPERABLE, area_name
from sscard_chip.standard.dates import show_day, show_time
from sscard_chip.standard.identifiers import PURSE_MANAGEMENT, PURSE_PUBLIC
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
    public = _content(directory, PURSE_PUBLIC, 30)
    management = _content(directory, PURSE_MANAGEMENT, 11)
    province, city = management[4:6].hex().upper(), management[6:8].hex().upper()
    return PurseState(
        state=ApplicationState(directory.state).name.lower(),
        issuer=public[:8].hex().upper(),
        serial=public[10:20].hex(),
        version=public[9],
        start=show_day(public[20:24].hex()),
        expiry=show_day(public[24:28].hex()),
        province=province,
        province_name=area_name(province),
        city=city,
        city_name=area_name(city),
        interoperable=management[8:10] == INTEROPERABLE,
        card_type=management[10:11].hex().upper(),
        deposit=PurseAmounts(*accounts.read(PurseId.DEPOSIT)),
        purse=PurseAmounts(*accounts.read(PurseId.PURSE)),
        log=tuple(map(_transaction, accounts.log())),
    )


def _content(directory: Directory, fid: int, length: int) -> bytes:
    """The first ``length`` bytes of a file at least, 00 for what is not there."""
    file = directory.files.get(fid)
    return (file.read(0, file.size) if isinstance(file, TransparentFile) else b"").ljust(
        length, b"\0"
    )


def _transaction(record: LogRecord) -> PurseTransaction:
    return PurseTransaction(
        record.number,
        _NAMES.get(record.type, f"{record.type:02X}"),
        record.terminal.hex(),
        show_time(record.time.hex()),
        record.amount_fen,
        record.limit_fen,
    )
