# SPDX-License-Identifier: Apache-2.0
"""The statement of a pharmacy for any days, and those of all for a month, from the books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from sscard_chip.settlement.clearing.books import BookedRows, Books
from sscard_chip.settlement.clearing.feed import clearing_rows
from sscard_chip.settlement.clearing.statement import Statement, statements
from sscard_chip.settlement.clearing.totals import ClearingTotals
from sscard_chip.settlement.columns import DebitColumns, number_of_bcd
from sscard_chip.settlement.ledger import LedgerTransaction


def period_statement(
    t: LedgerTransaction, pharmacy: str, first_day: str, last_day: str, name: str | None = None
) -> Statement | None:
    """What a pharmacy sold on some days (YYYYMMDD, by settlement time); None for nothing at all.

    Rows that were accepted after an appeal count as posted.
    """
    names = {} if name is None else {pharmacy: name}
    found = Books(t).of_pharmacy(pharmacy, _before(first_day))
    return next(statements(_totals(found, first_day, last_day), names), None)


def all_statements(
    t: LedgerTransaction, first_day: str, last_day: str, names: Mapping[str, str] | None = None
) -> list[Statement]:
    """The same of every pharmacy that has rows on these days, in the order of their codes.

    :param names: of the pharmacies, by code.
    """
    found = Books(t).of_all(_before(first_day))
    return list(statements(_totals(found, first_day, last_day), names))


def _before(day: str) -> str:
    """A file takes sales of the night after its day; dates are compared as text."""
    return str(int(day) - 1)


def _totals(found: Iterable[BookedRows], first_day: str, last_day: str) -> ClearingTotals:
    return totals_of(_within(found, int(first_day), int(last_day)))


def _within(found: Iterable[BookedRows], first_day: int, last_day: int) -> Iterator[BookedRows]:
    for rows in found:
        days = number_of_bcd(rows.columns.time[:, :4])
        yield rows.some((days >= first_day) & (days <= last_day))


_MANY: Final = 1 << 18


def totals_of(files: Iterable[BookedRows]) -> ClearingTotals:
    """The totals of the rows of many files; memory is bounded by their cells."""
    totals, waiting, held = ClearingTotals.sum([]), [], 0
    for rows in files:
        if len(rows):
            waiting.append(rows)
            held += len(rows)
        if held >= _MANY:
            totals, waiting, held = ClearingTotals.sum([totals, _sum(waiting)]), [], 0
    return ClearingTotals.sum([totals, _sum(waiting)]) if waiting else totals


def _sum(files: Sequence[BookedRows]) -> ClearingTotals:
    columns = DebitColumns.gather([one.columns for one in files])
    columns.file[:] = np.repeat(np.arange(len(files)), [len(one) for one in files])
    masks = np.concatenate([one.masks for one in files])
    return ClearingTotals.of(clearing_rows(columns, masks, [one.header for one in files]))
