# SPDX-License-Identifier: Apache-2.0
"""Black and white lists of a gate.

A black list is a text file, a card a row: issuer 11 characters and card number 19, both left
aligned and filled with blanks, in rising order, each row ended by LF [M].
"""

from __future__ import annotations

import os
import re
from typing import Final

from sscard_chip.dayfile.transit import ISSUER_TEXT
from sscard_chip.standard.inputfile import open_input
from sscard_chip.terminal.transit.errors import BlackListError
from sscard_chip.terminal.transit.region import WhiteListEntry

NUMBER_TEXT: Final = 19
MAX_ROWS: Final = 2_000_000
_ROW: Final = ISSUER_TEXT + NUMBER_TEXT
_FORM: Final = re.compile(rb"(?=.{11}[0-9])[0-9]{1,11} *[0-9]{1,19} *")


class BlackList:
    """Cards that no gate lets through; each is locked when it comes."""

    def __init__(self, rows: bytes = b"", source: str = "black list") -> None:
        """``rows`` as in the file.

        :raises BlackListError: a row that is none, or one out of order.
        """
        size = _ROW + 1
        if len(rows) % size or len(rows) > MAX_ROWS * size:
            raise BlackListError(
                f"{source}: rows must be {_ROW} characters and LF, {MAX_ROWS} at most"
            )
        before = b""
        for number, at in enumerate(range(0, len(rows), size), 1):
            row = rows[at : at + _ROW]
            if not _FORM.fullmatch(row) or rows[at + _ROW : at + size] != b"\n":
                raise BlackListError(f"{source}: row {number}: must be an issuer and a card number")
            if row <= before:
                raise BlackListError(f"{source}: row {number}: must come after the row before")
            before = row
        self._cards = frozenset(rows[at : at + _ROW] for at in range(0, len(rows), size))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BlackList:
        """Read a file.

        :raises BlackListError:
        :raises OSError:
        """
        with open_input(path) as stream:
            return cls(stream.read((_ROW + 1) * MAX_ROWS + 1), os.fspath(path))

    def __len__(self) -> int:
        return len(self._cards)

    def has(self, issuer: bytes, number: str) -> bool:
        """Whether a card is on it: issuer of 11 characters, number of up to 19 digits."""
        return issuer + number.encode().ljust(NUMBER_TEXT) in self._cards


class WhiteList:
    """Issuers whose cards are taken, with how their numbers begin; an empty one takes all."""

    def __init__(self, entries: list[WhiteListEntry]) -> None:
        self._starts: dict[bytes, list[str]] = {}
        for one in entries:
            issuer = one.issuer.encode().ljust(ISSUER_TEXT)
            self._starts.setdefault(issuer, []).append(one.bin)

    def takes(self, issuer: bytes, number: str) -> bool:
        """Whether a card is taken."""
        if not self._starts:
            return True
        return any(number.startswith(start) for start in self._starts.get(issuer, ()))
