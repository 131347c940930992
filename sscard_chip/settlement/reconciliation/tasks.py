# SPDX-License-Identifier: Apache-2.0
"""A day of an institution against the centre: totals first, details when they are not even.

One task for (institution, day, insurance, TOTAL or DETAIL). A day that is even is not asked
again; an uneven or failed one is, and ``force`` asks in any case: the new task makes the old one
and its differences void. Differences are open, then checked, then settled [M].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum, unique
from typing import Any

import sqlalchemy as sa

from sscard_chip.dayfile.authoriser import CentreError
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.reconciliation.centre import Centre
from sscard_chip.settlement.reconciliation.compare import SideTotals
from sscard_chip.settlement.reconciliation.details import (
    ResultRow,
    UploadRow,
    unpack_result,
    zip_details,
)
from sscard_chip.settlement.reconciliation.results import ReconciliationError, StatementResult
from sscard_chip.settlement.schema.reconciliation import difference, difference_step, task
from sscard_chip.standard.insurance import EMPLOYEE_BASIC

TOTAL, DETAIL = "TOTAL", "DETAIL"


@unique
class TaskResult(IntEnum):
    """How a task ended."""

    EVEN = 1
    UNEVEN = 2
    FAILED = 9


@unique
class DifferenceState(IntEnum):
    """What became of a difference."""

    OPEN = 0
    CHECKED = 1
    SETTLED = 2


@dataclass(frozen=True, slots=True)
class TaskKey:
    """What a task is of; ``day`` is YYYYMMDD."""

    pharmacy: str
    day: str
    insurance: str
    kind: str


@dataclass(frozen=True, slots=True)
class ReconciliationTask:
    """A task that was done. ``institution`` and ``centre`` are the sums of both sides."""

    key: TaskKey
    attempt: int
    result: TaskResult
    statement: StatementResult
    institution: SideTotals
    centre: SideTotals
    note: str = ""


@dataclass(frozen=True, slots=True)
class DayResult:
    """A day's outcome. ``skipped``: it was even before and not asked again."""

    total: ReconciliationTask
    detail: ReconciliationTask | None = None
    differences: tuple[ResultRow, ...] = ()
    skipped: bool = False

    @property
    def even(self) -> bool:
        """Whether both sides have the same."""
        return self.total.result is TaskResult.EVEN


def reconcile_day(
    t: LedgerTransaction,
    centre: Centre,
    pharmacy: str,
    day: str,
    rows: Sequence[UploadRow],
    *,
    insurance: str = EMPLOYEE_BASIC,
    force: bool = False,
) -> DayResult:
    """Reconcile an institution's day.

    :param t: where the tasks are kept, an exclusive transaction.
    :param rows: what the institution has settled on the day.
    :param insurance: insutype; neither day file nor card shows another than 310 [L].
    """
    key = TaskKey(pharmacy, day, insurance, TOTAL)
    last = find_task(t, key)
    if last is not None and last.result is TaskResult.EVEN and not force:
        return DayResult(last, skipped=True)
    own = SideTotals.of(rows)
    try:
        statement, theirs = centre.totals(pharmacy, day, day, own)
    except (CentreError, ReconciliationError) as error:
        return DayResult(_failed(t, key, own, str(error)))
    result = TaskResult.EVEN if statement is StatementResult.EVEN else TaskResult.UNEVEN
    total = _keep(t, key, result, statement, own, theirs)
    if result is TaskResult.EVEN:
        return DayResult(total)
    key = TaskKey(pharmacy, day, insurance, DETAIL)
    try:
        answer = centre.details(pharmacy, day, day, zip_details(rows, f"{pharmacy}_{day}.txt"))
        found = unpack_result(answer, "result")
    except (CentreError, ReconciliationError) as error:
        return DayResult(total, _failed(t, key, own, str(error)))
    unequal = tuple(row for row in found if row.result is not StatementResult.EVEN)
    detail = _keep(t, key, TaskResult.UNEVEN, statement, own, theirs)
    _keep_differences(t, detail, unequal)
    return DayResult(total, detail, unequal)


