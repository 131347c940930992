# SPDX-License-Identifier: Apache-2.0
"""TACs of the DES suite in lanes: bit-sliced, 64 debits in a word.

The key of a TAC is the left half of the DTK XOR the right one; the MAC is CBC over four blocks
with an initial value of zero, of which the first four bytes count (LD/T 32.4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import UInt64Array
from sscard_chip.settlement.tac.chunks import even_size
from sscard_chip.settlement.tac.columns import MEDICAL_TAC, MESSAGE, TAC, TacForm
from sscard_chip.settlement.tac.des_program import (
    BITS,
    BOXES,
    SCRATCH,
    TAC_BITS,
    Program,
    program_of,
    word_offsets,
)
from sscard_chip.settlement.tac.transpose import LANES, transpose, zero_planes

CHUNK: Final = 262_144
"""Lanes at a time, about: planes of 32 KiB, so that what an S-box works on stays in the cache."""

Call = tuple[Callable[..., Any], tuple[UInt64Array, ...]]


class DesLanes:
    """Computes TACs; keeps its planes (14 MiB for a chunk). It has one owner.

    Of another ``form`` than the medical account's the messages have its length.
    """

    def __init__(self, form: TacForm = MEDICAL_TAC) -> None:
        self._form = form
        self._planes: _Planes | None = None

    def macs(
        self,
        keys: NDArray[np.uint8],
        which: NDArray[np.intp],
        messages: NDArray[np.uint8],
    ) -> NDArray[np.uint8]:
        """The TACs (n, 4) of ``messages`` (n, 30), each under the DTK ``keys[which]``, 16 bytes."""
        count = len(messages)
        tacs = np.empty(count, "<u4")
        if not count:
            return tacs.view(np.uint8).reshape(0, TAC)
        halves = np.ascontiguousarray(keys).view("<u8")
        folded = halves[:, 0] ^ halves[:, 1]
        words = message_words(np.ascontiguousarray(messages), self._form.length)
        width = -(-even_size(count, CHUNK) // LANES)
        if self._planes is None or self._planes.width != width:
            self._planes = None  # let go of the old ones before
            self._planes = _Planes(width, program_of(self._form.length))
        for begin in range(0, count, width * LANES):
            part = slice(begin, begin + width * LANES)
            tacs[part] = self._planes.run(folded[which[part]], [column[part] for column in words])
        return tacs.view(np.uint8).reshape(-1, TAC)


def message_words(messages: NDArray[np.uint8], length: int = MESSAGE) -> list[NDArray[Any]]:
    """Columns of little-endian words, where the program wants them; views, not aligned."""
    return [
        np.ndarray(len(messages), "<u8", messages, offset, (length,))
        for offset in word_offsets(length)
    ]


class _Planes:
    """All planes for a number of lanes, and the calls that make up a TAC."""

    def __init__(self, width: int, program: Program) -> None:
        self.width = width
        self._program = program
        self._words = zero_planes(len(program.blocks), BITS, width)
        self._keys = zero_planes(2, BITS, width)  # as they are, complemented
        self._scratch = zero_planes(max(SCRATCH, BITS // 2), width)
        self._tacs = np.empty(width * LANES, np.uint32)
        self._calls = self._bind()

    def _bind(self) -> list[Call]:
        words = [list(block) for block in self._words]
        state, keys, scratch = words[0], [list(form) for form in self._keys], list(self._scratch)
        calls: list[Call] = []
        for block, steps in enumerate(self._program.blocks):
            calls += [
                (np.bitwise_xor, (state[plane], words[block][source], state[plane]))
                for plane, source in self._program.joins[block]
            ]
            calls += [
                (
                    BOXES[step.box].function,
                    (
                        *[state[plane] for plane in step.right],
                        *[keys[complement][plane] for plane, complement in step.key],
                        *[state[plane] for plane in step.left],
                        *scratch[: BOXES[step.box].scratch],
                    ),
                )
                for step in steps
            ]
        return calls

    def run(self, keys: NDArray[np.uint64], words: list[NDArray[Any]]) -> NDArray[np.uint32]:
        """The TACs of at most ``64 * width`` lanes, as words whose first byte is the lowest.

        They are overwritten by the next call.
        """
        count = len(keys)
        for plane, column in zip((self._keys[0], *self._words), (keys, *words), strict=True):
            flat = plane.reshape(-1)
            flat[:count] = column
            flat[count:] = 0
            transpose(plane, self._scratch)
        np.invert(self._keys[0], self._keys[1])
        for function, planes in self._calls:
            function(*planes)
        answer = self._keys[0][:TAC_BITS]
        for row, (plane, complement) in zip(answer, self._program.tac, strict=True):
            if complement:
                np.invert(self._words[0][plane], row)
            else:
                row[:] = self._words[0][plane]
        transpose(answer, self._scratch)
        tacs = self._tacs.reshape(2, TAC_BITS, self.width)
        tacs[0] = answer  # the lower halves of the words
        tacs[1] = np.right_shift(answer, np.uint64(TAC_BITS), answer)
        return self._tacs[:count]
