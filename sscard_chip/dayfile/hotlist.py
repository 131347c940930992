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
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from sscard_chip.dayfile.errors import DayFileError, RowFindings
from sscard_chip.dayfile.rows import NULL
from sscard_chip.dayfile.sealed import read_sealed, seal, write_sealed
from sscard_chip.standard.dates import is_digits, parse_time

FORMAT: Final = "sscard-hotlist/1"
MOST_BYTES: Final = 128 << 20
"""Of a list: two million cards. A till keeps it in memory."""
MOST_VERSION: Final = 200
"""Characters of a version, as a day file's header takes them."""
_ALWAYS: Final = ""
_CODE: Final = re.compile("[0-9A-Fa-f]{32}")


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
        if len(version) > MOST_VERSION:
            raise DayFileError(f"hotlist: version: at most {MOST_VERSION} characters")
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
        return seal(*self._table())[1]

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
        cards = {_place(one): one for one in self.cards}
        for one in delta.removed:
            if cards.pop(_place(one), None) is None:
                raise DayFileError("hotlist: the delta takes a card off that is not on it")
        cards |= {_place(one): one for one in delta.cards}
        found = Hotlist(delta.version, (cards[at] for at in sorted(cards)), self.ranges)
        if found.digest != delta.digest:
            raise DayFileError("hotlist: digest: the delta does not make the list that it names")
        return found

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
        table = read_sealed(path, FORMAT, "version", most=MOST_BYTES)
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
        write_sealed(path, *self._table())

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        rows = [_row("C", card) for card in self.cards]
        rows += [("R", one.first, one.last, one.since or NULL) for one in self.ranges]
        return (FORMAT, self.version), rows


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
        rows = [_row("C", card) for card in self.cards]
        rows += [_row("X", card) for card in self.removed]
        header = (FORMAT, self.version, self.base, self.digest.hex().upper())
        write_sealed(path, header, rows)


def _issued(version: str) -> str | None:
    time, rest = version[:14], version[14:]
    return time if parse_time(time) is not None and rest[:1] in ("", ".") else None


def _turn(version: str) -> tuple[str, int] | None:
    """What the versions of a centre are ordered by: the time, and which one of that second."""
    time, rest = _issued(version), version[15:]
    if time is None or (rest and not is_digits(rest, len(rest))):
        return None
    return time, int(rest or "1")


def _place(card: HotCard) -> tuple[str, str]:
    """What a list is sorted by."""
    return card.card_id_code.hex() if card.card_id_code else "", card.card_number or ""


def _row(kind: str, card: HotCard) -> tuple[str, ...]:
    code = card.card_id_code.hex().upper() if card.card_id_code else NULL
    return kind, code, card.card_number or NULL, card.since or NULL


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
