# SPDX-License-Identifier: Apache-2.0
"""Two sides of a day against each other: totals first, then row by row (spec A8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sscard_chip.settlement.reconciliation.details import ResultRow, UploadRow
from sscard_chip.settlement.reconciliation.results import StatementResult


@dataclass(frozen=True, slots=True)
class SideTotals:
    """Sums of one side in fen; ``count`` is net: settlements less cancellations."""

    count: int = 0
    total_fen: int = 0
    fund_fen: int = 0
    account_fen: int = 0

    @classmethod
    def of(cls, rows: Iterable[UploadRow]) -> SideTotals:
        """Of rows."""
        count = total = fund = account = 0
        for row in rows:
            count += -1 if row.refund else 1
            total += row.total_fen
            fund += row.fund_fen
            account += row.account_fen
        return cls(count, total, fund, account)


def compare_totals(institution: SideTotals, centre: SideTotals) -> StatementResult:
    """By the count who has more; with equal counts the data differ or all is even [L]."""
    if institution == centre:
        return StatementResult.EVEN
    if institution.count == centre.count:
        return StatementResult.DIFFERENT
    if centre.count > institution.count:
        return StatementResult.CENTRE_MORE
    return StatementResult.INSTITUTION_MORE


def compare_details(
    institution: Iterable[UploadRow],
    centre: Iterable[UploadRow],
    memos: Mapping[str, str] | None = None,
) -> list[ResultRow]:
    """The result of every row: the institution's in their order, then what only the centre has.

    A row is found by its msgid, or where it names none by setl_id and refd_setl_flag. A second
    row of the institution for the same settlement is one that it has more.

    :param memos: what the centre knows of a msgid that it has not settled.
    """
    waiting = list(centre)
    by_msgid = {row.msgid: at for at, row in enumerate(waiting) if row.msgid}
    by_setl_id = {(row.setl_id, row.refund): at for at, row in enumerate(waiting) if row.setl_id}
    met: set[int] = set()
    results = []
    for row in institution:
        at = _find(row, by_msgid, by_setl_id)
        if at is None or at in met:
            memo = "重复" if at is not None else (memos or {}).get(row.msgid or "")
            results.append(_only_here(row, memo))
            continue
        met.add(at)
        results.append(_both(row, waiting[at]))
    results += [_result(row, StatementResult.CENTRE_MORE, None) for row in _rest(waiting, met)]
    return results


def _find(
    row: UploadRow, by_msgid: dict[str, int], by_setl_id: dict[tuple[str, bool], int]
) -> int | None:
    if row.msgid is not None:
        return by_msgid.get(row.msgid)
    return None if row.setl_id is None else by_setl_id.get((row.setl_id, row.refund))


def _rest(waiting: list[UploadRow], met: set[int]) -> Iterable[UploadRow]:
    return (row for at, row in enumerate(waiting) if at not in met)


def _both(mine: UploadRow, centre: UploadRow) -> ResultRow:
    """Identifiers that one side does not know yet make no difference."""
    differing = [
        name
        for name, is_, must in (
            ("medfee_sumamt", mine.total_fen, centre.total_fen),
            ("fund_pay_sumamt", mine.fund_fen, centre.fund_fen),
            ("acct_pay", mine.account_fen, centre.account_fen),
            ("refd_setl_flag", mine.refund, centre.refund),
            ("setl_id", mine.setl_id or centre.setl_id, centre.setl_id or mine.setl_id),
            ("psn_no", mine.psn_no or centre.psn_no, centre.psn_no or mine.psn_no),
        )
        if is_ != must
    ]
    if differing:
        return _result(centre, StatementResult.DIFFERENT, " ".join(differing))
    return _result(centre, StatementResult.EVEN, None)


def _result(row: UploadRow, result: StatementResult, memo: str | None) -> ResultRow:
    return ResultRow(
        row.psn_no,
        row.mdtrt_id,
        row.setl_id,
        row.msgid,
        result,
        row.refund,
        memo,
        row.total_fen,
        row.fund_fen,
        row.account_fen,
    )


def _only_here(row: UploadRow, memo: str | None) -> ResultRow:
    """The centre's amounts of what it has not are 0."""
    result = StatementResult.INSTITUTION_MORE
    return ResultRow(
        row.psn_no, row.mdtrt_id, row.setl_id, row.msgid, result, row.refund, memo, 0, 0, 0
    )
