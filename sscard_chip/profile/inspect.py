# SPDX-License-Identifier: Apache-2.0
"""Everything on a card, decoded for people: state, PIN, keys without values, files, account.

The memory says what is there, the profile of the card's generation what it means. What no
profile declares (a region's own files, a card grown by commands) is shown raw.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from sscard_chip.applications.amounts import MedicalAccount
from sscard_chip.card import Card
from sscard_chip.filesystem.files import (
    CyclicFile,
    ElementaryFile,
    LinearFile,
    TransparentFile,
)
from sscard_chip.filesystem.layout import STATE_AT, ApplicationType, LifeCycle
from sscard_chip.filesystem.tree import Directory, FileSystem
from sscard_chip.profile import for_generation, model
from sscard_chip.profile.bank.inspect import KEY_NAMES, bank_state, is_bank, names_of
from sscard_chip.profile.build import an
from sscard_chip.profile.codec import decode_value
from sscard_chip.profile.contents import (
    AccountState,
    CardContents,
    DirectoryContents,
    FileContents,
    KeyState,
    PinState,
    TransactionRecord,
)
from sscard_chip.profile.fields import decode_field, file_fields
from sscard_chip.profile.generations import OPTIONAL, find_generation
from sscard_chip.profile.local import LocalFile
from sscard_chip.profile.model import BY_INDEX, FREE, NEVER, Format, Item, KeyUse, Structure
from sscard_chip.profile.pki import CERTIFICATE_DIRECTORY, PKI_DIRECTORY, describe_pairs
from sscard_chip.profile.purse import PURSE_DIRECTORY
from sscard_chip.profile.purse_state import describe_purse, describe_transit
from sscard_chip.profile.transit import TRANSIT_DIRECTORY
from sscard_chip.security.access import AccessRule
from sscard_chip.security.keys import KeyRecord, PinRecord
from sscard_chip.standard.dates import show_time
from sscard_chip.standard.identifiers import (
    DF02,
    DF03,
    DF04,
    ISSUER_FILE,
    LOAD,
    MEDICAL_LOG,
    MF,
    PURCHASE,
    SSSE,
    UNEMPLOYMENT_FILE,
    VERSION_TAG,
)

_VERSION: Final = an(VERSION_TAG, 0x04, "规范版本", "version of the specification")
_REGISTRATION_TAG: Final = 0x60
_SHORT_DETAIL: Final = 20
_DETAIL: Final = struct.Struct(">HB6s7sIII")
_BY_INDEX: Final = {use.value for use in BY_INDEX}
_USES: Final = {use.value: use.name.lower() for use in KeyUse}
_DIR_ENTRY: Final = Item(
    0x61,
    "应用",
    "application",
    Format.BTLV,
    0,
    (Item(0x4F, "名称", "name", Format.B, 0), Item(0x50, "标签", "label", Format.AN, 0)),
)
# Cards wrap an entry into template 70, a PSAM does not.
_DIR_ENTRIES: Final = (
    *(Item(0x70, "目录项", "entry", Format.BTLV, 0, (_DIR_ENTRY,)),) * 32,
    *(_DIR_ENTRY,) * 32,
)
_KINDS: Final = {LOAD: "load", PURCHASE: "purchase"}


def inspect_card(card: Card, *, local_files: Iterable[LocalFile] = ()) -> CardContents:
    """Describe ``card`` as it is now; it need not be powered. Key values and PIN are left out.

    ``local_files`` declare a region's own files, which are shown raw otherwise.
    """
    files = card.files
    version = _version(files)
    profile = profile_of(files, local_files)
    cells = files.memory.cells
    return CardContents(
        atr=card.atr.hex().upper(),
        generation=profile.generation if profile else None,
        version=decode_value(_VERSION, version or b""),
        algorithm=_algorithm(files),
        contactless=card.contactless,
        life_cycle=LifeCycle(cells[STATE_AT]).name.lower(),
        directories=tuple(
            _directory(d, profile) for d in files.directories if not d.is_second_name
        ),
    )


def _find_file(files: FileSystem, directory: int, fid: int) -> ElementaryFile | None:
    for candidate in files.directories:
        if candidate.fid == directory:
            return candidate.files.get(fid)
    return None


def _version(files: FileSystem) -> bytes | None:
    """规范版本, tag 03 of SSSE EF05; None when there is no such record."""
    file = _find_file(files, SSSE, ISSUER_FILE)
    if not isinstance(file, LinearFile) or not file.numbers(VERSION_TAG):
        return None
    return file.record(file.numbers(VERSION_TAG)[0])[2:]


def profile_of(files: FileSystem, local_files: Iterable[LocalFile] = ()) -> model.Profile | None:
    """The profile that declares the files of this card: generation by its version, its choices
    by what is there. None for a card of no generation that is known."""
    version = _version(files)
    generation = None if version is None else find_generation(version)
    if generation is None:
        return None
    details = _find_file(files, DF04, MEDICAL_LOG)
    unemployment = _find_file(files, DF03, UNEMPLOYMENT_FILE)
    moved = isinstance(unemployment, LinearFile) and bool(unemployment.numbers(_REGISTRATION_TAG))
    present = {d.fid for d in files.directories}
    return for_generation(
        generation.number,
        optional=[fid for fid in OPTIONAL if fid in present],
        with_account=True,
        account_only=isinstance(details, CyclicFile) and details.record_length == _SHORT_DETAIL,
        registration_date_in=DF03 if moved and DF03 in generation.registration_places else DF02,
        local_files=local_files,
    )


def _algorithm(files: FileSystem) -> str:
    """The suite of the keys, which is one for the whole card."""
    for directory in files.directories:
        for key in directory.keys.values():
            return key.suite.name
    return ""


# --- directories, keys --------------------------------------------------------------------------


def _directory(directory: Directory, profile: model.Profile | None) -> DirectoryContents:
    declared = _declared(directory, profile)
    files = declared_files(directory, profile)
    of_bank = is_bank(directory)
    unnamed = ("主文件", "master file") if directory.fid == MF else ("", "")
    if of_bank:
        unnamed = names_of(directory)
    name, english = (declared.name, declared.english) if declared else unnamed
    return DirectoryContents(
        fid=f"{directory.fid:04X}",
        name=name,
        english=english,
        df_name=directory.name.hex().upper(),
        blocked=directory.blocked,
        pin=_pin(directory.pin) if directory.pin else None,
        keys=tuple(_keys(directory, declared)),
        files=tuple(
            _file(file, files.get(fid), directory.fid, profile)
            for fid, file in sorted(directory.files.items())
            if not of_bank
        ),
        account=_account(directory),
        purse=describe_purse(directory),
        transit=describe_transit(directory),
        key_pairs=describe_pairs(directory),
        bank=bank_state(directory),
    )


def declared_files(
    directory: Directory, profile: model.Profile | None
) -> dict[int, model.FileDeclaration]:
    """The declarations of a directory's files, by FID."""
    declared = _declared(directory, profile)
    files = {file.fid: file for file in _system_files(directory)}
    return files | ({file.fid: file for file in declared.files} if declared else {})


