# SPDX-License-Identifier: Apache-2.0
"""A day of sales at many terminals, without a fault: columns in the order of the day files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.synthesize.plan import (
    REGISTERED,
    Cards,
    Terminal,
    bcd_array,
    times,
)
from sscard_chip.standard.identifiers import PURCHASE
from sscard_chip.standard.settlement_mode import SettlementMode

_OPENS: Final = 8 * 3600
_SPAN: Final = 13 * 3600
_MOST_ACCOUNT: Final = 12_000
_MOST_FUND: Final = 20_000
_MOST_CASH: Final = 9_000


@dataclass(slots=True, repr=False, eq=False)
class DayPlan:
    """Rows, and beside each its card, the terminal whose file it is in, and its findings."""

    columns: DebitColumns
    card: NDArray[np.int64]
    terminal: NDArray[np.int64]
    masks: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.columns)


class LastNumbers:
    """The last number of each terminal's environments, and of each card."""

    def __init__(self, rng: np.random.Generator, cards: int, terminals: int) -> None:
        self.card = rng.integers(0, 400, cards)
        self.terminal = rng.integers(0, 50_000, (terminals, 4))

    def number(self, day: DayPlan, skips: NDArray[np.int64]) -> None:
        """Give the rows of a day their numbers, each next to the last; ``skips`` leave some out."""
        owner = day.terminal * 4 + day.columns.algorithm
        day.columns.terminal_number[:] = _running(owner, self.terminal.reshape(-1), skips + 1)
        ones = np.ones(len(day), np.int64)
        day.columns.transaction_number[:] = _running(day.card, self.card, ones)


def _running(
    owner: NDArray[np.int64], last: NDArray[np.int64], steps: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Numbers that go on from ``last`` of each owner, in the order of rows; ``last`` moves on."""
    order = np.argsort(owner, kind="stable")
    sorted_owner, step = owner[order], steps[order]
    total = np.cumsum(step)
    starts = np.flatnonzero(np.diff(sorted_owner, prepend=-1))
    counts = np.diff(np.append(starts, len(owner)))
    before = np.repeat(total[starts] - step[starts], counts) if len(starts) else total
    numbers = np.empty(len(owner), np.int64)
    numbers[order] = total - before + last[sorted_owner]
    ends = starts + counts - 1
    last[sorted_owner[starts]] += (total[ends] - (total[starts] - step[starts])) if len(ends) else 0
    return numbers


def make_day(
    rng: np.random.Generator,
    cards: Cards,
    terminals: Sequence[Terminal],
    date: str,
    card: NDArray[np.int64],
    where: NDArray[np.int64] | None = None,
) -> DayPlan:
    """One sale for each of ``card`` (places in ``cards``), at terminals by chance or ``where``."""
    count = len(card)
    if where is None:
        where = np.sort(rng.integers(0, len(terminals), count))
    counts = np.bincount(where, minlength=len(terminals))
    inside = np.arange(count) - np.repeat(np.cumsum(counts) - counts, counts)
    second = _OPENS + inside * _SPAN // np.maximum(counts, 1)[where]
    columns = DebitColumns.zeros(count)
    columns.time[:] = times(date, second)
    _fill_place(columns, terminals, where)
    fill_card(columns, cards, card, slice(None))
    _fill_money(rng, columns, np.array([one.mode for one in terminals])[where])
    sequence = inside % 100
    fill_msgids(columns, terminals, where, sequence)
    return DayPlan(columns, card, where, np.zeros(count, np.uint16))


def _fill_place(
    columns: DebitColumns, terminals: Sequence[Terminal], where: NDArray[np.int64]
) -> None:
    ids = np.array([list(bytes.fromhex(one.terminal_id)) for one in terminals], np.uint8)
    columns.terminal[:] = ids[where]
    columns.treatment_division[:] = np.array([one.division for one in terminals])[where]


def fill_card(
    columns: DebitColumns, cards: Cards, card: NDArray[np.int64], rows: NDArray[np.int64] | slice
) -> None:
    """What rows have of their cards."""
    columns.card_number[rows] = cards.card_number[card]
    columns.card_id_code[rows] = cards.card_id_code[card]
    columns.factor[rows] = cards.factor[card]
    columns.algorithm[rows] = cards.algorithm[card]
    columns.key_version[rows] = cards.key_version[card]
    columns.insured_division[rows] = cards.division[card]
    columns.transaction_type[rows] = PURCHASE
    columns.has_tac[rows] = True


def _fill_money(rng: np.random.Generator, columns: DebitColumns, mode: NDArray[np.int64]) -> None:
    count = len(columns)
    account = rng.integers(1, _MOST_ACCOUNT, count)
    fund = rng.integers(0, _MOST_FUND, count) * (rng.random(count) < 0.6)
    cash = rng.integers(0, _MOST_CASH, count) * (rng.random(count) < 0.5)
    offline = (mode == SettlementMode.TEMPORARY_OFFLINE) & (rng.random(count) < 0.5)
    fund[offline] = 0
    cash[offline] = 0
    columns.account_fen[:], columns.fund_fen[:], columns.cash_fen[:] = account, fund, cash
    columns.total_fen[:] = account + fund + cash
    # whoever is insured here settles on-line with this centre, which a made-up day has not done
    registered = np.isin(columns.insured_division, sorted(REGISTERED))
    online_rows = (mode != SettlementMode.OFFLINE) & ~offline & ~registered
    real = ~offline & ~online_rows
    columns.card_account_fen[:] = np.where(real, account, 0)
    columns.card_self_paid_fen[:] = np.where(real, cash, columns.total_fen)
    columns.card_pooled_fen[:] = np.where(real, fund, account + fund)
    online = np.flatnonzero(online_rows)
    columns.setl_id[online] = _setl_ids(columns, online)
    columns.mdtrt_id[online] = [b"M%012d" % at for at in online.tolist()]


def _setl_ids(columns: DebitColumns, rows: NDArray[np.int64]) -> list[bytes]:
    """The receiver's numbers: division 6, time 14, sequence 10."""
    divisions, time = columns.treatment_division, columns.time[rows].tobytes().hex().encode()
    return [
        b"%06d%b%010d" % (divisions[at], time[14 * place : 14 * place + 14], at)
        for place, at in enumerate(rows.tolist())
    ]


def fill_msgids(
    columns: DebitColumns,
    terminals: Sequence[Terminal],
    where: NDArray[np.int64],
    sequence: NDArray[np.int64],
) -> None:
    """Message ids: institution 12, time 14, last two digits of the terminal, sequence 2."""
    heads = np.frombuffer(b"".join(one.pharmacy.encode() for one in terminals), np.uint8)
    tails = np.frombuffer(b"".join(one.terminal_id[-2:].encode() for one in terminals), np.uint8)
    text = np.empty((len(columns), 30), np.uint8)
    text[:, :12] = heads.reshape(-1, 12)[where]
    text[:, 12:26] = ascii_digits(columns.time)
    text[:, 26:28] = tails.reshape(-1, 2)[where]
    text[:, 28:] = ascii_digits(bcd_array(sequence.astype(np.uint32), 1))
    columns.msgid[:] = text.view("S30").reshape(-1)


def ascii_digits(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """BCD bytes as ASCII digits, two each."""
    found = np.empty((len(packed), packed.shape[1] * 2), np.uint8)
    found[:, ::2] = (packed >> 4) + 0x30
    found[:, 1::2] = (packed & 15) + 0x30
    return found
