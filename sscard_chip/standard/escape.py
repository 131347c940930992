# SPDX-License-Identifier: Apache-2.0
"""Text that came from outside, made harmless for people, terminals and spreadsheets.

A file's name or a row's msgid may hold a line end that forges a second row, an escape sequence
that rewrites the screen, or a formula that a spreadsheet runs. Whatever of them is shown or
written into a table for people goes through :func:`escape`. What is for programs, JSON, goes
through :func:`escape_json`, which changes how it is written and not what it says.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ACTIVE: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Categories of what acts instead of being seen: controls, directions, surrogates, line ends.
Private and unassigned code points are let through: rare characters of names are among them."""

_FORMULA: Final = re.compile(r'\s*["=+\-@＝＋－＠]')
"""How a cell begins that a spreadsheet runs; a quotation mark, since it is taken off first."""

_SEPARATORS: Final = re.compile(r"[\t-\r]")
"""Tab and the line ends of ASCII."""

_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?")


def escape(text: str, *, cell: bool = False) -> str:
    """The text in one line of characters that can be seen; ``\\n``, ``\\x1b`` where it had others.

    :param cell: it becomes a cell of a table: tabs and line ends become blanks, and what a
        spreadsheet would take for a formula gets an apostrophe in front. Numbers, negative ones
        too, stay.
    """
    if not text.isprintable():
        if cell:
            text = _SEPARATORS.sub(" ", text)
        text = "".join(map(_visible, text))
    if cell and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def escape_json(document: str) -> str:
    """A JSON document in characters that can be seen and line ends; it reads back the same."""
    if document.replace("\n", "").isprintable():
        return document
    return "".join(one if one == "\n" else _in_json(one) for one in document)


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _ACTIVE:
        return character
    return character.encode("unicode_escape").decode()


def _in_json(character: str) -> str:
    if unicodedata.category(character) not in _ACTIVE:
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
