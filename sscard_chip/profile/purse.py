# SPDX-License-Identifier: Apache-2.0
"""The purse application as data: its directory, files and keys, and how it comes onto a card.

It is optional and stands behind the files of the social security card (generations 2 and 3), an
environment of its own. Its cryptograms and commands are in ``sscard_chip.applications.purse``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from sscard_chip.applications.purse.accounts import DEPOSIT_SIZE, PURSE_SIZE, Purse
from sscard_chip.filesystem.layout import (
    COUNT_IN_HEADER,
    STATE_IN_HEADER,
    ApplicationState,
    ApplicationType,
    DirectoryHeader,
    FileHeader,
    FileType,
    create_directory,
    stage_file,
)
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.build import (
    NEVER_LOCKS,
    L,
    M,
    an,
    binary,
    cn,
    cyclic,
    indexed,
    raw,
    variable,
)
from sscard_chip.profile.model import (
    FREE,
    NEVER,
    PIN,
    DirectoryDeclaration,
    FileDeclaration,
    Format,
    Item,
    Key,
    KeyUse,
    key,
)
from sscard_chip.profile.structure import KEY_FID, file_header, key_length, plan_keys
from sscard_chip.security.keys import RECORD_LENGTH, encode_key_record, encode_pin_record
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.identifiers import (
    DEPOSIT_FILE,
    PURSE_AID,
    PURSE_COMPOUND,
    PURSE_DF,
    PURSE_FILE,
    PURSE_HOLDER,
    PURSE_LOG,
    PURSE_MANAGEMENT,
    PURSE_PUBLIC,
)
from sscard_chip.standard.purse_transactions import TransactionType

LOG_RECORDS: Final = 10
PIN_TRIES: Final = 3
COMPOUND_TAG: Final = 0xAA
COMPOUND_LENGTH: Final = 0x29
CARD_TYPES: Final = {
    "01": "普通卡 ordinary",
    "02": "学生卡 student",
    "03": "老人卡 senior",
    "04": "测试卡 test",
    "05": "军人卡 military",
}
_MANAGEMENT_RFU: Final = 0x31

EXTERNAL_KID: Final = 0x01
_TRANSACTION_TRIES: Final = 15
MAINTENANCE_TRIES: Final = 3


PUBLIC: Final = raw(
    PURSE_PUBLIC,
    "公共应用基本数据",
    "public data",
    FREE,
    FREE,
    binary(8, "发卡方标识", "issuer"),
    binary(1, "应用类型标识", "application type"),
    binary(1, "发卡方应用版本", "application version"),
    cn(0, 10, "应用序列号", "application serial number"),
    cn(0, 4, "应用启用日期", "start date"),
    cn(0, 4, "应用有效日期", "expiry date"),
    binary(2, "发卡方自定义FCI数据", "issuer's FCI data"),
    secure_messaging=True,
)
CARDHOLDER: Final = raw(
    PURSE_HOLDER,
    "持卡人基本数据",
    "cardholder",
    FREE,
    key(EXTERNAL_KID),
    binary(1, "卡类型标识", "card type", confidence=M),
    binary(1, "本行职工标识", "staff", confidence=M),
    an(0, 20, "持卡人姓名", "name", confidence=M),
    an(0, 32, "持卡人证件号码", "document number", confidence=M),
    binary(1, "持卡人证件类型", "document type", confidence=M),
    secure_messaging=True,
    confidence=M,
)
MANAGEMENT: Final = raw(
    PURSE_MANAGEMENT,
    "管理信息",
    "management",
    FREE,
    FREE,
    cn(0, 4, "国家代码", "country"),
    cn(0, 2, "省级代码", "province, by its area code (银联地区代码)"),
    cn(0, 2, "城市代码", "city, by its area code"),
    cn(0, 2, "互联互通标识", "interoperation", {"0000": "否 no", "0001": "是 yes"}),
    cn(0, 1, "卡种类型", "card type", CARD_TYPES),
    binary(_MANAGEMENT_RFU, "预留", "reserved", confidence=L),
    secure_messaging=True,
)
LOG: Final = cyclic(
    PURSE_LOG,
    "交易明细",
    "transaction log",
    PIN,
    NEVER,
    LOG_RECORDS,
    binary(2, "交易序号", "number"),
    binary(3, "透支限额", "overdraft limit"),
    binary(4, "交易金额", "amount"),
    binary(
        1,
        "交易类型标识",
        "type",
        {f"{kind:02X}": kind.name.lower().replace("_", " ") for kind in TransactionType},
    ),
    binary(6, "终端机编号", "terminal"),
    cn(0, 4, "交易日期", "date"),
    cn(0, 3, "交易时间", "time"),
)
COMPOUND: Final = variable(
    PURSE_COMPOUND,
    "复合应用数据",
    "compound application",
    FREE,
    FREE,
    Item(COMPOUND_TAG, "复合应用记录", "compound record", Format.B, COMPOUND_LENGTH),
    secure_messaging=True,
    confidence=L,
)


def transaction_key(root: str, use: KeyUse, purpose: str, tries: int = _TRANSACTION_TRIES) -> Key:
    """A key of transactions, index 1 [M]."""
    return indexed(root, use, purpose, versions=1, tries=tries, confidence=M)


def issuer_key(root: str, use: KeyUse, purpose: str, tries: int) -> Key:
    """A key of the issuer's commands, identifier 01 [M]."""
    return Key(root, 0x01, use, purpose, versions=1, retry_limit=tries, confidence=M)


