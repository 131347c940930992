# SPDX-License-Identifier: Apache-2.0
"""Short words for declaring files, items and keys, so that a profile reads like its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from sscard_chip.profile.model import (
    NEVER,
    PIN,
    Confidence,
    ElementaryFile,
    Format,
    Item,
    Key,
    KeyUse,
    Rule,
    Structure,
    key,
)
from sscard_chip.standard.identifiers import AMOUNT_FILE

H, M, L = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW
Codes: TypeAlias = Mapping[str, str]

NO_CODES: Final[Codes] = {}
KEY_TRIES: Final = 3
"""Tries of an external key: the limit of the blank-card headers [P]."""
NEVER_LOCKS: Final = 0


# --- items: tag, length in bytes, Chinese and English name ---------------------------------------


def an(
    tag: int, length: int, name: str, english: str, codes: Codes = NO_CODES, **more: Any
) -> Item:
    """A text item: ASCII or GBK, padded right with 00."""
    return Item(tag, name, english, Format.AN, length, codes=dict(codes), **more)


def cn(
    tag: int, length: int, name: str, english: str, codes: Codes = NO_CODES, **more: Any
) -> Item:
    """A BCD item, left-aligned, padded right with F nibbles."""
    return Item(tag, name, english, Format.CN, length, codes=dict(codes), **more)


def binary(length: int, name: str, english: str) -> Item:
    """A big-endian number, a raw field of a cyclic record."""
    return Item(0, name, english, Format.B, length)


def btlv(tag: int, name: str, english: str, *items: Item, **more: Any) -> Item:
    """A template; its length is that of its items with their tags and lengths."""
    length = sum(2 + item.length for item in items)
    return Item(tag, name, english, Format.BTLV, length, items, **more)


def inferred(item: Item) -> Item:
    """An item of generation 1 whose tag and length nobody prints."""
    return replace(item, inferred=True, confidence=L)


# --- files: FID, Chinese and English name, read and write rule -----------------------------------


def variable(
    fid: int, name: str, english: str, read: Rule, write: Rule, *items: Item, **more: Any
) -> ElementaryFile:
    """A linear file of records of any length (变长记录), ``items`` in the order of records."""
    return ElementaryFile(fid, name, english, Structure.LINEAR_VARIABLE, read, write, items, **more)


def fixed(
    fid: int, name: str, english: str, read: Rule, write: Rule, *items: Item, **more: Any
) -> ElementaryFile:
    """A linear file of records of one length (定长记录)."""
    return ElementaryFile(
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
    **more: Any,
) -> ElementaryFile:
    """A ring of ``records`` raw records (循环记录) made of ``fields`` without tags."""
    return ElementaryFile(
        fid, name, english, Structure.CYCLIC, read, write, fields, records, **more
    )


def transparent(
    fid: int, name: str, english: str, read: Rule, write: Rule, size: int, **more: Any
) -> ElementaryFile:
    """A transparent file (透明文件) of ``size`` bytes."""
    return ElementaryFile(fid, name, english, Structure.TRANSPARENT, read, write, size=size, **more)


def amount_file(clause: str) -> ElementaryFile:
    """医疗保险金额文件, known to the COS alone. FID EF81 [M]; the engine has size and layout."""
    return ElementaryFile(
        AMOUNT_FILE,
        "医疗保险金额文件",
        "medical insurance amounts",
        Structure.AMOUNT,
        NEVER,
        NEVER,
        clause=clause,
        confidence=M,
    )


# --- rules and keys ------------------------------------------------------------------------------


def pin_or(kid: int) -> Rule:
    """PIN 或 RK."""
    return PIN | key(kid)


def pin_and(kid: int) -> Rule:
    """PIN & RK."""
    return PIN & key(kid)


def external(
    root: str,
    kid: int,
    purpose: str,
    *,
    versions: int = 3,
    tries: int = KEY_TRIES,
    confidence: Confidence = H,
) -> Key:
    """A key of EXTERNAL AUTHENTICATE; its low nibble is the security level it grants."""
    return Key(root, kid, KeyUse.EXTERNAL, purpose, versions, False, tries, confidence)


def blocking(root: str, kid: int, purpose: str, confidence: Confidence = H) -> Key:
    """BK and LK: one version, and failures never lock them (LD/T 32.4)."""
    return external(root, kid, purpose, versions=1, tries=NEVER_LOCKS, confidence=confidence)


def maintenance(root: str, kid: int, confidence: Confidence = H) -> Key:
    """STK: one version, single-length in DES; a wrong MAC of a block command never locks it."""
    purpose = "MAC of blocking, unblocking and updates"
    return Key(root, kid, KeyUse.MAINTENANCE, purpose, 1, True, NEVER_LOCKS, confidence)


def authenticator(root: str) -> Key:
    """IRK: INTERNAL AUTHENTICATE proves the card."""
    return Key(root, 0x00, KeyUse.INTERNAL, "proof that the card is genuine", 3, False, NEVER_LOCKS)


def indexed(root: str, use: KeyUse, purpose: str) -> Key:
    """DLK, DPK, DTK: key indexes 1 to 3 take the place of a key identifier."""
    return Key(root, 0x00, use, purpose, 3, False, NEVER_LOCKS)
