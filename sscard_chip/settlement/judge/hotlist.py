# SPDX-License-Identifier: Apache-2.0
"""Code 3 by the hotlist: cards that were on it when they were debited."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.settlement.arrays import Mask, UInt64Array, among
from sscard_chip.settlement.columns import DebitColumns, as_words
from sscard_chip.settlement.judge.proof import row_bytes

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 through the golden ratio: words that differ differ in the upper bits of the product."""


class HotlistColumns:
    """A hotlist, prepared for columns: few rows pass the sieve, and those are asked one by one."""

    def __init__(self, hotlist: Hotlist) -> None:
        self._hotlist = hotlist
        codes = [one.card_id_code for one in hotlist.cards if one.card_id_code]
        numbers = [one.card_number for one in hotlist.cards if one.card_id_code is None]
        self._codes = _Sieve(_words(b"".join(codes)))
        self._numbers = _Sieve(_prefixes(np.array([(n or "").encode() for n in numbers], "S9")))
        ranges = [one for one in hotlist.ranges if (one.first + one.last).isascii()]
        ends = np.array([(one.first.encode(), one.last.encode()) for one in ranges], "S9")
        ends = ends.reshape(-1, 2)
        first = _heads(ends[:, 0])
        order = np.argsort(first)
        self._first = first[order]
        self._reach = np.maximum.accumulate(_heads(ends[:, 1])[order])

    def holds(self, columns: DebitColumns) -> NDArray[np.bool_]:
        """Which rows are of a card that was on the list at their time."""
        sieve = self._codes.which(as_words(columns.card_id_code[:, 8:]))
        sieve |= self._numbers.which(_prefixes(columns.card_number))
        if len(self._first):
            heads = _heads(columns.card_number)
            before = np.searchsorted(self._first, heads, "right") - 1
            sieve |= (before >= 0) & (self._reach[before] >= heads)
        found = np.zeros(len(columns), np.bool_)
        since: dict[tuple[bytes, bytes], str] = {}
        rows = np.flatnonzero(sieve)
        codes, times = row_bytes([columns.card_id_code[rows]]), row_bytes([columns.time[rows]])
        numbers = columns.card_number[rows].tolist()
        for at, code, number, time in zip(rows.tolist(), codes, numbers, times, strict=True):
            if (code, number) not in since:
                since[code, number] = self._hotlist.since(code, number.decode())
            found[at] = since[code, number] <= time.hex()
        return found


class _Sieve:
    """Words that few others look like: by 16 bits of a product, then by themselves."""

    def __init__(self, words: UInt64Array) -> None:
        self._words = np.unique(words)
        self._marks = np.zeros(1 << 16, np.bool_)
        self._marks[_mixed(self._words)] = True

    def which(self, words: UInt64Array) -> Mask:
        """Which of ``words`` are among them."""
        found = self._marks[_mixed(words)]
        at = np.flatnonzero(found)
        found[at] = among(words[at], self._words)
        return found


def _mixed(words: UInt64Array) -> UInt64Array:
    mixed: UInt64Array = words * _ODD
    mixed >>= np.uint64(48)
    return mixed


def _words(codes: bytes) -> NDArray[np.uint64]:
    """The second halves of 卡识别码, where the serial number is."""
    return as_words(np.frombuffer(codes, np.uint8).reshape(-1, 16)[:, 8:])


def _prefixes(numbers: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Card numbers as words: the last eight of nine characters."""
    texts = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, 9)
    return as_words(texts[:, 1:])


def _heads(numbers: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """The first eight characters of card numbers, as words that sort as the numbers do."""
    texts = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, 9)
    return np.ascontiguousarray(texts[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
