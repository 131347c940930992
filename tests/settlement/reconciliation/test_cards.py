# SPDX-License-Identifier: Apache-2.0
"""A card's account is the same read from its image and asked over a reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuance.holder import Holder
from issuance.personalise import issue_card
from sscard_chip.card import Card
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.settlement.reconciliation.cards import read_state, state_of_image
from sscard_chip.settlement.reconciliation.results import ReconciliationError
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.codes import DriverError
from sscard_chip.terminal.connection import connect_card
from tests.bench.issued import HOLDER, roots
from tests.bench.shop import BALANCE, BILL, CARDS, PIN, TERMINAL, TIME, Shop, card_memory


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
@pytest.mark.parametrize("account_only", [False, True])
def test_image_and_reader_agree(
    tmp_path: Path, generation: int, algorithm: str, account_only: bool
) -> None:
    memory = card_memory(generation, algorithm, account_only=account_only)
    shop = Shop(tmp_path, generation, algorithm, memory=memory)
    with shop.till() as till:
        till.sell(BILL, TIME)
        till.sell(BILL, TIME)
    before = shop.card.image()
    state = state_of_image(shop.card)
    contactless = (False, True) if generation == 3 else (False,)
    for way in contactless:
        assert read_state(connect_card(shop.card, contactless=way), PIN) == state
    assert shop.card.image() == before
    assert (state.card_number, state.algorithm) == (HOLDER["card_number"], algorithm)
    assert state.identification[:6] == HOLDER["city"]
    assert state.balance_fen == BALANCE - 2000
    assert state.purchase_counter == 2
    purchases = [entry for entry in state.log if entry.kind == "purchase"]
    assert [entry.number for entry in purchases] == [1, 0]
    assert purchases[0][2:5] == (TERMINAL, TIME, 1000)
    assert purchases[0][5:] == ((None, None) if account_only else (500, 2000))


def test_the_pin_is_needed_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    card = Card(card_memory(2, "3des").copy())
    with pytest.raises(CardStatusError, match="6982"):
        read_state(connect_card(card))
    with pytest.raises(DriverError, match="5 tries left"):
        read_state(connect_card(card), "999999")
    assert state_of_image(card).purchase_counter == 0


def test_a_card_without_account_is_told() -> None:
    profile = for_generation(1, settlement_mode=SettlementMode.ONLINE)
    bare = Card(issue_card(1, roots(), Holder.from_object(HOLDER), profile=profile))
    with pytest.raises(ReconciliationError, match="no medical account"):
        state_of_image(bare)
    with pytest.raises(ReconciliationError, match="no medical account"):
        read_state(connect_card(bare), "123456")