def find_task(t: LedgerTransaction, key: TaskKey) -> ReconciliationTask | None:
    """The valid task: the last one; None when there was none."""
    row = t.connection.execute(
        sa.select(task).filter_by(**asdict(key)).order_by(task.c.attempt.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    own = SideTotals(row.net_count, row.total_fen, row.fund_fen, row.account_fen)
    theirs = SideTotals(
        row.centre_net_count, row.centre_total_fen, row.centre_fund_fen, row.centre_account_fen
    )
    result, statement = TaskResult(row.result), StatementResult(row.stmt_rslt)
    return ReconciliationTask(key, row.attempt, result, statement, own, theirs, row.note)


def differences_of(
    t: LedgerTransaction, key: TaskKey
) -> list[tuple[int, Any, DifferenceState, str]]:
    """The differences of the valid task: number, row, state, and the note of the last step."""
    last = find_task(t, key)
    if last is None:
        return []
    rows = t.connection.execute(
        sa.select(difference)
        .filter_by(**asdict(key), attempt=last.attempt)
        .order_by(difference.c.number)
    ).all()
    states = {
        row.number: (DifferenceState(row.state), row.note)
        for row in t.connection.execute(
            sa.select(difference_step)
            .filter_by(**asdict(key), attempt=last.attempt)
            .order_by(difference_step.c.step)
        )
    }
    return [(row.number, row, *states[row.number]) for row in rows]


def settle_difference(
    t: LedgerTransaction, key: TaskKey, number: int, state: DifferenceState, note: str
) -> None:
    """Move a difference on: open, checked, settled.

    :raises ReconciliationError: there is no such difference, it stands there or further already,
        or its task is void.
    """
    found = {at: now for at, _, now, _ in differences_of(t, key)}
    if number not in found:
        raise ReconciliationError(f"difference {number}: there is none such")
    if state <= found[number]:
        raise ReconciliationError(f"difference {number}: is {found[number].name.lower()} already")
    last = find_task(t, key)
    assert last is not None  # noqa: S101
    t.connection.execute(
        sa.insert(difference_step).values(
            **asdict(key),
            attempt=last.attempt,
            number=number,
            step=int(state),
            state=int(state),
            note=note,
        )
    )


def _failed(t: LedgerTransaction, key: TaskKey, own: SideTotals, note: str) -> ReconciliationTask:
    return _keep(
        t, key, TaskResult.FAILED, StatementResult.DIFFERENT, own, SideTotals(), note[:500]
    )


def _keep(
    t: LedgerTransaction,
    key: TaskKey,
    result: TaskResult,
    statement: StatementResult,
    own: SideTotals,
    theirs: SideTotals,
    note: str = "",
) -> ReconciliationTask:
    last = find_task(t, key)
    attempt = 1 if last is None else last.attempt + 1
    t.connection.execute(
        sa.insert(task).values(
            **asdict(key),
            attempt=attempt,
            result=int(result),
            stmt_rslt=int(statement),
            net_count=own.count,
            total_fen=own.total_fen,
            fund_fen=own.fund_fen,
            account_fen=own.account_fen,
            centre_net_count=theirs.count,
            centre_total_fen=theirs.total_fen,
            centre_fund_fen=theirs.fund_fen,
            centre_account_fen=theirs.account_fen,
            note=note,
        )
    )
    return ReconciliationTask(key, attempt, result, statement, own, theirs, note)


def _keep_differences(
    t: LedgerTransaction, of: ReconciliationTask, rows: Sequence[ResultRow]
) -> None:
    for number, row in enumerate(rows, 1):
        place = {**asdict(of.key), "attempt": of.attempt, "number": number}
        t.connection.execute(
            sa.insert(difference).values(
                **place,
                stmt_rslt=int(row.result),
                refund=row.refund,
                msgid=row.msgid,
                setl_id=row.setl_id,
                memo=row.memo,
                centre_total_fen=row.total_fen,
                centre_fund_fen=row.fund_fen,
                centre_account_fen=row.account_fen,
            )
        )
        opened = {"step": 0, "state": int(DifferenceState.OPEN), "note": ""}
        t.connection.execute(sa.insert(difference_step).values(**place, **opened))
