# SPDX-License-Identifier: Apache-2.0
"""Card against ledger: each cause of a difference is made to happen, and is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sscard_chip.card import Card
from sscard_chip.settlement.ledger import AllocationFile, Ledger, allocate
from sscard_chip.settlement.reconciliation.card_books import read_card_books
from sscard_chip.settlement.reconciliation.card_ledger import compare_card
from sscard_chip.settlement.reconciliation.cards import read_state, state_of_image
from sscard_chip.settlement.reconciliation.differences import Report
from sscard_chip.standard.settlement_mode import SettlementMode, Split
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pos import Bill, DayRow
from tests.bench.shop import BALANCE, BILL, LATER, PHARMACY, PIN, TERMINAL, TIME, region
from tests.settlement.platform.centre import ledger_authoriser
from tests.settlement.town import SECOND, Town, forged, load, rewrite, sell_day


@pytest.fixture
def town(ledger: Ledger, tmp_path: Path) -> Town:
    return Town(ledger, tmp_path)


def report(town: Town, card: Card) -> Report:
    with town.ledger.reading() as t:
        state = state_of_image(card)
        return compare_card(state, read_card_books(t, state))


def kinds(town: Town, card: Card) -> list[tuple[str, int | None]]:
    return [(one.kind.name, one.fen) for one in report(town, card).differences]


def allocation(town: Town, fen: int, batch: str = "1") -> None:
    file = AllocationFile(
        "202603", "20260316", batch, ("P1",), np.array([fen]), batch.encode() * 32
    )
    with town.ledger.transaction(exclusive=True) as t:
        allocate(t, file)


def test_an_even_card(town: Town) -> None:
    shop = town.shop()
    town.register(shop)
    assert kinds(town, shop.card) == []
    town.settle(sell_day(shop, TIME, LATER))
    assert kinds(town, shop.card) == []
    found = report(town, shop.card)
    assert ("个人账户余额 balance", "980.00", "980.00") in found.figures
    with town.ledger.reading() as t:
        state = read_state(connect_card(shop.card), PIN)
        assert compare_card(state, read_card_books(t, state)).to_dict() == found.to_dict()


def test_a_debit_that_was_not_uploaded(town: Town) -> None:
    shop = town.shop()
    town.register(shop)
    sell_day(shop, TIME, LATER)
    (first, second) = report(town, shop.card).differences
    assert (first.kind.name, first.fen) == (second.kind.name, second.fen) == ("NOT_UPLOADED", -1000)
    assert first.what == (f"purchase 0, 2026-03-15 10:11, terminal {TERMINAL}, account 10.00")
    assert "has not come yet" in first.cause


def test_what_was_paid_before_the_account_was_opened_is_no_difference(town: Town) -> None:
    shop = town.shop()
    sell_day(shop)
    town.register(shop, opening_fen=BALANCE - 1000, date="20260401")
    assert kinds(town, shop.card) == []


def test_refused_and_held_debits(town: Town) -> None:
    shop = town.shop()
    town.register(shop)

    def spoil(rows: list[DayRow]) -> list[DayRow]:
        return [forged(rows[0]), replace(rows[1], grey=True, tac=None)]

    town.settle(rewrite(sell_day(shop, TIME, LATER), spoil))
    refused, held = report(town, shop.card).differences
    assert (refused.kind.name, held.kind.name) == ("REFUSED", "HELD")
    assert refused.cause.startswith("code 1: ")
    assert held.cause.startswith("code 104: ")
    assert held.msgid == f"{PHARMACY}{LATER}0100"


def test_a_row_that_differs_though_its_tac_is_right(town: Town) -> None:
    shop = town.shop()
    town.register(shop)

    def change(rows: list[DayRow]) -> list[DayRow]:
        row = replace(
            rows[0],
            account_fen=900,
            cash_fen=600,
            card_account_fen=900,
            card_self_paid_fen=600,
        )
        return [replace(row, tac=shop.tac(row))]

    town.settle(rewrite(sell_day(shop), change))
    (found,) = report(town, shop.card).differences
    assert (found.kind.name, found.fen) == ("ROW", -100)
    assert found.what.endswith("account_amount_fen, self_paid_amount_fen")


def test_a_gap_older_than_the_log(town: Town) -> None:
    shop = town.shop()
    town.register(shop)
    town.settle(sell_day(shop))
    lost = town.folder / "lost"
    lost.mkdir()
    shop.day_file = lost / "DAY.tsv"
    sell_day(shop)
    shop.day_file = town.folder / "DAY.tsv"
    town.settle(sell_day(shop, *[LATER] * 31))
    gap, balance = report(town, shop.card).differences
    assert (gap.kind.name, gap.what) == ("GAP", "purchase 1")
    assert (balance.kind.name, balance.fen) == ("BALANCE", -1000)


def test_a_card_restored_from_an_older_image(town: Town) -> None:
    shop = town.shop()
    town.register(shop)
    day = sell_day(shop, TIME, close=False)
    shop.card.save(town.folder / "older.ssc")
    sell_day(shop, LATER)
    town.settle(day)
    with Card.open(town.folder / "older.ssc") as older:
        (found,) = report(town, older).differences
    assert (found.kind.name, found.fen, found.msgid) == (
        "LEDGER_AHEAD",
        1000,
        f"{PHARMACY}{LATER}0100",
    )


def test_credits_that_wait_and_loads_that_nobody_knows(town: Town) -> None:
    shop = town.shop()
    town.register(shop)
    with shop.till() as till:
        sold = till.sell(BILL, TIME)
        till.refund(sold.row.msgid, LATER, parts=Split(300, 0, 0))
        till.close_day()
    town.settle(shop.day_file)
    assert kinds(town, shop.card) == [("NOT_LOADED", -300)]
    allocation(town, 5000)
    assert kinds(town, shop.card) == [("NOT_LOADED", -300), ("NOT_LOADED", -5000)]
    load(shop, 300, LATER)
    assert kinds(town, shop.card) == [("NOT_LOADED", -5000)]
    load(shop, 5000, LATER)
    assert kinds(town, shop.card) == []
    load(shop, 777, LATER)
    assert kinds(town, shop.card) == [("LOAD_UNKNOWN", 777)]
    (found,) = report(town, shop.card).differences
    assert found.what.startswith("load 2, ")


def test_a_share_in_suspense(town: Town) -> None:
    shop = town.shop()
    town.register(shop, opening_fen=400)
    town.settle(sell_day(shop))
    assert kinds(town, shop.card) == [("SUSPENSE", -600), ("BALANCE", BALANCE - 400)]


def test_another_card_of_the_same_person(town: Town) -> None:
    shop = town.shop()
    town.register(shop)
    other = town.shop(2, terminal=SECOND)
    town.register(other, opening_fen=0, psn_no=np.array(["P1"], "S30"))
    town.settle(sell_day(shop), sell_day(other))
    assert kinds(town, shop.card) == [("OTHER_CARD", 1000)]


def test_a_card_that_is_not_registered(town: Town) -> None:
    shop = town.shop()
    assert kinds(town, shop.card) == [("UNKNOWN_CARD", None)]
    town.register(shop, card_id_code=np.full((1, 16), 0x51, np.uint8))
    assert kinds(town, shop.card) == [("IDENTITY", None)]


def test_without_a_register_rows_are_compared_and_no_balance(town: Town) -> None:
    shop = town.shop()
    town.settle(sell_day(shop))
    assert kinds(town, shop.card) == []
    assert ("个人账户余额 balance", "990.00", "-") in report(town, shop.card).figures


def test_a_card_of_an_on_line_region(town: Town) -> None:
    shop = town.shop(
        mode=SettlementMode.ONLINE,
        region=region(1),
        authoriser=ledger_authoriser(town.ledger),
    )
    town.register(shop)
    with shop.till() as till:
        till.sell(Bill(Split(1000, 500, 2000)), TIME)
        till.close_day()
    assert kinds(town, shop.card) == [("NOT_UPLOADED", 0)]
    town.settle(shop.day_file)
    assert kinds(town, shop.card) == []
    assert ("个人账户余额 balance", "1000.00", "990.00") in report(town, shop.card).figures
