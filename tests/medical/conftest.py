# SPDX-License-Identifier: Apache-2.0
"""Powered cards in any state of the account, with a terminal that has their keys."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import pytest

from sscard_chip.card import Card
from tests.bench.account import Terminal
from tests.bench.account_cards import ALGORITHMS, PIN, new_memory


class Set(NamedTuple):
    """A card and the terminal it is in."""

    card: Card
    terminal: Terminal


class NewAccount(Protocol):
    """What ``new_account`` is: the arguments are those of ``new_memory``."""

    def __call__(self, **state: Any) -> Set: ...


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_account(algorithm: str) -> NewAccount:
    """A function that gives a card with DF04 selected and the PIN verified."""

    def make(**state: Any) -> Set:
        card = Card(new_memory(algorithm, **state))
        card.power_on()
        terminal = Terminal(card.transmit, algorithm, state.get("keys"))
        terminal.open_account(state.get("pin", PIN))
        return Set(card, terminal)

    return make
