# SPDX-License-Identifier: Apache-2.0
"""Refunds beside their debit: codes 2, 6 and 105.

All refunds of a debit are judged together, in an order that no delivery changes: by msgid. One
without its debit waits (105). One of another card, transaction or TAC, or of more than is left, is
6; an on-line sale is refunded as a whole. A msgid counts once: of rows that share it the largest
is the refund, the others are 2. Of refunds of the same parts the one that was posted first stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sscard_chip.settlement.judge.codes import FindingCode

Parts = tuple[int, int, int]
"""Account, cash and fund, in fen."""


class Debit(NamedTuple):
    """What a refund must agree with: the bill's parts in fen, and all that the TAC is over."""

    parts: Parts
    online: bool
    card: tuple[int, int]
    message: bytes


class Refund(NamedTuple):
    """A refund that has nothing of its own against it; the parts taken back are above zero.

    ``late`` is False for what is posted already, ``place`` is where the row came.
    """

    msgid: bytes
    parts: Parts
    card: tuple[int, int]
    message: bytes
    late: bool
    place: tuple[int, int]


def judge_refunds(debit: Debit | None, refunds: Sequence[Refund]) -> list[FindingCode | None]:
    """What is found about all refunds of one debit number; None for one that is posted."""
    if debit is None:
        return [FindingCode.WAITING] * len(refunds)
    if len(refunds) == 1:  # as nearly all are: nothing else is to be weighed
        return [None if _fits(debit, refunds[0]) else FindingCode.FIELD]
    found: list[FindingCode | None] = [FindingCode.FIELD] * len(refunds)
    fitting = [at for at, one in enumerate(refunds) if _fits(debit, one)]
    chosen: dict[bytes, int] = {}
    for at in sorted(fitting, key=lambda at: _rank(refunds[at])):
        found[at] = FindingCode.DUPLICATE
        chosen.setdefault(refunds[at].msgid, at)
    left = list(debit.parts)
    room: Counter[Parts] = Counter()
    for _, at in sorted(chosen.items()):
        found[at] = FindingCode.FIELD
        parts = refunds[at].parts
        if all(part <= most for part, most in zip(parts, left, strict=True)):
            left = [most - part for part, most in zip(parts, left, strict=True)]
            room[parts] += 1
    for at in sorted(chosen.values(), key=lambda at: (refunds[at].late, refunds[at].place)):
        if room[refunds[at].parts]:
            room[refunds[at].parts] -= 1
            found[at] = None
    return found


def _fits(debit: Debit, refund: Refund) -> bool:
    if refund.message != debit.message or refund.card != debit.card:
        return False
    if debit.online:
        return refund.parts == debit.parts
    (account, cash, fund), (most_account, most_cash, most_fund) = refund.parts, debit.parts
    return account <= most_account and cash <= most_cash and fund <= most_fund


def _rank(refund: Refund) -> tuple[object, ...]:
    """The largest of a msgid first; of equal ones the posted, then the earlier."""
    return tuple(-part for part in refund.parts), refund.late, refund.place
