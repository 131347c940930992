# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse of a card, and its transport application, decoded for people."""

from __future__ import annotations

from collections.abc import Mapping

from sscard_chip.applications.purse.accounts import LogRecord, PurseAccounts
from sscard_chip.applications.transit.selection import on_contacts
from sscard_chip.filesystem.files import RecordFile, TransparentFile
from sscard_chip.filesystem.layout import ApplicationState, ApplicationType
from sscard_chip.filesystem.tree import Directory
from sscard_chip.profile.contents import (
    PurseAmounts,
    PurseState,
    PurseTransaction,
    TransitJourney,
    TransitState,
    TransitTrip,
)
from sscard_chip.standard.areas import INTEROPERABLE, area_name
from sscard_chip.standard.dates import show_day, show_time
from sscard_chip.standard.identifiers import (
    PURSE_MANAGEMENT,
    PURSE_PUBLIC,
    TRANSIT_JOURNEY,
    TRANSIT_TRIPS,
)
from sscard_chip.standard.messages import transit as messages
from sscard_chip.standard.purse_transactions import PurseId, TransactionType
from sscard_chip.standard.status import StatusError
from sscard_chip.standard.transit import MODES, STATUSES, TRIP_TYPES

_NAMES = {kind.value: kind.name.lower().replace("_", " ") for kind in TransactionType}


def describe_purse(directory: Directory) -> PurseState | None:
    """What a mounted directory of deposit and purse, or of a transport application, holds; None
    for any other directory."""
    if directory.application_type not in (ApplicationType.PURSE, ApplicationType.TRANSIT):
        return None
    with_deposit = directory.application_type == ApplicationType.PURSE
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
        deposit=PurseAmounts(*accounts.read(PurseId.DEPOSIT)) if with_deposit else None,
        purse=PurseAmounts(*accounts.read(PurseId.PURSE)),
        log=tuple(map(_transaction, accounts.log())),
    )


def describe_transit(directory: Directory) -> TransitState | None:
    """What a mounted transport application has besides its purse; None for other directories."""
    if directory.application_type != ApplicationType.TRANSIT:
        return None
    journeys = _records(directory, TRANSIT_JOURNEY, messages.JOURNEY.sizeof())
    trips = _records(directory, TRANSIT_TRIPS, messages.TRIP.sizeof())
    second = [other for other in directory.directories if other.is_second_name]
    return TransitState(
        names=tuple(one.name.hex().upper() for one in (directory, *second)),
        on_contacts=on_contacts(directory),
        journeys=tuple(map(_journey, journeys)),
        trips=tuple(_trip(record) for record in trips if record[0]),
    )


def _records(directory: Directory, fid: int, length: int) -> list[bytes]:
    """The records of a file that have this length."""
    file = directory.files.get(fid)
    if not isinstance(file, RecordFile):
        return []
    records = (file.record(number) for number in range(1, file.count + 1))
    return [record for record in records if len(record) == length]


def _journey(record: bytes) -> TransitJourney:
    found = messages.JOURNEY.parse(record)
    status = f"{found.status:02X}"
    return TransitJourney(
        identifier=found.identifier.hex().upper(),
        status=_word(STATUSES, status),
        locked=bool(found.lock),
        entry_city=found.entry_city.hex().upper(),
        entry_station=found.entry_station.hex().upper(),
        entry_time=show_time(found.entry_time.hex()),
        exit_city=found.exit_city.hex().upper(),
        exit_station=found.exit_station.hex().upper(),
        exit_time=show_time(found.exit_time.hex()),
    )


def _trip(record: bytes) -> TransitTrip:
    found = messages.TRIP.parse(record)
    return TransitTrip(
        kind=_word(TRIP_TYPES, f"{found.trip_type:02X}"),
        mode=_word(MODES, f"{found.mode:02X}"),
        terminal=found.terminal.hex().upper(),
        line=found.line.hex().upper(),
        station=found.station.hex().upper(),
        time=show_time(found.time.hex()),
        amount_fen=found.amount_fen,
        balance_fen=found.balance_fen,
        city=found.city.hex().upper(),
        organisation=found.organisation.hex().upper(),
    )


def _word(names: Mapping[str, str], code: str) -> str:
    """The English word of a code, the code itself where it has none."""
    return names[code].partition(" ")[2] if code in names else code


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