PURSE_DIRECTORY: Final = DirectoryDeclaration(
    PURSE_DF,
    "电子存折/电子钱包",
    "electronic deposit and purse",
    PURSE_AID,
    (PUBLIC, CARDHOLDER, MANAGEMENT, LOG, COMPOUND),
    (
        transaction_key("PURSE_DLK", KeyUse.LOAD, "圈存 load"),
        transaction_key("PURSE_DPK", KeyUse.PURCHASE, "消费/取现 purchase, cash withdrawal"),
        transaction_key("PURSE_DTK", KeyUse.TAC, "TAC", NEVER_LOCKS),
        transaction_key("PURSE_DULK", KeyUse.UNLOAD, "圈提 unload"),
        transaction_key("PURSE_DUK", KeyUse.OVERDRAFT, "修改透支限额 overdraft limit"),
        issuer_key("PURSE_DAMK", KeyUse.MAINTENANCE, "应用维护 MAC of commands", MAINTENANCE_TRIES),
        issuer_key("PURSE_DPUK", KeyUse.PIN_UNBLOCK, "PIN 解锁 PIN unblock", NEVER_LOCKS),
        issuer_key("PURSE_DRPK", KeyUse.PIN_RELOAD, "PIN 重装 PIN reload", MAINTENANCE_TRIES),
        issuer_key("PURSE_DIAK", KeyUse.INTERNAL, "内部认证 proof of the card", NEVER_LOCKS),
        issuer_key("PURSE_DEAK", KeyUse.EXTERNAL, "外部认证 update of 0016", MAINTENANCE_TRIES),
    ),
    clause="JR/T 0025 parts 1 and 2",
    optional=True,
)
"""Rights but for 0015, 0018, the key indexes and all counts of tries are [M]: cards differ."""


@dataclass(frozen=True, slots=True, repr=False)
class PurseContents:
    """What is particular to one card's purse application.

    ``public``, ``cardholder`` and ``management`` are the contents of 0015 (30 bytes), 0016 (55)
    and 0017 (60). ``compound`` are the records of 0019, tag and value. ``secrets`` are 16 bytes
    by name of the root, ``pin`` is BCD, empty for none. ``free_log``: the log is read without PIN,
    as transit cards have it.
    """

    algorithm: str
    public: bytes
    cardholder: bytes
    secrets: Mapping[str, bytes]
    pin: bytes = b""
    deposit: Purse = field(default_factory=Purse)
    purse: Purse = field(default_factory=Purse)
    management: bytes = bytes(MANAGEMENT.size)
    compound: tuple[tuple[int, bytes], ...] = ((COMPOUND_TAG, bytes(COMPOUND_LENGTH)),)
    free_log: bool = False
    dormant: bool = False

    def __repr__(self) -> str:
        return f"<PurseContents, {self.algorithm}>"


def purse_root_names() -> dict[str, int]:
    """The bank's root keys of the purse, with their number of versions."""
    return {key.root: key.versions for key in PURSE_DIRECTORY.keys}


