# SPDX-License-Identifier: Apache-2.0
"""The centre's side of 3201 and 3202: what the ledger has of an institution's days (spec A8).

The day of a row is that of its settlement time. What was settled on-line counts whether its day
file has come or not; a cancelled settlement is two rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import sqlalchemy as sa

from sscard_chip.settlement.clearing.books import BookedRows, Books
from sscard_chip.settlement.columns import number_of_bcd
from sscard_chip.settlement.judge.codes import codes_text, posted
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import SettlementState
from sscard_chip.settlement.reconciliation.compare import (
    SideTotals,
    compare_details,
    compare_totals,
)
from sscard_chip.settlement.reconciliation.details import UploadRow, unpack_upload, zip_details
from sscard_chip.settlement.reconciliation.results import StatementResult
from sscard_chip.settlement.schema.authorisation import authorisation, step

RESULT_NAME = "result.txt"


class Centre(Protocol):
    """The side that an institution reconciles with.

    Days are YYYYMMDD, from and to. Methods raise CentreError, and ReconciliationError
    for what they cannot read.
    """

    def totals(
        self, pharmacy: str, first_day: str, last_day: str, institution: SideTotals
    ) -> tuple[StatementResult, SideTotals]:
        """3201: how the centre stands against the institution's sums, and its own."""

    def details(self, pharmacy: str, first_day: str, last_day: str, upload: bytes) -> bytes:
        """3202 with 9101 and 9102: the result file for a detail file, both ZIPs."""


class LedgerCentre:
    """:class:`Centre` on a ledger, in a transaction."""

    def __init__(self, t: LedgerTransaction) -> None:
        self._t = t

    def totals(
        self, pharmacy: str, first_day: str, last_day: str, institution: SideTotals
    ) -> tuple[StatementResult, SideTotals]:
        """See :class:`Centre`."""
        own = SideTotals.of(centre_rows(self._t, pharmacy, first_day, last_day)[0])
        return compare_totals(institution, own), own

    def details(self, pharmacy: str, first_day: str, last_day: str, upload: bytes) -> bytes:
        """See :class:`Centre`."""
        rows = unpack_upload(upload, "upload")
        own, memos = centre_rows(self._t, pharmacy, first_day, last_day)
        return zip_details(compare_details(rows, own, memos), RESULT_NAME)


def centre_rows(
    t: LedgerTransaction, pharmacy: str, first_day: str, last_day: str
) -> tuple[list[UploadRow], dict[str, str]]:
    """What is settled of a pharmacy on some days, and of a row that is not its findings."""
    rows: list[UploadRow] = []
    memos: dict[str, str] = {}
    for booked in days_of(t, pharmacy, first_day, last_day):
        good = posted(booked.masks)
        for at in range(len(booked)):
            row = upload_row(booked, at)
            if good[at]:
                rows.append(row)
            elif row.msgid is not None:
                memos.setdefault(row.msgid, f"未入账，代码 {codes_text(int(booked.masks[at]))}")
    known = {row.msgid for row in rows}
    rows += [one for one in _online(t, pharmacy, first_day, last_day) if one.msgid not in known]
    return rows, memos


def days_of(
    t: LedgerTransaction, pharmacy: str, first_day: str, last_day: str
) -> Iterable[BookedRows]:
    """The rows of a pharmacy's files whose settlement time is on some days."""
    # A file takes sales of the night after its day; dates are compared as text.
    before = str(int(first_day) - 1)
    for booked in Books(t).of_pharmacy(pharmacy, before):
        days = number_of_bcd(booked.columns.time[:, :4])
        inside = (days >= int(first_day)) & (days <= int(last_day))
        if inside.any():
            yield booked.some(inside)


def upload_row(booked: BookedRows, at: int) -> UploadRow:
    """A booked row as reconciliation knows it."""
    columns = booked.columns
    return UploadRow(
        _text(columns.setl_id[at]),
        _text(columns.mdtrt_id[at]),
        _text(columns.psn_no[at]),
        int(columns.total_fen[at]),
        int(columns.fund_fen[at]),
        int(columns.account_fen[at]),
        bool(columns.refund[at]),
        _text(columns.msgid[at]),
    )


def _online(t: LedgerTransaction, pharmacy: str, first_day: str, last_day: str) -> list[UploadRow]:
    """Settlements of the on-line authorisation, and their cancellations."""
    one = authorisation
    statement = (
        sa.select(
            one,
            step.c.state,
            step.c.msgid.label("by"),
            step.c.setl_id.label("new_setl_id"),
            step.c.time.label("at"),
        )
        .join_from(step, one, step.c.authorisation == one.c.id)
        .where(one.c.pharmacy == pharmacy)
        .where(
            step.c.state.in_(
                [
                    str(SettlementState.SETTLED),
                    str(SettlementState.CANCELLED),
                    str(SettlementState.REVERSED),
                ]
            )
        )
        .order_by(one.c.id, step.c.number)
    )
    found: dict[int, list[UploadRow]] = {}
    for row in t.connection.execute(statement):
        fund, account = row.pooled_fen, row.account_fen
        total = fund + account + row.self_paid_fen
        if row.state == SettlementState.REVERSED:
            found.pop(row.id, None)  # it was never settled, for both sides
        elif row.state == SettlementState.SETTLED and first_day <= row.time[:8] <= last_day:
            found[row.id] = [
                UploadRow(
                    row.setl_id, row.mdtrt_id, row.psn_no, total, fund, account, False, row.msgid
                )
            ]
        elif row.state == SettlementState.CANCELLED and first_day <= row.at[:8] <= last_day:
            ids = row.new_setl_id, row.mdtrt_id, row.psn_no
            refund = UploadRow(*ids, -total, -fund, -account, True, row.by)
            found.setdefault(row.id, []).append(refund)
    return [row for rows in found.values() for row in rows]


def _text(value: bytes) -> str | None:
    return value.decode("utf-8", "replace") or None
