# SPDX-License-Identifier: Apache-2.0
"""What changes after it was claimed is in the next claim: over all months each row counts once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sscard_chip.settlement.clearing.claims import (
    ClaimRefusedError,
    ClaimRequest,
    ClaimState,
    apply_all,
    apply_claim,
    cancel_claim,
    claims_of,
    due,
    pay_claim,
)
from sscard_chip.settlement.clearing.disputes import accept_appeal, file_appeal
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import AccountKind, Ledger
from sscard_chip.settlement.ledger.authorisation import cancel_settlement, find_by_setl_id
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.pos import DayFile, Hotlist, HotRange, read_day
from tests.bench.shop import BILL, LATER, PHARMACY, TIME
from tests.settlement.run.test_one_debit import codes, online_day
from tests.settlement.town import RULES, Town, sell_day

SALE = (1, 3500, 3000)
NOTHING = (0, 0, 0)


@pytest.fixture
def town(ledger: Ledger, tmp_path: Path) -> Town:
    return Town(ledger, tmp_path)


def figures(request: ClaimRequest) -> tuple[int, int, int]:
    """Visits, the bills, what the pharmacy gets of them."""
    return request.visits, request.total_fen, request.claimed_fen + request.account_fen


def claim(ledger: Ledger, month: str) -> tuple[int, int, int]:
    """Apply for a month; the figures."""
    with ledger.transaction(exclusive=True) as t:
        return figures(apply_claim(t, due(t, PHARMACY, month)).request)


def open_figures(ledger: Ledger, month: str) -> tuple[int, int, int]:
    """What can be claimed; standing claims and this are what the books owe."""
    with ledger.reading() as t:
        found = figures(due(t, PHARMACY, month))
        owed = t.balances_of(AccountKind.PHARMACY).get(PHARMACY, 0)
        applied = [one for one in claims_of(t, PHARMACY) if one.state is ClaimState.APPLIED]
        assert sum(one.payable_fen for one in applied) + found[2] == owed
    return found


def split_day(day: Path, folder: Path) -> tuple[Path, Path]:
    """A file of the debits of a day, and one of its refunds."""
    header, rows = read_day(day).header, read_day(day).rows
    paths = folder / "debits.tsv", folder / "refunds.tsv"
    for path, refund in zip(paths, (False, True), strict=True):
        with DayFile.open(path, header) as file:
            for row in rows:
                if row.refund == refund:
                    file.append(row)
            file.finish()
    return paths


def test_a_refund_that_waited_counts_when_its_debit_has_come(town: Town, tmp_path: Path) -> None:
    shop = town.shop()
    with shop.till() as till:
        sale = till.sell(BILL, TIME)
        till.refund(sale.row.msgid, LATER, parts=Split(100, 200, 300))
        till.close_day()
    debits, refunds = split_day(shop.day_file, tmp_path)
    town.settle(refunds)
    other = sell_day(town.shop(terminal="510100000002"), TIME)
    town.settle(other)
    assert claim(town.ledger, "202603") == SALE
    town.settle(debits)
    assert open_figures(town.ledger, "202604") == (0, 2900, 2600)
    assert claim(town.ledger, "202604") == (0, 2900, 2600)
    assert open_figures(town.ledger, "202605") == NOTHING


def test_a_debit_that_lost_its_number_is_taken_out(town: Town, tmp_path: Path) -> None:
    """The same debit under another insured place has the better claim: it counts, the first does
    not any more."""
    day = sell_day(town.shop(), TIME)
    town.settle(day)
    assert claim(town.ledger, "202603") == SALE
    better = tmp_path / "better.tsv"
    with DayFile.open(better, read_day(day).header) as file:
        file.append(replace(read_day(day).rows[0], insured_division="330106"))
        file.finish()
    assert town.settle(better).posted == 1
    assert open_figures(town.ledger, "202604") == NOTHING
    assert open_figures(town.ledger, "202603") == NOTHING


def test_an_appeal_that_is_accepted_after_the_claim(town: Town) -> None:
    shop = town.shop()
    hotlist = Hotlist("8", ranges=[HotRange("Z00000000", "Z99999999")])
    day = sell_day(shop, TIME)
    town.settle(day, rules=replace(RULES, hotlist=hotlist))
    town.settle(sell_day(town.shop(terminal="510100000002"), TIME))
    assert claim(town.ledger, "202603") == SALE
    with town.ledger.transaction(exclusive=True) as t:
        file_appeal(t, "1.0", "长生堂", "卡未挂失")
        accept_appeal(t, "1.0", "王敏", "属实", "20260320")
    assert open_figures(town.ledger, "202604") == SALE
    with town.ledger.transaction(exclusive=True) as t:
        (made,) = apply_all(t, "202604")
    assert figures(made.request) == SALE
    assert open_figures(town.ledger, "202605") == NOTHING


def test_a_claim_cancelled_beneath_a_later_one(town: Town) -> None:
    """The later one has not counted its rows: they can be claimed again."""
    town.settle(sell_day(town.shop(), TIME))
    assert claim(town.ledger, "202603") == SALE
    town.settle(sell_day(town.shop(terminal="510100000002"), LATER))
    assert claim(town.ledger, "202604") == SALE
    with town.ledger.transaction(exclusive=True) as t:
        first = claims_of(t, PHARMACY, "202603")[0]
        cancel_claim(t, first.number)
    assert open_figures(town.ledger, "202603") == SALE
    assert claim(town.ledger, "202603") == SALE
    assert open_figures(town.ledger, "202605") == NOTHING


def test_a_correction_whose_ground_is_cancelled(town: Town, tmp_path: Path) -> None:
    """The second claim takes out a refund's part of what the first has counted; then the first is
    cancelled: both rows count anew, and the correction is made good."""
    shop = town.shop()
    with shop.till() as till:
        sale = till.sell(BILL, TIME)
        till.close_day()
    town.settle(shop.day_file)
    assert claim(town.ledger, "202603") == SALE
    shop.day_file = tmp_path / "next.tsv"
    with shop.till() as till:
        till.refund(sale.row.msgid, LATER, parts=Split(100, 200, 300), earlier=[sale.row])
        till.close_day()
    town.settle(shop.day_file)
    assert claim(town.ledger, "202604") == (-1, -600, -400)
    with town.ledger.transaction(exclusive=True) as t:
        cancel_claim(t, claims_of(t, PHARMACY, "202603")[0].number)
    assert open_figures(town.ledger, "202605") == SALE


def test_no_more_is_paid_than_the_books_owe(ledger: Ledger, tmp_path: Path) -> None:
    """A sale is settled, claimed, and then cancelled on-line; the refund's row never comes."""
    honest = online_day(ledger, tmp_path, confirmed=True)
    assert codes(ledger, tmp_path / "out", honest) == [["0"]]
    (row,) = read_day(honest).rows
    with ledger.transaction(exclusive=True) as t:
        made = apply_claim(t, due(t, PHARMACY, "202603"))
        assert made.payable_fen == 3000
    with ledger.transaction() as t:
        assert row.setl_id is not None
        found = find_by_setl_id(t, row.setl_id)
        assert found is not None
        cancel_settlement(t, found, f"{row.msgid[:26]}0900", None, "20260316101112")
    with (
        ledger.transaction(exclusive=True) as t,
        pytest.raises(ClaimRefusedError, match=r"is of 30.00, the books owe the pharmacy 0.00"),
    ):
        pay_claim(t, made.number, "20260415")


