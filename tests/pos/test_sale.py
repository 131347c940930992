# SPDX-License-Identifier: Apache-2.0
"""A whole sale: every card over every interface, every PSAM level, and every refusal."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard.divisions import check_division
from sscard_chip.standard.settlement_mode import SettlementMode, SettlementRegion, Split
from sscard_chip.terminal.pos import (
    Bill,
    DayFileError,
    HotCard,
    Hotlist,
    HotRange,
    Refusal,
    SaleOutcome,
    SaleRefusedError,
    TillSettings,
)
from tests.bench.issued import HOLDER
from tests.bench.shop import (
    BALANCE,
    BILL,
    LATER,
    PHARMACY,
    PIN,
    ROUTES,
    TERMINAL,
    TIME,
    Shop,
    card_memory,
    psam_memory,
)


def refused(shop: Shop, refusal: Refusal, bill: Bill = BILL, time: str = TIME) -> SaleRefusedError:
    """A sale that must be refused, and leaves no trace."""
    with shop.till() as till:
        before = till.rows
        with pytest.raises(SaleRefusedError) as caught:
            till.sell(bill, time)
        assert caught.value.refusal is refusal, caught.value
        assert till.rows == before
        assert till.unfinished is None
    assert not shop.journal.exists()
    assert "\n" not in str(caught.value)
    return caught.value


def sell(shop: Shop, bill: Bill = BILL, time: str = TIME) -> SaleOutcome:
    with shop.till() as till:
        return till.sell(bill, time)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_sale(tmp_path: Path, route: tuple[int, str, bool], level: int) -> None:
    generation, algorithm, contactless = route
    psam = psam_memory(level, city=None if level == 1 else "510100")
    shop = Shop(tmp_path, generation, algorithm, contactless=contactless, psam=psam)
    outcome = sell(shop)
    assert (outcome.mac2, outcome.recovered, outcome.warnings) == (True, False, ())
    row = outcome.row
    assert (row.total_fen, row.account_fen, row.cash_fen, row.fund_fen) == (3500, 1000, 500, 2000)
    assert (row.setl_id, row.mdtrt_id, row.psn_no, row.refund) == (None, None, None, False)
    assert (row.card_number, row.terminal_id) == (HOLDER["card_number"], TERMINAL)
    assert (row.algorithm, row.key_version, row.transaction_type) == (algorithm, 1, 0x32)
    assert (row.transaction_number, row.terminal_transaction_number) == (0, 1)
    assert row.card_id_code[:8].hex() == "510100d156000005"
    assert row.diversification_factor == shop.card.historical_bytes[5:]
    assert outcome.receipt.balance_fen == BALANCE - 1000
    assert shop.audit() == 1
    assert shop.asked == [6]


def test_sales_are_numbered_by_card_and_terminal(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    rows = []
    for count, time in enumerate((TIME, LATER, LATER)):
        with shop.till() as till:
            rows.append(till.sell(Bill(Split(count + 1, 0, 0)), time).row)
    assert [row.transaction_number for row in rows] == [0, 1, 2]
    assert [row.terminal_transaction_number for row in rows] == [1, 2, 3]
    assert len({row.msgid for row in rows}) == 3
    assert rows[0].msgid == f"{PHARMACY}{TIME}0100"
    assert shop.audit() == 3


def test_both_environments_of_a_psam_count_on_their_own(tmp_path: Path) -> None:
    """So two sales may have one terminal number, and both are recorded."""
    old, new = Shop(tmp_path, 2), Shop(tmp_path, 3)
    with old.till() as till:
        first = till.sell(BILL, TIME).row
        old.card_slot.insert(new.card_slot)
        second = till.sell(BILL, LATER).row
        assert till.rows == (first, second)
    assert first.terminal_transaction_number == second.terminal_transaction_number
    assert first.debit != second.debit


def test_account_only_card(tmp_path: Path) -> None:
    shop = Shop(tmp_path, memory=card_memory(2, "3des", account_only=True))
    assert sell(shop).receipt.balance_fen == BALANCE - 1000
    assert [len(record) for record in shop.purchases()] == [20]
    assert shop.audit() == 1


def test_card_without_pin(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2, pin=None)
    with shop.till() as till:
        assert till.sell(BILL, TIME).mac2
    assert shop.asked == []


def test_the_till_runs_on_when_a_card_or_the_psam_was_pulled(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    with shop.till() as till:
        for slot, refusal in ((shop.card_slot, Refusal.NO_CARD), (shop.psam_slot, Refusal.PSAM)):
            slot.remove()
            with pytest.raises(SaleRefusedError) as caught:
                till.sell(BILL, TIME)
            assert caught.value.refusal is refusal
            slot.insert()
        till.sell(BILL, TIME)
    assert shop.audit() == 1


# --- refusals ------------------------------------------------------------------------------------


def test_expired_card(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2, expiry_date="20260314")
    assert str(refused(shop, Refusal.EXPIRED)) == "card expired: on 2026-03-14"
    last_day = Shop(tmp_path, 2, expiry_date="20260315")
    assert sell(last_day).mac2


@pytest.mark.parametrize(
    ("wrong", "left"), [(["111111", None], 5), (["111111", "222222", None], 4)]
)
def test_wrong_pin_tells_how_many_tries_are_left(
    tmp_path: Path, wrong: list[str | None], left: int
) -> None:
    shop = Shop(tmp_path, 2)
    shop.typed = list(wrong)
    error = refused(shop, Refusal.PIN_WRONG)
    assert (error.remaining_tries, str(error)) == (left, f"PIN wrong: {left} tries left")
    assert shop.asked == list(range(6, left - 1, -1))


def test_pin_asked_again_until_it_is_right(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    shop.typed = ["111111"]
    assert sell(shop).mac2
    assert shop.asked == [6, 5]
    assert shop.audit() == 1


def test_pin_locked(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    shop.pin = "999999"
    refused(shop, Refusal.PIN_LOCKED)
    assert shop.asked == [6, 5, 4, 3, 2, 1]
    refused(shop, Refusal.PIN_LOCKED)
    assert len(shop.asked) == 6


@pytest.mark.parametrize("typed", [None, "", "123", "1234567890123", "12345a"])
def test_what_is_no_pin_is_not_sent(tmp_path: Path, typed: str | None) -> None:
    shop = Shop(tmp_path, 2)
    shop.typed = [typed]
    error = refused(shop, Refusal.PIN_MISSING)
    assert not typed or typed not in str(error)
    with shop.till() as till:
        till.sell(BILL, TIME)
    assert shop.asked == [6, 6]


def test_not_enough_money(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    error = refused(shop, Refusal.NO_MONEY, Bill(Split(BALANCE + 1, 0, 0)))
    assert "9401" in str(error)
    assert sell(shop, Bill(Split(BALANCE, 0, 0))).receipt.balance_fen == 0


def test_psam_with_other_keys(tmp_path: Path) -> None:
    """A PSAM of another city diversifies from another place."""
    check_division("330100")
    other = psam_memory(3, city="330100", terminal="510100000009")
    shop = Shop(tmp_path, 2, psam=other)
    refused(shop, Refusal.NOT_GENUINE)
    assert shop.asked == []


def test_psam_of_another_terminal(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    sell(shop)
    other = Shop(tmp_path, 2, psam=psam_memory(terminal="510100000009"))
    with pytest.raises(DayFileError, match="row 1: terminal_id: the day file belongs to another"):
        other.till()
    with shop.till() as till:
        shop.psam_slot.remove()
        shop.psam_slot.insert(other.psam_slot)
        other.psam_slot.power_on()
        with pytest.raises(SaleRefusedError, match="PSAM: it is another one") as caught:
            # The first attempt finds the PSAM without power, and powers it on.
            till.sell(BILL, LATER)
        assert caught.value.refusal is Refusal.PSAM


def test_no_card_and_something_else_in_the_slot(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    shop.card_slot.remove()
    refused(shop, Refusal.NO_CARD)
    shop.card_slot.insert(Shop(tmp_path, 2).psam_slot)
    refused(shop, Refusal.NOT_READABLE)


def test_card_and_application_locked(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2, faults=(FaultAt(ExchangeFault.WRONG_STATUS, 1, status=b"\x6a\x81"),))
    refused(shop, Refusal.CARD_LOCKED)
    for exchange in range(2, 60):
        fault = FaultAt(ExchangeFault.WRONG_STATUS, exchange, status=b"\x93\x03", executed=False)
        shop = Shop(tmp_path, 2, faults=(fault,))
        if shop_refuses_application(shop):
            return
    pytest.fail("SELECT DF04 was never met")


def shop_refuses_application(shop: Shop) -> bool:
    with shop.till() as till:
        try:
            till.sell(BILL, TIME)
        except SaleRefusedError as error:
            return error.refusal is Refusal.APPLICATION_LOCKED
    return False


def test_cards_of_other_areas_where_only_some_are_served(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    region = SettlementRegion("510100", SettlementMode.OFFLINE)
    shop.settings = TillSettings(PHARMACY, region, divisions=frozenset({"330100"}))
    refused(shop, Refusal.NOT_SUPPORTED)
    shop.settings = TillSettings(PHARMACY, region, divisions=frozenset({"330100", "510100"}))
    assert sell(shop).mac2


def test_hotlist_by_card_and_by_range(tmp_path: Path) -> None:
    number = str(HOLDER["card_number"])
    code = sell(Shop(tmp_path, 2)).row.card_id_code
    other = bytes(16)
    hot = [
        Hotlist("7", [HotCard(code, number)]),
        Hotlist("7", [HotCard(code, None)]),
        Hotlist("7", [HotCard(None, number, since=TIME)]),
        Hotlist("7", ranges=[HotRange("Z00000000", "Z00000099")]),
        Hotlist("7", ranges=[HotRange("A00000000", "Z99999999"), HotRange("Z00000001", number)]),
        Hotlist("7", ranges=[HotRange(number, number, since="20260101000000")]),
    ]
    for hotlist in hot:
        error = refused(Shop(tmp_path, 2, hotlist=hotlist), Refusal.HOTLISTED)
        assert number not in str(error)
    clean = Hotlist(
        "7",
        [HotCard(other, number), HotCard(code, "Z00000014"), HotCard(code, number, since=LATER)],
        [HotRange("Z00000014", "Z00000099"), HotRange(number, number, since=LATER)],
    )
    assert sell(Shop(tmp_path, 2, hotlist=clean)).mac2


def test_wrong_mac2_is_an_alarm_and_the_row_grey(tmp_path: Path) -> None:
    probe = Shop(tmp_path / "..", 2)
    probe.day_file = tmp_path / "probe.tsv"
    sell(probe)
    wrong = FaultAt(ExchangeFault.WRONG_STATUS, probe.psam_slot.exchanges, status=b"\x93\x02")
    outcome = sell(Shop(tmp_path, 2, psam_faults=(wrong,)))
    assert outcome.mac2 is False
    assert outcome.row.grey
    assert outcome.row.tac is not None
    assert any("ALARM" in line for line in outcome.warnings)
    assert "存疑" in outcome.receipt.text()


@pytest.mark.parametrize("status", ["9000", "9302", "9401", "6A83", "63C0", "6983", "6901"])
def test_a_lie_in_any_answer_leaves_no_doubt(tmp_path: Path, status: str) -> None:
    probe = Shop(tmp_path, 2)
    sell(probe)
    for exchange in range(1, probe.card_slot.exchanges + 1):
        for executed in (False, True):
            place = tmp_path / f"{exchange}{executed}"
            place.mkdir()
            lie = FaultAt(
                ExchangeFault.WRONG_STATUS, exchange, executed, status=bytes.fromhex(status)
            )
            shop = Shop(place, 2, faults=(lie,))
            shop.typed = [PIN, None]
            paid = True
            with shop.till() as till:
                try:
                    till.sell(BILL, TIME)
                except SaleRefusedError:
                    paid = False
                assert till.unfinished is None
            assert shop.audit() == paid, exchange


# --- the till's clock and files ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "sold"),
    [
        ("20260314235959", False),
        ("20260315000000", True),
        ("20260316060000", True),
        ("20260317000000", False),
        ("20260315240000", False),
        ("2026031510111", False),
    ],
)
def test_a_day_file_takes_its_day_and_the_night_after(
    tmp_path: Path, time: str, sold: bool
) -> None:
    shop = Shop(tmp_path, 2)
    if sold:
        assert sell(shop, time=time).row.time == time
    else:
        refused(shop, Refusal.DAY, time=time)


def test_journal_that_cannot_be_written_charges_nobody(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    with shop.till() as till:
        shop.journal.mkdir()
        with pytest.raises(SaleRefusedError, match="cannot be written"):
            till.sell(BILL, TIME)
    shop.journal.rmdir()
    assert shop.audit() == 0


@pytest.mark.parametrize("split", [Split(0, 0, 0), Split(-1, 2, 0), Split(0xFFFFFFFF, 1, 0)])
def test_bills_that_are_none(split: Split) -> None:
    with pytest.raises(ValueError, match="bill: the parts"):
        Bill(split)


def test_no_pin_and_no_holder_in_logs_errors_and_reprs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shop = Shop(tmp_path, 3)
    outcome = sell(shop)
    shown = f"{outcome!r}{outcome.row!r}{outcome.receipt!r}{outcome.receipt.holder!r}{caplog.text}"
    shown += outcome.receipt.text() + shop.day_file.read_text()
    assert PIN not in shown
    assert str(HOLDER["social_security_number"]) not in shown
    assert str(HOLDER["name"]) not in shown


def test_card_image_is_what_the_receipt_says(tmp_path: Path) -> None:
    """The card goes to another reader: what it keeps is the sale."""
    shop = Shop(tmp_path, 3)
    sell(shop)
    shop.card = Card(shop.card.image())
    assert shop.audit() == 1
