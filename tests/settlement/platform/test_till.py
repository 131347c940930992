# SPDX-License-Identifier: Apache-2.0
"""Our till with our cards at a ledger: modes 1 and 2, both suites, through every break."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from sscard_chip.card import Card
from sscard_chip.memory import load_image
from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.settlement.ledger import (
    AccountKind,
    CardColumns,
    CardService,
    Ledger,
    change_status,
    find_card,
    register_cards,
)
from sscard_chip.settlement.ledger.authorisation import SettlementState, settled_online
from sscard_chip.settlement.platform import Platform, PlatformAuthoriser
from sscard_chip.standard.settlement_mode import OfflineUse, SettlementMode
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pos import (
    CentreNoAnswerError,
    CentreUnreachableError,
    Refusal,
    SaleRefusedError,
    UnfinishedSaleError,
)
from sscard_chip.terminal.session import open_session
from tests.bench.shop import BILL, CARDS, LATER, TIME, KilledError, Shop, region
from tests.pos.test_modes import use_of
from tests.settlement.platform.centre import ledger_authoriser, open_platform

ONLINE, TEMPORARY = SettlementMode.ONLINE, SettlementMode.TEMPORARY_OFFLINE
MONEY: Final = 100_00
SETTLED: Final = {
    "personal": MONEY - 1000,
    "fund": -2000,
    "self_paid": -500,
    "collected": 500,
    "pharmacy": 3000,
}


class Line:
    """A platform behind a line that a test breaks: before a request leaves, or its answer."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.down: type[BaseException] | None = None
        self.only: str | None = None
        self.sent: list[str] = []

    def __call__(self, request: dict[str, Any]) -> Mapping[str, Any]:
        broken = self.down if self.only in (None, request["infno"]) else None
        if broken is CentreUnreachableError:
            raise broken("the line is down")
        answer = self._platform.handle(request)
        self.sent.append(request["infno"])
        if broken is not None:
            raise broken("no answer")
        return answer


def enter(
    ledger: Ledger, shop: Shop, fen: int = MONEY, psn_no: str = "", source: str = "1"
) -> None:
    """Put the shop's card into the register, with money on its account."""
    card = Card(shop.card.image())
    session = open_session(connect_card(card), shop.settings.profiles)
    columns = CardColumns(
        card_number=np.array([session.card_number], "S9"),
        card_id_code=np.frombuffer(session.identification, np.uint8).reshape(1, 16),
        division=np.array([510100]),
        psn_no=np.array([psn_no], "S30"),
        factor=np.frombuffer(session.factors.card, np.uint8).reshape(1, 8),
        valid_to=np.array([0]),
        opening_fen=np.array([fen]),
    )
    with ledger.transaction() as t:
        register_cards(t, columns, "20260301", f"cards:{source}")


