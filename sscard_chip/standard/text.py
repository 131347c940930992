# SPDX-License-Identifier: Apache-2.0
"""Text on a card and in the interfaces: GB 18030-2022, and what a text item may hold.

The codec of Python knows the edition of 2000. Nineteen characters have got codes of two bytes
since then, and their places in the user's area the codes of four bytes that the characters had;
both directions exchange them. So every code on a card is read, and written back as the same bytes.

>>> encode_text("\u9fb4").hex(), decode_text(b"\\xfe\\x59")
('fe59', '\u9fb4')
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SEPARATORS: Final = "|^$"
"""End a field, a part and a file in the strings of the terminal's interface (LD/T 33)."""
REPLACEMENT: Final = "\ufffd"
"""Stands for what is no text."""

# A8BC (2005); A6D9 to A6DF, A6EC, A6ED, A6F3 and eight of FE59 to FEA0 (2022).
_MOVED: Final = dict(
    zip(
        (
            0xE7C7, *range(0xE78D, 0xE797),
            0xE81E, 0xE826, 0xE82B, 0xE82C, 0xE832, 0xE843, 0xE854, 0xE864,
        ),
        (
            0x1E3F, 0xFE10, 0xFE12, 0xFE11, 0xFE13, 0xFE14, 0xFE15, 0xFE16, 0xFE17, 0xFE18, 0xFE19,
            *range(0x9FB4, 0x9FBC),
        ),
        strict=True,
    )
)  # fmt: skip
_EXCHANGE: Final = _MOVED | {new: old for old, new in _MOVED.items()}
_EXCHANGED: Final = re.compile(f"[{''.join(map(chr, _EXCHANGE))}]")

_PLAIN: Final = re.compile(r"[ !-#%-\]_-{}~\u3000-\u3017\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e]*")
"""What most texts are made of: nothing of it is refused."""
_CONTROL: Final = frozenset(("Cc", "Cf", "Zl", "Zp"))
_PRIVATE: Final = frozenset(("Co", "Cs"))
_NO_BREAK: Final = "\u00a0\u2007\u202f"


def encode_text(text: str) -> bytes:
    """The GB 18030 bytes of a text; those of :func:`decode_text` as they were.

    :raises UnicodeEncodeError: for a surrogate that stands for no byte. It carries the text.
    """
    if _EXCHANGED.search(text):
        text = text.translate(_EXCHANGE)
    return text.encode("gb18030", "surrogateescape")


def decode_text(data: bytes, errors: str = "surrogateescape") -> str:
    """The text of GB 18030 bytes. A byte that is no text becomes a lone surrogate (PEP 383).

    :raises UnicodeDecodeError: with ``errors="strict"``.
    """
    text = data.decode("gb18030", errors)
    return text.translate(_EXCHANGE) if _EXCHANGED.search(text) else text


def displayed(text: str) -> str:
    """A text for people: what is no text, or would steer a terminal, becomes U+FFFD.

    Blanks of all kinds and characters of the user's area stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        REPLACEMENT if unicodedata.category(character) in _CONTROL | {"Cs"} else character
        for character in text
    )


def character_named(character: str) -> str:
    """A character for an error: itself where it can be seen, and its code point."""
    code = f"U+{ord(character):04X}"
    seen = character.isprintable() and unicodedata.category(character)[0] not in "MZC"
    return f"{character} ({code})" if seen else code


def encode_fitting(text: str, length: int) -> bytes:
    """The bytes of as many characters as ``length`` bytes hold whole."""
    data = b""
    for encoded in map(encode_text, text):
        if len(data) + len(encoded) > length:
            break
        data += encoded
    return data


def text_rule(text: str, *, four_byte: bool = True) -> str | None:
    """The rule that a text for an item of format ``an`` breaks, None when it breaks none.

    ``four_byte`` False refuses characters that GB 18030 codes with four bytes.
    """
    if not _PLAIN.fullmatch(text):
        for character in text:
            rule = _character_rule(character)
            if rule:
                return f"must not hold {rule}"
    return None if four_byte else four_byte_rule(text)


def four_byte_rule(text: str) -> str | None:
    """The rule of a region that forbids codes of four bytes, None for a text without them."""
    for character in text:
        if ord(character) > 0x7F and len(encode_text(character)) > 2:
            return f"must not hold codes of four bytes: {character_named(character)}"
    return None


def _character_rule(character: str) -> str | None:
    category = unicodedata.category(character)
    if category in _CONTROL:
        return "control characters"
    if category in _PRIVATE:
        return "private-use characters"
    if character in SEPARATORS:
        return f"{character}, which separates fields in the interfaces"
    if character in _NO_BREAK:
        return f"no-break blanks ({character_named(character)})"
    if character == REPLACEMENT or ord(character) & 0xFFFE == 0xFFFE:
        return f"what is left of a failed conversion ({character_named(character)})"
    return None
