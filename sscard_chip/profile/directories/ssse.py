# SPDX-License-Identifier: Apache-2.0
"""SSSE 社会保障系统环境: issuer, holder, fingerprint, photo (LD/T 32.6; letter 37, SSSE)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sscard_chip.profile import codes
from sscard_chip.profile.build import (
    H,
    M,
    an,
    authenticator,
    blocking,
    cited,
    cn,
    external,
    key_of,
    maintenance,
    transparent,
    variable,
)
from sscard_chip.profile.model import FREE, DirectoryDeclaration, Provision
from sscard_chip.standard.identifiers import SSSE, SSSE_NAME

_CLAUSE_1: Final = "LB002-2000; letter 37, table 9 and annex C"
_CLAUSE_2: Final = "LD/T 32.6; letter 37, SSSE"
_WRITE: Final = key_of("UKSSSE")

# --- generation 1 -------------------------------------------------------------------------------

# The same in all generations; 规范版本 starts as the generation's own. A card class "3" stands
# for holders that are not distinguished.
_ISSUER: Final = variable(
    0xEF05,
    "发卡机构数据",
    "issuer data",
    FREE,
    _WRITE,
    cn(0x01, 0x10, "卡识别码", "card identification code"),
    an(0x02, 0x01, "卡类别", "card class", codes.CARD_CLASS, initial=b"3"),
    an(0x03, 0x04, "规范版本", "version of the specification"),
    cn(0x04, 0x0C, "初始化机构编号", "number of the initialising institution"),
    cn(0x05, 0x04, "发卡日期", "issue date"),
    cn(0x06, 0x04, "卡有效期", "expiry date"),
    an(0x07, 0x09, "卡号", "card number"),
)

_NAME: Final = an(0x09, 0x1E, "姓名", "name")
_PERSON: Final = (
    an(0x0A, 0x01, "性别", "sex", codes.SEX),
    cn(0x0B, 0x01, "民族", "nation", codes.NATION),
    cn(0x0C, 0x03, "出生地", "birthplace"),
    cn(0x0D, 0x04, "出生日期", "date of birth"),
)

_HOLDER_1: Final = variable(
    0xEF06,
    "持卡人基本信息",
    "holder",
    FREE,
    _WRITE,
    an(0x08, 0x12, "公民身份号码", "citizen number"),
    _NAME,
    *_PERSON,
)

_FINGERPRINT_1: Final = transparent(
    0xEF07, "指纹", "fingerprint", FREE, _WRITE, 0x300, confidence=M
)

FIRST: Final = DirectoryDeclaration(
    SSSE,
    "社会保障系统环境",
    "social security system environment",
    SSSE_NAME,
    cited(f"{_CLAUSE_1}, SSSE", _ISSUER, _HOLDER_1, _FINGERPRINT_1),
    (
        authenticator("IRK"),
        maintenance("STKSSSE"),
        external("UKSSSE", "write EF05, EF06, EF07, EF08"),
        blocking("BK", "authorise CARD BLOCK"),
        external("PUK", "authorise PIN CHANGE/UNBLOCK", versions=1),
    ),
    clause=_CLAUSE_1,
    confidence=M,  # the FID
)

# --- generation 2: the name is continued, finger and photo are closed ----------------------------

_READ: Final = key_of("RKSSSE")

_HOLDER_2: Final = replace(
    _HOLDER_1,
    items=(
        an(0x08, 0x12, "社会保障号码", "social security number"),
        _NAME,
        an(0x4E, 0x14, "姓名扩展", "name, continued beyond 30 bytes"),
        *_PERSON,
    ),
)

_FINGERPRINT_2: Final = replace(
    _FINGERPRINT_1, read=_READ, provision=Provision.PRESET, confidence=H
)

_PHOTO: Final = transparent(
    0xEF08,
    "数字相片",
    "digital photo, JPEG or BMP",
    _READ,
    _WRITE,
    0x1000,
    provision=Provision.PRESET,
)

SECOND: Final = replace(
    FIRST,
    files=cited(_CLAUSE_2, _ISSUER, _HOLDER_2, _FINGERPRINT_2, _PHOTO),
    clause=_CLAUSE_2,
).with_keys(external("RKSSSE", "read EF07, EF08; EF06 of generation 3"))

# --- generation 3: the holder's file is closed too -----------------------------------------------

# Right of EF06 in generation 3: read with RKSSSE (EXTERNAL AUTHENTICATE, kid 0A), where
# generations 1 and 2 let anybody read; written with UKSSSE (kid 04) in all of them.
THIRD: Final = SECOND.with_files(
    replace(
        _HOLDER_2,
        read=_READ,
        clause="traces of cards of generation 3; items: letter 37, SSSE EF06",
    )
)
