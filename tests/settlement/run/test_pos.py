# SPDX-License-Identifier: Apache-2.0
"""Debits made by our own till on our own cards settle to the fen: all modes, both suites."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pytest

from sscard_chip.card import Card
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import AccountKind, CardColumns, Ledger, register_cards
from sscard_chip.settlement.ledger.authorisation import SettlementState, settled_online
from sscard_chip.settlement.run import RunSummary
from sscard_chip.settlement.settle import settle
from sscard_chip.standard.settlement_mode import OfflineUse, SettlementMode, Split
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pos import (
    Authoriser,
    Bill,
    CentreUnreachableError,
    DayRow,
    Hold,
    HoldRequest,
)
from sscard_chip.terminal.session import open_session
from tests.bench.shop import BALANCE, BILL, CARDS, LATER, PHARMACY, TIME, Shop, region
from tests.settlement.platform.centre import ledger_authoriser
from tests.settlement.run.trial import keys, verdicts

NIGHT: Final = "20260315203000"
MONEY: Final = 100_00
SALE: Final = {"personal": MONEY - 1000, "fund": -2000, "self_paid": -500, "collected": 500,
               "pharmacy": 3000}  # fmt: skip


def enter(ledger: Ledger, shop: Shop, fen: int) -> None:
    """Put the shop's card into the register, with money on its account."""
    session = open_session(connect_card(Card(shop.card.image())), shop.settings.profiles)
    columns = CardColumns(
        card_number=np.array([session.card_number], "S9"),
        card_id_code=np.frombuffer(session.identification, np.uint8).reshape(1, 16),
        division=np.array([510100]),
        psn_no=np.array([b""], "S30"),
        factor=np.frombuffer(session.factors.card, np.uint8).reshape(1, 8),
        valid_to=np.array([0]),
        opening_fen=np.array([fen]),
    )
    ledger.run(lambda t: register_cards(t, columns, "20260301", "cards:1"), exclusive=True)


