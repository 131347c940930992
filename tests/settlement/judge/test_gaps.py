# SPDX-License-Identifier: Apache-2.0
"""Code 101 against sets of numbers, and the look-ups by which rows are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.settlement.judge.codes import FindingCode, codes_of
from sscard_chip.settlement.judge.gaps import Environment, OlderGaps, find_gaps
from sscard_chip.settlement.judge.keys import Keys, Lookup, TerminalKey, among
from sscard_chip.settlement.judge.proof import proven
from sscard_chip.terminal.pos import DayRow
from tests.pos.test_dayfile import ROW
from tests.settlement.judge.rows import columns_of

TERMINAL = 0x510100000001
FACTORS = tuple(bytes((n,)) * 8 for n in range(3))


class Earlier:
    """Numbers of the terminal's SM4 environment that stand in earlier files."""

    def __init__(self, numbers: Sequence[int] = ()) -> None:
        self.numbers = set(numbers)

    def extents(self, wanted: Sequence[Environment]) -> dict[Environment, tuple[int, int]]:
        if (TERMINAL, 3) not in wanted or not self.numbers:
            return {}
        return {(TERMINAL, 3): (min(self.numbers), max(self.numbers))}

    def standing(self, of: Environment, least: int, greatest: int) -> set[int]:
        assert of == (TERMINAL, 3)
        return {one for one in self.numbers if least <= one <= greatest}


def judged(
    rows: Sequence[DayRow], earlier: Sequence[int] = (), masks: Sequence[int] | None = None
) -> tuple[list[tuple[int, ...]], OlderGaps]:
    """The codes of rows, and what they change about earlier ones."""
    columns = columns_of(rows)
    found = np.array(masks or [0] * len(rows), np.uint16)
    genuine = proven(columns, found) & ~columns.refund
    older = find_gaps(columns, found, Keys(columns), genuine, Earlier(earlier))
    return [codes_of(mask) for mask in found.tolist()], older


def numbered(*numbers: int) -> list[DayRow]:
    return [replace(ROW, terminal_transaction_number=number) for number in numbers]


def test_a_gap_is_a_number_that_nobody_has_seen() -> None:
    codes, _ = judged(numbered(10, 11, 13, 14))
    assert codes == [(0,), (0,), (0, 101), (0,)]


def test_the_order_of_rows_says_nothing() -> None:
    codes, _ = judged(numbered(14, 11, 13, 10))
    assert codes == [(0,), (0,), (0, 101), (0,)]


def test_each_environment_counts_on_its_own() -> None:
    rows = [replace(row, algorithm="3des") for row in numbered(12)]
    codes, _ = judged([*numbered(10), *rows, *numbered(11)])
    assert codes == [(0,), (0,), (0,)]


def test_a_row_that_is_not_proven_stands_and_has_no_finding_of_its_own() -> None:
    codes, _ = judged(numbered(10, 12, 13, 15), masks=[0, int(FindingCode.TAC.bit), 0, 0])
    assert codes == [(0,), (1,), (0,), (0, 101)]


def test_a_row_under_another_pharmacy_stands_when_its_tac_is_right() -> None:
    foreign = int(FindingCode.NOT_OF_PHARMACY.bit)
    assert judged(numbered(10, 11, 12), masks=[0, foreign, 0])[0][2] == (0,)
    both = foreign | int(FindingCode.TAC.bit)
    assert judged(numbered(10, 11, 12), masks=[0, both, 0])[0][2] == (0, 101)


def test_a_file_goes_on_where_the_terminal_was() -> None:
    assert judged(numbered(12, 13), earlier=(10, 11))[0] == [(0,), (0,)]
    assert judged(numbered(13, 14), earlier=(10, 11))[0] == [(0, 101), (0,)]


def test_a_later_file_closes_a_gap() -> None:
    codes, older = judged(numbered(12), earlier=(10, 11, 13))
    assert codes == [(0,)]
    assert older.closed == [TerminalKey(TERMINAL, 3, 13)]
    assert older.opened == []


def test_the_first_number_ever_seen_has_nothing_before_it_until_a_lower_one_comes() -> None:
    codes, older = judged(numbered(4), earlier=(10,))
    assert codes == [(0,)]
    assert older.opened == [TerminalKey(TERMINAL, 3, 10)]
    assert judged(numbered(9), earlier=(10,))[1] == OlderGaps()


numbers = st.lists(st.integers(0, 12), max_size=6)


@given(numbers, numbers)
def test_all_at_once_or_one_after_the_other(first: list[int], second: list[int]) -> None:
    """What the second file says and changes is what one file with both says."""
    if not second:
        return
    every = [*first, *second]

    def by_sets(number: int) -> bool:
        return number - 1 not in every and number > min(every)

    codes, older = judged(numbered(*second), earlier=first)
    assert [101 in one for one in codes] == [by_sets(number) for number in second]
    before = {number for number in first if number - 1 not in first and number > min(first)}
    closed = {key.number for key in older.closed} & set(first)
    opened = {key.number for key in older.opened}
    assert before - closed | opened == {number for number in first if by_sets(number)}


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.lists(st.integers(0, 40), max_size=30))
def test_look_ups(values: list[int], chosen: list[int]) -> None:
    hashes = np.array(sorted(set(values)), np.uint64)
    wanted = [values[at] if at < len(values) else at for at in chosen]
    asked = np.array(wanted, np.uint64)
    found = Lookup(hashes).find(asked)
    place = {value: at for at, value in enumerate(hashes.tolist())}
    assert found.tolist() == [place.get(one, -1) for one in wanted]
    assert among(asked, hashes).tolist() == [one in place for one in wanted]


def test_two_cards_with_one_hash_are_kept_apart() -> None:
    own = [replace(ROW, diversification_factor=FACTORS[n % 2], transaction_number=n // 2)
           for n in range(8)]  # fmt: skip
    keys = Keys(columns_of(own))
    keys.by_card = np.zeros(8, np.uint64) | keys.counter  # as if all hashed alike
    order = keys.card_order
    assert [keys.card_key(at)[1:] for at in order.tolist()] == sorted(
        (int(keys.factor[at]), int(keys.counter[at])) for at in range(8)
    )
