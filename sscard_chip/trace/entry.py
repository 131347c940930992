# SPDX-License-Identifier: Apache-2.0
"""How one command is shown: what all tables of the trace are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sscard_chip.trace import layouts
from sscard_chip.trace.layouts import secret
from sscard_chip.trace.selection import Selection, TracedCommand

Parameters = Callable[[Selection, TracedCommand, bool], str]
Answer = Callable[[bytes, bool], str]


@dataclass(frozen=True, slots=True)
class Entry:
    """How one command is shown."""

    english: str
    chinese: str
    parameters: Parameters
    answer: Answer = secret

    @property
    def name(self) -> str:
        return f"{self.english} {self.chinese}".rstrip()


def fields(layout: Any) -> Parameters:
    """The data of a command by the fields of ``layout``."""
    return lambda selection, command, unsafe: layouts.describe(layout, command.data, unsafe)


def result(layout: Any) -> Answer:
    """An answer by the fields of ``layout``."""
    return lambda body, unsafe: layouts.describe(layout, body, unsafe)


def data(selection: Selection, command: TracedCommand, unsafe: bool) -> str:
    """The data of a command that shows nothing else."""
    return secret(command.data, unsafe) if command.data else ""
