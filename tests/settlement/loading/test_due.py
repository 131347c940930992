# SPDX-License-Identifier: Apache-2.0
"""What a card is due, and that nothing is paid twice: debits on their way, on-line sales, refunds,
replacement, two cards of one person; and what the host refuses."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from issuance.holder import Holder
from issuance.personalise import issue_card
from sscard_chip.card import Card
from sscard_chip.dayfile.authoriser import CentreRefusedError
from sscard_chip.dayfile.load_messages import PlatformLoads
from sscard_chip.dayfile.loads import LoadRequest
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import (
    CardColumns,
    CardService,
    Ledger,
    change_status,
    find_card,
    register_cards,
    replace_card,
)
from sscard_chip.settlement.loading import LoadHost
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.reconciliation.card_books import read_card_books
from sscard_chip.settlement.reconciliation.card_ledger import compare_card
from sscard_chip.settlement.reconciliation.cards import state_of_image
from sscard_chip.settlement.settle import settle
from sscard_chip.standard.settlement_mode import SettlementMode
from sscard_chip.terminal import medical
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pos import Refusal, SaleRefusedError
from sscard_chip.terminal.session import open_session
from tests.bench.issued import HOLDER, roots
from tests.bench.shop import BALANCE, BILL, LATER, PIN, TERMINAL, TIME, Shop
from tests.settlement.loading.office import Office, columns_of, office


def settle_day(desk: Office, out: Path) -> None:
    """Close the till's day, and have the centre settle it."""
    with desk.shop.till() as till:
        till.close_day()
    days = [str(desk.shop.day_file)]
    settle(days, keys=roots, ledger=desk.ledger, out=out, rules=Rules())


def even(desk: Office) -> bool:
    """Whether the ledger finds nothing to say about the card."""
    state = state_of_image(desk.shop.card)
    with desk.ledger.reading() as t:
        return compare_card(state, read_card_books(t, state)).even


def test_debits_on_their_way_are_not_paid_back(ledger: Ledger, tmp_path: Path) -> None:
    desk = office(ledger, tmp_path, 2)
    with desk.shop.till() as till:
        till.sell(BILL, TIME)
    assert desk.load() == 0  # the chip has 10.00 less than the account, and spent it
    desk.allocate(700)
    assert desk.load() == 700
    settle_day(desk, tmp_path / "out")
    assert desk.load_again() == 0
    assert desk.shop.balance() == desk.account() == BALANCE + 700 - BILL.split.account_fen
    assert even(desk)


def test_online_sales_take_from_what_is_due(ledger: Ledger, tmp_path: Path) -> None:
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    desk.charge(200, "one")
    assert desk.load() == 500
    desk.charge(100, "two")
    assert desk.load() == 0
    desk.allocate(100)
    assert desk.load() == 0  # it has come back to what the chip has
    desk.allocate(50)
    assert not even(desk)
    assert desk.load() == 50
    assert desk.shop.balance() == BALANCE + 550 == desk.account()
    assert even(desk)


def test_a_begun_load_waits_for_money_that_is_spent(ledger: Ledger, tmp_path: Path) -> None:
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    first = request_of(desk, 700)
    desk.host.authorise(first)
    desk.charge(1, "one")
    with pytest.raises(SaleRefusedError, match="not so much any more"):
        desk.load()
    assert desk.shop.balance() == BALANCE
    desk.allocate(1)
    assert desk.load() == 700
    assert desk.shop.balance() == BALANCE + 700 == desk.account()


def test_the_account_part_of_a_refund_is_loaded(ledger: Ledger, tmp_path: Path) -> None:
    desk = office(ledger, tmp_path)
    with desk.shop.till() as till:
        sale = till.sell(BILL, TIME)
        till.refund(sale.row.msgid, LATER)
    assert desk.load() == 0
    settle_day(desk, tmp_path / "out")
    assert desk.load_again() == BILL.split.account_fen
    assert desk.shop.balance() == desk.account() == BALANCE
    assert even(desk)