def _system_files(directory: Directory) -> Iterator[model.FileDeclaration]:
    """What a directory's header points to and no profile declares: ATR, FCI data, DIR."""
    for sfi, name, english, structure, items in (
        (directory.header.atr_sfi, "复位信息", "historical bytes", Structure.TRANSPARENT, ()),
        (directory.header.fci_sfi, "FCI 数据", "issuer data", Structure.TRANSPARENT, ()),
        (directory.header.dir_sfi, "目录", "DIR", Structure.LINEAR_VARIABLE, _DIR_ENTRIES),
    ):
        file = directory.files_by_sfi.get(sfi)
        if file:
            yield model.FileDeclaration(file.fid, name, english, structure, FREE, NEVER, items)


def _declared(
    directory: Directory, profile: model.Profile | None
) -> model.DirectoryDeclaration | None:
    if directory.application_type == ApplicationType.TRANSIT:
        return TRANSIT_DIRECTORY  # a local card has bytes of its own behind the name
    if directory.application_type == ApplicationType.PKI:
        return CERTIFICATE_DIRECTORY if directory.is_adf else PKI_DIRECTORY
    for declared in (*(profile.directories if profile else ()), PURSE_DIRECTORY):
        if declared.fid == directory.fid and declared.df_name == directory.name:
            return declared
    return None


def _pin(pin: PinRecord) -> PinState:
    return PinState(is_set=pin.is_set, tries=pin.retry_counter, limit=pin.retry_limit)


def _keys(directory: Directory, declared: model.DirectoryDeclaration | None) -> Iterator[KeyState]:
    """One row per key, its versions together; DPK, DLK and DTK are found by key index."""
    names = {_identity(key.use.value, key.kid): key for key in declared.keys} if declared else {}
    grouped: dict[tuple[int, int], list[KeyRecord]] = {}
    for (use, kid, _), record in sorted(directory.keys.items()):
        grouped.setdefault(_identity(use, kid), []).append(record)
    local = 0x80 if directory.is_adf else 0
    for (use, kid), records in grouped.items():
        known = names.get((use, kid))
        root, purpose = (known.root, known.purpose) if known else KEY_NAMES.get(use, ("", ""))
        limit = records[0].retry_limit
        yield KeyState(
            name=root,
            kid="index" if kid < 0 else f"{kid | local:02X}",
            use=_USES.get(use, f"{use:02X}"),
            purpose=purpose,
            versions=tuple(record.version for record in records),
            tries=tuple(record.retry_counter for record in records) if limit else (),
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


def _transaction(record: bytes) -> TransactionRecord:
    """A record of 28 bytes, or of 20 with one amount (LD/T 32.6, DF04 EF08)."""
    number, kind, terminal, time, *amounts = _DETAIL.unpack(record.ljust(_DETAIL.size, b"\0"))
    return TransactionRecord(
        number, _KINDS.get(kind, f"{kind:02X}"), terminal.hex(), show_time(time.hex()), *amounts
    )


# --- files --------------------------------------------------------------------------------------


def _file(
    file: ElementaryFile,
    declared: model.FileDeclaration | None,
    directory: int,
    profile: model.Profile | None,
) -> FileContents:
    body = ""
    if isinstance(file, TransparentFile):
        body = file.read(0, file.size).rstrip(b"\0").hex().upper()
    return FileContents(
        fid=f"{file.fid:04X}",
        sfi=f"{file.sfi:02X}",
        name=declared.name if declared else "",
        english=declared.english if declared else "",
        structure=_structure(file, declared),
        read=describe_rule(file.read_rule),
        write=describe_rule(file.write_rule),
        size=file.size,
        records=tuple(
            tuple(map(decode_field, record))
            for record in file_fields(file, declared, directory, profile)
        ),
        body=body,
    )


def _structure(file: ElementaryFile, declared: model.FileDeclaration | None) -> str:
    if declared:
        return declared.structure.value
    return type(file).__name__.removesuffix("File").lower()


def describe_rule(rule: AccessRule) -> str:
    """An access rule in the words of the profile: free, never, PIN, key 0A, PIN or key 84; with
    "and MAC" where updates need one."""
    words = _describe_rights(rule)
    if not rule.mac or words == "never":
        return words
    return "MAC" if words == "free" else f"{words} and MAC"


def _describe_rights(rule: AccessRule) -> str:
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
