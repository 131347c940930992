# SPDX-License-Identifier: Apache-2.0
"""A pharmacy's day file against the ledger, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sscard_chip.dayfile.rows import DayRow
from sscard_chip.dayfile.text import DayContents
from sscard_chip.settlement.clearing.codes import RowOutcome, outcome_of
from sscard_chip.settlement.judge.codes import codes_text
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.reconciliation.centre import centre_rows, days_of, upload_row
from sscard_chip.settlement.reconciliation.compare import SideTotals
from sscard_chip.settlement.reconciliation.details import UploadRow
from sscard_chip.settlement.reconciliation.differences import Difference, DifferenceKind, Report
from sscard_chip.standard.amounts import yuan


def rows_of_day(days: Sequence[DayContents], day: str) -> list[DayRow]:
    """The rows of day files whose settlement time is on a day; a file has also the night after."""
    return [row for one in days for row in one.rows if row.time[:8] == day]


def compare_pharmacy(
    t: LedgerTransaction, pharmacy: str, day: str, rows: Sequence[DayRow]
) -> Report:
    """Every difference between what a pharmacy has of a day and what the centre has.

    :param rows: of :func:`rows_of_day`.
    """
    theirs, _ = centre_rows(t, pharmacy, day, day)
    by_msgid = {row.msgid: row for row in theirs}
    own = [UploadRow.of(row) for row in rows]
    unposted = _unposted(t, pharmacy, day)
    differences = [
        *_doubled(rows),
        *_missing(rows, by_msgid, unposted),
        *_only_there(theirs, {row.msgid for row in rows}),
    ]
    here, there = SideTotals.of(own), SideTotals.of(theirs)
    figures = (
        ("净人次 net count", str(here.count), str(there.count)),
        ("医疗费总额 total", yuan(here.total_fen), yuan(there.total_fen)),
        ("统筹基金 fund", yuan(here.fund_fen), yuan(there.fund_fen)),
        ("个人账户 account", yuan(here.account_fen), yuan(there.account_fen)),
    )
    return Report(f"pharmacy {pharmacy}, {day}", figures, tuple(differences))


def _doubled(rows: Sequence[DayRow]) -> Iterator[Difference]:
    debits = Counter(row.debit for row in rows if not row.refund)
    seen: set[tuple[str, str, int]] = set()
    for row in rows:
        if row.refund or debits[row.debit] < 2:
            continue
        if row.debit in seen:
            yield Difference(DifferenceKind.DOUBLED, _label(row), row.total_fen, row.msgid)
        seen.add(row.debit)


def _missing(
    rows: Sequence[DayRow],
    settled: dict[str | None, UploadRow],
    unposted: dict[str, tuple[RowOutcome, str]],
) -> Iterator[Difference]:
    for row in rows:
        there = settled.get(row.msgid)
        if there is not None:
            columns = _differing(UploadRow.of(row), there)
            if columns:
                fen = row.total_fen - there.total_fen
                yield Difference(
                    DifferenceKind.ROW, f"{_label(row)}: {', '.join(columns)}", fen, row.msgid
                )
        elif row.msgid in unposted:
            outcome, codes = unposted[row.msgid]
            kind = DifferenceKind.HELD if outcome is RowOutcome.HELD else DifferenceKind.REFUSED
            yield Difference(kind, _label(row), row.total_fen, row.msgid, f"code {codes}")
        else:
            yield Difference(DifferenceKind.MISSING, _label(row), row.total_fen, row.msgid)


def _differing(here: UploadRow, there: UploadRow) -> list[str]:
    pairs = (
        ("medfee_sumamt", here.total_fen, there.total_fen),
        ("fund_pay_sumamt", here.fund_fen, there.fund_fen),
        ("acct_pay", here.account_fen, there.account_fen),
        ("refd_setl_flag", here.refund, there.refund),
    )
    return [name for name, is_, must in pairs if is_ != must]


def _only_there(theirs: Sequence[UploadRow], msgids: set[str]) -> Iterator[Difference]:
    for row in theirs:
        if row.msgid not in msgids:
            what = f"{'refund' if row.refund else 'sale'} {row.msgid}, {yuan(row.total_fen)}"
            yield Difference(DifferenceKind.ONLY_CENTRE, what, -row.total_fen, row.msgid)


def _unposted(t: LedgerTransaction, pharmacy: str, day: str) -> dict[str, tuple[RowOutcome, str]]:
    found: dict[str, tuple[RowOutcome, str]] = {}
    for booked in days_of(t, pharmacy, day, day):
        for at, mask in enumerate(booked.masks.tolist()):
            outcome, msgid = outcome_of(mask), upload_row(booked, at).msgid
            if outcome is not RowOutcome.POSTED and msgid is not None:
                found.setdefault(msgid, (outcome, codes_text(mask)))
    return found


def _label(row: DayRow) -> str:
    time = f"{row.time[8:10]}:{row.time[10:12]}"
    number = f"terminal {row.terminal_id} number {row.terminal_transaction_number}"
    return f"{'refund' if row.refund else 'sale'} at {time}, {number}, {yuan(row.total_fen)}"