@pytest.mark.parametrize("generation", [1, 3])
def test_after_a_replacement_the_balance_comes_onto_the_new_chip(
    ledger: Ledger, tmp_path: Path, generation: int
) -> None:
    desk = office(ledger, tmp_path, generation)
    desk.allocate(700)
    assert desk.load() == 700
    desk.allocate(30)
    new = Shop(tmp_path / "new", generation, memory=new_card(generation), retries=0)
    new.day_file.parent.mkdir()
    columns = columns_of(new.card)
    with ledger.transaction() as t:
        old = find_card(t, "Z00000013")
        change_status(t, old, CardService.FORMAL_LOSS, "20260314000000")
    with desk.shop.till() as till, pytest.raises(SaleRefusedError, match="formal_loss"):
        till.load(desk.host, TIME)
    with ledger.transaction() as t:
        replace_card(t, old, columns, "20260314000001")
    with desk.shop.till() as till, pytest.raises(SaleRefusedError, match="cancelled"):
        till.load(desk.host, TIME)
    with new.till() as till:
        outcome = till.load(desk.host, TIME)
        assert outcome.result.fen == BALANCE + 730
        assert till.load(desk.host, TIME).result.loads == ()
    assert new.balance() == BALANCE + 730 == desk.account()
    state = state_of_image(new.card)
    with ledger.reading() as t:
        assert compare_card(state, read_card_books(t, state)).even


def new_card(generation: int) -> Memory:
    """A card of the same holder, with another number and chip, and no money."""
    fields = {**HOLDER, "pin": PIN, "card_number": "Y12345679", "account": {"balance_fen": 0}}
    profile = for_generation(generation, settlement_mode=SettlementMode.OFFLINE, with_account=True)
    algorithm = "sm4" if generation == 3 else "3des"
    serial = bytes.fromhex("07A1B2C4")
    holder = Holder.from_object(fields)
    return issue_card(
        generation, roots(), holder, algorithm=algorithm, serial=serial, profile=profile
    )


def other_code(columns: CardColumns) -> CardColumns:
    """The row of a card with another 卡识别码 (those of the bench differ in the number alone)."""
    code = columns.card_id_code.copy()
    code[0, -1] ^= 1
    return replace(columns, card_id_code=code)


def request_of(desk: Office, fen: int, time: str = TIME) -> LoadRequest:
    """INITIALIZE FOR LOAD on a copy of the card, as a till sends it."""
    card = Card(desk.shop.card.image())
    session = open_session(connect_card(card))
    session.verify_pin(PIN)
    session.enter(0xDF04)
    opened = medical.send_initialize_load(session, 1, fen, TERMINAL)
    return LoadRequest(
        session.identification,
        session.card_number,
        TERMINAL,
        time,
        session.algorithm,
        fen,
        opened.balance_fen,
        opened.number,
        opened.key_version,
        opened.random,
        opened.mac1,
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"mac1": bytes(4)}, "MAC1"),
        ({"amount_fen": 699}, "MAC1"),
        ({"balance_fen": 1}, "MAC1"),
        ({"number": 1}, "MAC1"),
        ({"random": b"abcd"}, "MAC1"),
        ({"terminal_id": "510100000002"}, "MAC1"),
        ({"algorithm": "ssf33"}, "algorithm"),
        ({"terminal_id": "x"}, "terminal_id"),
        ({"amount_fen": 0}, "amount"),
        ({"amount_fen": -1}, "amount"),
        ({"amount_fen": 2**63}, "amount"),
        ({"number": 65535}, "number"),
        ({"key_version": 0}, "key version"),
        ({"key_version": 9}, "DLK: 9: the key is needed and missing"),
        ({"time": "20260315"}, "time"),
        ({"card_number": "Z00000021"}, "卡号"),
        ({"card_id_code": bytes(16)}, "not registered"),
    ],
)
def test_the_host_believes_the_card_alone(
    ledger: Ledger, tmp_path: Path, changes: dict[str, object], text: str
) -> None:
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    request = request_of(desk, 700)
    with pytest.raises(CentreRefusedError, match=text):
        desk.host.authorise(replace(request, **changes))  # type: ignore[arg-type]
    assert desk.rows() == []
    assert desk.host.authorise(request).mac2 == desk.host.authorise(request).mac2
    assert desk.rows() == [(0, 700, False, False)]


def test_more_than_is_due_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    for fen in (701, 100_000):
        with pytest.raises(CentreRefusedError, match="not due so much"):
            desk.host.authorise(request_of(desk, fen))
    assert desk.rows() == []