def balances(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as t:
        found = {str(kind): sum(t.balances_of(kind).values()) for kind in AccountKind}
    return {kind: fen for kind, fen in found.items() if fen and kind != "funding"}


@pytest.fixture
def line(ledger: Ledger) -> Line:
    return Line(open_platform(ledger))


def shop_at(
    folder: Path, line: Line, generation: int = 2, algorithm: str | None = None, **more: Any
) -> Shop:
    return Shop(
        folder, generation, algorithm, mode=ONLINE, authoriser=PlatformAuthoriser(line), **more
    )


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
@pytest.mark.parametrize("psn_no", ["51000000000000000000000000001", ""])
def test_a_sale_is_settled_to_the_fen(
    ledger: Ledger, line: Line, tmp_path: Path, generation: int, algorithm: str, psn_no: str
) -> None:
    shop = shop_at(tmp_path, line, generation, algorithm)
    enter(ledger, shop, psn_no=psn_no)
    with shop.till() as till:
        outcome = till.sell(BILL, TIME)
    assert outcome.warnings == ()
    assert line.sent == ["1101", "2101", "2102A", "2102"]
    assert balances(ledger) == SETTLED
    row = outcome.row
    assert (row.tac, row.grey) == (shop.tac(row), False)
    assert row.setl_id is not None
    assert row.mdtrt_id is not None
    assert (row.psn_no == psn_no) == bool(psn_no)
    assert outcome.receipt.balance_fen == MONEY - 1000


def test_a_refund_takes_the_settlement_back(ledger: Ledger, line: Line, tmp_path: Path) -> None:
    shop = shop_at(tmp_path, line)
    enter(ledger, shop)
    with shop.till() as till:
        sale = till.sell(BILL, TIME).row
        back = till.refund(sale.msgid, LATER).row
    assert balances(ledger) == {"personal": MONEY}
    assert back.setl_id not in (None, sale.setl_id)
    with ledger.reading() as t:
        assert settled_online(t, [sale.msgid]) == {sale.msgid: SettlementState.CANCELLED}


def test_no_money_no_sale(ledger: Ledger, line: Line, tmp_path: Path) -> None:
    shop = shop_at(tmp_path, line)
    enter(ledger, shop, 999)
    with shop.till() as till, pytest.raises(SaleRefusedError, match="not enough money") as caught:
        till.sell(BILL, TIME)
    assert caught.value.refusal is Refusal.CENTRE
    assert shop.purchases() == []
    assert balances(ledger) == {"personal": 999}


def test_a_lost_card_pays_nothing(ledger: Ledger, line: Line, tmp_path: Path) -> None:
    shop = shop_at(tmp_path, line)
    enter(ledger, shop)
    with ledger.transaction() as t:
        change_status(t, find_card(t, "Z00000013"), CardService.TEMPORARY_LOSS, TIME)
    with shop.till() as till, pytest.raises(SaleRefusedError, match="临时挂失"):
        till.sell(BILL, TIME)
    assert shop.purchases() == []


@pytest.mark.parametrize("infno", ["1101", "2101", "2102A"])
@pytest.mark.parametrize("how", [CentreUnreachableError, CentreNoAnswerError])
def test_what_breaks_before_the_debit_holds_nothing(
    ledger: Ledger, line: Line, tmp_path: Path, infno: str, how: type[Exception]
) -> None:
    shop = shop_at(tmp_path, line)
    enter(ledger, shop)
    line.down, line.only = how, infno
    with shop.till() as till:
        with pytest.raises(SaleRefusedError):
            till.sell(BILL, TIME)
        assert balances(ledger) == {"personal": MONEY}
        line.down = None
        till.sell(BILL, LATER)
    assert balances(ledger) == SETTLED
    assert shop.audit() == 1


@pytest.mark.parametrize("how", [CentreUnreachableError, CentreNoAnswerError])
def test_a_confirmation_that_breaks_is_sent_again(
    ledger: Ledger, line: Line, tmp_path: Path, how: type[Exception]
) -> None:
    shop = shop_at(tmp_path, line)
    enter(ledger, shop)
    line.down, line.only = how, "2102"
    with shop.till() as till:
        assert any("not told yet" in text for text in till.sell(BILL, TIME).warnings)
    line.down = None
    with shop.till() as till:
        assert till.finish_owed() == []
        assert till.owing == ()
    assert balances(ledger) == SETTLED


@pytest.mark.parametrize("how", [CentreUnreachableError, CentreNoAnswerError])
def test_a_cancellation_that_breaks_is_whole_in_the_end(
    ledger: Ledger, line: Line, tmp_path: Path, how: type[Exception]
) -> None:
    shop = shop_at(tmp_path, line)
    enter(ledger, shop)
    with shop.till() as till:
        sale = till.sell(BILL, TIME).row
        line.down, line.only = how, "2103"
        error = SaleRefusedError if how is CentreUnreachableError else UnfinishedSaleError
        with pytest.raises(error):
            till.refund(sale.msgid, LATER)
        line.down = None
        if how is CentreUnreachableError:
            till.refund(sale.msgid, LATER)
        else:
            till.recover()
        assert sum(row.total_fen for row in till.rows) == 0
    assert balances(ledger) == {"personal": MONEY}


@pytest.mark.parametrize("executed", [False, True])
def test_a_card_pulled_out_near_the_debit_leaves_even_books(
    ledger: Ledger, line: Line, tmp_path: Path, executed: bool
) -> None:
    """Before, at and after DEBIT: settled or nothing held, and the day file tells the same."""
    probe = shop_at(tmp_path, line)
    enter(ledger, probe)
    with probe.till() as till:
        till.sell(BILL, TIME)
    sales, shop = 1, probe
    for back in range(4):
        place = tmp_path / f"{back}"
        place.mkdir()
        pulled = FaultAt(ExchangeFault.REMOVED, probe.card_slot.exchanges - back, executed)
        memory, psam = load_image(shop.card.image()), load_image(shop.psam.image())
        shop = shop_at(place, line, faults=(pulled,), retries=0, memory=memory, psam=psam)
        before = len(shop.purchases())
        with shop.till() as till:
            try:
                till.sell(BILL, f"202603151{back}0000")
            except SaleRefusedError:
                shop.insert()
            except UnfinishedSaleError:
                shop.insert()
                till.recover()
            till.finish_owed()
            assert len(shop.purchases()) - before == len(till.rows)
            sales += len(till.rows)
        paid = {kind: fen * sales for kind, fen in SETTLED.items() if kind != "personal"}
        assert balances(ledger) == paid | {"personal": MONEY - 1000 * sales}
    assert 1 < sales < 5


def test_a_till_that_died_after_its_hold_lets_it_go(
    ledger: Ledger, line: Line, tmp_path: Path
) -> None:
    shop = shop_at(tmp_path, line)
    enter(ledger, shop)
    till = shop.till()
    line.down, line.only = KilledError, "2102A"
    with pytest.raises(KilledError):
        till.sell(BILL, TIME)
    till.close()
    assert balances(ledger) == {"personal": MONEY - 1000, "held": 1000}
    line.down = None
    with shop.till() as till:
        till.sell(BILL, LATER)
    assert balances(ledger) == SETTLED
    assert line.sent.count("2601") == 1


def test_mode_2_comes_back_on_line(ledger: Ledger, line: Line, tmp_path: Path) -> None:
    """EF06 counts what was spent off-line, and is cleared by the next sale on-line."""
    files = {"DF04": {"EF06": {"90": "1", "92": "00001234", "93": "03"}}}
    shop = Shop(
        tmp_path,
        2,
        mode=TEMPORARY,
        region=region(2),
        authoriser=PlatformAuthoriser(line),
        files=files,
    )
    enter(ledger, shop)
    assert use_of(shop) == OfflineUse(True, 1234, 3)
    with shop.till() as till:
        till.sell(BILL, TIME)
    assert use_of(shop) == OfflineUse(True, 0, 0)
    assert balances(ledger) == SETTLED


def test_a_wrong_tac_is_refused_and_stays_held(ledger: Ledger, tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2, mode=ONLINE)
    shop.authoriser = ledger_authoriser(ledger, check_tac=lambda row: row.tac != shop.tac(row))
    enter(ledger, shop)
    with shop.till() as till:
        warnings = till.sell(BILL, TIME).warnings
    assert any("the TAC is wrong" in text for text in warnings)
    assert balances(ledger) == {"personal": MONEY - 1000, "held": 1000}


def test_a_ledger_that_is_gone_is_a_centre_that_is_down(ledger: Ledger, tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2, mode=ONLINE)
    gone = Ledger.open(tmp_path / "gone.db")
    shop.authoriser = ledger_authoriser(gone)
    gone.close()
    for name in ("gone.db", "gone.db-wal", "gone.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "gone.db").mkdir()
    with shop.till() as till, pytest.raises(SaleRefusedError, match="cannot be reached"):
        till.sell(BILL, TIME)
