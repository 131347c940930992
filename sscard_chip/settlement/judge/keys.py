# SPDX-License-Identifier: Apache-2.0
"""By what a debit is known: its terminal's number, and its card's counter.

The exact keys are tuples of integers. Among millions of rows words of 64 bits are compared and
sorted; where they are hashes, equal ones are looked into, so a collision costs time and no
verdict.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import UInt64Array, runs
from sscard_chip.settlement.columns import DebitColumns

_MIX: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_COUNTER: Final = np.uint64(0xFFFF)
_COUNTER_BITS: Final = np.uint64(16)
_SIEVE_BITS: Final = 22

NOBODY: Final = -1
"""In place of a place, or of an account: there is none."""


class TerminalKey(NamedTuple):
    """The terminal (12 digits in BCD as a number), FCI code of the algorithm, 终端交易序号."""

    terminal: int
    algorithm: int
    number: int


class CardCounterKey(NamedTuple):
    """Division and factor, which the card's TAC key hangs from, and the counter 消费序号.

    ``factor`` is signed, as a database holds eight bytes.
    """

    division: int
    factor: int
    counter: int


def terminals(columns: DebitColumns) -> NDArray[np.int64]:
    """Terminals as numbers: their BCD bytes, big-endian."""
    padded = np.zeros((len(columns), 8), np.uint8)
    padded[:, 2:] = columns.terminal
    return padded.view(">i8").reshape(-1).astype(np.int64)


def factors(columns: DebitColumns) -> NDArray[np.int64]:
    """Card factors as signed numbers: their bytes, big-endian."""
    return np.ascontiguousarray(columns.factor).view(">i8").reshape(-1).astype(np.int64)


class Keys:
    """The keys of some rows, exact and as hashes."""

    def __init__(self, columns: DebitColumns) -> None:
        self.terminal = terminals(columns)
        self.algorithm = columns.algorithm
        self.number = columns.terminal_number
        self.division = columns.divisions()
        self.factor = factors(columns)
        self.counter = columns.transaction_number

    @cached_property
    def by_terminal(self) -> UInt64Array:
        """The terminal keys as words, with the terminal's rank among these rows in front."""
        begins, counts = runs(np.diff(self.terminal, prepend=~self.terminal[:1]) != 0)
        rank = np.unique(self.terminal[begins], return_inverse=True)[1]
        words = np.repeat(rank.astype(np.uint64) << np.uint64(34), counts)
        words |= self.algorithm.astype(np.uint64) << np.uint64(32)
        words |= self.number
        return words

    @cached_property
    def by_card(self) -> UInt64Array:
        """Hashes of the cards of 48 bits, and the counter: the rows of a card sort together."""
        card = mix(self.factor.view(np.uint64), self.division.astype(np.uint64))
        return card & ~_COUNTER | self.counter.astype(np.uint64) & _COUNTER

    @cached_property
    def terminal_order(self) -> NDArray[np.int64]:
        """The rows by terminal, algorithm and number."""
        return np.argsort(self.by_terminal, kind="stable")

    @cached_property
    def card_order(self) -> NDArray[np.int64]:
        """The rows by card, and by counter within a card."""
        order = np.argsort(self.by_card)
        card, factor, division = self.by_card[order], self.factor[order], self.division[order]
        alike = card[1:] >> _COUNTER_BITS == card[:-1] >> _COUNTER_BITS
        same = (factor[1:] == factor[:-1]) & (division[1:] == division[:-1])
        if (alike & ~same).any():  # two cards with one hash: sort by the exact keys
            order = np.lexsort((self.counter, self.division, self.factor))
        return order

    def end_of_card(self, order: NDArray[np.int64], at: int) -> int:
        """Where in ``order``, from ``at`` (above 0) on, the rows of the card before it end."""
        last, some = order[at - 1], 64
        while at < len(order):
            rows = order[at : at + some]
            other = self.factor[rows] != self.factor[last]
            other |= self.division[rows] != self.division[last]
            if other.any():
                return at + int(other.argmax())
            at, some = at + len(rows), some * 2
        return at

    def terminal_keys(self) -> list[TerminalKey]:
        """The exact keys of all rows."""
        columns = self.terminal.tolist(), self.algorithm.tolist(), self.number.tolist()
        return list(map(TerminalKey, *columns))

    def card_keys(self) -> list[CardCounterKey]:
        """The exact keys of all rows."""
        columns = self.division.tolist(), self.factor.tolist(), self.counter.tolist()
        return list(map(CardCounterKey, *columns))

    def terminal_key(self, at: int) -> TerminalKey:
        """The exact key of a row."""
        return TerminalKey(int(self.terminal[at]), int(self.algorithm[at]), int(self.number[at]))

    def card_key(self, at: int) -> CardCounterKey:
        """The exact key of a row."""
        return CardCounterKey(int(self.division[at]), int(self.factor[at]), int(self.counter[at]))


def mix(high: UInt64Array, low: UInt64Array) -> UInt64Array:
    """A hash of two words each."""
    found = high * _MIX[0]
    found ^= found >> np.uint64(29)
    found += low
    found *= _MIX[1]
    found ^= found >> np.uint64(32)
    return found


def repeated(words: UInt64Array, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of ``order``, which sorts them, whose word another one has too."""
    ordered = words[order]
    same = ordered[1:] == ordered[:-1]
    both = np.zeros(len(order), np.bool_)
    both[1:] |= same
    both[:-1] |= same
    found: NDArray[np.int64] = order[both]
    return found


def among(hashes: UInt64Array, few: UInt64Array) -> NDArray[np.bool_]:
    """Which of ``hashes`` are in ``few``; first through a sieve that most do not pass."""
    found = np.zeros(len(hashes), np.bool_)
    if not len(few):
        return found
    mask = np.uint64((1 << _SIEVE_BITS) - 1)
    sieve = np.zeros(1 << _SIEVE_BITS, np.bool_)
    sieve[few & mask] = True
    passed = np.flatnonzero(sieve[hashes & mask])
    ordered = np.unique(few)
    at = np.searchsorted(ordered, hashes[passed])
    at[at == len(ordered)] = 0
    found[passed] = ordered[at] == hashes[passed]
    return found


class Lookup:
    """Places of hashes among some: a table that most questions are answered by at once."""

    def __init__(self, hashes: UInt64Array) -> None:
        bits = max(16, len(hashes).bit_length() + 2)
        self._mask = np.uint64((1 << bits) - 1)
        self._table = np.zeros(1 << bits, np.int32)
        self._table[hashes & self._mask] = np.arange(len(hashes), dtype=np.int32)
        self._order = np.argsort(hashes)
        self._sorted = hashes[self._order]
        self._hashes = hashes

    def find(self, hashes: UInt64Array) -> NDArray[np.int64]:
        """Where each hash stands, ``NOBODY`` for one that is not there."""
        if not len(self._hashes):
            return np.full(len(hashes), NOBODY, np.int64)
        place: NDArray[np.int64] = self._table[hashes & self._mask].astype(np.int64)
        rest = np.flatnonzero(self._hashes[place] != hashes)
        at = np.searchsorted(self._sorted, hashes[rest])
        at[at == len(self._sorted)] = 0
        known = self._sorted[at] == hashes[rest]
        place[rest] = np.where(known, self._order[at], NOBODY)
        return place
