# SPDX-License-Identifier: Apache-2.0
"""The transport application (交通联合, T-Union, JT/T 978) as data: its directory, files and keys,
and how it comes onto a card.

Optional on cards of generation 3, with or without a bank account. Files and keys are those of the
purse but for what stands here; the commands are in ``sscard_chip.applications.transit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sscard_chip.applications.purse.accounts import SINGLE_PURSE_SIZE, Purse
from sscard_chip.applications.transit.selection import ON_CONTACTS
from sscard_chip.filesystem.layout import (
    CONTACTLESS_AT,
    SECOND_NAME,
    ApplicationType,
    DirectoryHeader,
    FileHeader,
    FileType,
    create_directory,
)
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.bank.directories import add_ppse
from sscard_chip.profile.build import NEVER_LOCKS, binary, cn, cyclic, variable
from sscard_chip.profile.model import FREE, DirectoryDeclaration, Format, Item, KeyUse
from sscard_chip.profile.purse import (
    CARDHOLDER,
    COMPOUND,
    COMPOUND_LENGTH,
    COMPOUND_TAG,
    LOG,
    LOG_RECORDS,
    MAINTENANCE_TRIES,
    MANAGEMENT,
    PUBLIC,
    PlannedContent,
    add_directory,
    check_lengths,
    directory_header,
    issuer_key,
    key_records,
    transaction_key,
)
from sscard_chip.profile.structure import KEY_FID, file_header
from sscard_chip.standard.identifiers import (
    PURSE_FILE,
    TRANSIT_AID,
    TRANSIT_CASH_AID,
    TRANSIT_CASH_DF,
    TRANSIT_DF,
    TRANSIT_JOURNEY,
    TRANSIT_TRIPS,
)
from sscard_chip.standard.transit import (
    JOURNEY_ID,
    JOURNEY_LENGTH,
    MODES,
    TRIP_TYPES,
)

TRIP_RECORDS: Final = 30
MAX_SUFFIX: Final = 8
_FRESH_JOURNEY: Final = bytes((0x01, 0x01, 0x00)).ljust(JOURNEY_LENGTH, b"\0")
"""Version, interoperation, lock; the rest 00, so that a gate whose check sum does not match takes
it for what it is: no journey yet."""

TRIPS: Final = cyclic(
    TRANSIT_TRIPS,
    "交通交易明细",
    "trips",
    FREE,
    FREE,
    TRIP_RECORDS,
    binary(1, "交易类型", "type", TRIP_TYPES),
    binary(8, "终端编号", "terminal"),
    binary(1, "行业代码", "mode", MODES),
    binary(2, "线路", "line"),
    binary(2, "站点", "station"),
    binary(2, "运营商", "operator"),
    binary(1, "预留", "reserved"),
    binary(4, "交易金额", "amount"),
    binary(4, "交易后余额", "balance"),
    cn(0, 4, "交易日期", "date"),
    cn(0, 3, "交易时间", "time"),
    cn(0, 2, "受理方城市代码", "city"),
    binary(8, "受理方机构标识", "organisation"),
    binary(6, "预留", "reserved"),
    secure_messaging=True,
)
JOURNEY: Final = variable(
    TRANSIT_JOURNEY,
    "复合交易记录",
    "journey",
    FREE,
    FREE,
    Item(JOURNEY_ID, "轨道交通", "rail journey", Format.B, JOURNEY_LENGTH),
    secure_messaging=True,
)

TRANSIT_DIRECTORY: Final = DirectoryDeclaration(
    TRANSIT_DF,
    "交通联合",
    "transport application",
    TRANSIT_AID,
    (PUBLIC, CARDHOLDER, MANAGEMENT, replace(LOG, read=FREE), COMPOUND, JOURNEY, TRIPS),
    (
        transaction_key("TRANSIT_DLK", KeyUse.LOAD, "圈存 load"),
        transaction_key("TRANSIT_DPK", KeyUse.PURCHASE, "消费 purchase"),
        transaction_key("TRANSIT_DTK", KeyUse.TAC, "TAC", NEVER_LOCKS),
        issuer_key("TRANSIT_DAMK", KeyUse.MAINTENANCE, "应用维护 MAC", MAINTENANCE_TRIES),
        issuer_key("TRANSIT_DIAK", KeyUse.INTERNAL, "内部认证 proof of the card", NEVER_LOCKS),
        issuer_key("TRANSIT_DEAK", KeyUse.EXTERNAL, "外部认证 update of 0016", MAINTENANCE_TRIES),
    ),
    clause="JT/T 978",
    optional=True,
)
"""Keys, their tries and rights of updates are [L], by the purse; forms of the files are [H]."""


@dataclass(frozen=True, slots=True, repr=False)
class TransitContents:
    """What is particular to one card's transport application.

    ``public``, ``management``, ``compound`` and ``secrets`` as those of
    :class:`~sscard_chip.profile.purse.PurseContents`; ``cardholder`` of 55 bytes is blank.
    ``journeys`` are the records of 001A by identifier, 3 bytes of head and 125 of value each.
    ``full_logs``: 0018 and 001E are full of zero records from the start, else empty.
    ``suffix`` are up to 8 bytes of a local card behind both AIDs.
    """

    algorithm: str
    public: bytes
    secrets: Mapping[str, bytes]
    purse: Purse = field(default_factory=Purse)
    management: bytes = bytes(MANAGEMENT.size)
    cardholder: bytes = bytes(CARDHOLDER.size)
    compound: tuple[tuple[int, bytes], ...] = ((COMPOUND_TAG, bytes(COMPOUND_LENGTH)),)
    journeys: tuple[int, ...] = (JOURNEY_ID,)
    full_logs: bool = True
    on_contacts: bool = False
    suffix: bytes = b""

    def __repr__(self) -> str:
        return f"<TransitContents, {self.algorithm}>"


def transit_root_names() -> dict[str, int]:
    """The transport issuer's root keys, with their number of versions."""
    return {key.root: key.versions for key in TRANSIT_DIRECTORY.keys}


