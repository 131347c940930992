# SPDX-License-Identifier: Apache-2.0
"""Who is a debit when several rows claim its numbers, and what is left for refunds."""

from __future__ import annotations

import random

import pytest

from sscard_chip.settlement.judge.codes import FindingCode
from sscard_chip.settlement.judge.contest import NumbersClaim, Right, granted
from sscard_chip.settlement.judge.keys import CardCounterKey, TerminalKey
from sscard_chip.settlement.judge.refunds import Debit, Parts, Refund, judge_refunds

CARD = (510100, 7)
SALE = Debit((1000, 500, 2000), False, CARD, b"tac")


def claim(
    at: int,
    number: int,
    counter: int,
    time: bytes = b"10",
    right: Right = Right.OFFLINE,
    *,
    posted: bool = False,
) -> NumbersClaim:
    """A claim of a terminal's ``number`` and a card's ``counter``; ``at`` says when it came."""
    keys = TerminalKey(1, 3, number), CardCounterKey(510100, 7, counter)
    return NumbersClaim(right, time, not posted, (1, at), *keys, at)


def test_what_shares_nothing_is_granted() -> None:
    assert granted([claim(0, 1, 1), claim(1, 2, 2)]) == {0, 1}


def test_either_number_is_enough_and_the_earlier_debit_has_it() -> None:
    assert granted([claim(0, 1, 1, b"11"), claim(1, 1, 2, b"10")]) == {1}
    assert granted([claim(0, 1, 1, b"11"), claim(1, 2, 1, b"10")]) == {1}


def test_of_copies_the_posted_one_stays_then_the_first() -> None:
    assert granted([claim(0, 1, 1), claim(1, 1, 1)]) == {0}
    assert granted([claim(0, 1, 1), claim(1, 1, 1, posted=True)]) == {1}
    assert granted([claim(0, 1, 1, b"09"), claim(1, 1, 1, posted=True)]) == {0}


@pytest.mark.parametrize("right", [Right.FIXED, Right.ONLINE])
def test_a_better_right_comes_first(right: Right) -> None:
    assert granted([claim(0, 1, 1, b"01", posted=True), claim(1, 1, 1, b"99", right)]) == {1}


def test_a_bill_is_paid_by_one_debit() -> None:
    """Numbers of their own and one on-line settlement: the earlier debit has it."""
    two = [claim(0, 1, 1, b"11"), claim(1, 2, 2, b"10"), claim(2, 3, 3)]
    assert granted([one._replace(settlement=5) for one in two[:2]] + two[2:]) == {1, 2}


def test_one_that_is_refused_takes_nothing() -> None:
    """The middle one loses a number to the first, so the last keeps the other number."""
    three = [claim(0, 1, 1, b"01"), claim(1, 1, 2, b"02"), claim(2, 2, 2, b"03")]
    for _ in range(6):
        random.shuffle(three)
        assert granted(three) == {0, 2}


def refund(
    msgid: str, *parts: int, at: int = 0, posted: bool = False, message: bytes = b"tac"
) -> Refund:
    account, cash, fund = parts
    whole: Parts = account, cash, fund
    return Refund(msgid.encode(), whole, CARD, message, not posted, (1, at))


def codes(refunds: list[Refund], debit: Debit | None = SALE) -> list[int]:
    return [0 if code is None else int(code) for code in judge_refunds(debit, refunds)]


def test_a_refund_waits_for_its_debit() -> None:
    assert codes([refund("R1", 1, 0, 0), refund("R1", 1, 0, 0)], None) == [105, 105]


def test_parts_until_nothing_is_left() -> None:
    parts = [refund("R1", 300, 0, 0), refund("R2", 700, 500, 0), refund("R3", 1, 0, 0)]
    assert codes(parts) == [0, 0, 6]
    assert codes([refund("R1", 0, 0, 2001)]) == [6]


def test_the_msgid_decides_and_not_the_order() -> None:
    parts = [refund("R2", 800, 0, 0, posted=True), refund("R1", 300, 0, 0, at=1)]
    assert codes(parts) == [6, 0]
    assert codes(parts[::-1]) == [0, 6]


def test_of_equal_ones_the_posted_one_stays() -> None:
    whole = [refund("R2", 1000, 500, 2000, posted=True), refund("R1", 1000, 500, 2000, at=1)]
    assert codes(whole) == [0, 6]
    assert codes(whole[::-1]) == [6, 0]


def test_a_msgid_is_one_refund() -> None:
    same = [refund("R1", 300, 0, 0), refund("R1", 300, 0, 0, at=1), refund("R1", 400, 0, 0, at=2)]
    assert codes(same) == [2, 2, 0]
    assert codes(same[:2]) == [0, 2]


@pytest.mark.parametrize("message", [b"", b"tad"])
def test_another_transaction_is_none(message: bytes) -> None:
    assert codes([refund("R1", 300, 0, 0, message=message)]) == [FindingCode.FIELD]
    assert codes([refund("R1", 300, 0, 0)], SALE._replace(card=(510100, 8))) == [6]


def test_on_line_as_a_whole() -> None:
    online = SALE._replace(online=True)
    parts = [refund("R1", 300, 0, 0), refund("R2", *SALE.parts), refund("R3", *SALE.parts)]
    assert codes(parts, online) == [6, 0, 6]
