# SPDX-License-Identifier: Apache-2.0
"""Duplicates, gaps and refunds against a judge that goes row by row and remembers everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.judge.codes import FindingCode, codes_of
from sscard_chip.settlement.judge.keys import Keys, Lookup, TerminalKey, among
from sscard_chip.settlement.judge.sequence import Debit, Refund, judge_sequence
from sscard_chip.terminal.pos import DayRow
from tests.pos.test_dayfile import ROW
from tests.settlement.judge.rows import columns_of

FACTORS = tuple(bytes((n,)) * 8 for n in range(3))


class NoHistory:
    """A centre's first day: nothing is posted yet."""

    def taken(self, keys: Keys, which: Mask) -> Mask:
        return np.zeros(len(which), np.bool_)

    def highest(self, terminals: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
        return {}

    def debits(self, keys: Sequence[TerminalKey]) -> dict[TerminalKey, Debit]:
        return {}

    def refunds(self, keys: Sequence[TerminalKey]) -> dict[TerminalKey, list[Refund]]:
        return {}


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[DayRow, bool]]:
    """Rows of few numbers, counters and cards, so that they meet; and whether a TAC is wrong."""
    found = []
    for _ in range(draw(st.integers(1, 14))):
        algorithm = draw(st.sampled_from(("3des", "sm4")))
        row = replace(
            ROW,
            algorithm=algorithm,
            terminal_transaction_number=draw(st.integers(1, 9)),
            transaction_number=draw(st.integers(1, 5)),
            diversification_factor=draw(st.sampled_from(FACTORS)),
        )
        if draw(st.integers(0, 4)) == 0:
            part = draw(st.integers(1, 600))
            row = replace(
                row, refund=True, total_fen=-part, fund_fen=0, account_fen=-part, cash_fen=0,
                msgid=f"R{draw(st.integers(0, 3))}",
            )  # fmt: skip
        found.append((row, draw(st.integers(0, 5)) == 0))
    return found


def judged_slowly(given_rows: list[tuple[DayRow, bool]]) -> list[set[int]]:
    """The rules as they are told, one row at a time."""
    found: list[set[int]] = []
    numbers: dict[object, DayRow] = {}
    counters: set[object] = set()
    highest: dict[str, int] = {}
    for row, forged in given_rows:
        codes = {1} if forged else set()
        number = row.terminal_transaction_number
        if not row.refund:
            known = highest.get(row.algorithm)
            if not forged and known is not None and number > known + 1:
                codes.add(101)
            highest[row.algorithm] = max(number, known if known is not None else number)
            counter = row.diversification_factor, row.transaction_number
            if not forged:
                if row.debit in numbers or counter in counters:
                    codes.add(2)
                else:
                    numbers[row.debit] = row
                    counters.add(counter)
        found.append(codes)
    refunds: dict[object, list[DayRow]] = {}
    seen: dict[object, DayRow] = {}
    for place, (row, forged) in enumerate(given_rows):
        if not row.refund:
            if found[place] <= {101}:
                seen[row.debit] = row
            continue
        if forged:
            continue
        debit = seen.get(row.debit)
        back = refunds.setdefault(row.debit, [])
        if debit is None:
            found[place].add(6)
        elif any(one.msgid == row.msgid for one in back):
            found[place].add(2)
        elif (
            debit.diversification_factor != row.diversification_factor
            or debit.transaction_number != row.transaction_number
            or -row.account_fen - sum(one.account_fen for one in back) > debit.account_fen
        ):
            found[place].add(6)
        else:
            back.append(row)
    return found


@given(rows())
def test_as_row_by_row(given_rows: list[tuple[DayRow, bool]]) -> None:
    columns = columns_of([row for row, _ in given_rows])
    masks = np.array([FindingCode.TAC.bit if forged else 0 for _, forged in given_rows], np.uint16)
    judge_sequence(columns, masks, Keys(columns), NoHistory())
    got = [set(codes_of(mask)) - {0} for mask in masks.tolist()]
    assert got == judged_slowly(given_rows)


def test_a_file_begins_where_the_terminal_was() -> None:
    """Two files of a terminal: the second goes on where the first has ended."""
    numbers = [(0, 10), (0, 11), (1, 12), (1, 14), (2, 14 + 2)]
    own = [replace(ROW, terminal_transaction_number=n, transaction_number=n) for _, n in numbers]
    columns = columns_of(own, [file for file, _ in numbers])
    masks = np.zeros(len(own), np.uint16)
    highest_numbers = judge_sequence(columns, masks, Keys(columns), NoHistory())
    assert [codes_of(mask) for mask in masks.tolist()] == [(0,), (0,), (0,), (0, 101), (0, 101)]
    assert highest_numbers.highest == {(0x510100000001, 3): 16}


def test_a_forged_number_does_not_blind_the_next_file() -> None:
    own = [replace(ROW, terminal_transaction_number=n, transaction_number=i)
           for i, n in enumerate((10, 4_000_000_000, 11, 13))]  # fmt: skip
    columns = columns_of(own, [0, 0, 1, 1])
    masks = np.array([0, FindingCode.TAC.bit, 0, 0], np.uint16)
    judge_sequence(columns, masks, Keys(columns), NoHistory())
    assert [codes_of(mask) for mask in masks.tolist()] == [(0,), (1,), (0,), (0, 101)]


def test_a_row_of_another_terminal_does_not_cut_a_file_in_two() -> None:
    own = [replace(ROW, terminal_transaction_number=n, transaction_number=n) for n in (1, 2, 9, 3)]
    own[1] = replace(own[1], tac=None, grey=True)
    own[2] = replace(own[2], terminal_id="510100000099")
    columns = columns_of(own)
    grey = np.array([0, FindingCode.GREY.bit, 0, 0], np.uint16)
    judge_sequence(columns, grey, Keys(columns), NoHistory())
    assert [codes_of(mask) for mask in grey.tolist()] == [(0,), (104,), (0,), (0,)]


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
