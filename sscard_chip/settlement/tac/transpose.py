# SPDX-License-Identifier: Apache-2.0
"""Planes of bits, and how words of lanes become planes.

64 rows of W words are W matrices of 64 by 64 bits, one in each column. Lane ``row * W + column``
has its word there; transposed, row b holds bit b of all lanes.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from sscard_chip.settlement.arrays import UInt64Array

LANES: Final = 64
"""Lanes of a word, and bits."""

_LINE: Final = 8  # words of a cache line
_MASKS: Final = {
    1: 0x5555555555555555,
    2: 0x3333333333333333,
    4: 0x0F0F0F0F0F0F0F0F,
    8: 0x00FF00FF00FF00FF,
    16: 0x0000FFFF0000FFFF,
    32: 0x00000000FFFFFFFF,
}


def zero_planes(*shape: int) -> UInt64Array:
    """Words that begin where a cache line does: a sixth faster than those of ``np.zeros``."""
    size = math.prod(shape)
    room = np.zeros(size + _LINE, np.uint64)
    begin = -room.ctypes.data // room.itemsize % _LINE
    return room[begin : begin + size].reshape(shape)


def transpose(rows: UInt64Array, scratch: UInt64Array) -> None:
    """Transpose the matrices of (64, W) words in place; ``scratch`` has as many words or more.

    32 rows are half as much work: two matrices of 32 by 32, one in each half of the words.
    """
    count, width = rows.shape
    distance = count // 2
    while distance:
        pairs = rows.reshape(count // (2 * distance), 2, distance, width)
        high, low = pairs[:, 0], pairs[:, 1]
        shift, mask = np.uint64(distance), np.uint64(_MASKS[distance])
        change = scratch.reshape(-1)[: rows.size // 2].reshape(high.shape)
        np.right_shift(high, shift, change)
        np.bitwise_xor(change, low, change)
        np.bitwise_and(change, mask, change)
        np.bitwise_xor(low, change, low)
        np.left_shift(change, shift, change)
        np.bitwise_xor(high, change, high)
        distance //= 2
