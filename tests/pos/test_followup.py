# SPDX-License-Identifier: Apache-2.0
"""What a paid sale owes to its card, EF06 and EF15, is written once whatever breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard.commands import READ_RECORD
from sscard_chip.standard.settlement_mode import OfflineUse
from sscard_chip.terminal.pos import Bill, SaleRefusedError, UnfinishedSaleError
from tests.bench.shop import BILL, LATER, TIME, Shop
from tests.pos.test_modes import ACCOUNT, NIGHT, TEMPORARY, shop_of, use_of


def special(shop: Shop) -> list[bytes]:
    """Records of EF15, newest first."""
    account = shop.account()
    found = []
    for number in range(1, 9):
        data, sw = account.send(READ_RECORD.apdu(number, 0xAC, le=0x00))
        if sw != 0x9000:
            break
        found.append(data)
    return found


def test_ef06_is_written_once_whatever_breaks(tmp_path: Path) -> None:
    """A card pulled at each command behind DEBIT: the next time that it comes, it is put right."""
    owed = 0
    for exchange in range(1, 400):
        place = tmp_path / str(exchange)
        place.mkdir()
        for executed in (False, True):
            folder = place / str(executed)
            folder.mkdir()
            pulled = FaultAt(ExchangeFault.REMOVED, exchange, executed)
            shop = shop_of(folder, TEMPORARY, use=("1", "00000100", "01"), faults=(pulled,))
            paid = True
            with shop.till() as till:
                try:
                    till.sell(ACCOUNT, TIME)
                except (SaleRefusedError, UnfinishedSaleError):
                    shop.insert()
                    paid = till.unfinished is not None and till.recover() is not None
                shop.insert()
                if till.owing:
                    owed += 1
                    assert till.finish_owed() == []
                assert till.owing == ()
            assert use_of(shop) == (OfflineUse(True, 1100, 2) if paid else OfflineUse(True, 100, 1))
            assert shop.audit() == paid
        if shop.card_slot.exchanges < exchange:
            assert owed > 5
            return
    pytest.fail("the sale has no end")


def test_the_next_sale_of_the_card_writes_what_it_is_owed(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, TEMPORARY, use=("1", "00000100", "01"))
    with shop.till() as till:
        till.sell(ACCOUNT, TIME)
        last = shop.card_slot.exchanges
    (tmp_path / "b").mkdir()
    pulled = FaultAt(ExchangeFault.REMOVED, last)
    shop = shop_of(tmp_path / "b", TEMPORARY, use=("1", "00000100", "01"), faults=(pulled,))
    with shop.till() as till:
        warnings = till.sell(ACCOUNT, TIME).warnings
        assert any("EF06 is not written yet" in line for line in warnings)
        assert len(till.owing) == 1
    shop.insert()
    with shop.till() as till:
        assert till.sell(ACCOUNT, NIGHT).warnings == ()
        assert till.owing == ()
    assert use_of(shop) == OfflineUse(True, 2100, 3)


@pytest.mark.parametrize("category", ["1", "2", "3"])
def test_special_settlements_leave_a_record_on_the_card(tmp_path: Path, category: str) -> None:
    shop = Shop(tmp_path, 3)
    with shop.till() as till:
        till.sell(BILL, TIME)
        assert special(shop) == []
        till.sell(Bill(BILL.split, category), LATER)
    assert special(shop) == [b"\x00\x01" + category.encode()]


def test_generation_1_has_no_place_for_the_category(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 1)
    with shop.till() as till:
        outcome = till.sell(Bill(BILL.split, "3"), TIME)
    assert any("no EF15" in line for line in outcome.warnings)
    assert not shop.journal.exists()
    assert shop.audit() == 1


def test_ef15_is_written_once_whatever_breaks(tmp_path: Path) -> None:
    bill = Bill(BILL.split, "1")
    shop = Shop(tmp_path, 2)
    with shop.till() as till:
        till.sell(BILL, TIME)
        first = shop.card_slot.exchanges
        till.sell(bill, LATER)
        last = shop.card_slot.exchanges - first
    for exchange in range(first - 2, last + 1):
        for executed in (False, True):
            place = tmp_path / f"{exchange}{executed}"
            place.mkdir()
            pulled = FaultAt(ExchangeFault.REMOVED, exchange, executed)
            shop = Shop(place, 2, faults=(pulled,))
            with shop.till() as till:
                paid = True
                try:
                    till.sell(bill, TIME)
                except UnfinishedSaleError:
                    shop.insert()
                    paid = till.recover() is not None
                except SaleRefusedError:
                    paid = False
                shop.insert()
                till.finish_owed()
                assert till.owing == ()
            assert special(shop) == ([b"\x00\x001"] if paid else [])