def test_an_initialize_kept_for_later_gets_no_second_amount(ledger: Ledger, tmp_path: Path) -> None:
    """Of the same number with another amount: neither before its load is done nor after."""
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    kept, small = request_of(desk, 700), request_of(desk, 1)
    desk.host.authorise(request_of(desk, 700))
    with pytest.raises(CentreRefusedError, match="another amount"):
        desk.host.authorise(small)
    assert desk.host.authorise(kept).mac2  # the card takes one of the two
    assert desk.load() == 700
    desk.allocate(700)
    for request in (kept, small):
        with pytest.raises(CentreRefusedError, match="behind its loads"):
            desk.host.authorise(request)
    assert desk.load() == 700
    desk.audit()


def test_a_card_restored_from_an_older_image_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    desk = office(ledger, tmp_path)
    image = desk.shop.card.image()
    desk.allocate(700)
    assert desk.load() == 700
    desk.shop.card = Card(image)
    desk.shop.card_slot.insert(desk.shop._connect())
    assert desk.load() == 0
    desk.allocate(30)
    with pytest.raises(SaleRefusedError, match="behind its loads") as caught:
        desk.load()
    assert caught.value.refusal is Refusal.CENTRE


def test_a_wrong_tac_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    request = request_of(desk, 700)
    desk.host.authorise(request)
    for number, text in ((0, "TAC is wrong"), (1, "no such load")):
        with pytest.raises(CentreRefusedError, match=text):
            desk.host.confirm(request.card_id_code, number, bytes(4), TIME)
    assert desk.rows() == [(0, 700, False, False)]


@pytest.mark.parametrize(
    ("now", "good"),
    [
        (datetime(2026, 3, 15, 10, 11, 12), True),
        (datetime(2026, 3, 15, 10, 16, 12), True),
        (datetime(2026, 3, 15, 10, 6, 12), True),
        (datetime(2026, 3, 15, 10, 16, 13), False),
        (datetime(2026, 3, 15, 10, 6, 11), False),
    ],
)
def test_the_terminals_clock(ledger: Ledger, tmp_path: Path, now: datetime, good: bool) -> None:
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    host = LoadHost(ledger, roots(), now=lambda: now)
    if good:
        assert desk.load(host) == 700
        (record,) = [one for one in desk.shop.account().log() if one[2:3] == b"1"]
        assert record[9:16].hex() == now.strftime("%Y%m%d%H%M%S")  # the host's time is on the card
    else:
        with pytest.raises(SaleRefusedError, match="clock"):
            desk.load(host)


def test_over_messages(ledger: Ledger, tmp_path: Path) -> None:
    """The same through the centre's interface, and what is malformed is refused."""
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    platform = Platform(ledger, keys=roots(), test_clock=True)
    centre = PlatformLoads(lambda request: platform.handle(request), "P51010000001", "510100")
    assert desk.load(centre) == 700
    assert desk.load(centre) == 0
    desk.audit()
    without = Platform(ledger, test_clock=True)
    refused = PlatformLoads(lambda request: without.handle(request), "P51010000001", "510100")
    with pytest.raises(SaleRefusedError, match="no keys"):
        desk.load(refused)
    for bad in ("x", "00" * 15, "zz" * 16):

        def spoil(request: dict[str, object], bad: str = bad) -> dict[str, object]:
            request["input"]["data"]["card_sn"] = bad  # type: ignore[index]
            return platform.handle(request)

        spoilt = PlatformLoads(spoil, "P51010000001", "510100")
        with pytest.raises(SaleRefusedError, match="card_sn"):
            desk.load(spoilt)


def test_two_cards_of_one_account_at_once(ledger: Ledger, tmp_path: Path) -> None:
    """Together they get what the account has, in whatever order."""
    desk = office(ledger, tmp_path, 2)
    second = columns_of(desk.shop.card)
    second = replace(
        other_code(second), card_number=np.array([b"Y12345679"], "S9"), opening_fen=np.array([0])
    )
    ledger.run(lambda t: register_cards(t, second, "20260301", "cards:2"), exclusive=True)
    desk.allocate(700)
    grants: list[bool] = []

    def ask(request: LoadRequest) -> None:
        try:
            grants.append(bool(LoadHost(ledger, roots(), test_clock=True).authorise(request).mac2))
        except CentreRefusedError:
            grants.append(False)

    first = request_of(desk, 500)
    other = replace(first, card_id_code=second.card_id_code[0].tobytes(), card_number="Y12345679")
    threads = [threading.Thread(target=ask, args=(one,)) for one in (first, other)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(grants) == [False, True]
    assert sum(fen for _, fen, _, _ in desk.rows()) == 500
