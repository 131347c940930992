# SPDX-License-Identifier: Apache-2.0
"""Two regions' files of the same pair against each other: the place of treatment, the insured."""

from __future__ import annotations

from sscard_chip.settlement.clearing.exchange import Exchange, ExchangeRow
from sscard_chip.settlement.reconciliation.compare import compare_details
from sscard_chip.settlement.reconciliation.details import ResultRow, UploadRow
from sscard_chip.settlement.reconciliation.results import ReconciliationError


def compare_exchange(ours: Exchange, theirs: Exchange) -> list[ResultRow]:
    """The result of every settled row, by its original number; ``theirs`` is the centre's side.

    :raises ReconciliationError: the files are of different pairs of regions.
    """
    if (ours.treatment, ours.insured) != (theirs.treatment, theirs.insured):
        raise ReconciliationError("the files are of different pairs of regions")
    memos = {row.msgid: f"state {row.state}" for row in theirs.rows if not row.settled}
    return compare_details(_settled(ours), _settled(theirs), memos)


def _settled(exchange: Exchange) -> list[UploadRow]:
    return [_upload(row) for row in exchange.rows if row.settled]


def _upload(row: ExchangeRow) -> UploadRow:
    return UploadRow(
        row.setl_id,
        row.mdtrt_id,
        None,
        row.total_fen,
        row.fund_fen,
        row.account_fen,
        row.refund,
        row.msgid,
    )
