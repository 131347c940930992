# SPDX-License-Identifier: Apache-2.0
"""From the contents of a bank application to its directories and files in a card's memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.applications.bank import data
from sscard_chip.applications.bank.application import (
    CONTACTLESS_FCI_FID,
    FCI_FID,
    LOG_SFI,
    PRIVATE_KEY_FID,
)
from sscard_chip.applications.bank.authentication import SCHEME_CODES
from sscard_chip.applications.bank.log import LOG_RECORD_LENGTH, LOG_RECORDS
from sscard_chip.applications.bank.reading import PSE_SFI
from sscard_chip.applications.bank.selection import ADF, ENTRY_FID, PPSE, PSE
from sscard_chip.filesystem.layout import (
    CONTACTLESS_AT,
    COUNT_IN_HEADER,
    STATE_IN_HEADER,
    ApplicationState,
    ApplicationType,
    DirectoryHeader,
    FileHeader,
    FileType,
    create_directory,
    scan,
    stage_file,
)
from sscard_chip.filesystem.tlv import encode_template, tlv
from sscard_chip.memory import Memory
from sscard_chip.profile.bank.model import (
    CASH_PDOL,
    COUNTRY,
    CURRENCY,
    DEFAULT_ACTION,
    LANGUAGE,
    LOG_ENTRY,
    PDOL,
    PRODUCT,
    QUALIFIERS,
    BankContents,
    ElectronicCash,
    Variant,
)
from sscard_chip.profile.bank.records import UNUSED, file_locator, profile_of, records
from sscard_chip.security.access import NEVER
from sscard_chip.security.emv import BANK_SUITES, CVN_01
from sscard_chip.security.keys import RECORD_LENGTH, encode_key_record, encode_pin_record
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.errors import BAD_INPUT, IssuingError
from sscard_chip.standard.identifiers import EF, MF, PPSE_NAME, PSE_NAME
from sscard_chip.standard.keys import USE_CRYPTOGRAM, USE_SCRIPT_CIPHER, USE_SCRIPT_MAC

PSE_FID, PPSE_FID = 0xB001, 0xB002
_FIRST_ADF_FID: Final = 0xB101
_KEY_FID: Final = 0x0002
_NEVER: Final = NEVER << 8 | NEVER
_BER_RECORDS: Final = 0x05
_PRIORITY: Final = b"\x01"
_LABEL, _PRIORITY_TAG, _AID, _PDOL, _LANGUAGE, _SFI = 0x50, 0x87, 0x4F, 0x9F38, 0x5F2D, 0x88
_CODE_TABLE, _ISSUER_DATA, _LOG_ENTRY = 0x9F11, 0xBF0C, 0x9F4D

File = tuple[FileHeader, bytes, int]
"""Header, initial content, number of key records."""


class BankError(IssuingError, ValueError):
    """A bank application that this card cannot have; one line."""

    exit_code = BAD_INPUT


def add_bank(memory: Memory, contents: BankContents) -> None:
    """Put an application behind the files of a card, with PSE and, on a card that has the
    contactless interface, PPSE. Commits.

    :raises BankError: when the card has the application already or no MF.
    :raises StatusError: 6A84 when it does not fit.
    """
    directories = {f.header.name: f for f in scan(memory) if isinstance(f.header, DirectoryHeader)}
    mf = next((f for f in directories.values() if f.header.fid == MF), None)
    if mf is None:
        raise BankError("bank: the card has no MF to put the application under")
    if contents.variant.aid in directories:
        raise BankError("bank: the card has this application already")
    contactless = bool(memory.cells[CONTACTLESS_AT])
    if PSE_NAME not in directories:
        _directory(memory, mf.offset, PSE_FID, PSE_NAME, PSE, [_transparent(FCI_FID, _pse_fci())])
    if contactless:
        add_ppse(memory, mf.offset)
    fid = _FIRST_ADF_FID + list(Variant).index(contents.variant)
    files = list(_files(contents, contactless=contactless))
    offset = _directory(memory, mf.offset, fid, contents.variant.aid, ADF, files)
    if contents.dormant:
        memory.write(offset + STATE_IN_HEADER, bytes((ApplicationState.DORMANT,)))
        memory.commit()


def add_ppse(memory: Memory, mf: int) -> None:
    """See that the card has PPSE, below the MF at ``mf``. Commits."""
    headers = (found.header for found in scan(memory))
    if not any(isinstance(h, DirectoryHeader) and h.name == PPSE_NAME for h in headers):
        _directory(memory, mf, PPSE_FID, PPSE_NAME, PPSE, [])


def _directory(memory: Memory, mf: int, fid: int, name: bytes, kind: int, files: list[File]) -> int:
    header = DirectoryHeader(FileType.ADF, fid, name, app_type=ApplicationType.BANK | kind)
    offset = create_directory(memory, mf, header)
    memory.commit()
    for file_header, content, count in files:
        at = stage_file(memory, offset, file_header, content)
        if count:
            memory.write(at + COUNT_IN_HEADER, bytes((count,)))
        memory.commit()
    return offset


# --- the FCIs -------------------------------------------------------------------------------------


def _pse_fci() -> bytes:
    return b"".join(
        (tlv(_SFI, bytes((PSE_SFI,))), tlv(_LANGUAGE, LANGUAGE), tlv(_CODE_TABLE, b"\x01"))
    )


def _adf_fci(contents: BankContents, pdol: bytes) -> bytes:
    """50, 87, 9F38 if there is one, 5F2D, BF0C with the log entry."""
    parts = [tlv(_LABEL, contents.variant.label.encode()), tlv(_PRIORITY_TAG, _PRIORITY)]
    if pdol:
        parts.append(tlv(_PDOL, pdol))
    parts += [
        tlv(_LANGUAGE, LANGUAGE),
        encode_template(_ISSUER_DATA, [(_LOG_ENTRY, LOG_ENTRY)]),
    ]
    return b"".join(parts)


# --- the files ------------------------------------------------------------------------------------


def _files(contents: BankContents, *, contactless: bool) -> Iterator[File]:
    """The files of an ADF in the order of creation."""
    yield _key_file(contents)
    yield _internal(data.DATA_FID, _data(contents))
    label = contents.variant.label.encode()
    entry = [(_AID, contents.variant.aid), (_LABEL, label), (_PRIORITY_TAG, _PRIORITY)]
    yield _transparent(ENTRY_FID, b"".join(tlv(*item) for item in entry))
    pdol = PDOL + (CASH_PDOL if contents.cash else b"") if contents.pdol else b""
    yield _transparent(FCI_FID, _adf_fci(contents, pdol))
    if contactless:
        yield _transparent(CONTACTLESS_FCI_FID, _adf_fci(contents, PDOL))
    yield from _record_files(contents)
    if contents.offline is not None and contents.offline.dynamic:
        yield _internal(PRIVATE_KEY_FID, contents.offline.private_key)
    yield _log_file()


def _key_file(contents: BankContents) -> File:
    keys = contents.keys
    algorithm = BANK_SUITES[contents.suite].suite.key_code(16)
    secrets = {
        USE_CRYPTOGRAM: keys.cryptogram,
        USE_SCRIPT_MAC: keys.script_mac,
        USE_SCRIPT_CIPHER: keys.script_cipher,
    }
    found = [
        encode_key_record(use, 0, 1, algorithm, secret, limit=0, level=0)
        for use, secret in secrets.items()
    ]
    pin = bcd(contents.pin) if contents.pin else b""
    found.append(encode_pin_record(pin, limit=contents.pin_tries, unblock_kid=0, reload_kid=0))
    size = len(found) * RECORD_LENGTH
    return _hidden(FileType.KEY, _KEY_FID, size), b"".join(found), len(found)


def _hidden(file_type: FileType, fid: int, size: int) -> FileHeader:
    return FileHeader(file_type, fid, size, read_right=_NEVER, write_right=_NEVER)


def _internal(fid: int, content: bytes) -> File:
    return _hidden(FileType.INTERNAL, fid, len(content)), content, 0


def _transparent(fid: int, content: bytes) -> File:
    return FileHeader(FileType.TRANSPARENT, fid, len(content), write_right=_NEVER), content, 0


def _record_files(contents: BankContents) -> Iterator[File]:
    by_sfi: dict[int, dict[int, bytes]] = {}
    for (sfi, number), record in records(contents).items():
        by_sfi.setdefault(sfi, {})[number] = record
    for sfi, numbered in sorted(by_sfi.items()):
        content = b"".join(numbered.get(n, UNUSED) for n in range(1, max(numbered) + 1))
        header = FileHeader(
            FileType.LINEAR_VARIABLE,
            EF | sfi,
            len(content),
            record_format=_BER_RECORDS,
            write_right=_NEVER,
        )
        yield header, content, 0


def _log_file() -> File:
    header = FileHeader(
        FileType.CYCLIC,
        EF | LOG_SFI,
        LOG_RECORDS * LOG_RECORD_LENGTH,
        record_length=LOG_RECORD_LENGTH,
        records=LOG_RECORDS,
        write_right=_NEVER,
    )
    return header, b"", 0


def _data(contents: BankContents) -> bytes:
    cash = contents.cash or ElectronicCash(limit_fen=0)
    limits, offline = contents.limits, contents.offline
    scheme = offline.scheme if offline is not None and offline.dynamic else ""
    codes = {name: code for code, name in SCHEME_CODES.items()}
    return data.encode_data(
        {
            data.SUITE: bytes((BANK_SUITES[contents.suite].algorithm_code,)),
            data.DERIVATION_KEY_INDEX: bytes((contents.keys.derivation_key_index,)),
            data.CRYPTOGRAM_VERSION: bytes((CVN_01,)),
            data.CONTACTLESS_CRYPTOGRAM_VERSION: bytes((contents.contactless_cryptogram_version,)),
            data.INTERCHANGE_PROFILE: profile_of(contents),
            data.APPLICATION_CURRENCY: CURRENCY,
            data.ISSUER_COUNTRY: COUNTRY,
            data.DEFAULT_ACTION: DEFAULT_ACTION,
            data.LOWER_COUNT: bytes((limits.lower_count,)),
            data.UPPER_COUNT: bytes((limits.upper_count,)),
            data.LOWER_AMOUNT: data.encode_n12(limits.lower_amount_fen),
            data.UPPER_AMOUNT: data.encode_n12(limits.upper_amount_fen),
            data.BALANCE_LIMIT: data.encode_n12(cash.limit_fen),
            data.SINGLE_LIMIT: data.encode_n12(cash.single_limit_fen),
            data.RESET_THRESHOLD: data.encode_n12(cash.reset_threshold_fen),
            data.QUALIFIERS: QUALIFIERS,
            data.PRODUCT: PRODUCT,
            data.LOG_ENTRY: LOG_ENTRY,
            data.DYNAMIC_SCHEME: bytes((codes.get(scheme, 0),)),
            data.FILE_LOCATOR: file_locator(contents),
            data.CONTACTLESS_FILE_LOCATOR: file_locator(contents, contactless=True),
            data.BALANCE: data.encode_n12(cash.balance_fen),
        }
    )
