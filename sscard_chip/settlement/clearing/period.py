# SPDX-License-Identifier: Apache-2.0
"""The statement of a pharmacy for any days, from the books."""

from __future__ import annotations

from sscard_chip.settlement.clearing.books import Books
from sscard_chip.settlement.clearing.feed import clearing_rows
from sscard_chip.settlement.clearing.statement import Statement, statements
from sscard_chip.settlement.clearing.totals import ClearingTotals
from sscard_chip.settlement.columns import number_of_bcd
from sscard_chip.settlement.ledger import LedgerTransaction


def period_statement(
    t: LedgerTransaction, pharmacy: str, first_day: str, last_day: str, name: str | None = None
) -> Statement | None:
    """What a pharmacy sold on some days (YYYYMMDD, by settlement time); None for nothing at all.

    Rows that were accepted after an appeal count as posted.
    """
    parts = []
    # A file takes sales of the night after its day; dates are compared as text.
    for rows in Books(t).of_pharmacy(pharmacy, str(int(first_day) - 1)):
        days = number_of_bcd(rows.columns.time[:, :4])
        inside = rows.some((days >= int(first_day)) & (days <= int(last_day)))
        if len(inside):
            parts.append(
                ClearingTotals.of(clearing_rows(inside.columns, inside.masks, [rows.header]))
            )
    names = {} if name is None else {pharmacy: name}
    return next(statements(ClearingTotals.sum(parts), names), None)
