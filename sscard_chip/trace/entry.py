# SPDX-License-Identifier: Apache-2.0
"""How one command is shown: what all tables of the trace are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.standard.commands import StandardCommand
from sscard_chip.trace import layouts
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.selection import Selection, TracedCommand

Parameters = Callable[[Selection, TracedCommand, bool], str]
Answer = Callable[[bytes, bool], str]
SECURED: Final = ", 安全报文"
"""The note of a command that also goes without secure messaging."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How one command is shown. ``note`` stands behind its Chinese name.

    ``place`` are P1 and P2, or the first of them, by which the entry is found, where they are
    others than the command's own.
    """

    command: StandardCommand
    parameters: Parameters
    answer: Answer = secret
    note: str = ""
    place: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        return f"{self.command.name} {self.command.chinese}{self.note}".rstrip()


def table(*entries: Entry) -> dict[tuple[int, ...], Entry]:
    """Entries by CLA, INS and, where they tell commands apart, P1 and P2."""
    found = {}
    for entry in entries:
        command, place = entry.command, entry.place
        if place is None:
            place = tuple(byte for byte in (command.p1, command.p2) if byte is not None)
        found[command.cla, command.ins, *place] = entry
    return found


def fields(layout: Any) -> Parameters:
    """The data of a command by the fields of ``layout``."""
    return lambda selection, command, unsafe: layouts.describe(layout, command.data, unsafe)


def result(layout: Any) -> Answer:
    """An answer by the fields of ``layout``."""
    return lambda body, unsafe: layouts.describe(layout, body, unsafe)


def data(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    """The data of a command that shows nothing else."""
    return secret(command.data, unsafe) if command.data else ""