def balances(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as t:
        found = {str(kind): sum(t.balances_of(kind).values()) for kind in AccountKind}
    return {kind: fen for kind, fen in found.items() if fen and kind != "funding"}


def run(ledger: Ledger, shop: Shop, out: Path) -> RunSummary:
    return settle([str(shop.day_file)], keys=keys, ledger=ledger, out=out, rules=Rules())


class NoConfirmation:
    """A centre whose line breaks between the hold and its confirmation."""

    def __init__(self, centre: Authoriser) -> None:
        self._centre = centre

    def authorise(self, request: HoldRequest) -> Hold:
        return self._centre.authorise(request)

    def confirm(self, row: DayRow) -> OfflineUse | None:
        raise CentreUnreachableError("the line is down")

    def cancel(self, row: DayRow, msgid: str) -> str:
        return self._centre.cancel(row, msgid)

    def reverse(self, msgid: str) -> None:
        self._centre.reverse(msgid)


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_mode_3(ledger: Ledger, tmp_path: Path, generation: int, algorithm: str) -> None:
    shop = Shop(tmp_path, generation, algorithm)
    enter(ledger, shop, BALANCE)
    with shop.till() as till:
        till.sell(BILL, TIME)
        sale = till.sell(Bill(Split(1234, 0, 5)), LATER).row
        till.refund(sale.msgid, NIGHT, parts=Split(234, 0, 5))
        till.close_day()
    summary = run(ledger, shop, tmp_path / "out")
    assert (summary.rows, summary.posted, summary.codes) == (3, 3, {})
    assert balances(ledger) == {
        "personal": BALANCE - 1000 - 1234 + 234,
        "fund": -2000,
        "self_paid": -500,
        "collected": 500,
        "pharmacy": 3000 + 1000,
    }
    assert shop.balance() == BALANCE - 1000 - 1234  # the refund comes by an allocation
    with ledger.reading() as t:
        assert t.balances_of(AccountKind.PHARMACY) == {PHARMACY: 4000}


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_mode_1_is_in_the_books_already(
    ledger: Ledger, tmp_path: Path, generation: int, algorithm: str
) -> None:
    centre = ledger_authoriser(ledger)
    shop = Shop(tmp_path, generation, algorithm, mode=SettlementMode.ONLINE, authoriser=centre)
    enter(ledger, shop, MONEY)
    with shop.till() as till:
        till.sell(BILL, TIME)
        back = till.sell(BILL, LATER).row
        till.refund(back.msgid, NIGHT)
        till.close_day()
    assert balances(ledger) == SALE
    summary = run(ledger, shop, tmp_path / "out")
    assert (summary.rows, summary.posted, summary.codes) == (3, 3, {})
    assert balances(ledger) == SALE


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_mode_1_without_its_confirmation(
    ledger: Ledger, tmp_path: Path, generation: int, algorithm: str
) -> None:
    centre = NoConfirmation(ledger_authoriser(ledger))
    shop = Shop(tmp_path, generation, algorithm, mode=SettlementMode.ONLINE, authoriser=centre)
    enter(ledger, shop, MONEY)
    with shop.till() as till:
        sale = till.sell(BILL, TIME).row
        till.close_day()
    assert balances(ledger) == {"personal": MONEY - 1000, "held": 1000}
    run(ledger, shop, tmp_path / "out")
    assert balances(ledger) == SALE
    with ledger.reading() as t:
        assert settled_online(t, [sale.msgid]) == {sale.msgid: SettlementState.SETTLED}


@pytest.mark.parametrize(("generation", "algorithm"), CARDS[1:])  # generation 1 knows no mode 2
def test_mode_2_on_line_and_off(
    ledger: Ledger, tmp_path: Path, generation: int, algorithm: str
) -> None:
    class Line(NoConfirmation):
        down = False

        def authorise(self, request: HoldRequest) -> Hold:
            if self.down:
                raise CentreUnreachableError("the line is down")
            return super().authorise(request)

        def confirm(self, row: DayRow) -> OfflineUse | None:
            return self._centre.confirm(row)

    line = Line(ledger_authoriser(ledger))
    mode = SettlementMode.TEMPORARY_OFFLINE
    files = {"DF04": {"EF06": {"90": "1", "92": "00000000", "93": "00"}}}
    shop = Shop(
        tmp_path, generation, algorithm, mode=mode, region=region(mode), authoriser=line,
        files=files,
    )  # fmt: skip
    enter(ledger, shop, MONEY)
    with shop.till() as till:
        till.sell(BILL, TIME)
        line.down = True
        row = till.sell(Bill(Split(777, 0, 0)), LATER).row
        till.close_day()
    assert (row.setl_id, row.card_self_paid_fen, row.card_pooled_fen) == (None, 777, 777)
    summary = run(ledger, shop, tmp_path / "out")
    assert (summary.posted, summary.codes) == (2, {})
    assert balances(ledger) == SALE | {"personal": MONEY - 1777, "pharmacy": 3777}


def test_a_bill_that_was_authorised_otherwise(ledger: Ledger, tmp_path: Path) -> None:
    """The pharmacy claims more of the account than was held: the card's TAC does not tell."""
    from tests.settlement.town import rewrite

    centre = ledger_authoriser(ledger)
    shop = Shop(tmp_path, 3, "sm4", mode=SettlementMode.ONLINE, authoriser=centre)
    enter(ledger, shop, MONEY)
    with shop.till() as till:
        till.sell(BILL, TIME)
        till.close_day()

    def claim(rows: list[DayRow]) -> list[DayRow]:
        from dataclasses import replace

        one = rows[0]
        return [replace(one, account_fen=one.account_fen + 500, fund_fen=one.fund_fen - 500)]

    rewrite(shop.day_file, claim)
    run(ledger, shop, tmp_path / "out")
    assert verdicts(tmp_path / "out").decode().splitlines()[1].split("\t")[3] == "6"
    assert balances(ledger) == SALE


def test_a_grey_debit_is_released_by_a_later_file(ledger: Ledger, tmp_path: Path) -> None:
    """The card's answer came a day later: held first, paid then, once."""
    from dataclasses import replace

    from tests.settlement.town import rewrite

    shop = Shop(tmp_path, 3, "sm4")
    enter(ledger, shop, BALANCE)
    with shop.till() as till:
        till.sell(BILL, TIME)
        till.close_day()
    proof = tmp_path / "proof.tsv"
    rewrite(shop.day_file, lambda rows: rows, proof)
    rewrite(shop.day_file, lambda rows: [replace(rows[0], tac=None, grey=True)])
    assert run(ledger, shop, tmp_path / "one").held == 1
    assert balances(ledger) == {"personal": BALANCE}
    for out, codes in (("two", "0"), ("three", "0")):
        settle([str(proof)], keys=keys, ledger=ledger, out=tmp_path / out, rules=Rules())
        assert verdicts(tmp_path / out).decode().splitlines()[1].split("\t")[3] == codes
    assert balances(ledger)["pharmacy"] == 3000
