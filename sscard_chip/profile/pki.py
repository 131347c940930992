# SPDX-License-Identifier: Apache-2.0
"""The certificate application as data: its two directories, files and keys, and how it comes onto
a card of generation 3. The commands are in ``sscard_chip.applications.pki``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.applications.pki.keypairs import (
    PAIRS,
    PRIVATE_SIZE,
    PUBLIC_HEAD,
    PUBLIC_SIZE,
)
from sscard_chip.applications.pki.pins import ADMINISTRATOR_KID, USER_KID, pin_key
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.filesystem.layout import (
    CONTACTLESS_AT,
    ApplicationType,
    DirectoryHeader,
    FileHeader,
    FileType,
    create_directory,
)
from sscard_chip.filesystem.tree import Directory, FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.build import L, M, transparent
from sscard_chip.profile.contents import KeyPairState
from sscard_chip.profile.model import (
    FREE,
    NEVER,
    DirectoryDeclaration,
    Key,
    KeyUse,
    Rule,
)
from sscard_chip.profile.purse import PlannedContent, add_directory, key_records
from sscard_chip.profile.structure import KEY_FID, MASTER_TRIES, file_header
from sscard_chip.security.keys import valid_pin
from sscard_chip.security.suite import SM4_SUITE
from sscard_chip.standard.divisions import find_division
from sscard_chip.standard.identifiers import (
    ALGORITHM_SM4,
    CERTIFICATE_DF,
    CERTIFICATE_NAME,
    ENCRYPTION_CERTIFICATE,
    ENCRYPTION_PUBLIC_KEY,
    PKI_DF,
    PKI_NAME,
    SIGNATURE_CERTIFICATE,
    SIGNATURE_PUBLIC_KEY,
)
from sscard_chip.standard.text import encode_text

CERTIFICATE_SIZE: Final = 0x400
"""Bytes of a certificate file; programs of the field write up to 3FC."""
PIN_TRIES: Final = 6
USER_PIN, ADMINISTRATOR_PIN = "PKI_USER_PIN", "PKI_ADMIN_PIN"
DEFAULT_USER_PIN: Final = bytes.fromhex("123456")
DEFAULT_ADMINISTRATOR_PIN: Final = bytes.fromhex("12345678")
KEY_LENGTH: Final = 16
_MASTER_ACCESS: Final = 0x39  # the master key is replaced under itself, enciphered and MACed
_LONG_HEAD: Final = 4  # 30 82 and a length of two bytes: no certificate is shorter than 256
_PAIRS: Final = (
    ("签名", "signature", SIGNATURE_PUBLIC_KEY, SIGNATURE_CERTIFICATE),
    ("加密", "encryption", ENCRYPTION_PUBLIC_KEY, ENCRYPTION_CERTIFICATE),
)
_EITHER: Final = Rule(kid=USER_KID, last_kid=ADMINISTRATOR_KID)

PKI_DIRECTORY: Final = DirectoryDeclaration(
    PKI_DF,
    "证书环境",
    "certificate environment",
    PKI_NAME,
    (),
    (),
    clause="programs of the field",
    confidence=M,
    optional=True,
)
CERTIFICATE_DIRECTORY: Final = DirectoryDeclaration(
    CERTIFICATE_DF,
    "证书应用",
    "certificate application",
    CERTIFICATE_NAME,
    (
        transparent(
            SIGNATURE_PUBLIC_KEY, "签名公钥", "signature public key", FREE, NEVER, PUBLIC_SIZE
        ),
        transparent(
            ENCRYPTION_PUBLIC_KEY, "加密公钥", "encryption public key", FREE, NEVER, PUBLIC_SIZE
        ),
        transparent(
            SIGNATURE_CERTIFICATE,
            "签名证书",
            "signature certificate, DER",
            FREE,
            _EITHER,
            CERTIFICATE_SIZE,
            confidence=M,
        ),
        transparent(
            ENCRYPTION_CERTIFICATE,
            "加密证书",
            "encryption certificate, DER",
            FREE,
            _EITHER,
            CERTIFICATE_SIZE,
            confidence=M,
        ),
    ),
    (
        Key(USER_PIN, USER_KID, KeyUse.PIN_KEY, "user PIN", 1, False, PIN_TRIES, L),
        Key(
            ADMINISTRATOR_PIN,
            ADMINISTRATOR_KID,
            KeyUse.PIN_KEY,
            "administrator's PIN (管理员PIN)",
            1,
            False,
            PIN_TRIES,
            L,
        ),
    ),
    clause="programs of the field",
    confidence=M,
    optional=True,
)


@dataclass(frozen=True, slots=True, repr=False)
class PkiContents:
    """A certificate application as a card is delivered with it: PINs of 2 to 8 bytes of BCD, and
    the master key of 16 bytes that both directories have. Keys and certificates come later."""

    master_key: bytes
    user_pin: bytes = DEFAULT_USER_PIN
    administrator_pin: bytes = DEFAULT_ADMINISTRATOR_PIN

    def __repr__(self) -> str:
        return "<PkiContents>"


def delivery_master_key(division: str) -> bytes:
    """The master key of delivery: 16 bytes of GBK that spell "<province>省社会保障卡" [M].

    ``division`` begins with the two digits of the province. A name that is longer than two
    characters is cut to two; where there is none the key ends in 00 [L].
    """
    found = find_division(f"{division[:2]}0000")
    name = found.name[:2] if found else ""
    return encode_text(f"{name}省社会保障卡").ljust(KEY_LENGTH, b"\0")[:KEY_LENGTH]


def add_pki(memory: Memory, contents: PkiContents) -> None:
    """Put the certificate application behind the files of a card of generation 3. Commits.

    :raises ValueError: when the card has one already or is no card of generation 3, or a PIN or
        key has not its form.
    :raises StatusError: (6A84) when the memory is full.
    """
    files = FileSystem(memory)
    types = {directory.application_type for directory in files.directories}
    if files.mf is None or ApplicationType.PKI in types:
        raise ValueError("certificates: the card has the application already, or no file system")
    if not memory.cells[CONTACTLESS_AT]:
        raise ValueError("certificates: they came with generation 3")
    if len(contents.master_key) != KEY_LENGTH:
        raise ValueError(f"certificates: the master key must be {KEY_LENGTH} bytes")
    secrets = {}
    for name, pin in (
        (USER_PIN, contents.user_pin),
        (ADMINISTRATOR_PIN, contents.administrator_pin),
    ):
        if not valid_pin(pin):
            raise ValueError("certificates: a PIN must be 4 to 16 digits")
        secrets[name] = pin_key(pin)
    environment = create_directory(
        memory, files.mf.offset, _header(PKI_DIRECTORY, FileType.DDF, contents)
    )
    memory.commit()
    header = _header(CERTIFICATE_DIRECTORY, FileType.ADF, contents)
    records = key_records(CERTIFICATE_DIRECTORY, ALGORITHM_SM4, secrets)
    planned = [
        PlannedContent(FileHeader(FileType.KEY, KEY_FID, len(records)), records),
        *(
            PlannedContent(FileHeader(FileType.INTERNAL, fid, PRIVATE_SIZE), b"")
            for fid in PAIRS.values()
        ),
        *(PlannedContent(file_header(file), b"") for file in CERTIFICATE_DIRECTORY.files),
    ]
    add_directory(memory, environment, header, planned)


def describe_pairs(directory: Directory) -> tuple[KeyPairState, ...]:
    """The key pairs of SS.CERT.ADF1; none in another directory."""
    if directory.application_type != ApplicationType.PKI or not directory.is_adf:
        return ()
    return tuple(_describe(directory, *row) for row in _PAIRS)


def _describe(
    directory: Directory, name: str, english: str, public_fid: int, certificate_fid: int
) -> KeyPairState:
    public, certificate = (
        file.read(0, file.size) if isinstance(file, TransparentFile) else b""
        for file in map(directory.files.get, (public_fid, certificate_fid))
    )
    private = directory.internal.get(PAIRS[public_fid])
    there = private is not None and bool(private.memory.cells[private.body])
    key = public[len(PUBLIC_HEAD) :] if public.startswith(PUBLIC_HEAD) else b""
    return KeyPairState(name, english, key.hex().upper(), there, len(certificate_of(certificate)))


def certificate_of(content: bytes) -> bytes:
    """The DER at the beginning of a certificate file, empty when there is none."""
    if content[:2] == b"\x30\x82" and len(content) > _LONG_HEAD:
        length = _LONG_HEAD + int.from_bytes(content[2:_LONG_HEAD])
        return content[:length] if length <= len(content) else b""
    return b""


def _header(
    directory: DirectoryDeclaration, kind: FileType, contents: PkiContents
) -> DirectoryHeader:
    code = SM4_SUITE.key_code(KEY_LENGTH)
    return DirectoryHeader(
        kind,
        directory.fid,
        directory.df_name,
        app_type=ApplicationType.PKI,
        write_access=_MASTER_ACCESS,
        limit=MASTER_TRIES,
        algorithm=code,
        master_key=contents.master_key,
    )