def add_purse(memory: Memory, contents: PurseContents) -> None:
    """Put the purse application behind the files of a card.

    :raises ValueError: when the card has one already or a content has not the length of its file.
    :raises KeyError: for a missing key.
    :raises StatusError: (6A84) when the memory is full.
    """
    files = FileSystem(memory)
    if files.mf is None or any(d.name == PURSE_AID for d in files.directories):
        raise ValueError("purse: the card has one already, or no file system")
    planned = _files(contents)
    header = directory_header(PURSE_DIRECTORY, ApplicationType.PURSE, contents.algorithm)
    state = ApplicationState.DORMANT if contents.dormant else ApplicationState.WORKING
    add_directory(memory, files.mf.offset, header, planned, state)


class PlannedContent(NamedTuple):
    """A file to create with its content; ``opened`` records of a cyclic one are there, all 00."""

    header: FileHeader
    content: bytes
    opened: int = 0


def directory_header(
    directory: DirectoryDeclaration, app_type: int, algorithm: str
) -> DirectoryHeader:
    """The header of an environment of its own, without a master key."""
    code = SUITES[algorithm].key_code(16)
    fid, name = directory.fid, directory.df_name
    return DirectoryHeader(FileType.ADF, fid, name, app_type=app_type, algorithm=code)


def add_directory(
    memory: Memory,
    mf: int,
    header: DirectoryHeader,
    planned: Iterable[PlannedContent],
    state: ApplicationState = ApplicationState.WORKING,
) -> int:
    """Create a directory with its files below the MF at ``mf``; return its offset. Commits."""
    offset = create_directory(memory, mf, header)
    memory.write(offset + STATE_IN_HEADER, bytes((state,)))
    memory.commit()
    for file, content, opened in planned:
        created = stage_file(memory, offset, file, content, opened)
        if file.type is FileType.KEY:
            count = len(content) // RECORD_LENGTH
            memory.write(created + COUNT_IN_HEADER, bytes((count,)))
        memory.commit()
    return offset


def check_lengths(what: str, *files: tuple[FileDeclaration, bytes]) -> None:
    """See that contents of transparent files are as long as their files; ValueError."""
    for file, content in files:
        if len(content) != file.size:
            raise ValueError(f"{what}: {file.fid:04X} must be {file.size} bytes")


def _files(contents: PurseContents) -> list[PlannedContent]:
    """Headers and contents in the order of creation."""
    records = key_records(PURSE_DIRECTORY, contents.algorithm, contents.secrets)
    records += encode_pin_record(contents.pin, limit=PIN_TRIES, unblock_kid=0x01, reload_kid=0x01)
    log = replace(LOG, read=FREE) if contents.free_log else LOG
    compound = b"".join(bytes((tag, len(value))) + value for tag, value in contents.compound)
    compound_header = file_header(COMPOUND)._replace(size=len(compound))
    transparent = (
        (PUBLIC, contents.public),
        (CARDHOLDER, contents.cardholder),
        (MANAGEMENT, contents.management),
    )
    check_lengths("purse", *transparent)
    deposit = FileHeader(FileType.INTERNAL, DEPOSIT_FILE, DEPOSIT_SIZE)
    purse = FileHeader(FileType.INTERNAL, PURSE_FILE, PURSE_SIZE)
    return [
        PlannedContent(FileHeader(FileType.KEY, KEY_FID, len(records)), records),
        PlannedContent(deposit, contents.deposit.encode()),
        PlannedContent(purse, contents.purse.encode()),
        *(PlannedContent(file_header(file), content) for file, content in transparent),
        PlannedContent(file_header(log), b""),
        PlannedContent(compound_header, compound),
    ]


def key_records(
    directory: DirectoryDeclaration, algorithm: str, secrets: Mapping[str, bytes]
) -> bytes:
    """The key records of a directory, from 16 bytes by name of the root; KeyError."""
    suite = SUITES[algorithm]
    records = [
        encode_key_record(
            planned.key.use.value,
            planned.kid,
            planned.version,
            planned.algorithm,
            secrets[planned.key.root][: key_length(planned.key, suite)],
            limit=planned.key.retry_limit,
            level=planned.level,
        )
        for planned in plan_keys(directory, suite)
    ]
    return b"".join(records)
