# SPDX-License-Identifier: Apache-2.0
"""Completion of a line: commands, directories, files, items and keys, by where the card stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sscard_chip.terminal.shell.commands import Word
from sscard_chip.terminal.shell.grammar import COMMAND_NAMES
from sscard_chip.terminal.shell.help import TOPICS
from sscard_chip.terminal.shell.names import Names

_FIXED: Final = {
    "balance": ("account", "self", "pool"),
    "challenge": ("4", "8", "16"),
    "change": ("pin",),
    "proof": ("31", "32"),
    "raw": ("on", "off"),
    "verify": ("ask",),
}


def complete(before: str, names: Names) -> list[str]:
    """What the last word of ``before``, the line up to the cursor, may become; sorted by use.

    Names with blanks, which need quotes, are left out. In a path the whole word comes back.
    """
    words = before.split(" ")
    last = words[-1]
    done = [word for word in words[:-1] if word]
    if not done:
        return _beginning(last, COMMAND_NAMES)
    command, arguments = done[0].casefold(), done[1:]
    if command == "select":
        return _path(last, names) if not arguments else []
    source = _SOURCES.get(command)
    if source is not None:
        return _beginning(last, source(arguments, names))
    return _beginning(last, () if arguments else _FIXED.get(command, ()))


def _beginning(prefix: str, words: Iterable[str]) -> list[str]:
    folded = prefix.casefold()
    found = (word for word in words if word.casefold().startswith(folded))
    return [word for word in dict.fromkeys(found) if not any(map(str.isspace, word))]


def _path(prefix: str, names: Names) -> list[str]:
    """Behind a slash follow the directory's files, and the applications behind SSSE."""
    parent, slash, last = prefix.rpartition("/")
    if not slash:
        return _beginning(last, names.target_names())
    name = parent.rpartition("/")[2].casefold()
    found: list[str] = []
    for directory in names.directories:
        if directory.short_name.casefold() == name:
            if directory is names.environment:
                found += (d.short_name for d in names.directories if d is not directory)
            found += (f"{file.fid:04X}" for file in directory.files)
    return [f"{parent}/{word}" for word in _beginning(last, found)]


def _read(arguments: list[str], names: Names) -> list[str]:
    if not arguments:
        current = names.item_names(names.current) if names.current else []
        return ["all", "tag", "bytes", *names.file_words(), *current]
    if arguments[0].casefold() == "all":
        return names.file_names() if len(arguments) == 1 else []
    return _items(arguments, names)


def _update(arguments: list[str], names: Names) -> list[str]:
    if not arguments:
        return names.file_words()
    found = _items(arguments, names)
    return [*found, "append"] if found else []


def _items(arguments: list[str], names: Names) -> list[str]:
    file = names.find_file(Word(arguments[0])) if len(arguments) == 1 else None
    return [*names.item_names(file), "tag", "bytes"] if file else []


def _keys(arguments: list[str], names: Names) -> list[str]:
    return [] if arguments else names.key_names()


def _help(arguments: list[str], names: Names) -> list[str]:
    return [] if arguments else [*TOPICS, *names.file_names()]


_SOURCES: Final[dict[str, Callable[[list[str], Names], list[str]]]] = {
    "read": _read,
    "update": _update,
    "ea": _keys,
    "82": _keys,
    "help": _help,
}
