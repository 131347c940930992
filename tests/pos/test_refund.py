# SPDX-License-Identifier: Apache-2.0
"""Refunds: counter-rows by rule, never a command to the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard.settlement_mode import SettlementMode, Split
from sscard_chip.terminal.pos import (
    CentreNoAnswerError,
    CentreUnreachableError,
    Refusal,
    SaleRefusedError,
    UnfinishedSaleError,
    read_day,
)
from tests.bench.shop import BALANCE, BILL, LATER, PHARMACY, TIME, Shop
from tests.pos.test_modes import Network, shop_of

MSGID = f"{PHARMACY}{TIME}0100"


def test_a_refund_is_a_row_with_negative_amounts(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    with shop.till() as till:
        sale = till.sell(BILL, TIME).row
        sent = shop.card_slot.exchanges
        outcome = till.refund(sale.msgid, LATER)
        assert shop.card_slot.exchanges == sent
        row = outcome.row
        assert row == replace(
            sale,
            total_fen=-3500,
            fund_fen=-2000,
            account_fen=-1000,
            cash_fen=-500,
            refund=True,
            msgid=f"{PHARMACY}{LATER}0100",
        )
        assert row.tac == shop.tac(row)
        assert till.close_day().sums_fen == (0, 0, 0, 0)
    assert "医保退费凭证" in outcome.receipt.text()
    assert "-35.00" in outcome.receipt.text()
    assert shop.balance() == BALANCE - 1000
    assert len(read_day(shop.day_file).rows) == 2


def test_parts_off_line_up_to_what_is_left(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    with shop.till() as till:
        till.sell(BILL, TIME)
        till.refund(MSGID, LATER, parts=Split(400, 500, 0))
        for parts, rule in (
            (Split(601, 0, 0), "more than is left"),
            (Split(0, 1, 0), "more than is left"),
            (Split(0, 0, 0), "above 0"),
            (Split(-1, 0, 2), "negative"),
        ):
            with pytest.raises(SaleRefusedError, match=rule) as caught:
                till.refund(MSGID, LATER, parts=parts)
            assert caught.value.refusal is Refusal.REFUND
        rest = till.refund(MSGID, LATER).row
        assert (rest.account_fen, rest.cash_fen, rest.fund_fen) == (-600, 0, -2000)
        with pytest.raises(SaleRefusedError, match="nothing is left"):
            till.refund(MSGID, LATER)
        assert len(till.rows) == 3


def test_the_sale_may_be_of_an_earlier_day(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    with shop.till() as till:
        till.sell(BILL, TIME)
        till.refund(MSGID, LATER, parts=Split(1000, 0, 0))
        till.close_day()
    earlier = read_day(shop.day_file).rows
    shop.day_file = tmp_path / "NEXT.tsv"
    with shop.till() as till:
        with pytest.raises(SaleRefusedError, match="not in this day file or those given"):
            till.refund(MSGID, LATER)
        row = till.refund(MSGID, LATER, earlier=earlier).row
        assert (row.account_fen, row.cash_fen, row.fund_fen) == (0, -500, -2000)


def test_what_is_no_sure_sale_is_not_refunded(tmp_path: Path) -> None:
    wrong = FaultAt(ExchangeFault.REMOVED, 1)
    shop = Shop(tmp_path, 2, faults=(wrong,))
    with shop.till() as till:
        with pytest.raises(SaleRefusedError):
            till.sell(BILL, TIME)
        shop.insert()
        sale = till.sell(BILL, TIME).row
        refund = till.refund(sale.msgid, LATER).row
        with pytest.raises(SaleRefusedError, match="not in this day file"):
            till.refund(refund.msgid, LATER)
        grey = replace(sale, grey=True, msgid="G" * 30)
        with pytest.raises(SaleRefusedError, match="in doubt"):
            till.refund(grey.msgid, LATER, earlier=[grey])
        other = replace(sale, terminal_id="510100000009", msgid="O" * 30)
        with pytest.raises(SaleRefusedError, match="another terminal"):
            till.refund(other.msgid, LATER, earlier=[other])


def test_a_settlement_of_the_centre_is_cancelled_as_a_whole(tmp_path: Path) -> None:
    centre = Network(tmp_path / "centre.jsonl")
    shop = shop_of(tmp_path, SettlementMode.ONLINE, authoriser=centre)
    with shop.till() as till:
        sale = till.sell(BILL, TIME).row
        with pytest.raises(SaleRefusedError, match="as a whole"):
            till.refund(MSGID, LATER, parts=Split(1, 0, 0))
        centre.down = CentreUnreachableError
        with pytest.raises(SaleRefusedError, match="refused by the centre"):
            till.refund(MSGID, LATER)
        assert till.unfinished is None
        centre.down = None
        row = till.refund(MSGID, LATER).row
    assert centre.state(MSGID) == "cancelled"
    assert row.setl_id not in (None, sale.setl_id)
    assert row.total_fen == -sale.total_fen


def test_a_cancellation_without_an_answer_is_asked_for_again(tmp_path: Path) -> None:
    centre = Network(tmp_path / "centre.jsonl")
    shop = shop_of(tmp_path, SettlementMode.ONLINE, authoriser=centre)
    with shop.till() as till:
        till.sell(BILL, TIME)
        centre.down = CentreNoAnswerError
        with pytest.raises(UnfinishedSaleError):
            till.refund(MSGID, LATER)
        with pytest.raises(SaleRefusedError, match="needs no card"):
            till.give_up()
        with pytest.raises(UnfinishedSaleError):
            till.refund(MSGID, LATER)
    centre.down = None
    with shop.till() as till:
        outcome = till.recover()
        assert outcome is not None
        assert outcome.row.refund
        assert len(till.rows) == 2
    assert centre.state(MSGID) == "cancelled"
    assert not shop.journal.exists()
