# SPDX-License-Identifier: Apache-2.0
"""SSSE 社会保障系统环境: issuer, holder, fingerprint, photo (LD/T 32.6; letter 37, SSSE)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    M,
    an,
    authenticator,
    blocking,
    cn,
    external,
    maintenance,
    transparent,
    variable,
)
from sscard_chip.profile.model import FREE, Directory, ElementaryFile, Key, Provision, key
from sscard_chip.standard.identifiers import SSSE, SSSE_NAME

UKSSSE, RKSSSE = key(0x04), key(0x0A)

_CLAUSE: Final = "LD/T 32.6; letter 37, SSSE"


def issuer_file(version: str, clause: str = f"{_CLAUSE} EF05") -> ElementaryFile:
    """EF05 发卡机构数据, 7 records, the same in all generations.

    ``version`` is the text of 规范版本, 4 characters. A card class "3" stands for holders that
    are not told apart.
    """
    return variable(
        0xEF05,
        "发卡机构数据",
        "issuer data",
        FREE,
        UKSSSE,
        cn(0x01, 0x10, "卡识别码", "card identification code"),
        an(0x02, 0x01, "卡类别", "card class", codes.CARD_CLASS, initial=b"3"),
        an(0x03, 0x04, "规范版本", "version of the specification", initial=version.encode()),
        cn(0x04, 0x0C, "初始化机构编号", "number of the initialising institution"),
        cn(0x05, 0x04, "发卡日期", "issue date"),
        cn(0x06, 0x04, "卡有效期", "expiry date"),
        an(0x07, 0x09, "卡号", "card number"),
        clause=clause,
    )


HOLDER_ITEMS: Final = (
    an(0x08, 0x12, "社会保障号码", "social security number"),
    an(0x09, 0x1E, "姓名", "name"),
    an(0x4E, 0x14, "姓名扩展", "name, continued beyond 30 bytes"),
    an(0x0A, 0x01, "性别", "sex", codes.SEX),
    cn(0x0B, 0x01, "民族", "nation", codes.NATION),
    cn(0x0C, 0x03, "出生地", "birthplace"),
    cn(0x0D, 0x04, "出生日期", "date of birth"),
)

HOLDER: Final = variable(
    0xEF06, "持卡人基本信息", "holder", FREE, UKSSSE, *HOLDER_ITEMS, clause=f"{_CLAUSE} EF06"
)

FINGERPRINT: Final = transparent(
    0xEF07,
    "指纹",
    "fingerprint",
    RKSSSE,
    UKSSSE,
    0x300,
    provision=Provision.PRESET,
    clause=f"{_CLAUSE} EF07",
)

PHOTO: Final = transparent(
    0xEF08,
    "数字相片",
    "digital photo, JPEG or BMP",
    RKSSSE,
    UKSSSE,
    0x1000,
    provision=Provision.PRESET,
    clause=f"{_CLAUSE} EF08",
)

READ_KEY: Final = external("RKSSSE", 0x0A, "read EF07, EF08; EF06 of generation 3")

# Generation 1 has these alone.
BASE_KEYS: Final[tuple[Key, ...]] = (
    authenticator("IRK"),
    maintenance("STKSSSE", 0x02),
    external("UKSSSE", 0x04, "write EF05, EF06, EF07, EF08"),
    blocking("BK", 0x05, "authorise CARD BLOCK"),
    external("PUK", 0x06, "authorise PIN CHANGE/UNBLOCK", versions=1),
)


def environment(
    files: tuple[ElementaryFile, ...], keys: tuple[Key, ...], clause: str = _CLAUSE
) -> Directory:
    """SSSE with these files and keys. FID DDF1 below the MF [M]."""
    return Directory(
        SSSE,
        "社会保障系统环境",
        "social security system environment",
        SSSE_NAME,
        files,
        keys,
        clause=clause,
        confidence=M,
    )


def environment2(version: str) -> Directory:
    """SSSE of generation 2."""
    files = (issuer_file(version), HOLDER, FINGERPRINT, PHOTO)
    return environment(files, (*BASE_KEYS, READ_KEY))
