# SPDX-License-Identifier: Apache-2.0
"""The money of rows, summed: what follows from the rows alone, before any balance is looked at.

Pieces of accounts share nothing, so any worker may sum one while another is posted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers, Mask, distinct
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
    def of(cls, divisions: Integers, place: NDArray[np.int32], fen: Integers) -> DivisionSums:
        """Of amounts, each with the place of its division among ``divisions``, which rise."""
        sums = _sums(place, fen, len(divisions))
        there = np.flatnonzero(sums)
        return cls(divisions[there], sums[there])


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class OtherSums:
    """What rows of one business date come to beside the holders' accounts, in fen.

    ``payable`` (account and pooled money) and ``collected`` (cash) are by place of the file's
    header, or nothing. By division: cash of the place of treatment, pooled money of the fund,
    account money that stands in suspense, and account and pooled money of those insured elsewhere.
    """

    date: int
    payable: Integers
    collected: Integers
    self_paid: DivisionSums
    fund: DivisionSums
    suspense: DivisionSums
    receivable: DivisionSums


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Money:
    """The sums of rows by business date. ``owners`` are the holders' accounts, rising, ``asked``
    what debits ask of each, ``refunded`` says who has a refund among the rows, and ``days`` what
    debits of a business date ask of each. ``others`` are the sums beside these accounts."""

    owners: Integers
    asked: Integers
    refunded: Mask
    days: dict[int, Integers]
    others: list[OtherSums]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MoneyTask:
    """Some ``rows`` of ``columns``, the holders' accounts of all, and the business date (YYYYMMDD
    as a number) of each header.

    With ``put_off`` their :func:`sum_others` are posted: what they bring to pharmacies, funds and
    so on, against suspense. So they have accounts, which take that out of suspense.
    """

    columns: DebitColumns
    rows: NDArray[np.signedinteger]
    personal: Integers
    dates: Integers
    put_off: bool = False

    def cut_out(self) -> MoneyTask:
        """The same, and nothing of other rows, for a worker that does not share memory."""
        own = self.columns.only(_OF_MONEY, self.rows)
        personal = self.personal.take(self.rows)
        return MoneyTask(own, np.arange(len(own)), personal, self.dates, self.put_off)


def sum_money(task: MoneyTask) -> Money:
    """Sum rows up."""
    columns, rows = task.columns, task.rows
    owner, file = task.personal.take(rows), columns.file.take(rows)
    account, refund = columns.account_fen.take(rows), columns.refund.take(rows)
    owned = owner >= 0
    at = np.full(len(rows), -1, np.int32)
    owners, at[owned] = distinct(owner[owned])
    refunded = np.zeros(len(owners), np.bool_)
    refunded[at[owned & refund]] = True
    days = {}
    for date, of_day in _of_dates(task.dates, file):
        debits = of_day & owned & ~refund
        days[date] = _sums(at[debits], account[debits], len(owners))
    asked = np.sum([np.zeros(len(owners), np.int64), *days.values()], axis=0)
    if task.put_off:
        insured = insured_divisions(columns, rows)
        others = _taken_out_of_suspense(task.dates, file, insured, account)
    else:
        others = _others(MoneyRows.of(columns, rows, task.personal), task.dates)
    return Money(owners, asked, refunded, days, others)


def sum_others(
    columns: DebitColumns, rows: NDArray[np.signedinteger], dates: Integers
) -> list[OtherSums]:
    """The sums beside the holders' accounts of rows that have one, whose own part is put off:
    it stands in the suspense of the insured division until then."""
    nobody = np.full(len(columns), -1, np.int64)
    here = MoneyRows.of(columns, rows, nobody)
    return _others(here, dates, at_home=np.ones(len(rows), np.bool_))


def _others(rows: MoneyRows, dates: Integers, at_home: Mask | None = None) -> list[OtherSums]:
    nobodys = rows.owner < 0
    if at_home is None:
        at_home = ~nobodys | (localities(rows.treatment, rows.insured) == Locality.OWN)
    treatments, treatment = distinct(rows.treatment)
    insureds, insured = distinct(rows.insured)
    both = rows.account + rows.fund
    everything = bool(at_home.all())
    found = []
    for date, of_day in _of_dates(dates, rows.file):
        here = of_day if everything else of_day & at_home
        away = of_day & ~at_home

        def of(
            sums: Integers, place: NDArray[np.int32], which: Mask, fen: Integers
        ) -> DivisionSums:
            return DivisionSums.of(sums, place[which], fen[which])

        found.append(
            OtherSums(
                date,
                _sums(rows.file[of_day], both[of_day], len(dates)),
                _sums(rows.file[of_day], rows.cash[of_day], len(dates)),
                of(treatments, treatment, of_day, rows.cash),
                of(insureds, insured, here, rows.fund),
                of(insureds, insured, here & nobodys, rows.account),
                of(insureds, insured, away, both),
            )
        )
    return found


def _taken_out_of_suspense(
    dates: Integers, file: NDArray[np.int32], insured: NDArray[np.uint32], account: Integers
) -> list[OtherSums]:
    divisions, place = distinct(insured)
    nothing, nowhere = np.zeros(0, np.int64), DivisionSums.of(divisions[:0], place[:0], account[:0])
    return [
        OtherSums(
            date,
            nothing,
            nothing,
            nowhere,
            nowhere,
            DivisionSums.of(divisions, place[of_day], -account[of_day]),
            nowhere,
        )
        for date, of_day in _of_dates(dates, file)
    ]


def _of_dates(dates: Integers, file: NDArray[np.int32]) -> Iterator[tuple[int, Mask]]:
    """The business dates of rows, rising, each with its rows."""
    there = np.zeros(len(dates), np.bool_)
    there[file] = True
    every = np.unique(dates[there]).tolist()
    for date in every:
        yield date, np.ones(len(file), np.bool_) if len(every) == 1 else (dates == date)[file]


def dates_of(headers: Sequence[DayHeader]) -> Integers:
    """The business dates of headers as numbers."""
    return np.array([int(header.business_date) for header in headers], np.int64)


def insured_divisions(columns: DebitColumns, rows: NDArray[np.signedinteger]) -> NDArray[np.uint32]:
    """Where the holders are insured: as the row says, else the division of the card."""
    said = columns.insured_division.take(rows)
    silent = np.flatnonzero(said == NO_DIVISION)
    said[silent] = number_of_bcd(columns.card_id_code[rows[silent], :3])
    return said


def _sums(place: NDArray[np.integer], fen: Integers, count: int) -> Integers:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, place, fen)
    return sums