def test_claims_of_many_turns_are_the_books(town: Town, tmp_path: Path) -> None:
    """Whatever is settled, claimed and cancelled in between: standing claims and what is due are
    what the books owe."""
    shop = town.shop()
    with shop.till() as till:
        sales = [till.sell(BILL, time) for time in (TIME, LATER)]
        for sale in sales:
            till.refund(sale.row.msgid, LATER, parts=Split(100, 0, 300))
        till.close_day()
    debits, refunds = split_day(shop.day_file, tmp_path)
    better = tmp_path / "better.tsv"
    with DayFile.open(better, read_day(debits).header) as file:
        file.append(replace(read_day(debits).rows[0], insured_division="330106"))
        file.finish()
    months = iter(("202603", "202604", "202605", "202606", "202607"))
    for at, day in enumerate((refunds, debits, better)):
        town.settle(day, rules=Rules())
        with town.ledger.transaction(exclusive=True) as t:
            month = next(months)
            found = due(t, PHARMACY, month)
            if found.total_fen:
                apply_claim(t, found)
            standing = [one for one in claims_of(t) if one.state is ClaimState.APPLIED]
            if at == 2:
                cancel_claim(t, standing[0].number)
        open_figures(town.ledger, "202612")
    assert open_figures(town.ledger, "202612")[1] == 7000 - 800
