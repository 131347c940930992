# SPDX-License-Identifier: Apache-2.0
"""The money of rows, summed: what follows from the rows alone, before any balance is looked at.

Pieces of accounts share nothing, so any worker may sum one while another is posted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.columns import (
    NO_DIVISION,
    Columns,
    DebitColumns,
    column,
    number_of_bcd,
)
from sscard_chip.settlement.judge.localities import Locality, localities

_OF_MONEY: Final = frozenset(
    ("account_fen", "fund_fen", "cash_fen", "refund", "treatment_division", "insured_division",
     "card_id_code", "file")
)  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MoneyRows(Columns):
    """What money hangs on. ``owner`` is the holder's account, -1 for none; ``file`` the place of
    the file's header; divisions are numbers of six digits, amounts fen, negative in a refund."""

    owner: Integers = column(np.int64)
    account: Integers = column(np.int64)
    fund: Integers = column(np.int64)
    cash: Integers = column(np.int64)
    refund: Mask = column(np.bool_)
    treatment: NDArray[np.uint32] = column(np.uint32)
    insured: NDArray[np.uint32] = column(np.uint32)
    file: NDArray[np.int32] = column(np.int32)

    @classmethod
    def of(
        cls, columns: DebitColumns, rows: NDArray[np.signedinteger], personal: Integers
    ) -> MoneyRows:
        """Those of some ``rows``; ``personal`` are the holders' accounts of all."""
        return cls(
            personal.take(rows),
            columns.account_fen.take(rows),
            columns.fund_fen.take(rows),
            columns.cash_fen.take(rows),
            columns.refund.take(rows),
            columns.treatment_division.take(rows),
            insured_divisions(columns, rows),
            columns.file.take(rows),
        )


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DivisionSums:
    """Sums of divisions that have some, rising."""

    division: Integers
    fen: Integers

    @classmethod
    def of(cls, divisions: Integers, place: Integers, fen: Integers) -> DivisionSums:
        """Of amounts, each with the place of its division among ``divisions``, which rise."""
        sums = _sums(place, fen, len(divisions))
        there = np.flatnonzero(sums)
        return cls(divisions[there], sums[there])


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DaySums:
    """What the rows of one business date come to, in fen.

    ``personal`` is what is asked of each of :attr:`Money.owners` by debits; ``payable`` (account
    and pooled money) and ``collected`` (cash) are by place of the file's header. By division:
    cash of the place of treatment, pooled money of the fund, account money of nobody who has an
    account here, and account and pooled money of those insured elsewhere.
    """

    date: int
    personal: Integers
    payable: Integers
    collected: Integers
    self_paid: DivisionSums
    fund: DivisionSums
    nobodys: DivisionSums
    receivable: DivisionSums


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Money:
    """The sums of rows by business date. ``owners`` are the holders' accounts, rising, and
    ``asked`` what debits ask of each; ``refunded`` says who has a refund among the rows."""

    owners: Integers
    asked: Integers
    refunded: Mask
    days: list[DaySums]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MoneyTask:
    """Some ``rows`` of ``columns``, the holders' accounts of all, and the business date (YYYYMMDD
    as a number) of each header."""

    columns: DebitColumns
    rows: NDArray[np.signedinteger]
    personal: Integers
    dates: Integers

    def cut_out(self) -> MoneyTask:
        """The same, and nothing of other rows, for a worker that does not share memory."""
        own = self.columns.only(_OF_MONEY, self.rows)
        return MoneyTask(own, np.arange(len(own)), self.personal.take(self.rows), self.dates)


def sum_money(task: MoneyTask) -> Money:
    """Sum rows up."""
    rows = MoneyRows.of(task.columns, task.rows, task.personal)
    owned = rows.owner >= 0
    owners, place = np.unique(rows.owner[owned], return_inverse=True)
    at = np.full(len(rows), -1, np.int64)
    at[owned] = place
    refunded = np.zeros(len(owners), np.bool_)
    refunded[at[owned & rows.refund]] = True
    here = owned | (localities(rows.treatment, rows.insured) == Locality.OWN)
    treatments, treatment = _places(rows.treatment)
    insureds, insured = _places(rows.insured)
    dates = task.dates[rows.file]
    days = []
    for date in np.unique(dates[np.flatnonzero(np.diff(dates, prepend=-1))]).tolist():
        of_day = np.flatnonzero(dates == date)
        day, home = rows.rows(of_day), insured[of_day]
        at_home, place = here[of_day], at[of_day]
        away, nobodys, debits = ~at_home, at_home & (place < 0), (place >= 0) & ~day.refund
        both = day.account + day.fund
        days.append(
            DaySums(
                date,
                _sums(place[debits], day.account[debits], len(owners)),
                _sums(day.file, both, len(task.dates)),
                _sums(day.file, day.cash, len(task.dates)),
                DivisionSums.of(treatments, treatment[of_day], day.cash),
                DivisionSums.of(insureds, home[at_home], day.fund[at_home]),
                DivisionSums.of(insureds, home[nobodys], day.account[nobodys]),
                DivisionSums.of(insureds, home[away], both[away]),
            )
        )
    asked = np.sum([np.zeros(len(owners), np.int64), *(day.personal for day in days)], axis=0)
    return Money(owners, asked, refunded, days)


def dates_of(headers: Sequence[DayHeader]) -> Integers:
    """The business dates of headers as numbers."""
    return np.array([int(header.business_date) for header in headers], np.int64)


def insured_divisions(columns: DebitColumns, rows: NDArray[np.signedinteger]) -> NDArray[np.uint32]:
    """Where the holders are insured: as the row says, else the division of the card."""
    said = columns.insured_division.take(rows)
    silent = np.flatnonzero(said == NO_DIVISION)
    said[silent] = number_of_bcd(columns.card_id_code[rows[silent], :3])
    return said


def _places(divisions: NDArray[np.uint32]) -> tuple[Integers, Integers]:
    """The divisions that there are, rising, and the place of each row's."""
    distinct, place = np.unique(divisions, return_inverse=True)
    return distinct.astype(np.int64), place


def _sums(place: NDArray[np.integer], fen: Integers, count: int) -> Integers:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, place, fen)
    return sums
