# SPDX-License-Identifier: Apache-2.0
"""The font of papers, and which characters it has: one that it lacks would print as a box.

Asked of fontconfig, which WeasyPrint finds its fonts by: the family that is named on the page is
the one that was looked at.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from sscard_chip.standard.errors import SettlementError

FAMILIES: Final = ("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "sans-serif")
_SAMPLE: Final = "社会保障卡虚构市测试"
_LIBRARIES: Final = ("libfontconfig.so.1", "libfontconfig.1.dylib", "libfontconfig-1.dll")


class PaperFontError(SettlementError):
    """This machine has no font for papers; one line that says what to install."""


class PaperFont:
    """A font by its ``family``."""

    def __init__(self, family: str, has: Callable[[int], bool]) -> None:
        self.family = family
        self._has = has

    def covers(self, text: str) -> bool:
        """Whether it has every character of a text, and all of them are printed."""
        return text.isprintable() and all(self._has(ord(one)) for one in text)


@cache
def paper_font() -> PaperFont:
    """The font of this machine.

    :raises PaperFontError: there is no fontconfig, or no font with Chinese characters.
    """
    library = _fontconfig()
    pattern = ctypes.c_void_p(library.FcNameParse(",".join(FAMILIES).encode() + b":lang=zh-cn"))
    library.FcConfigSubstitute(None, pattern, 0)
    library.FcDefaultSubstitute(pattern)
    result = ctypes.c_int()
    found = ctypes.c_void_p(library.FcFontMatch(None, pattern, ctypes.byref(result)))
    family, characters = ctypes.c_char_p(), ctypes.c_void_p()
    if (
        not found
        or library.FcPatternGetString(found, b"family", 0, ctypes.byref(family))
        or library.FcPatternGetCharSet(found, b"charset", 0, ctypes.byref(characters))
        or family.value is None
    ):
        raise PaperFontError("papers need a font with Chinese characters: fonts-noto-cjk")
    font = PaperFont(
        family.value.decode("utf-8", "replace"),
        lambda one: bool(library.FcCharSetHasChar(characters, one)),
    )
    if not font.covers(_SAMPLE):
        raise PaperFontError("papers need a font with Chinese characters: fonts-noto-cjk")
    return font


def _fontconfig() -> Any:
    names = [one for one in (ctypes.util.find_library("fontconfig"), *_LIBRARIES) if one]
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function in ("FcNameParse", "FcFontMatch"):
            getattr(library, function).restype = ctypes.c_void_p
        library.FcCharSetHasChar.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
        return library
    raise PaperFontError("papers need fontconfig: apt-get install libfontconfig1")
