# SPDX-License-Identifier: Apache-2.0
"""The on-screen keyboard's input of Chinese: characters for the letters of a syllable (拼音).

Readings are pypinyin's. Offered are the 3,755 common characters of GB 2312's first level, and
before them those that addresses are made of.
"""

from __future__ import annotations

from functools import cache
from typing import Final

MOST_LETTERS: Final = 6
MOST_CHARACTERS: Final = 60
_FIRST: Final = (
    "省市区县乡镇村路街道巷弄里号栋幢座楼层单元室园苑城门东南西北中上下内外前后大小新老"
    "一二三四五六七八九十百家家庭院社区组队花山水河湖江海桥井"
)


def characters(letters: str) -> list[str]:
    """Characters for letters a to z: those that read exactly so first, then those that begin so.

    >>> characters("lu")[0], characters("shi")[0]
    ('路', '市')
    """
    plain = letters.lower().replace("'", "")
    if not plain.isascii() or not plain.isalpha() or len(plain) > MOST_LETTERS:
        return []
    table = _table()
    found, longer = table.get(plain, ()), list[str]()
    for syllable, more in table.items():
        if syllable != plain and syllable.startswith(plain):
            longer.extend(more)
    longer.sort(key=lambda one: one not in _FIRST)
    return list(dict.fromkeys((*found, *longer)))[:MOST_CHARACTERS]


@cache
def _table() -> dict[str, tuple[str, ...]]:
    """Characters by syllable."""
    from pypinyin import Style, pinyin

    common = [
        bytes((high, low)).decode("gb2312")
        for high in range(0xB0, 0xD8)
        for low in range(0xA1, 0xFF)
        if (high, low) < (0xD7, 0xFA)
    ]
    found: dict[str, list[str]] = {}
    for one in dict.fromkeys((*_FIRST, *common)):
        for syllable in pinyin(one, style=Style.NORMAL, heteronym=True)[0]:
            found.setdefault(syllable.replace("ü", "v"), []).append(one)
    return {syllable: tuple(found[syllable]) for syllable in sorted(found)}
