# SPDX-License-Identifier: Apache-2.0
"""TACs of the SM4 suite in lanes: one debit in each place of arrays, S-boxes by tables.

A TAC is CBC over two blocks under the DTK itself with an initial value of zero, the four words
of the last block folded by XOR (LD/T 32.4). The round function of GB/T 32907 is L(tau(x)), four
S-boxes and a linear map, so it is the XOR of one table of 65,536 words for each half of x.

Table gathers are not constant time: whoever shares the processor's caches could learn of keys.
They belong on machines that the settlement centre has for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.tac.chunks import even_size, largest
from sscard_chip.settlement.tac.columns import MEDICAL_TAC, TAC, TacForm

CHUNK: Final = 32_768
"""Lanes at a time, about: the words of all lanes and the tables stay in the cache."""

ROUNDS: Final = 32
WORDS: Final = 4

LaneWords = NDArray[np.uint32]

_PADDING: Final = 0x8000
_HALF: Final = np.uint32(16)
_LOW_HALF: Final = np.uint32(0xFFFF)
_FK: Final = (0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC)
_CK: Final = tuple(
    sum((4 * i + j) * 7 % 256 << 8 * (3 - j) for j in range(WORDS)) for i in range(ROUNDS)
)
_S_BOX: Final = bytes.fromhex(
    "d690e9fecce13db716b614c228fb2c052b679a762abe04c3aa441326498606999c4250f491ef987a33540b43"
    "edcfac62e4b31ca9c908e89580df94fa758f3fa64707a7fcf37317ba83593c19e6854fa8686b81b27164da8b"
    "f8eb0f4b70569d351e240e5e6358d1a225227c3b01217887d40046579fd327524c3602e7a0c4c89eeabf8ad2"
    "40c738b5a3f7f2cef96115a1e0ae5da49b341a55ad933230f58cb1e31df6e22e8266ca60c02923ab0d534e6f"
    "d5db3745defd8e2f03ff6a726d6c5b518d1baf92bbddbc7f11d95c411f105ad80ac13188a5cd7bbd2d74d012"
    "b8e5b4b08969974a0c96777e65b9f109c56ec68418f07dec3adc4d2079ee5f3ed7cb3948"
)


def _tables(rotations: tuple[int, ...]) -> tuple[LaneWords, LaneWords]:
    """L(tau(x)) for x in the high half and in the low half of a word; L XORs the rotations."""
    box = np.frombuffer(_S_BOX, np.uint8).astype(np.uint32)
    low = (box[:, None] << np.uint32(8) | box[None, :]).reshape(-1)

    def linear(word: LaneWords) -> LaneWords:
        mixed = word.copy()
        for by in rotations:
            mixed ^= word << np.uint32(by) | word >> np.uint32(32 - by)
        return mixed

    return linear(low << np.uint32(16)), linear(low)


class Sm4Lanes:
    """Computes TACs; keeps its tables and scratch arrays (2 MiB). It has one owner.

    Of another ``form`` than the medical account's the messages have its length.
    """

    def __init__(self, form: TacForm = MEDICAL_TAC) -> None:
        self._form = form
        self._data = _tables((2, 10, 18, 24))
        self._key = _tables((13, 23))
        self._scratch = np.empty((4, largest(CHUNK)), np.uint32)

    def macs(
        self,
        keys: NDArray[np.uint8],
        which: NDArray[np.intp],
        messages: NDArray[np.uint8],
    ) -> NDArray[np.uint8]:
        """The TACs (n, 4) of ``messages`` (n, 30), each under the DTK ``keys[which]``, 16 bytes.

        Rows of one card are best kept together: then its key is expanded once.
        """
        count = len(messages)
        tacs = np.empty(count, ">u4")
        if count:
            words = _message_words(np.ascontiguousarray(messages), self._form.length)
            keys_as_words = np.ascontiguousarray(keys).view(">u4")
            size = even_size(count, CHUNK)
            for begin in range(0, count, size):
                part = slice(begin, begin + size)
                chosen = [column[part] for column in words]
                tacs[part] = self._chunk(keys_as_words, which[part], chosen)
        return tacs.view(np.uint8).reshape(-1, TAC)

    def _chunk(
        self, keys: NDArray[Any], which: NDArray[np.intp], words: list[NDArray[Any]]
    ) -> LaneWords:
        first, last = int(which.min()), int(which.max())
        taken: NDArray[np.intp] | None = None
        if 2 * (last - first) < len(which):  # cards with several debits
            schedule = self._expand(keys[first : last + 1])
            taken = which - first
        else:
            schedule = self._expand(keys.take(which, 0))
        state = [column.astype(np.uint32) for column in words[:WORDS]]
        self._encipher(state, schedule, taken)
        for word, column in zip(state, words[WORDS:], strict=False):  # the others are padding, 00
            word ^= column
        self._encipher(state, schedule, taken)
        if not self._form.folded:
            return state[0]
        tac = state[0] ^ state[1]
        tac ^= state[2]
        tac ^= state[3]
        return tac

    def _expand(self, keys: NDArray[Any]) -> NDArray[np.uint32]:
        """Round keys (32, m) of keys (m, 4)."""
        state = [keys[:, n] ^ np.uint32(_FK[n]) for n in range(WORDS)]
        schedule = np.empty((ROUNDS, len(keys)), np.uint32)
        self._rounds(self._key, state, map(np.uint32, _CK), schedule)
        return schedule

    def _encipher(
        self, state: list[LaneWords], schedule: NDArray[np.uint32], which: NDArray[np.intp] | None
    ) -> None:
        """One block in place."""
        keys: Iterable[LaneWords] = schedule
        if which is not None:
            chosen = np.empty(len(which), np.uint32)
            keys = (row.take(which, 0, chosen, "wrap") for row in schedule)
        self._rounds(self._data, state, keys, cycle(tuple(state)))
        state.reverse()

    def _rounds(
        self,
        tables: tuple[LaneWords, LaneWords],
        state: list[LaneWords],
        keys: Iterable[LaneWords | np.uint32],
        results: Iterable[LaneWords],
    ) -> None:
        """32 times a' = a ^ L(tau(b ^ c ^ d ^ key)), and then b, c, d, a' are the words.

        The new words are put into ``results``.
        """
        pair, mixed, half, found = self._scratch[:, : len(state[0])]
        for number, (key, result) in enumerate(zip(keys, results, strict=False)):
            a, b, c, d = (state[(number + n) % WORDS] for n in range(WORDS))
            if number % 2:
                np.bitwise_xor(pair, d, mixed)
            else:  # c and d of this round are b and c of the next
                np.bitwise_xor(c, d, pair)
                np.bitwise_xor(b, pair, mixed)
            np.bitwise_xor(mixed, key, mixed)
            np.right_shift(mixed, _HALF, half)
            np.bitwise_xor(a, tables[0].take(half, 0, found, "wrap"), result)
            np.bitwise_and(mixed, _LOW_HALF, half)
            np.bitwise_xor(result, tables[1].take(half, 0, found, "wrap"), result)
            state[number % WORDS] = result


def _message_words(messages: NDArray[np.uint8], length: int) -> list[NDArray[Any]]:
    """The words of padded messages of two blocks, up to the one where the padding begins; of all
    but that views, not aligned."""
    count, offsets = len(messages), range(0, length - 2, WORDS)
    words: list[NDArray[Any]] = [
        np.ndarray(count, ">u4", messages, offset, (length,)) for offset in offsets
    ]
    last = np.ndarray(count, ">u2", messages, length - 2, (length,)).astype(np.uint32)
    return [*words, last << np.uint32(16) | np.uint32(_PADDING)]
