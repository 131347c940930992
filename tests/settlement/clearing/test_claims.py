# SPDX-License-Identifier: Apache-2.0
"""Monthly claims on settled rows, on both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sscard_chip.settlement.clearing.claims import (
    ClaimRefusedError,
    ClaimState,
    apply_claim,
    cancel_claim,
    claims_of,
    due,
    find_claim,
    pay_claim,
)
from sscard_chip.settlement.ledger import AccountKind, Ledger
from sscard_chip.standard.settlement_mode import Split
from tests.bench.shop import BILL, LATER, PHARMACY, TIME
from tests.settlement.town import SECOND, Town, sell_day

MONTH = "202603"


@pytest.fixture
def town(ledger: Ledger, tmp_path: Path) -> Town:
    return Town(ledger, tmp_path)


def sold(town: Town) -> None:
    """Two sales, one refunded in part, settled."""
    shop = town.shop()
    with shop.till() as till:
        first = till.sell(BILL, TIME)
        till.sell(BILL, LATER)
        till.refund(first.row.msgid, LATER, parts=Split(100, 200, 300))
        till.close_day()
    assert town.settle(shop.day_file).posted == 3


def payable(town: Town) -> tuple[int, int]:
    """Balances of the pharmacy and of the bank."""
    with town.ledger.reading() as t:
        banks = t.balances_of(AccountKind.BANK)
        return t.balances_of(AccountKind.PHARMACY)[PHARMACY], sum(banks.values())


def test_a_month_is_claimed_and_paid(town: Town) -> None:
    sold(town)
    with town.ledger.transaction(exclusive=True) as t:
        request = due(t, PHARMACY, MONTH)
        assert request.visits == 1
        assert request.total_fen == request.recognised_fen == 7000 - 600
        assert (request.claimed_fen, request.account_fen) == (4000 - 300, 2000 - 100)
        assert request.cash_fen == 1000 - 200
        assert (request.first_day, request.last_day) == ("20260301", "20260331")
        claim = apply_claim(t, request)
        assert claim.number == "510100202603410000000001"
        assert apply_claim(t, request) == claim
    assert payable(town) == (5600, 0)
    with town.ledger.transaction(exclusive=True) as t:
        assert find_claim(t, claim.number) == claim
        assert due(t, PHARMACY, MONTH).visits == 0
        paid = pay_claim(t, claim.number, "20260415", "批次 7")
        assert (paid.state, paid.note) == (ClaimState.PAID, "批次 7")
        assert pay_claim(t, claim.number, "20260416") == paid
    assert payable(town) == (0, 5600)
    with town.ledger.transaction(exclusive=True) as t:
        with pytest.raises(ClaimRefusedError, match="is paid"):
            cancel_claim(t, claim.number)
        assert claims_of(t) == [paid]
        assert claims_of(t, "P2") == []


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("visits", "psntime: is 2, the centre has 1"),
        ("total_fen", "medfee_sumamt: is 64.01, the centre has 64.00"),
        ("recognised_fen", "med_sumfee"),
        ("claimed_fen", "fund_appy_sum"),
        ("cash_fen", "cash_payamt"),
        ("account_fen", "acct_pay"),
    ],
)
def test_a_claim_of_other_figures_is_refused(town: Town, field: str, name: str) -> None:
    sold(town)
    with town.ledger.transaction(exclusive=True) as t:
        request = due(t, PHARMACY, MONTH)
        with pytest.raises(ClaimRefusedError, match=name):
            apply_claim(t, replace(request, **{field: getattr(request, field) + 1}))
        assert claims_of(t) == []


def test_what_cannot_be_claimed(town: Town) -> None:
    sold(town)
    with town.ledger.transaction(exclusive=True) as t:
        request = due(t, PHARMACY, MONTH)
        with pytest.raises(ClaimRefusedError, match="nothing to claim"):
            apply_claim(t, due(t, PHARMACY, "202602"))
        with pytest.raises(ClaimRefusedError, match="nothing to claim"):
            apply_claim(t, replace(request, pharmacy="P9"))
        with pytest.raises(ClaimRefusedError, match="clr_type"):
            apply_claim(t, replace(request, clr_type="11"))
        for month in ("202613", "2026", "20260a", "000001"):
            with pytest.raises(ClaimRefusedError, match="setlym"):
                due(t, PHARMACY, month)
        with pytest.raises(ClaimRefusedError, match="no such claim"):
            find_claim(t, "1")


def test_a_cancelled_claim_gives_its_rows_free(town: Town) -> None:
    sold(town)
    with town.ledger.transaction(exclusive=True) as t:
        request = due(t, PHARMACY, MONTH)
        first = apply_claim(t, request)
        gone = cancel_claim(t, first.number, "金额待核")
        assert cancel_claim(t, first.number) == gone
        assert due(t, PHARMACY, MONTH) == request
        with pytest.raises(ClaimRefusedError, match="is cancelled"):
            pay_claim(t, first.number, "20260415")
        second = apply_claim(t, request)
        assert second.number != first.number
        with pytest.raises(ClaimRefusedError, match="claimed already"):
            apply_claim(t, replace(request, visits=0))
        assert [one.state for one in claims_of(t)] == [ClaimState.CANCELLED, ClaimState.APPLIED]


def test_what_comes_late_goes_into_a_later_claim(town: Town) -> None:
    sold(town)
    with town.ledger.transaction(exclusive=True) as t:
        apply_claim(t, due(t, PHARMACY, MONTH))
    late = sell_day(town.shop(2, terminal=SECOND), TIME)
    assert town.settle(late).posted == 1
    with town.ledger.transaction(exclusive=True) as t:
        with pytest.raises(ClaimRefusedError, match="claimed already"):
            apply_claim(t, due(t, PHARMACY, MONTH))
        request = due(t, PHARMACY, "202604")
        assert (request.visits, request.total_fen) == (1, 3500)
        assert (request.first_day, request.last_day) == ("20260401", "20260430")
        apply_claim(t, request)
        assert due(t, PHARMACY, "202605").visits == 0
