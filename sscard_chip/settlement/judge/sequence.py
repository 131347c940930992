# SPDX-License-Identifier: Apache-2.0
"""Findings that depend on other rows, in the order of rows: codes 2 and 101, and refunds.

The verdict of a row depends on the rows before it only: those of the same piece, and what
:class:`PostedRows` knows of earlier pieces and runs. So rows can be judged in pieces of any size,
with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import FindingCode, Masks, posted
from sscard_chip.settlement.judge.keys import CardCounterKey, Keys, TerminalKey, among, repeated


class Debit(NamedTuple):
    """What a refund must agree with: the bill's parts in fen, and all that the TAC is over."""

    account_fen: int
    cash_fen: int
    fund_fen: int
    online: bool
    card: tuple[int, int]
    message: bytes


class PostedRows(Protocol):
    """What was posted before the rows that are judged."""

    def taken(self, keys: Keys, which: Mask) -> Mask:
        """Rows, among ``which``, with a terminal's number or a card's counter that is posted."""

    def highest(self, terminals: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """The highest proven number of terminals (terminal, algorithm); of known ones only."""

    def debits(self, keys: Sequence[TerminalKey]) -> dict[TerminalKey, Debit]:
        """Posted debits by their terminal's number."""

    def refunds(self, keys: Sequence[TerminalKey]) -> dict[TerminalKey, list[Refund]]:
        """Posted refunds of debits."""


class Refund(NamedTuple):
    """A posted refund: its msgid, and the parts taken back, in fen above zero."""

    msgid: bytes
    account_fen: int
    cash_fen: int
    fund_fen: int


@dataclass(slots=True)
class HighestNumbers:
    """What judging a piece in order leaves for the pieces after it."""

    highest: dict[tuple[int, int], int] = field(default_factory=dict)
    """Highest proven number by terminal and algorithm."""


def proven(columns: DebitColumns, masks: Masks) -> Mask:
    """Rows whose TAC was there and right."""
    found: Mask = columns.has_tac & ~columns.malformed & ((masks & FindingCode.TAC.bit) == 0)
    return found


def judge_sequence(
    columns: DebitColumns, masks: Masks, keys: Keys, history: PostedRows
) -> HighestNumbers:
    """Add codes 2 and 101, and 6 of refunds, to ``masks`` of whole files in their order."""
    if not len(columns):
        return HighestNumbers()
    genuine = proven(columns, masks)
    highest_numbers = find_gaps(columns, masks, keys, genuine, history)
    find_duplicates(columns, masks, keys, genuine, history)
    judge_refunds(columns, masks, keys, genuine, history)
    return highest_numbers


def find_duplicates(
    columns: DebitColumns, masks: Masks, keys: Keys, genuine: Mask, history: PostedRows
) -> None:
    """2: a good row before this one, or an earlier run, has its number or its card's counter.

    Rows that are not posted for another reason take nothing: a forged copy in front of a debit
    does not keep it out.
    """
    which = genuine & ~columns.refund
    taken = history.taken(keys, which)
    masks[taken] |= FindingCode.DUPLICATE.bit
    which &= ~taken
    shared = np.zeros(len(columns), np.bool_)
    for words, order in ((keys.by_terminal, keys.terminal_order), (keys.by_card, keys.card_order)):
        shared[repeated(words, order[which[order]])] = True
    good = posted(masks)
    seen: set[TerminalKey | CardCounterKey] = set()
    for at in np.flatnonzero(shared).tolist():
        own = keys.terminal_key(at), keys.card_key(at)
        if not seen.isdisjoint(own):
            masks[at] |= FindingCode.DUPLICATE.bit
        elif good[at]:
            seen.update(own)


def find_gaps(
    columns: DebitColumns, masks: Masks, keys: Keys, genuine: Mask, history: PostedRows
) -> HighestNumbers:
    """101: a number is missing before this one of the terminal.

    What is known of a terminal is the highest number that a right TAC has proven before the
    file, and within the file every number that stands there; the first number ever seen of a
    terminal has nothing before it. Each of a terminal's two environments counts on its own.
    """
    distinct = np.unique(keys.terminal[np.flatnonzero(np.diff(keys.terminal, prepend=-1))])
    wanted = [(terminal, algorithm) for terminal in distinct.tolist() for algorithm in (1, 3)]
    highest_numbers = HighestNumbers(history.highest(wanted))
    for algorithm in (1, 3):
        counted = ~columns.refund & ~columns.malformed & (columns.algorithm == algorithm)
        counted &= (masks & FindingCode.NOT_OF_PHARMACY.bit == 0) | genuine
        rows = np.flatnonzero(counted)
        if not len(rows):
            continue
        # a run is what a file has of one terminal: normally all of it
        fresh = _runs(columns, keys, rows)
        if len(fresh) > np.count_nonzero(np.diff(columns.file[rows], prepend=-1)):
            rows = rows[np.lexsort((keys.terminal[rows], columns.file[rows]))]
            fresh = _runs(columns, keys, rows)
        numbers = keys.number[rows].astype(np.int64)
        sure = np.where(genuine[rows], numbers, -1)
        proven_high = np.maximum.reduceat(sure, fresh).tolist()
        known = np.empty(len(fresh), np.int64)
        for place, (begin, high) in enumerate(zip(fresh.tolist(), proven_high, strict=True)):
            key = int(keys.terminal[rows[begin]]), algorithm
            before = highest_numbers.highest.get(key)
            known[place] = numbers[begin] - 1 if before is None else before
            if high >= 0:
                highest_numbers.highest[key] = high if before is None else max(before, high)
        run = np.cumsum(np.bincount(fresh, minlength=len(rows))) - 1
        lift = run.astype(np.int64) << 33
        highest = np.maximum.accumulate(numbers + lift)
        previous = np.concatenate(([0], highest[:-1])) - lift
        previous[fresh] = known
        previous = np.maximum(previous, known[run])
        gap = genuine[rows] & (numbers > previous + 1)
        masks[rows[gap]] |= FindingCode.GAP.bit
    return highest_numbers


def _runs(columns: DebitColumns, keys: Keys, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where among ``rows`` another file or another terminal begins."""
    other = np.diff(columns.file[rows], prepend=-1) | np.diff(keys.terminal[rows], prepend=-1)
    return np.flatnonzero(other)


def judge_refunds(
    columns: DebitColumns, masks: Masks, keys: Keys, genuine: Mask, history: PostedRows
) -> None:
    """6: a refund without its debit, of another card or TAC, or of more than is left; 2: again."""
    refunds = np.flatnonzero(columns.refund & genuine & posted(masks))
    if not len(refunds):
        return
    words = keys.by_terminal
    candidates = among(words, words[refunds]) & posted(masks) & ~columns.refund
    debits = {keys.terminal_key(at): at for at in np.flatnonzero(candidates).tolist()}
    own = {at: keys.terminal_key(at) for at in refunds.tolist()}
    wanted = sorted(set(own.values()))
    older = history.debits([key for key in wanted if key not in debits])
    done = history.refunds(wanted)
    for at, key in own.items():
        earlier = debits.get(key)
        if earlier is not None and earlier < at:
            debit = debit_of(columns, keys, earlier)
        elif key in older:
            debit = older[key]
        else:
            masks[at] |= FindingCode.FIELD.bit
            continue
        back = done.setdefault(key, [])
        row = debit_of(columns, keys, at)
        refund = Refund(bytes(columns.msgid[at]), -row.account_fen, -row.cash_fen, -row.fund_fen)
        if any(one.msgid == refund.msgid for one in back):
            masks[at] |= FindingCode.DUPLICATE.bit
        elif not _allowed(debit, row, refund, back):
            masks[at] |= FindingCode.FIELD.bit
        else:
            back.append(refund)


def _allowed(debit: Debit, row: Debit, refund: Refund, back: list[Refund]) -> bool:
    """Of the same card and transaction, on-line as a whole, never more than is left."""
    if row.message != debit.message or row.card != debit.card:
        return False
    whole = (debit.account_fen, debit.cash_fen, debit.fund_fen)
    parts = (refund.account_fen, refund.cash_fen, refund.fund_fen)
    if debit.online:
        return not back and parts == whole
    taken = (
        sum(one.account_fen for one in back),
        sum(one.cash_fen for one in back),
        sum(one.fund_fen for one in back),
    )
    return all(
        part + before <= most for part, before, most in zip(parts, taken, whole, strict=True)
    )


def debit_of(columns: DebitColumns, keys: Keys, at: int) -> Debit:
    """A row as refunds are compared with it."""
    amounts = (
        columns.card_account_fen[at],
        columns.card_self_paid_fen[at],
        columns.card_pooled_fen[at],
        columns.transaction_type[at],
        columns.transaction_number[at],
    )
    message = b"".join(int(one).to_bytes(4) for one in amounts)
    return Debit(
        int(columns.account_fen[at]),
        int(columns.cash_fen[at]),
        int(columns.fund_fen[at]),
        bool(columns.setl_id[at]),
        (int(keys.division[at]), int(keys.factor[at])),
        message + columns.time[at].tobytes() + columns.tac[at].tobytes(),
    )
