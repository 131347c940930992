# SPDX-License-Identifier: Apache-2.0
"""What a name (姓名) is made of (letter no. 37): hanzi, or the letters of a foreign name.

A rule names the character that breaks it, itself and its code point, and never the name.

>>> check_name("阿布都·热合曼"), check_name("ANNA MARIA O'NEIL")
(None, None)
>>> check_name("李?明")
'must not hold characters that are no letters of names: ? (U+003F)'
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

from sscard_chip.standard.text import character_named, encode_text

NAME_BYTES: Final = 48
"""Most bytes of a name in tags 09 and 4E together: what their 50 hold however it is split."""

HANZI: Final = (
    "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff"
    "\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27-\ufa29"
    "\U00020000-\U0002a6df\U0002a700-\U0002ebe0\U0002ebf0-\U0002ee5d\U00030000-\U000323af"
    "\U000323b0-\U00033479"
)
"""Unified ideographs with extensions A to J, those twelve of the compatibility block, 々 and 〇."""
MIDDLE_DOT: Final = "\u00b7"

_COMMON: Final = re.compile("[\u4e00-\u9fff]{1,15}")
_HANZI: Final = re.compile(f"[{HANZI}]")
_HANZI_NAME: Final = re.compile(f"[{HANZI}]+(?:{MIDDLE_DOT}[{HANZI}]+)*")
_FOREIGN_MARKS: Final = " '-." + MIDDLE_DOT
_TWO_DOTS: Final = ("." + MIDDLE_DOT, MIDDLE_DOT + ".")
_SEPARATORS: Final = "|,^$"
_DOTS: Final = ".\u0387\u2022\u2024\u2027\u2219\u22c5\u2e31\u30fb\u3002\uff0e\uff61\uff65\ufe52"
_FAILED: Final = re.compile("锟斤|斤拷|烫烫烫|屯屯屯|[\u00c0-\u00ff]{2}(?:[\u00c0-\u00ff]{2})+")
"""U+FFFD in UTF-8, memory that was never filled, and GBK, each read as another coding."""
_FILLERS: Final = "\u115f\u1160"


def check_name(name: str) -> str | None:
    """The rule that a name breaks; None for one that is right.

    Blanks at its ends do not count: :attr:`~issuance.holder.Holder.name` is without them.
    """
    if _COMMON.fullmatch(name) and not _FAILED.search(name):
        return None
    name = trimmed(name)
    if not name:
        return "must not be empty"
    hanzi = _HANZI.search(name) is not None
    for character in name:
        rule = _character_rule(character, hanzi)
        if rule:
            return f"{rule}: {character_named(character)}"
    failed = _FAILED.search(name)
    if failed and (hanzi or failed[0] == name):
        return f"must not be what a failed conversion leaves: {character_named(failed[0][0])}"
    if hanzi and not _HANZI_NAME.fullmatch(name):
        return f"must have one middle dot between two parts: {character_named(MIDDLE_DOT)}"
    if not hanzi and (rule := _foreign_rule(name)):
        return rule
    if len(encode_text(name)) > NAME_BYTES:
        return f"must be at most {NAME_BYTES} bytes in GB 18030"
    return None


def trimmed(name: str) -> str:
    """A name without blanks at its ends."""
    return name.strip(" \u3000\u00a0\u2007\u202f")


def _character_rule(character: str, hanzi: bool) -> str | None:
    """What is wrong with a character of a name that has hanzi or has none."""
    if _HANZI.match(character) or character == MIDDLE_DOT:
        return None
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Zl", "Zp"):
        return "must not hold control characters"
    if category in ("Co", "Cs"):
        return "must not hold private-use characters"
    if character in _SEPARATORS:
        return f"must not hold a separator of the interfaces ({' '.join(_SEPARATORS)})"
    if category == "Zs" and (hanzi or character != " "):
        return "must not hold blanks (foreign names: a plain one between parts)"
    if hanzi and character in _DOTS:
        return "the dot inside a Chinese name must be the middle dot U+00B7, not"
    if category.startswith("M"):
        return "must not hold combining marks or variation selectors"
    if unicodedata.normalize("NFKC", character) != character or character in _FILLERS:
        return "must not hold radicals, compatibility or full-width characters"
    if category in ("Lu", "Ll", "Lo"):
        return "must not mix hanzi with other letters" if hanzi else None
    if not hanzi and character in _FOREIGN_MARKS:
        return None
    return "must not hold characters that are no letters of names"


def _foreign_rule(name: str) -> str | None:
    if not any(character.isalpha() for character in name):
        return f"must have letters, not only {character_named(name[0])}"
    for first, second in pairwise(name):
        if first in _FOREIGN_MARKS and (first == second or first + second in _TWO_DOTS):
            return f"must not hold a mark twice in a row: {character_named(first)}"
    ends = (name[0] if name[0] in "-." + MIDDLE_DOT else "") or name[-1]
    if ends in "-" + MIDDLE_DOT or name[0] == ".":
        return f"must begin and end with a part: {character_named(ends)}"
    return None
