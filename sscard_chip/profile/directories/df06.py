# SPDX-License-Identifier: Apache-2.0
"""DF06 社会救助与优待抚恤, advisory (letter 37, annex B); the same in all generations.

Our sources print tags, formats and lengths, but few names; items of which nothing is known are
called by their tag. Keys and identifiers other than RK1DF06 are ours [L].
"""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.build import (
    L,
    M,
    an,
    blocking,
    btlv,
    cited,
    cn,
    external,
    key_of,
    maintenance,
    variable,
)
from sscard_chip.profile.model import DirectoryDeclaration, Item
from sscard_chip.standard.identifiers import DF06
from sscard_chip.standard.text import encode_text

_CLAUSE: Final = "letter 37, annex B, DF06"
_LABEL: Final = "救助与优抚信息区"


def _unnamed(tag: int, length: int) -> Item:
    """A cn item whose name no source of ours prints."""
    return cn(tag, length, f"数据项{tag:02X}", f"item {tag:02X}, name not public", confidence=L)


def _relief(tag: int, number: int) -> Item:
    parts = ((0xE3, 0x01), (0xE4, 0x04), (0xE5, 0x04), (0xE6, 0x04), (0xE7, 0x03))
    subs = (_unnamed(sub, length) for sub, length in parts)
    return btlv(tag, f"救助信息{number}", f"relief {number}", *subs, confidence=L)


# C9 to E2, in four groups of one kind code, dates and amounts, divisions [L].
_CARE_LENGTHS: Final = bytes.fromhex("0104040402 0104040403 0104040403 0104040404040403030202")

# It has no registered name and is selected by its label, 16 bytes [L].
FIRST: Final = DirectoryDeclaration(
    DF06,
    "社会救助与优待抚恤",
    "social relief and special care",
    encode_text(_LABEL),
    cited(
        _CLAUSE,
        variable(
            0xEF05,
            "社会救助信息",
            "social relief",
            key_of("RK1DF06"),
            key_of("UK1DF06"),
            an(0xC0, 0x46, "救助机构名称", "relief body", confidence=L),
            an(0xC2, 0x09, "救助机构代码", "code of the relief body", confidence=L),
            _relief(0xC3, 1),
            _relief(0xC4, 2),
            _relief(0xC5, 3),
        ),
        variable(
            0xEF06,
            "优待抚恤信息",
            "special care",
            key_of("RK1DF06"),
            key_of("UK2DF06"),
            an(0xC6, 0x46, "优抚机构名称", "care body", confidence=L),
            an(0xC8, 0x09, "优抚机构代码", "code of the care body", confidence=L),
            *(_unnamed(0xC9 + n, length) for n, length in enumerate(_CARE_LENGTHS)),
        ),
    ),
    (
        maintenance("STKDF06", L),
        external("RK1DF06", "read", confidence=M),
        external("UK1DF06", "write EF05", confidence=L),
        external("UK2DF06", "write EF06", confidence=L),
        blocking("LKDF06", "authorise APPLICATION BLOCK", L),
    ),
    label=_LABEL,
    clause=_CLAUSE,
    optional=True,
)
