# SPDX-License-Identifier: Apache-2.0
"""Short words for declaring files, items and keys, so that a profile reads like its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, TypeAlias, TypedDict, Unpack

from sscard_chip.profile.model import (
    NEVER,
    PIN,
    Confidence,
    FileDeclaration,
    Format,
    Item,
    Key,
    KeyUse,
    Provision,
    Rule,
    Structure,
    key,
)
from sscard_chip.standard.identifiers import AMOUNT_FILE
from sscard_chip.standard.keys import KID_OF_ROOT

H, M, L = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW
Codes: TypeAlias = Mapping[str, str]

NO_CODES: Final[Codes] = {}
KEY_TRIES: Final = 3
"""Tries of an external key: the limit of the blank-card headers [P]."""
NEVER_LOCKS: Final = 0


class OfItem(TypedDict, total=False):
    """What an item may say besides tag, length and names, see :class:`Item`."""

    confidence: Confidence
    initial: bytes
    open_codes: bool


class OfFile(TypedDict, total=False):
    """What a file may say besides its shape and rights, see :class:`FileDeclaration`."""

    spare: int
    provision: Provision
    clause: str
    confidence: Confidence
    secure_messaging: bool


# --- items: tag, length in bytes, Chinese and English name ---------------------------------------


def an(
    tag: int, length: int, name: str, english: str, codes: Codes = NO_CODES, **more: Unpack[OfItem]
) -> Item:
    """A text item: GB 18030, padded right with 00."""
    return Item(tag, name, english, Format.AN, length, codes=dict(codes), **more)


def cn(
    tag: int, length: int, name: str, english: str, codes: Codes = NO_CODES, **more: Unpack[OfItem]
) -> Item:
    """A BCD item, left-aligned, padded right with F nibbles."""
    return Item(tag, name, english, Format.CN, length, codes=dict(codes), **more)


def binary(
    length: int, name: str, english: str, codes: Codes = NO_CODES, **more: Unpack[OfItem]
) -> Item:
    """A big-endian number, a raw field of a cyclic record or a transparent file."""
    return Item(0, name, english, Format.B, length, codes=dict(codes), **more)


def btlv(tag: int, name: str, english: str, *items: Item, **more: Unpack[OfItem]) -> Item:
    """A template; its length is that of its items with their tags and lengths."""
    length = sum(2 + item.length for item in items)
    return Item(tag, name, english, Format.BTLV, length, items, **more)


def inferred(item: Item) -> Item:
    """An item of generation 1 whose tag and length nobody prints."""
    return replace(item, inferred=True, confidence=L)


# --- files: FID, Chinese and English name, read and write rule -----------------------------------


def variable(
    fid: int, name: str, english: str, read: Rule, write: Rule, *items: Item, **more: Unpack[OfFile]
) -> FileDeclaration:
    """A linear file of records of any length (变长记录), ``items`` in the order of records."""
    return FileDeclaration(
        fid, name, english, Structure.LINEAR_VARIABLE, read, write, items, **more
    )


def fixed(
    fid: int, name: str, english: str, read: Rule, write: Rule, *items: Item, **more: Unpack[OfFile]
) -> FileDeclaration:
    """A linear file of records of one length (定长记录)."""
    return FileDeclaration(
        fid, name, english, Structure.LINEAR_FIXED, read, write, items, len(items), **more
    )


def cyclic(
    fid: int,
    name: str,
    english: str,
    read: Rule,
    write: Rule,
    records: int,
    *fields: Item,
    **more: Unpack[OfFile],
) -> FileDeclaration:
    """A ring of ``records`` raw records (循环记录) made of ``fields`` without tags."""
    return FileDeclaration(
        fid, name, english, Structure.CYCLIC, read, write, fields, records, **more
    )


def transparent(
    fid: int, name: str, english: str, read: Rule, write: Rule, size: int, **more: Unpack[OfFile]
) -> FileDeclaration:
    """A transparent file (透明文件) of ``size`` bytes."""
    return FileDeclaration(
        fid, name, english, Structure.TRANSPARENT, read, write, size=size, **more
    )


def raw(
    fid: int,
    name: str,
    english: str,
    read: Rule,
    write: Rule,
    *fields: Item,
    **more: Unpack[OfFile],
) -> FileDeclaration:
    """A transparent file made of ``fields`` without tags."""
    size = sum(field.length for field in fields)
    return replace(transparent(fid, name, english, read, write, size, **more), items=fields)


def amount_file(clause: str) -> FileDeclaration:
    """医疗保险金额文件, known to the COS only. FID EF81 [M]; the engine has size and layout."""
    return FileDeclaration(
        AMOUNT_FILE,
        "医疗保险金额文件",
        "medical insurance amounts",
        Structure.AMOUNT,
        NEVER,
        NEVER,
        clause=clause,
        confidence=M,
    )


def cited(clause: str, *files: FileDeclaration) -> tuple[FileDeclaration, ...]:
    """The files of a directory; one without a clause of its own stands in ``clause EFnn``."""
    return tuple(
        file if file.clause else replace(file, clause=f"{clause} EF{file.fid & 0xFF:02X}")
        for file in files
    )


# --- rules and keys, by the name of the root key -------------------------------------------------


def key_of(root: str) -> Rule:
    """External authentication with the card's key of this root, such as UK1DF01."""
    return key(KID_OF_ROOT[root])


def pin_or(root: str) -> Rule:
    """PIN 或 RK."""
    return PIN | key_of(root)


def pin_and(root: str) -> Rule:
    """PIN & RK."""
    return PIN & key_of(root)


def external(
    root: str,
    purpose: str,
    *,
    kid: int | None = None,
    versions: int = 3,
    tries: int = KEY_TRIES,
    confidence: Confidence = H,
) -> Key:
    """A key of EXTERNAL AUTHENTICATE; its low nibble is the security level it grants.

    ``kid`` is that of a root which the standard does not name.
    """
    own = KID_OF_ROOT[root] if kid is None else kid
    return Key(root, own, KeyUse.EXTERNAL, purpose, versions, False, tries, confidence)


def blocking(root: str, purpose: str, confidence: Confidence = H) -> Key:
    """BK and LK: one version, and failures never lock them (LD/T 32.4)."""
    return external(root, purpose, versions=1, tries=NEVER_LOCKS, confidence=confidence)


def maintenance(root: str, confidence: Confidence = H) -> Key:
    """STK: one version, single-length in DES; a wrong MAC of a block command never locks it."""
    kid = KID_OF_ROOT.get(root, KID_OF_ROOT["STKDF01"])  # 82 in all ADFs, a region's too
    purpose = "MAC of blocking, unblocking and updates"
    return Key(root, kid, KeyUse.MAINTENANCE, purpose, 1, True, NEVER_LOCKS, confidence)


def authenticator(root: str) -> Key:
    """IRK: INTERNAL AUTHENTICATE proves the card."""
    return Key(root, 0x00, KeyUse.INTERNAL, "proof that the card is genuine", 3, False, NEVER_LOCKS)


def indexed(
    root: str,
    use: KeyUse,
    purpose: str,
    *,
    versions: int = 3,
    tries: int = NEVER_LOCKS,
    confidence: Confidence = H,
) -> Key:
    """A key of transactions: key indexes 1 to ``versions`` take the place of an identifier."""
    return Key(root, 0x00, use, purpose, versions, False, tries, confidence)
