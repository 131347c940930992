# SPDX-License-Identifier: Apache-2.0
"""The hotlist (黑名单): cards by 卡识别码 and 卡号, and ranges of 卡号 (LD/T 33).

The file is UTF-8, tab separated, LF. Header ``H``, ``sscard-hotlist/1``, version. Rows ``C``,
card_id_code (32 hex), card_number, since; rows ``R``, first and last card_number, since. Trailer
``T``, number of rows, SHA-256 (hex) of all rows before it. ``since`` is YYYYMMDDhhmmss or
``null`` for always; of a C row one of the first two may be ``null`` and then fits any.

A *delta* brings a list from one version to another: its header has behind the version that of
the list it is for and the digest of the list it makes; rows ``C`` as above, each in place of what
was there of the card, and rows ``X``, card_id_code, card_number, ``null``, of cards that are off.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final, NamedTuple, Self

from sscard_chip.dayfile.errors import DayFileError, RowFindings
from sscard_chip.dayfile.rows import NULL
from sscard_chip.dayfile.sealed import read_sealed, seal, write_lines
from sscard_chip.standard.dates import is_digits, parse_time

FORMAT: Final = "sscard-hotlist/1"
MOST_BYTES: Final = 128 << 20
"""Of a list: two million cards. A till keeps it in memory."""
MOST_VERSION: Final = 200
"""Characters of a version, as a day file's header takes them."""
_NEVER: Final = "9"
_ALWAYS: Final = ""
_CODE: Final = re.compile("[0-9A-Fa-f]{32}")
_USUAL: Final = re.compile(rf"C\t[0-9A-F]{{32}}\t(?!{NULL}\t)[^\t]+\t[0-9]{{14}}")
"""A row that names a whole card and a time, as those of a centre do."""


