# SPDX-License-Identifier: Apache-2.0
"""Code 2 among debits: of rows that share a number of a terminal or a counter of a card, who is it.

A genuine debit that has nothing against it claims its two numbers, and the bill of its on-line
settlement. Claims are heard in an order that no delivery changes, and one is granted when none of
them is taken:

1. what a person has decided, and what an on-line confirmation has taken;
2. the row of an on-line settlement;
3. all others by what their TAC is over: time, terminal, number, amounts.

Of copies that say the same the one that was posted first stays: no money hangs on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, unique
from operator import itemgetter
from typing import Final, NamedTuple

from sscard_chip.settlement.judge.keys import NOBODY, CardCounterKey, TerminalKey


@unique
class Right(IntEnum):
    """How good a claim is, the best first."""

    FIXED = 0
    """Decided by a person, or confirmed on-line."""
    ONLINE = 1
    """The row of a settlement that the centre has given a setl_id."""
    OFFLINE = 2


class NumbersClaim(NamedTuple):
    """A debit that claims its numbers; claims sort by their first four fields.

    ``content`` is what the TAC is over, time first, then what else money depends on; ``late`` is
    False for what is posted already; ``place`` is where the row came, ``at`` is the caller's, and
    ``settlement`` the number of its on-line settlement.
    """

    right: Right
    content: bytes
    late: bool
    place: tuple[int, int]
    terminal: TerminalKey
    card: CardCounterKey
    at: int
    settlement: int = NOBODY


_BY_RIGHT: Final = itemgetter(slice(4))


def granted(claims: Sequence[NumbersClaim]) -> set[int]:
    """The ``at`` of the claims that are granted."""
    taken: set[TerminalKey | CardCounterKey | int] = set()
    found: set[int] = set()
    for one in sorted(claims, key=_BY_RIGHT):
        if one.settlement in taken or one.terminal in taken or one.card in taken:
            continue
        taken.update((one.terminal, one.card))
        if one.settlement != NOBODY:
            taken.add(one.settlement)
        found.add(one.at)
    return found