def add_transit(memory: Memory, contents: TransitContents) -> None:
    """Put the transport application behind the files of a card, and PPSE if it has none. Commits.

    :raises ValueError: when the card has one already or no contactless interface, or a content
        has not the length of its file.
    :raises KeyError: for a missing key.
    :raises StatusError: (6A84) when the memory is full.
    """
    files = FileSystem(memory)
    present = {directory.application_type for directory in files.directories}
    if files.mf is None or ApplicationType.TRANSIT in present:
        raise ValueError("transport: the card has one already, or no file system")
    if not memory.cells[CONTACTLESS_AT]:
        raise ValueError("transport: the card has no contactless interface")
    if len(contents.suffix) > MAX_SUFFIX:
        raise ValueError(f"transport: at most {MAX_SUFFIX} bytes stand behind the AID")
    planned, mf = _files(contents), files.mf.offset
    add_ppse(memory, mf)
    app_type = ApplicationType.TRANSIT | ON_CONTACTS * contents.on_contacts
    named = replace(TRANSIT_DIRECTORY, df_name=TRANSIT_AID + contents.suffix)
    header = directory_header(named, app_type, contents.algorithm)
    offset = add_directory(memory, mf, header, planned)
    create_directory(memory, offset, _second_name(header, contents.suffix))
    memory.commit()


def _second_name(header: DirectoryHeader, suffix: bytes) -> DirectoryHeader:
    return header._replace(
        fid=TRANSIT_CASH_DF,
        name=TRANSIT_CASH_AID + suffix,
        app_type=header.app_type | SECOND_NAME,
    )


def _files(contents: TransitContents) -> list[PlannedContent]:
    """Headers and contents in the order of creation."""
    records = key_records(TRANSIT_DIRECTORY, contents.algorithm, contents.secrets)
    transparent = (
        (PUBLIC, contents.public),
        (CARDHOLDER, contents.cardholder),
        (MANAGEMENT, contents.management),
    )
    check_lengths("transport", *transparent)
    compound = b"".join(bytes((tag, len(value))) + value for tag, value in contents.compound)
    journeys = b"".join(
        identifier.to_bytes(2) + bytes((JOURNEY_LENGTH,)) + _FRESH_JOURNEY
        for identifier in contents.journeys
    )
    purse = FileHeader(FileType.INTERNAL, PURSE_FILE, SINGLE_PURSE_SIZE)
    log, trips = file_header(replace(LOG, read=FREE)), file_header(TRIPS)
    return [
        PlannedContent(FileHeader(FileType.KEY, KEY_FID, len(records)), records),
        PlannedContent(purse, contents.purse.encode()),
        *(PlannedContent(file_header(file), content) for file, content in transparent),
        PlannedContent(log, b"", LOG_RECORDS * contents.full_logs),
        PlannedContent(file_header(COMPOUND)._replace(size=len(compound)), compound),
        PlannedContent(file_header(JOURNEY)._replace(size=len(journeys)), journeys),
        PlannedContent(trips, b"", TRIP_RECORDS * contents.full_logs),
    ]
