# SPDX-License-Identifier: Apache-2.0
"""What is shown to people: tables whose identifiers and paths stand whole in any width.

A table is made as wide as the screen, or the pipe's ``COLUMNS``, and its long columns are folded
between words. Where not even the words fit, lines are longer than the screen: a msgid, a 卡识别码
or a path that is broken in two can be neither copied nor searched for.

Whatever comes in is shown in characters that can be seen: a name or a path cannot move the cursor,
colour the screen or make a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import IO, Any, Final

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sscard_chip.standard.escape import escape

_ENOUGH: Final = 10_000
_READABLE: Final = 8
_ASCII: Final = re.compile(r"[!-~]+")
_IDENTIFIER: Final = re.compile(r"[!-~]{4}")
_BODY: Final = re.compile(r"[0-9A-F]{65,}")


class _Seen(Table):
    """A table whose cells are escaped."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        super().add_row(*(_seen(cell, escape) for cell in cells), **options)


def listing(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns of ``right`` are numbers."""
    made = _Seen(box=None, padding=(0, 2, 0, 0), header_style="cyan")
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return made


def facts() -> Table:
    """An empty table of names and what they are."""
    made = _Seen.grid(padding=(0, 2))
    made.add_column(style="cyan", no_wrap=True)
    made.add_column(overflow="fold")
    return made


def show(*parts: RenderableType, file: IO[str] | None = None) -> None:
    """Print tables, and texts that are never folded, on stdout or to ``file``.

    Text in square brackets is text and no markup.
    """
    console = Console(file=file, highlight=False, markup=False)
    screen = console.width
    for part in parts:
        if isinstance(part, Table):
            console.width = _fit(part, console, screen)
            console.print(part, crop=False)
            console.width = screen
        else:
            console.print(_seen(part, _lines), soft_wrap=True)


def _fit(made: Table, console: Console, room: int) -> int:
    """Give every column its width; the width of the whole, more than ``room`` where it must be."""
    texts = [[_plain(cell) for cell in (column.header, *column.cells)] for column in made.columns]
    widths = [max(map(_longest_line, cells)) for cells in texts]
    least = [
        wide if column.no_wrap else max(min(wide, _READABLE), *map(_longest_word, cells))
        for column, wide, cells in zip(made.columns, widths, texts, strict=True)
    ]
    options = console.options.update(width=_ENOUGH)
    frame = console.measure(made, options=options).maximum - sum(widths)
    while sum(widths) + frame > room:
        foldable = [at for at, width in enumerate(widths) if width > least[at]]
        if not foldable:
            break
        widths[max(foldable, key=widths.__getitem__)] -= 1
    for column, width in zip(made.columns, widths, strict=True):
        column.width = width
    return max(room, sum(widths) + frame)


def _seen(part: Any, clean: Callable[[str], str]) -> Any:
    """A text without what cannot be seen; what has none, or is no text, as it is."""
    if isinstance(part, str):
        return clean(part)
    if isinstance(part, Text) and clean(part.plain) != part.plain:
        return Text(clean(part.plain), part.style)
    return part


def _lines(text: str) -> str:
    """Our own texts have lines."""
    return "\n".join(map(escape, text.split("\n")))


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _longest_word(text: str) -> int:
    """The longest word that must not be folded: all but Chinese text and long bodies in hex."""
    return max((cell_len(word) for word in text.split() if _whole(word)), default=0)


def _whole(word: str) -> bool:
    if _BODY.fullmatch(word):
        return False
    return bool(_ASCII.fullmatch(word) or _IDENTIFIER.search(word))
