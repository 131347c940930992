# SPDX-License-Identifier: Apache-2.0
"""The hotlist (黑名单): cards by 卡识别码 and 卡号, and ranges of 卡号 (LD/T 33).

The file is UTF-8, tab separated, LF. Header ``H``, ``sscard-hotlist/1``, version. Rows ``C``,
card_id_code (32 hex), card_number, since; rows ``R``, first and last card_number, since. Trailer
``T``, number of rows, SHA-256 (hex) of all rows before it. ``since`` is YYYYMMDDhhmmss or
``null`` for always; of a C row one of the first two may be ``null`` and then fits any.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from sscard_chip.dayfile.errors import DayFileError, at_row
from sscard_chip.dayfile.rows import NULL
from sscard_chip.dayfile.sealed import read_sealed, write_sealed
from sscard_chip.standard.dates import is_digits

FORMAT: Final = "sscard-hotlist/1"
_ALWAYS: Final = ""


@dataclass(frozen=True, slots=True)
class HotCard:
    """A card: both given values must be the card's. ``since`` is a time or None."""

    card_id_code: bytes | None
    card_number: str | None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class HotRange:
    """All 卡号 of the same length from ``first`` to ``last``."""

    first: str
    last: str
    since: str | None = None


class Hotlist:
    """A hotlist in memory: two look-ups a card, whatever its size."""

    def __init__(
        self, version: str, cards: Iterable[HotCard] = (), ranges: Iterable[HotRange] = ()
    ) -> None:
        """A list of cards and ranges.

        :raises DayFileError: for a version that no cell can hold.
        """
        if not version.isprintable() or not version or version == NULL:
            raise DayFileError("hotlist: version: must be printable text")
        self.version = version
        self.cards = tuple(cards)
        self.ranges = tuple(sorted(ranges, key=lambda one: (len(one.first), one.first)))
        self._by_card: dict[tuple[bytes | None, str | None], str] = {}
        for card in self.cards:
            key = (card.card_id_code, card.card_number)
            since = card.since or _ALWAYS
            self._by_card[key] = min(since, self._by_card.get(key, since))
        self._starts = [(len(one.first), one.first) for one in self.ranges]
        self._reach = _reaches(self.ranges)

    def holds(self, card_id_code: bytes, card_number: str, time: str) -> bool:
        """Whether a card is on the list at ``time`` (YYYYMMDDhhmmss)."""
        keys = ((card_id_code, card_number), (card_id_code, None), (None, card_number))
        if any(self._by_card.get(key, "9") <= time for key in keys):
            return True
        place = (len(card_number), card_number)
        at = bisect_right(self._starts, place) - 1
        while at >= 0 and self._reach[at] >= place:
            one = self.ranges[at]
            if (len(one.last), one.last) >= place and (one.since or _ALWAYS) <= time:
                return True
            at -= 1
        return False

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a hotlist file.

        :raises DayFileError: file, row and rule; also when the digest is wrong.
        :raises OSError: the file cannot be read.
        """
        table = read_sealed(path, FORMAT, "version")
        cards: list[HotCard] = []
        ranges: list[HotRange] = []
        for number, line in enumerate(table.rows, 2):
            with at_row(os.fspath(path), number):
                _parse(line, cards, ranges)
        return cls(table.header[0], cards, ranges)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a hotlist file.

        :raises OSError:
        """
        rows: list[tuple[str, ...]] = []
        for card in self.cards:
            code = card.card_id_code.hex().upper() if card.card_id_code else NULL
            rows.append(("C", code, card.card_number or NULL, card.since or NULL))
        rows += [("R", one.first, one.last, one.since or NULL) for one in self.ranges]
        write_sealed(path, (FORMAT, self.version), rows)


def _reaches(ranges: tuple[HotRange, ...]) -> list[tuple[int, str]]:
    """For each range the furthest end of it and all before it."""
    reach: list[tuple[int, str]] = []
    for one in ranges:
        end = (len(one.last), one.last)
        reach.append(max(end, reach[-1]) if reach else end)
    return reach


def _parse(line: str, cards: list[HotCard], ranges: list[HotRange]) -> None:
    cells = line.split("\t")
    if len(cells) != 4 or not all(cells):
        raise DayFileError("must have 4 cells")
    kind, first, second, since = cells
    time = None if since == NULL else since
    if time is not None and not is_digits(time, 14):
        raise DayFileError("since: must be YYYYMMDDhhmmss or null")
    if kind == "R":
        if len(first) != len(second) or first > second:
            raise DayFileError("range: must run upwards, both ends of one length")
        ranges.append(HotRange(first, second, time))
    elif kind == "C":
        try:
            code = None if first == NULL else bytes.fromhex(first)
        except ValueError:
            raise DayFileError("card_id_code: must be 32 hex digits") from None
        if code is not None and len(code) != 16:
            raise DayFileError("card_id_code: must be 32 hex digits")
        number = None if second == NULL else second
        if code is None and number is None:
            raise DayFileError("must name a card_id_code or a card_number")
        cards.append(HotCard(code, number, time))
    else:
        raise DayFileError("must begin with C or R")
