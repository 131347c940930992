# SPDX-License-Identifier: Apache-2.0
"""A pharmacy's days against the ledger: 3201, 3202, tasks, and the report for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sscard_chip.dayfile.authoriser import CentreUnreachableError
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.reconciliation import (
    ReconciliationError,
    SideTotals,
    StatementResult,
    UploadRow,
)
from sscard_chip.settlement.reconciliation.centre import LedgerCentre
from sscard_chip.settlement.reconciliation.differences import Report
from sscard_chip.settlement.reconciliation.pharmacy import compare_pharmacy, rows_of_day
from sscard_chip.settlement.reconciliation.tasks import (
    DETAIL,
    DayResult,
    DifferenceState,
    TaskKey,
    TaskResult,
    differences_of,
    reconcile_day,
    settle_difference,
)
from sscard_chip.standard.settlement_mode import SettlementMode, Split
from sscard_chip.terminal.pos import Bill, DayRow, read_day
from tests.bench.shop import BILL, LATER, PHARMACY, TIME, region
from tests.settlement.platform.centre import ledger_authoriser
from tests.settlement.town import SECOND, Town, forged, rewrite, sell_day

DAY = TIME[:8]


@pytest.fixture
def town(ledger: Ledger, tmp_path: Path) -> Town:
    return Town(ledger, tmp_path)


def rows_in(*paths: Path) -> list[DayRow]:
    return rows_of_day([read_day(path) for path in paths], DAY)


def report(town: Town, *paths: Path) -> Report:
    with town.ledger.reading() as t:
        return compare_pharmacy(t, PHARMACY, DAY, rows_in(*paths))


def kinds(found: Report) -> list[tuple[str, int | None]]:
    return [(one.kind.name, one.fen) for one in found.differences]


def reconcile(town: Town, *paths: Path, force: bool = False) -> DayResult:
    uploads = [UploadRow.of(row) for row in rows_in(*paths)]
    with town.ledger.transaction(exclusive=True) as t:
        return reconcile_day(t, LedgerCentre(t), PHARMACY, DAY, uploads, force=force)


def refunded(town: Town) -> Path:
    shop = town.shop()
    with shop.till() as till:
        sold = till.sell(BILL, TIME)
        till.refund(sold.row.msgid, LATER)
        till.sell(BILL, LATER)
        till.close_day()
    return shop.day_file


def test_an_even_day_is_not_asked_again(town: Town) -> None:
    day = refunded(town)
    town.settle(day)
    assert report(town, day).even
    first = reconcile(town, day)
    assert (first.even, first.skipped, first.detail) == (True, False, None)
    assert first.total.institution == first.total.centre == SideTotals(1, 3500, 2000, 1000)
    again = reconcile(town, day)
    assert (again.skipped, again.total) == (True, first.total)
    forced = reconcile(town, day, force=True)
    assert (forced.skipped, forced.total.attempt) == (False, 2)


def test_what_the_centre_has_not(town: Town) -> None:
    day = refunded(town)
    assert kinds(report(town, day)) == [("MISSING", 3500), ("MISSING", -3500), ("MISSING", 3500)]
    found = reconcile(town, day)
    assert found.total.statement is StatementResult.INSTITUTION_MORE
    assert [int(row.result) for row in found.differences] == [2, 2, 2]
    assert found.detail is not None
    town.settle(day)
    assert reconcile(town, day).even  # an uneven day is asked again


def test_what_the_pharmacy_has_not_is_named_for_2601(town: Town) -> None:
    day = refunded(town)
    town.settle(day)
    less = rewrite(day, lambda rows: rows[:2], town.folder / "less.tsv")
    assert kinds(report(town, less)) == [("ONLY_CENTRE", -3500)]
    (row,) = reconcile(town, less).differences
    assert (row.result, row.total_fen) == (StatementResult.CENTRE_MORE, 3500)
    assert row.msgid == read_day(day).rows[2].msgid


def test_rows_that_differ_are_doubled_or_were_refused(town: Town) -> None:
    day = sell_day(town.shop(), TIME, LATER)
    town.settle(day)
    changed = rewrite(
        day,
        lambda rows: [
            replace(rows[0], fund_fen=1000, account_fen=2000),
            rows[1],
            replace(rows[1], msgid="X" * 30),
        ],
        town.folder / "changed.tsv",
    )
    assert kinds(report(town, changed)) == [("DOUBLED", 3500), ("ROW", 0), ("MISSING", 3500)]
    found = reconcile(town, changed).differences
    assert [(int(row.result), row.memo) for row in found] == [
        (3, "fund_pay_sumamt acct_pay"),
        (2, None),
    ]
    bad = rewrite(sell_day(town.shop(2, terminal=SECOND)), lambda rows: [forged(rows[0])])
    town.settle(bad)
    refused = report(town, day, bad).differences
    assert [one.cause.partition(":")[0] for one in refused] == ["code 1"]
    (row,) = reconcile(town, day, bad, force=True).differences
    assert row.memo == "未入账，代码 1"


def test_an_on_line_settlement_whose_row_was_lost(town: Town) -> None:
    shop = town.shop(
        mode=SettlementMode.ONLINE, region=region(1), authoriser=ledger_authoriser(town.ledger)
    )
    town.register(shop)
    with shop.till() as till:
        till.sell(Bill(Split(1000, 500, 2000)), TIME)
        gone = till.sell(Bill(Split(1000, 500, 2000)), LATER)
        till.refund(gone.row.msgid, LATER)
        till.close_day()
    assert report(town, shop.day_file).even  # before the day file has come
    lost = rewrite(shop.day_file, lambda rows: rows[1:], town.folder / "lost.tsv")
    assert kinds(report(town, lost)) == [("ONLY_CENTRE", -3500)]
    town.settle(shop.day_file)
    assert reconcile(town, shop.day_file).even
    assert reconcile(town, lost, force=True).total.statement is StatementResult.CENTRE_MORE


def test_a_night_sale_belongs_to_the_next_day(town: Town) -> None:
    day = sell_day(town.shop(), TIME, "20260316010000")
    town.settle(day)
    assert reconcile(town, day).even
    with town.ledger.reading() as t:
        night = rows_of_day([read_day(day)], "20260316")
        assert len(night) == 1
        assert compare_pharmacy(t, PHARMACY, "20260316", night).even


def test_differences_are_checked_and_settled_and_void_with_their_task(town: Town) -> None:
    day = refunded(town)
    reconcile(town, day)
    key = TaskKey(PHARMACY, DAY, "310", DETAIL)
    with town.ledger.transaction(exclusive=True) as t:
        settle_difference(t, key, 1, DifferenceState.CHECKED, "已核对")
        settle_difference(t, key, 1, DifferenceState.SETTLED, "已补传")
        settle_difference(t, key, 2, DifferenceState.SETTLED, "已补传")
        for number, rule in ((1, "is settled already"), (9, "none such")):
            with pytest.raises(ReconciliationError, match=rule):
                settle_difference(t, key, number, DifferenceState.SETTLED, "")
        found = [(at, state, note) for at, _, state, note in differences_of(t, key)]
        assert found == [
            (1, DifferenceState.SETTLED, "已补传"),
            (2, DifferenceState.SETTLED, "已补传"),
            (3, DifferenceState.OPEN, ""),
        ]
    reconcile(town, day, force=True)
    with town.ledger.reading() as t:
        states = [state for _, _, state, _ in differences_of(t, key)]
        assert states == [DifferenceState.OPEN] * 3


def test_a_centre_that_does_not_answer_makes_a_failed_task(town: Town) -> None:
    day = refunded(town)
    uploads = [UploadRow.of(row) for row in rows_in(day)]

    class Broken(LedgerCentre):
        totals_fail: Callable[[], None] | None = None

        def totals(self, *arguments: object) -> tuple[StatementResult, SideTotals]:
            if self.totals_fail:
                self.totals_fail()
            return StatementResult.DIFFERENT, SideTotals()

        def details(self, *arguments: object) -> bytes:
            return b"no zip"

    def fail() -> None:
        raise CentreUnreachableError("the network is down")

    with town.ledger.transaction(exclusive=True) as t:
        centre = Broken(t)
        found = reconcile_day(t, centre, PHARMACY, DAY, uploads)
        assert found.detail is not None
        assert (found.detail.result, found.detail.note) == (
            TaskResult.FAILED,
            "result: is no whole ZIP",
        )
        centre.totals_fail = fail
        found = reconcile_day(t, centre, PHARMACY, DAY, uploads)
        assert (found.total.result, found.total.note) == (
            TaskResult.FAILED,
            "the network is down",
        )
    town.settle(day)
    assert reconcile(town, day).even
