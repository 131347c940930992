# SPDX-License-Identifier: Apache-2.0
"""What the till makes of a card that comes back, comes back changed, or never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard.commands import VERIFY
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.medical import send_debit, send_initialize
from sscard_chip.terminal.pos import SaleRefusedError, UnfinishedSaleError
from sscard_chip.terminal.psam_client import PurchaseRequest, SamClient
from sscard_chip.terminal.session import open_session
from tests.bench.shop import (
    BILL,
    LATER,
    PIN,
    ROUTES,
    TIME,
    Shop,
    card_memory,
    exchanges,
    psam_memory,
)


def test_recovery_of_an_account_only_card(tmp_path: Path) -> None:
    last = exchanges(*ROUTES[1])[0]
    memory = card_memory(2, "3des", account_only=True)
    shop = Shop(tmp_path, memory=memory, faults=(FaultAt(ExchangeFault.REMOVED, last),))
    with shop.till() as till, pytest.raises(UnfinishedSaleError):
        till.sell(BILL, TIME)
    shop.insert()
    with shop.till() as till:
        assert till.recover() is not None
    assert shop.audit() == 1


def test_another_card_does_not_finish_the_sale(tmp_path: Path) -> None:
    last = exchanges(*ROUTES[1])[0]
    shop = Shop(tmp_path, 2, faults=(FaultAt(ExchangeFault.REMOVED, last),))
    (tmp_path / "other").mkdir()
    other = Shop(tmp_path / "other", 2, card_number="Y12345679")
    with shop.till() as till:
        with pytest.raises(UnfinishedSaleError, match="put it in again"):
            till.sell(BILL, TIME)
        shop.card_slot.insert(other.card_slot)
        with pytest.raises(UnfinishedSaleError, match="another card"):
            till.sell(BILL, LATER)
        assert till.rows == ()
    assert other.balance() == shop.balance() + 1000


def test_a_card_that_paid_elsewhere_meanwhile_is_not_taken_for_ours(tmp_path: Path) -> None:
    """DEBIT never came; the card used its number at another terminal, and has a proof for it."""
    last = exchanges(*ROUTES[1])[0]
    for later_sales in (1, 2):
        place = tmp_path / str(later_sales)
        (place / "other").mkdir(parents=True)
        pulled = FaultAt(ExchangeFault.REMOVED, last - 1, executed=False)
        shop = Shop(place, 2, faults=(pulled,))
        other = Shop(place / "other", 2)
        with shop.till() as till:
            with pytest.raises(UnfinishedSaleError):
                till.sell(BILL, TIME)
            _sell_elsewhere(shop, later_sales)
            shop.insert()
            assert till.recover() is None
            assert till.rows == ()
        assert other.balance() - shop.balance() == later_sales


def _sell_elsewhere(shop: Shop, count: int) -> None:
    """Purchases of one fen at a terminal that keeps no books."""
    sam = SamClient(connect_card(Card(psam_memory(terminal="510100000002").copy())))
    session = open_session(connect_card(shop.card))
    sam.open(session.algorithm)
    session.client.require(VERIFY, 0, 0, bcd(PIN))
    session.enter(0xDF04)
    for _ in range(count):
        amounts = Split(1, 0, 0)
        opened = send_initialize(session, 1, amounts, "510100000002")
        request = PurchaseRequest(
            opened.random,
            opened.number,
            amounts,
            0x32,
            LATER,
            opened.key_version,
            opened.algorithm,
        )
        mac1 = sam.init_purchase(request, session.factors)
        assert not isinstance(send_debit(session, mac1.transaction_number, LATER, mac1.mac), int)


def test_a_paid_sale_whose_proof_was_replaced_is_grey(tmp_path: Path) -> None:
    last = exchanges(*ROUTES[1])[0]
    shop = Shop(tmp_path, 2, faults=(FaultAt(ExchangeFault.REMOVED, last),))
    with shop.till() as till:
        with pytest.raises(UnfinishedSaleError):
            till.sell(BILL, TIME)
        _sell_elsewhere(shop, 1)
        shop.insert()
        outcome = till.recover()
        assert outcome is not None
        assert (outcome.row.grey, outcome.row.tac) == (True, None)
        assert any("TAC" in line for line in outcome.warnings)
        assert till.rows == (outcome.row,)


def test_a_card_that_never_comes_back_is_recorded_grey(tmp_path: Path) -> None:
    last = exchanges(*ROUTES[1])[0]
    shop = Shop(tmp_path, 2, faults=(FaultAt(ExchangeFault.REMOVED, last),))
    with shop.till() as till:
        with pytest.raises(UnfinishedSaleError):
            till.sell(BILL, TIME)
        with pytest.raises(UnfinishedSaleError, match="no card"):
            till.sell(BILL, LATER)
        with pytest.raises(UnfinishedSaleError):
            till.close_day()
        outcome = till.give_up()
        assert (outcome.row.grey, outcome.row.tac) == (True, None)
        assert "存疑" in outcome.receipt.text()
        with pytest.raises(SaleRefusedError, match="no sale is open"):
            till.give_up()
        assert not shop.journal.exists()
        assert till.close_day().count == 1


def test_a_wrong_pin_in_recovery_leaves_the_sale_open(tmp_path: Path) -> None:
    last = exchanges(*ROUTES[1])[0]
    shop = Shop(tmp_path, 2, faults=(FaultAt(ExchangeFault.REMOVED, last),))
    with shop.till() as till, pytest.raises(UnfinishedSaleError):
        till.sell(BILL, TIME)
    shop.insert()
    with shop.till() as till:
        shop.typed = ["999999", None]
        with pytest.raises(UnfinishedSaleError, match="PIN wrong: 5 tries left") as caught:
            till.recover()
        assert "999999" not in str(caught.value)
        assert till.recover() is not None
    assert shop.audit() == 1


def test_the_psam_waits_for_the_card_that_was_pulled(tmp_path: Path) -> None:
    last = exchanges(*ROUTES[1])[0]
    shop = Shop(tmp_path, 2, faults=(FaultAt(ExchangeFault.REMOVED, last),))
    with shop.till() as till:
        with pytest.raises(UnfinishedSaleError):
            till.sell(BILL, TIME)
        shop.insert()
        asked, sent = len(shop.asked), shop.psam_slot.exchanges
        outcome = till.recover()
        assert outcome is not None
        assert outcome.mac2 is True
        assert len(shop.asked) == asked  # the proof was enough
        assert shop.psam_slot.exchanges == sent + 1
    assert shop.audit() == 1
