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
AnswerDescriber = Callable[[bytes, bool], str]
SECURED: Final = ", 安全报文"
"""The note of a command that also goes without secure messaging."""


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """How one command is shown. ``note`` stands behind its Chinese name.

    ``place`` are P1 and P2, or the first of them, by which the entry is found, where they are
    others than the command's own.
    """

    command: StandardCommand
    parameters: Parameters
    answer: AnswerDescriber = secret
    note: str = ""
    place: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        return f"{self.command.name} {self.command.chinese}{self.note}".rstrip()


def table(*entries: TraceEntry) -> dict[tuple[int, ...], TraceEntry]:
    """Entries by CLA, INS and, where they distinguish commands, P1 and P2."""
    found = {}
    for entry in entries:
        command, place = entry.command, entry.place
        if place is None:
            place = tuple(byte for byte in (command.p1, command.p2) if byte is not None)
        found[command.cla, command.ins, *place] = entry
    return found


def fields(layout: Any) -> Parameters:
    """The data of a command by the fields of ``layout``."""
    return lambda selection, command, unsafe: layouts.describe_fields(layout, command.data, unsafe)


def result(layout: Any) -> AnswerDescriber:
    """An answer by the fields of ``layout``."""
    return lambda body, unsafe: layouts.describe_fields(layout, body, unsafe)


def data(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    """The data of a command that shows nothing else."""
    return secret(command.data, unsafe) if command.data else ""
