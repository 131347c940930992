# SPDX-License-Identifier: Apache-2.0
"""Appeals against refused and held rows, and what an accepted one does, on both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from sscard_chip.settlement.clearing.books import Books
from sscard_chip.settlement.clearing.claims import due
from sscard_chip.settlement.clearing.disputes import (
    Dispute,
    DisputeRefusedError,
    DisputeState,
    accept_appeal,
    disputes_of,
    file_appeal,
    find_dispute,
    reject_appeal,
)
from sscard_chip.settlement.ledger import AccountKind, Ledger, LedgerRefusedError
from sscard_chip.settlement.schema.clearing import decision
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.pos import DayRow
from tests.bench.shop import BILL, LATER, PHARMACY, TIME
from tests.settlement.town import Town, forged, rewrite, sell_day

MONTH = "202603"


@pytest.fixture
def town(ledger: Ledger, tmp_path: Path) -> Town:
    return Town(ledger, tmp_path)


def all_disputes(town: Town, *states: DisputeState) -> list[Dispute]:
    with town.ledger.reading() as t:
        return list(disputes_of(t, states=states or None))


def grey_day(town: Town) -> Path:
    """Two sales; the TAC of the second is lost, so the row is grey."""

    def grey(rows: list[DayRow]) -> list[DayRow]:
        return [rows[0], replace(rows[1], grey=True, tac=None)]

    return rewrite(sell_day(town.shop(), TIME, LATER), grey)


def owed(town: Town) -> int:
    with town.ledger.reading() as t:
        return t.balances_of(AccountKind.PHARMACY)[PHARMACY]


def test_an_accepted_row_is_posted_once(town: Town) -> None:
    day = grey_day(town)
    assert town.settle(day).held == 1
    (dispute,) = all_disputes(town)
    assert (dispute.name, dispute.codes, dispute.state) == ("1.1", "104", DisputeState.OPEN)
    assert (dispute.pharmacy, dispute.total_fen, dispute.payable_fen) == (PHARMACY, 3500, 3000)
    assert (dispute.time, dispute.outcome.name) == (LATER, "HELD")
    with town.ledger.transaction(exclusive=True) as t:
        with pytest.raises(DisputeRefusedError, match="is open, not appealed"):
            accept_appeal(t, "1.1", "王", "单据齐全", "20260401")
        appealed = file_appeal(t, "1.1", "长生堂", "卡内明细可证")
        assert file_appeal(t, "1.1", "长生堂", "卡内明细可证") == appealed
        with pytest.raises(DisputeRefusedError, match="is appealed already"):
            file_appeal(t, "1.1", "长生堂", "另一理由")
    assert owed(town) == 3000
    assert all_disputes(town, DisputeState.OPEN) == []
    with town.ledger.transaction(exclusive=True) as t:
        accepted = accept_appeal(t, "1.1", "王", "EF08 有记录", "20260401")
        assert find_dispute(t, "1.1") == accepted
        assert (accepted.state, accepted.answer) == (DisputeState.ACCEPTED, "EF08 有记录")
        with pytest.raises(DisputeRefusedError, match="is accepted"):
            reject_appeal(t, "1.1", "王", "不行")
    assert owed(town) == 6000
    with town.ledger.reading() as t:
        rows = list(Books(t).of_pharmacy(PHARMACY))
        assert [(one.segment, len(one)) for one in rows] == [(1, 1), (2, 1)]
        assert due(t, PHARMACY, MONTH).visits == 2
    assert town.settle(day).held == 1  # what was found is not changed
    assert owed(town) == 6000


def test_a_debit_that_was_accepted_is_a_duplicate_when_it_comes_again(town: Town) -> None:
    shop = town.shop()
    proven = sell_day(shop, TIME, LATER)
    lost = rewrite(
        proven,
        lambda rows: [rows[0], replace(rows[1], grey=True, tac=None)],
        proven.with_name("GREY.tsv"),
    )
    town.settle(lost)
    with town.ledger.transaction(exclusive=True) as t:
        file_appeal(t, "1.1", "长生堂", "见卡")
        accept_appeal(t, "1.1", "王", "可", "20260401")
    town.settle(proven)
    assert town.out.joinpath("verdicts.tsv").read_text().splitlines()[1:] == [
        f"{PHARMACY}{TIME}0100\t510100000001\t1\t2",
        f"{PHARMACY}{LATER}0100\t510100000001\t2\t2",
    ]
    assert owed(town) == 6000
    # Neither copy can be brought in by an appeal.
    with town.ledger.transaction(exclusive=True) as t:
        copy = list(disputes_of(t, states=[DisputeState.OPEN]))[-1]
        assert copy.codes == "2"
        file_appeal(t, copy.name, "长生堂", "再来一次")
        with pytest.raises(DisputeRefusedError, match="is posted already"):
            accept_appeal(t, copy.name, "王", "可", "20260401")
        rejected = reject_appeal(t, copy.name, "王", "重复")
        assert rejected.state is DisputeState.REJECTED
    with town.ledger.reading() as t:
        assert find_dispute(t, copy.name) == rejected
    assert owed(town) == 6000


def test_a_row_that_cannot_be_read_or_does_not_fit_is_not_accepted(town: Town) -> None:
    shop = town.shop()
    with shop.till() as till:
        sold = till.sell(BILL, TIME)
        till.refund(sold.row.msgid, LATER, parts=Split(100, 200, 300))
        till.close_day()

    def broken(rows: list[DayRow]) -> list[DayRow]:
        lines = [forged(rows[0]), forged(rows[1])]
        return [*lines, replace(rows[0], time="20261399000000", msgid="X" * 30)]

    town.settle(rewrite(shop.day_file, broken))
    found = all_disputes(town)
    with town.ledger.transaction(exclusive=True) as t:
        for dispute in found:
            file_appeal(t, dispute.name, "长生堂", "理由")
        with pytest.raises(DisputeRefusedError, match="does not fit the sale"):
            accept_appeal(t, found[1].name, "王", "可", "20260401")
        accept_appeal(t, found[0].name, "王", "可", "20260401")
        accept_appeal(t, found[1].name, "王", "可", "20260401")
    assert owed(town) == 3000 - 400
    with town.ledger.reading() as t:
        assert due(t, PHARMACY, MONTH).total_fen == 3500 - 600


@pytest.mark.parametrize("name", ["", "1", "1.x", "-1.2", "01.2", "9.9", "1.0", "1.2.3"])
def test_there_is_no_such_dispute(town: Town, name: str) -> None:
    town.settle(grey_day(town))
    with town.ledger.transaction() as t, pytest.raises(DisputeRefusedError, match="dispute"):
        file_appeal(t, name, "长生堂", "理由")


@pytest.mark.parametrize("text", ["", "x" * 501, "a\nb"])
def test_texts_are_checked(town: Town, text: str) -> None:
    town.settle(grey_day(town))
    with town.ledger.transaction() as t, pytest.raises(DisputeRefusedError, match="reason: must"):
        file_appeal(t, "1.1", "长生堂", text)


def test_decided_twice_at_once_is_refused_by_the_database(town: Town) -> None:
    town.settle(grey_day(town))
    with town.ledger.transaction() as t:
        file_appeal(t, "1.1", "长生堂", "理由")
    with town.ledger.transaction() as t:
        reject_appeal(t, "1.1", "王", "不可")
    with pytest.raises(LedgerRefusedError), town.ledger.transaction() as t:
        t.connection.execute(
            insert(decision).values(
                segment=1, row=1, state="accepted", operator="王", reason="可", posted_segment=7
            )
        )
    assert all_disputes(town)[0].state is DisputeState.REJECTED
