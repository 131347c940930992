# SPDX-License-Identifier: Apache-2.0
"""A program that calls: its settings, and the terminal that it shares with others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sscard_driver.terminal import OpenTerminal, SharedTerminal


@dataclass(frozen=True, slots=True)
class InitSettings:
    """What a program has said in Init.

    ``url`` is where the electronic credential's service is, ``timeout_s`` how long to wait for
    it. ``card_pin``: VerifyPIN asks for the card's PIN, and not for one of a database.
    """

    url: str = ""
    timeout_s: float = 60.0
    card_pin: bool = True


class CallingProgram:
    """One program. ``settings`` are those of each library whose Init it has called."""

    def __init__(self, terminal: SharedTerminal) -> None:
        self.terminal = terminal
        self.settings: dict[str, InitSettings] = {}

    @contextmanager
    def use(self) -> Iterator[OpenTerminal]:
        """The block has the open terminal.

        :raises SscardError: it cannot be opened.
        :raises OSError: likewise.
        """
        with self.terminal.used_by(self):
            yield self.terminal.open()
