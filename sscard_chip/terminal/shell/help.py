# SPDX-License-Identifier: Apache-2.0
"""What ``help`` says: the commands, and the names that the card in the reader knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.profile.model import KeyUse
from sscard_chip.standard.identifiers import SSSE_NAME
from sscard_chip.terminal.shell.commands import Word
from sscard_chip.terminal.shell.names import Names, UnknownNameError
from sscard_chip.trace.selection import directory_name

_COMMANDS: Final = {
    "select": (
        "select NAME[/NAME...]",
        "SSSE, DF04, EF05, MF, a FID, a DF name or AID, a Chinese or English name",
    ),
    "read": (
        "read [all] [FILE] [WHICH]",
        "WHICH is a record number, tag HH, an item's name, or bytes OFFSET [LENGTH]",
    ),
    "update": (
        "update FILE WHICH VALUE",
        "text, digits or hexadecimal as the item wants; hex:... is a whole record; "
        "update FILE append VALUE ... adds to a cyclic file",
    ),
    "verify": ("verify [PIN]", "without a PIN asks the card for its tries; verify ask: unseen"),
    "change": ("change pin OLD NEW", "change pin ask: both unseen"),
    "challenge": ("challenge [LENGTH]", "a random number of the card, 4, 8 or 16 bytes"),
    "ea": ("ea KEY [VERSION]", "external authentication by kid or name: ea 0A, ea RKSSSE"),
    "ia": ("ia [VERSION]", "internal authentication, checked when --keys is there"),
    "balance": ("balance [account|self|pool]", "of the medical account in DF04"),
    "proof": ("proof 31|32 NUMBER", "MAC and TAC of a load (31) or purchase (32)"),
    "raw": ("raw on|off", "on: no GET RESPONSE for 61xx, no repetition for 6Cxx"),
    "reset": ("reset", "reset the card, also to connect again"),
    "atr": ("atr", "the answer to reset"),
    "help": ("help [TOPIC]", "a command, apdu, files, keys, or a file such as EF06"),
    "quit": ("quit", "or exit, or Ctrl-D"),
}
_NAME: Final = SSSE_NAME.decode("gbk")
_APDU: Final = (
    "[CLA]INS[P1P2] [DATA ...] [/LE]   a command; CLA, P1, P2 are 00 if left out",
    f"A4 0400 {_NAME}           data: hexadecimal, a name, or text in quotes (GB 18030)",
    "82 RKSSSE 0102...                 P1P2 by the name of a key: 00 and its kid",
    "00B2072C00                        more than eight digits: a whole APDU, as it is",
    "B2 072C /0B =9000|6A83            the status word must be one of these; x is any digit",
    "read EF05 7 =                     = alone is =9000; # begins a comment",
)
TOPICS: Final = (*(name for name in _COMMANDS), "apdu", "files", "keys")


def help_lines(topic: str, names: Names) -> list[str]:
    """The lines for a topic, an overview without one.

    :raises UnknownNameError:
    """
    wanted = topic.casefold()
    if not wanted:
        return list(_overview())
    if wanted == "exit":
        wanted = "quit"
    if wanted in _COMMANDS:
        usage, text = _COMMANDS[wanted]
        return [usage, f"  {text}"]
    if wanted == "apdu":
        return list(_APDU)
    if wanted == "files":
        return list(_files(names))
    if wanted == "keys":
        return list(_keys(names))
    file = names.find_file(Word(topic))
    if file is None:
        raise UnknownNameError("no such topic: help alone lists them")
    rights = f"read {file.read}, write {file.write}"
    items = enumerate(file.items, 1)
    return [
        f"{file.fid:04X} {file.name} {file.english}: {file.structure.value}, {rights}",
        *(
            f"  {number:3} {f'{item.tag:02X}' if item.tag else '  '} {item.name} {item.english}, "
            f"{item.format.value} {item.length}"
            for number, item in items
        ),
    ]


def _overview() -> Iterator[str]:
    width = max(len(usage) for usage, _ in _COMMANDS.values())
    for usage, text in _COMMANDS.values():
        yield f"{usage:{width}}  {text}"
    yield f"{'INS [P1P2] [DATA] [/LE]':{width}}  an APDU in hexadecimal: help apdu"
    yield f"{'... =9000|63Cx':{width}}  the status words that are expected"


def _files(names: Names) -> Iterator[str]:
    here = names.here
    for directory in names.directories:
        mark = "*" if directory is here else " "
        yield f"{mark} {directory_name(directory)} {directory.english}"
    for file in names.files:
        yield f"    {file.fid:04X} {file.name} {file.english}"
    if here is None:
        yield "  select one of them to see its files"


def _keys(names: Names) -> Iterator[str]:
    for directory in names.directories:
        if directory not in (names.here, names.environment):
            continue
        yield directory_name(directory)
        for key in directory.keys:
            if key.use in (KeyUse.EXTERNAL, KeyUse.INTERNAL):
                yield f"  {key.kid:02X} {key.root}: {key.purpose}"
