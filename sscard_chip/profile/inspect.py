# SPDX-License-Identifier: Apache-2.0
"""Everything on a card, decoded for people: state, PIN, keys without values, files, account.

The memory says what is there, the profile of the card's generation what it means. What no
profile declares (a region's own files, a card grown by commands) is shown raw.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from sscard_chip.applications.amounts import LOAD, PURCHASE, MedicalAccount
from sscard_chip.card import Card
from sscard_chip.filesystem.files import (
    CyclicFile,
    ElementaryFile,
    LinearFile,
    RecordFile,
    TransparentFile,
)
from sscard_chip.filesystem.layout import STATE_AT, LifeCycle
from sscard_chip.filesystem.tree import MF_FID, Directory
from sscard_chip.profile import for_generation, model
from sscard_chip.security.access import AccessRule
from sscard_chip.security.keys import KeyRecord, PinRecord

_ISSUER_FILE: Final = 0xEF05
_VERSION_TAG: Final = 0x03
_DETAIL: Final = struct.Struct(">HB6s7sIII")
_BY_INDEX: Final = (model.KeyUse.PURCHASE, model.KeyUse.LOAD, model.KeyUse.TAC)
_USES: Final = {use.value: use.name.lower() for use in model.KeyUse}
_KINDS: Final = {LOAD: "load", PURCHASE: "purchase"}


# What the compiler adds to every card; no profile declares it.
_SYSTEM_FILES: Final = {
    0x0001: ("复位信息", "historical bytes"),
    0xEF1D: ("FCI 数据", "issuer data in the FCI"),
    0xEF1E: ("目录", "DIR"),
}
_SYSTEM_DIRECTORIES: Final = {MF_FID: ("主文件", "master file")}


@dataclass(frozen=True, slots=True)
class Value:
    """One data item: ``raw`` in hex, ``text`` decoded, ``meaning`` of a coded value."""

    tag: str
    name: str
    english: str
    raw: str
    text: str
    meaning: str = ""
    items: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class FileContents:
    """One EF. ``records`` holds its TLVs one by one, of a cyclic file the fields of each record.

    ``body`` is the hex content of a transparent file without its trailing 00 bytes.
    """

    fid: str
    sfi: str
    name: str
    english: str
    structure: str
    read: str
    write: str
    size: int
    records: tuple[tuple[Value, ...], ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key of all its versions. ``tries`` has one count per version, none if never locked."""

    name: str
    kid: str
    use: str
    purpose: str
    versions: tuple[int, ...]
    tries: tuple[int, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class PinState:
    """``is_set`` is false for a card without PIN."""

    is_set: bool
    tries: int
    limit: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """One record of 医疗交易明细. ``time`` is the terminal's local time, amounts are fen.

    A load has one amount, ``account_fen``; so has a purchase on a card that keeps the personal
    account alone.
    """

    number: int
    kind: str
    terminal: str
    time: str
    account_fen: int
    self_paid_fen: int
    pooled_fen: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """The medical account (医疗保险金额文件): amounts in fen, ``log`` newest first.

    ``starting_day`` is mmdd. ``account_only`` cards keep no yearly totals.
    """

    balance_fen: int
    self_paid_total_fen: int
    pooled_total_fen: int
    year: str
    starting_day: str
    load_counter: int
    purchase_counter: int
    account_only: bool
    log: tuple[Transaction, ...]


@dataclass(frozen=True, slots=True)
class DirectoryContents:
    """An MF, DDF or ADF."""

    fid: str
    name: str
    english: str
    df_name: str
    blocked: bool
    pin: PinState | None
    keys: tuple[KeyState, ...]
    files: tuple[FileContents, ...]
    account: AccountState | None


@dataclass(frozen=True, slots=True)
class CardContents:
    """A whole card. ``generation`` is None when the card holds no known version."""

    atr: str
    generation: int | None
    version: str
    algorithm: str
    contactless: bool
    life_cycle: str
    directories: tuple[DirectoryContents, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def inspect_card(card: Card) -> CardContents:
    """Describe ``card`` as it is now; it need not be powered. Key values and PIN are left out."""
    files = card.files
    version = _version(files.directories)
    profile = profile_of_version(version)
    cells = files.memory.cells
    return CardContents(
        atr=card.atr.hex().upper(),
        generation=profile.generation if profile else None,
        version=version,
        algorithm=_algorithm(files.directories),
        contactless=card.contactless,
        life_cycle=LifeCycle(cells[STATE_AT]).name.lower(),
        directories=tuple(_directory(d, profile) for d in files.directories),
    )


def profile_of_version(version: str) -> model.Profile | None:
    """The profile that a 规范版本 (tag 03) belongs to: by its first character, blank is 1.0."""
    first = version[:1] or "1"
    return for_generation(int(first)) if first in "123" else None


def _version(directories: Iterable[Directory]) -> str:
    for directory in directories:
        file = directory.files.get(_ISSUER_FILE)
        if directory.name.startswith(b"sx1.") and isinstance(file, LinearFile):
            for number in file.numbers(_VERSION_TAG)[:1]:
                return decode_text(file.record(number)[2:])
    return ""


def _algorithm(directories: Iterable[Directory]) -> str:
    """Suite of the first 16-byte key, which all keys of a card share."""
    for directory in directories:
        for key in directory.keys.values():
            return key.suite.name
    return ""


# --- directories, keys --------------------------------------------------------------------------


def _directory(directory: Directory, profile: model.Profile | None) -> DirectoryContents:
    declared = _declared(directory, profile)
    files = {file.fid: file for file in declared.files} if declared else {}
    name, english = _names(declared, _SYSTEM_DIRECTORIES.get(directory.fid))
    return DirectoryContents(
        fid=f"{directory.fid:04X}",
        name=name,
        english=english,
        df_name=directory.name.hex().upper(),
        blocked=directory.blocked,
        pin=_pin(directory.pin) if directory.pin else None,
        keys=tuple(_keys(directory, declared)),
        files=tuple(_file(file, files.get(fid)) for fid, file in sorted(directory.files.items())),
        account=_account(directory),
    )


def _declared(directory: Directory, profile: model.Profile | None) -> model.Directory | None:
    for declared in profile.directories if profile else ():
        if declared.fid == directory.fid and declared.df_name == directory.name:
            return declared
    return None


def _names(
    declared: model.Directory | model.ElementaryFile | None, system: tuple[str, str] | None
) -> tuple[str, str]:
    return (declared.name, declared.english) if declared else system or ("", "")


def _pin(pin: PinRecord) -> PinState:
    return PinState(is_set=pin.is_set, tries=pin.tries, limit=pin.limit)


def _keys(directory: Directory, declared: model.Directory | None) -> Iterator[KeyState]:
    """One row per key, its versions together; DPK, DLK and DTK are found by key index."""
    names = {_identity(key.use, key.kid): key for key in declared.keys} if declared else {}
    grouped: dict[tuple[int, int], list[KeyRecord]] = {}
    for (use, kid, _), record in sorted(directory.keys.items()):
        grouped.setdefault(_identity(use, kid), []).append(record)
    local = 0x80 if directory.is_adf else 0
    for (use, kid), records in grouped.items():
        known = names.get((use, kid))
        limit = records[0].limit
        yield KeyState(
            name=known.root if known else "",
            kid="index" if kid < 0 else f"{kid | local:02X}",
            use=_USES.get(use, f"{use:02X}"),
            purpose=known.purpose if known else "",
            versions=tuple(record.version for record in records),
            tries=tuple(record.tries for record in records) if limit else (),
            limit=limit,
        )


def _identity(use: int, kid: int) -> tuple[int, int]:
    return (use, -1) if use in _BY_INDEX else (use, kid & 0x7F)


# --- medical account ----------------------------------------------------------------------------


def _account(directory: Directory) -> AccountState | None:
    account = MedicalAccount.of(directory)
    if account is None:
        return None
    state = account.read()
    return AccountState(
        balance_fen=state.balance_fen,
        self_paid_total_fen=state.self_paid_total_fen,
        pooled_total_fen=state.pooled_total_fen,
        year=state.year.hex(),
        starting_day=state.starting_day.hex(),
        load_counter=state.load_counter,
        purchase_counter=state.purchase_counter,
        account_only=account.account_only,
        log=tuple(_transaction(record) for record in account.details()),
    )


def _transaction(record: bytes) -> Transaction:
    """A record of 28 bytes, or of 20 with one amount (LD/T 32.6, DF04 EF08)."""
    number, kind, terminal, time, *amounts = _DETAIL.unpack(record.ljust(_DETAIL.size, b"\0"))
    return Transaction(
        number, _KINDS.get(kind, f"{kind:02X}"), terminal.hex(), _local_time(time), *amounts
    )


def _local_time(bcd: bytes) -> str:
    """YYYY-MM-DD hh:mm:ss from seven bytes of BCD."""
    digits = bcd.hex()
    date = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    return f"{date} {digits[8:10]}:{digits[10:12]}:{digits[12:]}"


# --- files --------------------------------------------------------------------------------------


def _file(file: ElementaryFile, declared: model.ElementaryFile | None) -> FileContents:
    records: tuple[tuple[Value, ...], ...] = ()
    body = ""
    if isinstance(file, RecordFile):
        raw = [file.record(number) for number in range(1, file.count + 1)]
        items = declared.items if declared else ()
        if isinstance(file, CyclicFile):
            records = tuple(_fields(record, items) for record in raw)
        else:
            records = tuple((value,) for value in _templates(raw, items))
    elif isinstance(file, TransparentFile):
        body = file.read(0, file.size).rstrip(b"\0").hex().upper()
    name, english = _names(declared, _SYSTEM_FILES.get(file.fid))
    return FileContents(
        fid=f"{file.fid:04X}",
        sfi=f"{file.sfi:02X}",
        name=name,
        english=english,
        structure=_structure(file, declared),
        read=describe_rule(file.read_rule),
        write=describe_rule(file.write_rule),
        size=file.size,
        records=records,
        body=body,
    )


def _structure(file: ElementaryFile, declared: model.ElementaryFile | None) -> str:
    if declared:
        return declared.structure.value
    return type(file).__name__.removesuffix("File").lower()


def describe_rule(rule: AccessRule) -> str:
    """An access rule in the words of the profile: free, never, PIN, key 0A, PIN or key 84."""
    if rule.free:
        return "free"
    rights = [
        (right, local)
        for right, local in ((rule.global_right, 0), (rule.local_right, 0x80))
        if right >> 4
    ]
    if any(right >> 4 > right & 0x0F for right, _ in rights):
        return "never"
    words = [f"key {_kids(right, local)}" for right, local in rights]
    words += ["master key"] * (rule.environment_master or rule.directory_master)
    key = " and ".join(words)
    if not rule.pin:
        return key
    return f"PIN {'or' if rule.pin_or_right else 'and'} {key}" if key else "PIN"


def _kids(right: int, local: int) -> str:
    low, high = right >> 4 | local, right & 0x0F | local
    return f"{low:02X}" if low == high else f"{low:02X}..{high:02X}"


# --- values -------------------------------------------------------------------------------------


def _templates(records: Iterable[bytes], items: tuple[model.Item, ...]) -> Iterator[Value]:
    """TLVs against their declaration; repeated tags take the declared items one after the other."""
    waiting = list(items)
    for record in records:
        item = next((item for item in waiting if item.tag == record[0]), None)
        if item:
            waiting.remove(item)
        yield _value(item, record[2:], f"{record[0]:02X}")


def _fields(record: bytes, items: tuple[model.Item, ...]) -> tuple[Value, ...]:
    """The raw fields of a cyclic record; the whole record as one value if nobody declares it."""
    if sum(item.length for item in items) != len(record):
        return (_value(None, record, ""),)
    values, start = [], 0
    for item in items:
        values.append(_value(item, record[start : start + item.length], ""))
        start += item.length
    return tuple(values)


def _value(item: model.Item | None, raw: bytes, tag: str) -> Value:
    if item is None:
        return Value(tag, "", "", raw.hex().upper(), raw.hex().upper())
    nested: tuple[Value, ...] = ()
    if item.format is model.Format.BTLV:
        nested = tuple(_templates(split_tlvs(raw), item.items))
        text = ""
    else:
        text = decode_value(item.format, raw)
    return Value(
        tag, item.name, item.english, raw.hex().upper(), text, item.codes.get(text, ""), nested
    )


def split_tlvs(data: bytes) -> list[bytes]:
    """The simple TLVs in ``data``, each with tag and length; what is cut short ends the list."""
    found, start = [], 0
    while start + 2 <= len(data) and start + 2 + data[start + 1] <= len(data):
        end = start + 2 + data[start + 1]
        found.append(data[start:end])
        start = end
    return found


def decode_value(coding: model.Format, raw: bytes) -> str:
    """A value as text: digits of cn without F padding, text of an without 00, hex of b."""
    if coding is model.Format.CN:
        return raw.hex().upper().rstrip("F")
    if coding is model.Format.AN:
        return decode_text(raw)
    return raw.hex().upper()


def decode_text(raw: bytes) -> str:
    """GBK text without its padding of 00 or blanks.

    What is no GBK, or would steer a terminal, shows as U+FFFD.
    """
    text = raw.rstrip(b"\0 ").decode("gbk", errors="replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