class HotCard(NamedTuple):
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
    """A hotlist in memory, as the rows of its file: three look-ups a card, whatever its size."""

    def __init__(
        self, version: str, cards: Iterable[HotCard] = (), ranges: Iterable[HotRange] = ()
    ) -> None:
        """A list of cards and ranges.

        :raises DayFileError: for a version that no cell can hold.
        """
        self._fill(version, _rows_of("C", cards), ranges)

    @classmethod
    def of_rows(cls, version: str, rows: Iterable[str], ranges: Iterable[HotRange] = ()) -> Self:
        """A list of cards by their rows, which are right, as :func:`hot_row` makes them.

        :raises DayFileError: for a version that no cell can hold.
        """
        found = cls.__new__(cls)
        found._fill(version, rows, ranges)
        return found

    def _fill(self, version: str, rows: Iterable[str], ranges: Iterable[HotRange]) -> None:
        if not version.isprintable() or not version or version == NULL:
            raise DayFileError("hotlist: version: must be printable text")
        if len(version) > MOST_VERSION:
            raise DayFileError(f"hotlist: version: at most {MOST_VERSION} characters")
        self.version = version
        self._rows = tuple(rows)
        self.ranges = tuple(sorted(ranges, key=lambda one: (len(one.first), one.first)))
        self._starts = [(len(one.first), one.first) for one in self.ranges]
        self._reach = _reaches(self.ranges)

    @property
    def count(self) -> int:
        """How many rows of cards it has."""
        return len(self._rows)

    @cached_property
    def cards(self) -> tuple[HotCard, ...]:
        """Its cards, in the order of the rows."""
        return tuple(map(_card, self._rows))

    @cached_property
    def _since(self) -> dict[str, str]:
        """Since when each card is on the list, by the two cells that name it."""
        found = {row[2:-15]: row[-14:] for row in self._rows if row[-4:] != NULL}
        if len(found) == len(self._rows):
            return found
        found.clear()
        for row in self._rows:  # some are on it always, or twice
            _, code, number, since = row.split("\t")
            card, time = f"{code}\t{number}", _ALWAYS if since == NULL else since
            found[card] = min(time, found.get(card, time))
        return found

    @property
    def issued(self) -> str | None:
        """When it was issued (YYYYMMDDhhmmss, local), where its version begins with a time."""
        return _issued(self.version)

    def is_before(self, version: str) -> bool:
        """Whether a version was issued after this list, as far as both say when they were."""
        own, other = _turn(self.version), _turn(version)
        return own is not None and other is not None and own < other

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 (32 bytes) of the file, as it stands in its trailer."""
        return seal((FORMAT, self.version), self._lines())[1]

    def apply(self, delta: HotlistDelta) -> Hotlist:
        """The list of a later version; the ranges stay as they are.

        :raises DayFileError: the delta is for another version, leads to an earlier one, or does
            not make what it says.
        """
        if delta.base != self.version:
            raise DayFileError(
                f"hotlist: version: is {self.version}, and the delta is for {delta.base}"
            )
        if Hotlist(delta.version).is_before(self.version):
            raise DayFileError(f"hotlist: version: the delta leads back, to {delta.version}")
        if delta.version == self.version and delta.digest != self.digest:
            raise DayFileError("hotlist: version: the delta changes a list and keeps its version")
        cards = {_place(row): row for row in self._rows}
        for row in _rows_of("C", delta.removed):
            if cards.pop(_place(row), None) is None:
                raise DayFileError("hotlist: the delta takes a card off that is not on it")
        cards |= {_place(row): row for row in _rows_of("C", delta.cards)}
        found = Hotlist.of_rows(delta.version, (cards[at] for at in sorted(cards)), self.ranges)
        if found.digest != delta.digest:
            raise DayFileError("hotlist: digest: the delta does not make the list that it names")
        return found

    def holds(self, card_id_code: bytes, card_number: str, time: str) -> bool:
        """Whether a card is on the list at ``time`` (YYYYMMDDhhmmss)."""
        return self.since(card_id_code, card_number) <= time

    def since(self, card_id_code: bytes, card_number: str) -> str:
        """The time from which on a card is on the list; one of no calendar when it is not."""
        code = card_id_code.hex().upper()
        keys = (f"{code}\t{card_number}", f"{code}\t{NULL}", f"{NULL}\t{card_number}")
        found = min(self._since.get(key, _NEVER) for key in keys)
        place = (len(card_number), card_number)
        at = bisect_right(self._starts, place) - 1
        while at >= 0 and self._reach[at] >= place:
            one = self.ranges[at]
            if (len(one.last), one.last) >= place:
                found = min(found, one.since or _ALWAYS)
            at -= 1
        return found

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a hotlist file.

        :raises DayFileError: file, row and rule; also when the digest is wrong.
        :raises OSError: the file cannot be read.
        """
        table = read_sealed(path, FORMAT, "version", most=MOST_BYTES)
        if all(map(_USUAL.fullmatch, table.rows)):
            return cls.of_rows(table.header[0], table.rows)
        cards: list[HotCard] = []
        ranges: list[HotRange] = []
        findings = RowFindings(os.fspath(path))
        for number, line in enumerate(table.rows, 2):
            with findings.row(number):
                _parse(line, cards, ranges)
        findings.check()
        return cls(table.header[0], cards, ranges)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a hotlist file.

        :raises OSError:
        """
        write_lines(path, (FORMAT, self.version), self._lines())

    def _lines(self) -> Iterator[str]:
        ranges = (f"R\t{one.first}\t{one.last}\t{one.since or NULL}" for one in self.ranges)
        return chain(self._rows, ranges)


class HotlistDelta:
    """What has changed from version ``base`` to ``version``; ``digest`` (32 bytes) is that of the
    whole list then, ``removed`` are cards by 卡识别码 and 卡号."""

    def __init__(
        self,
        version: str,
        base: str,
        digest: bytes,
        cards: Iterable[HotCard] = (),
        removed: Iterable[HotCard] = (),
    ) -> None:
        self.version, self.base, self.digest = version, base, digest
        self.cards, self.removed = tuple(cards), tuple(removed)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a delta file.

        :raises DayFileError: file, row and rule; also when the digest is wrong.
        :raises OSError: the file cannot be read.
        """
        cells = ("version", "since version", "digest")
        table = read_sealed(path, FORMAT, *cells, most=MOST_BYTES)
        source = os.fspath(path)
        version, base, digest = table.header
        cards: list[HotCard] = []
        removed: list[HotCard] = []
        findings = RowFindings(source)
        with findings.row(1):
            if not re.fullmatch("[0-9A-F]{64}", digest):
                raise DayFileError("digest: must be 64 hex digits in capitals")
        for number, line in enumerate(table.rows, 2):
            with findings.row(number):
                if line.startswith("X\t"):
                    _parse(f"C{line[1:]}", removed, [])
                elif line.startswith("R"):
                    raise DayFileError("must begin with C or X")
                else:
                    _parse(line, cards, [])
        findings.check()
        return cls(version, base, bytes.fromhex(digest), cards, removed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a delta file.

        :raises OSError:
        """
        header = (FORMAT, self.version, self.base, self.digest.hex().upper())
        write_lines(path, header, _rows_of("C", self.cards) + _rows_of("X", self.removed))


def _issued(version: str) -> str | None:
    time, rest = version[:14], version[14:]
    return time if parse_time(time) is not None and rest[:1] in ("", ".") else None


def _turn(version: str) -> tuple[str, int] | None:
    """What the versions of a centre are ordered by: the time, and which one of that second."""
    time, rest = _issued(version), version[15:]
    if time is None or (rest and not is_digits(rest, len(rest))):
        return None
    return time, int(rest or "1")


def _place(row: str) -> tuple[str, str]:
    """What a list is sorted by."""
    code, number = row[2:].split("\t")[:2]
    return "" if code == NULL else code, "" if number == NULL else number


def hot_row(card_id_code: bytes, card_number: str, since: int) -> str:
    """The row of a card that is on a list since a time (YYYYMMDDhhmmss as a number)."""
    return f"C\t{card_id_code.hex().upper()}\t{card_number}\t{since:014d}"


def _rows_of(kind: str, cards: Iterable[HotCard]) -> list[str]:
    return [
        f"{kind}\t{code.hex().upper() if code else NULL}\t{number or NULL}\t{since or NULL}"
        for code, number, since in cards
    ]


def _card(row: str) -> HotCard:
    _, code, number, since = (None if cell == NULL else cell for cell in row.split("\t"))
    return HotCard(bytes.fromhex(code) if code else None, number, since)


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
    broken = []
    if time is not None and not is_digits(time, 14):
        broken.append("since: must be YYYYMMDDhhmmss or null")
    if kind == "R":
        if len(first) != len(second) or first > second:
            broken.append("range: must run upwards, both ends of one length")
    elif kind != "C":
        broken.append("must begin with C or R")
    elif first != NULL and not _CODE.fullmatch(first):
        broken.append("card_id_code: must be 32 hex digits")
    elif first == second == NULL:
        broken.append("must name a card_id_code or a card_number")
    if broken:
        raise DayFileError("; ".join(broken))
    if kind == "R":
        ranges.append(HotRange(first, second, time))
    else:
        code = None if first == NULL else bytes.fromhex(first)
        cards.append(HotCard(code, None if second == NULL else second, time))
