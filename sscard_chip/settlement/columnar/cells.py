# SPDX-License-Identifier: Apache-2.0
"""The cells of many D rows at once: numbers, hex and text out of one buffer of bytes.

A decoder here takes only what is certainly right and calls everything else doubtful. A doubtful
row goes to :func:`sscard_chip.dayfile.rows.parse_row`, whose word is final, so the two
readers of the house cannot differ.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import UInt64Array

BEFORE: Final = 16
"""Bytes that stand before the first row of a buffer: windows reach back over them."""
AFTER: Final = 32
"""Bytes behind the last row."""

_ZEROS: Final = np.uint64(0x3030303030303030)
_OVER_NINE: Final = np.uint64(0x7676767676767676)
_HIGH_BITS: Final = np.uint64(0x8080808080808080)
_NULL: Final = int.from_bytes(b"null", "little")
_DIGITS: Final = 8
"""Digits that one word holds; longer numbers are doubtful."""


def _pairs(digits: str) -> NDArray[np.uint16]:
    """From two characters, as a little-endian word, to the byte that they write; 256 is none."""
    table = np.full(65536, 256, np.uint16)
    for high, one in enumerate(digits):
        for low, other in enumerate(digits):
            table[ord(one) | ord(other) << 8] = high << 4 | low
    return table


_HEX: Final = _pairs("0123456789ABCDEF")
_BCD: Final = _pairs("0123456789")


class Cells:
    """``count`` rows of the same number of cells; ``doubtful`` collects what is not plain.

    ``buffer`` has ``BEFORE`` and ``AFTER`` bytes round the rows. ``ends`` (cells, n) says where
    the byte behind each cell stands.
    """

    def __init__(self, buffer: bytes | bytearray, ends: NDArray[np.int64]) -> None:
        self._buffer = buffer
        self._ends = ends
        self._bytes = np.frombuffer(buffer, np.uint8)
        self.count = ends.shape[1]
        self.doubtful = np.zeros(self.count, np.bool_)

    def widths(self, cell: int) -> NDArray[np.int64]:
        """Bytes of a cell in each row."""
        widths: NDArray[np.int64] = self._ends[cell] - self._ends[cell - 1] - 1
        return widths

    def starts(self, cell: int) -> NDArray[np.int64]:
        """Where a cell begins."""
        starts: NDArray[np.int64] = self._ends[cell - 1] + 1
        return starts

    def _gather(self, kind: str, at: NDArray[np.int64]) -> NDArray[Any]:
        size = np.dtype(kind).itemsize
        shape = (len(self._buffer) - size + 1,)
        windows: NDArray[Any] = np.ndarray(shape, kind, self._buffer, strides=(1,))
        return windows[at]

    def _doubt(self, wrong: NDArray[np.bool_]) -> None:
        self.doubtful |= wrong

    def _is_null(self, cell: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self._gather("<u4", self.starts(cell)) == _NULL
        found &= self.widths(cell) == len("null")
        return found

    def all_null(self, cell: int) -> bool:
        """Whether a cell is ``null`` in every row."""
        return bool(self._is_null(cell).all())

    def text(self, cell: int, most: int, *, optional: bool = False) -> NDArray[np.bytes_]:
        """Printable text of 1 to ``most`` bytes; empty for ``null`` in an optional cell."""
        widths = self.widths(cell)
        self._doubt((widths < 1) | (widths > most))
        null = self._is_null(cell)
        if not optional:
            self._doubt(null)
            return self._texts(self.starts(cell), widths, most)
        there = np.flatnonzero(~null)
        found = np.zeros(self.count, f"S{most}")
        found[there] = self._texts(self.starts(cell)[there], widths[there], most)
        return found

    def _texts(
        self, starts: NDArray[np.int64], widths: NDArray[np.int64], most: int
    ) -> NDArray[np.bytes_]:
        bare = self._gather(f"V{most}", starts).view(np.uint8).reshape(-1, most)
        if (widths != most).any():
            bare *= np.arange(most) < widths[:, None]
        return bare.view(f"S{most}").reshape(-1)

    def flag(self, cell: int) -> NDArray[np.bool_]:
        """0 or 1."""
        found = self._bytes[self.starts(cell)] ^ np.uint8(0x30)
        self._doubt((found > 1) | (self.widths(cell) != 1))
        return found.astype(np.bool_)

    def number(self, cell: int) -> NDArray[np.uint32]:
        """A number without leading zeros."""
        widths = self.widths(cell)
        value, wrong = self._digits(self._ends[cell], widths)
        leading = self._bytes[self.starts(cell)] == 0x30
        self._doubt(wrong | (leading & (widths != 1)))
        return value.astype(np.uint32)

    def yuan(self, cell: int) -> NDArray[np.int64]:
        """Yuan with two decimals, as fen."""
        starts, ends = self.starts(cell), self._ends[cell]
        negative = self._bytes[starts] == 0x2D
        starts = starts + negative
        point = ends - 3
        whole, wrong = self._digits(point, point - starts)
        wrong |= self._bytes[point] != 0x2E
        leading = self._bytes[starts] == 0x30
        wrong |= leading & (point - starts != 1)
        tens = self._bytes[ends - 2] ^ np.uint8(0x30)
        ones = self._bytes[ends - 1] ^ np.uint8(0x30)
        wrong |= (tens > 9) | (ones > 9)
        fen: NDArray[np.int64] = whole.astype(np.int64) * 100 + (tens * np.uint8(10) + ones)
        if negative.any():
            wrong |= negative & (fen == 0)
            np.negative(fen, out=fen, where=negative)
        self._doubt(wrong)
        return fen

    def division(self, cell: int, absent: int | None = None) -> NDArray[np.uint32]:
        """Six digits; ``absent`` for ``null`` where that is allowed."""
        widths = self.widths(cell)
        value, wrong = self._digits(self._ends[cell], widths)
        wrong |= widths != 6
        found = value.astype(np.uint32)
        if absent is not None:
            null = self._is_null(cell)
            wrong &= ~null
            found[null] = absent
        self._doubt(wrong)
        return found

    def octets(
        self, cell: int, length: int, absent: NDArray[np.bool_] | None = None
    ) -> NDArray[np.uint8]:
        """``length`` bytes in capital hex; where the cell is ``null``, ``absent`` becomes True."""
        return self._pairs(_HEX, cell, length, absent)

    def bcd(self, cell: int, length: int) -> NDArray[np.uint8]:
        """Twice ``length`` decimal digits, two to a byte."""
        return self._pairs(_BCD, cell, length, None)

    def _pairs(
        self, table: NDArray[np.uint16], cell: int, length: int, absent: NDArray[np.bool_] | None
    ) -> NDArray[np.uint8]:
        text = self._gather(f"V{2 * length}", self.starts(cell)).view("<u2")
        found = table.take(text).reshape(-1, length)
        wrong = self.widths(cell) != 2 * length
        if found.max(initial=0) > 255:
            wrong |= (found > 255).any(axis=1)
        value = found.astype(np.uint8)
        if absent is not None:
            null = self._is_null(cell)
            wrong &= ~null
            value[null] = 0
            absent |= null
        self._doubt(wrong)
        return value

    def _digits(
        self, ends: NDArray[np.int64], widths: NDArray[np.int64]
    ) -> tuple[UInt64Array, NDArray[np.bool_]]:
        """Numbers of 1 to 8 digits that end before ``ends``: eight digits in each step."""
        value: UInt64Array = self._gather("<u8", ends - _DIGITS)
        wrong = (widths < 1) | (widths > _DIGITS)
        shift = ((_DIGITS - np.clip(widths, 1, _DIGITS)) * 8).astype(np.uint64)
        value ^= _ZEROS
        value >>= shift
        value <<= shift
        wrong |= (((value + _OVER_NINE) | value) & _HIGH_BITS) != 0
        value *= np.uint64(2561)
        value >>= np.uint64(8)
        value &= np.uint64(0x00FF00FF00FF00FF)
        value *= np.uint64(6553601)
        value >>= np.uint64(16)
        value &= np.uint64(0x0000FFFF0000FFFF)
        value *= np.uint64(42949672960001)
        value >>= np.uint64(32)
        return value, wrong
