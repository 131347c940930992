# SPDX-License-Identifier: Apache-2.0
"""A town whose pharmacies settle: our own till, cards and keys, and a ledger.

::

    town = Town(ledger, tmp_path)
    town.settle(sell_day(town.shop()))
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.validity import card_check_character
from sscard_chip.dayfile.pharmacies import Pharmacies, Pharmacy
from sscard_chip.memory import Memory
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import CardColumns, Ledger, register_cards
from sscard_chip.settlement.reconciliation.cards import state_of_image
from sscard_chip.settlement.run import RunSummary
from sscard_chip.settlement.settle import settle
from sscard_chip.terminal.pos import DayFile, DayRow, read_day
from tests.bench.account import Terminal
from tests.bench.issued import HOLDER, roots
from tests.bench.shop import BALANCE, BILL, PHARMACY, PIN, TERMINAL, TIME, Shop, psam_memory

PSAM = "00000000000000000001"
SECOND = "510100000002"
"""Another terminal of the same pharmacy."""
RULES = Rules(
    pharmacies=Pharmacies(
        [
            Pharmacy(
                PHARMACY,
                "长生堂大药房",
                "510100",
                frozenset([TERMINAL, SECOND]),
                frozenset([PSAM]),
            )
        ]
    )
)


class Town:
    """``folder`` holds a folder for each day and each run."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.folder = folder
        self.runs = 0
        self.shops = 0

    def shop(
        self,
        generation: int = 3,
        *,
        terminal: str = TERMINAL,
        city: str = "510100",
        **changes: Any,
    ) -> Shop:
        """A shop with a fresh card (of ``city``) and a fresh PSAM; ``changes`` are those of
        :class:`Shop`."""
        self.shops += 1
        place = self.folder / f"shop{self.shops}"
        place.mkdir()
        memory = card_of(generation, self.shops, city)
        level = 3 if city == "510100" else 1  # a PSAM that reads cards of everywhere
        return Shop(
            place, generation, memory=memory, psam=psam_memory(level, terminal=terminal), **changes
        )

    def settle(self, *paths: Path, rules: Rules = RULES) -> RunSummary:
        """Settle day files; what the run wrote is in ``out``."""
        self.runs += 1
        return settle(
            [str(path) for path in paths], keys=roots, ledger=self.ledger, out=self.out, rules=rules
        )

    def register(
        self, shop: Shop, opening_fen: int = BALANCE, date: str = "20260101", **changes: Any
    ) -> None:
        """Put the shop's card into the register; ``changes`` are columns of one row."""
        card = state_of_image(shop.card)
        columns = {
            "card_number": np.array([card.card_number], "S9"),
            "card_id_code": _bytes(bytes.fromhex(card.identification)),
            "division": np.array([510100]),
            "psn_no": np.array([f"P{self.shops}"], "S30"),
            "factor": _bytes(card.factor),
            "valid_to": np.array([0]),
            "opening_fen": np.array([opening_fen]),
        }
        cards = CardColumns(**(columns | changes))
        with self.ledger.transaction(exclusive=True) as t:
            register_cards(t, cards, date, f"cards:{card.identification}")

    @property
    def out(self) -> Path:
        """The folder of the last run."""
        return self.folder / f"run{self.runs}"


def _bytes(value: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(value, np.uint8).reshape(1, -1)


@cache
def card_of(generation: int, number: int, city: str) -> Memory:
    """The card of another person for each ``number``, with money on it."""
    first8 = f"Z{number:07d}"
    fields = {
        **HOLDER,
        "pin": PIN,
        "account": {"balance_fen": BALANCE},
        "city": city,
        "card_number": first8 + card_check_character(first8),
    }
    profile = for_generation(generation, settlement_mode=SettlementMode.OFFLINE, with_account=True)
    serial = number.to_bytes(4)
    return issue_card(
        generation, roots(), Holder.from_object(fields), serial=serial, profile=profile
    )


def sell_day(shop: Shop, *times: str, close: bool = True) -> Path:
    """Sales of the usual bill at these times, and the closed day file."""
    with shop.till() as till:
        for time in times or (TIME,):
            till.sell(BILL, time)
        if close:
            till.close_day()
    return shop.day_file


def load(shop: Shop, fen: int, time: str) -> None:
    """Money onto the card, as a terminal of the centre does it (账户划入)."""
    factor = state_of_image(shop.card).factor
    chain = (province_factor("510100"), city_factor("510100"), factor)
    keys = {name: roots().diversify(shop.algorithm, name, 1, [chain])[0] for name in ("DLK", "DTK")}
    shop.card.power_on()
    terminal = Terminal(shop.card.transmit, shop.algorithm, keys)
    terminal.open_account(PIN)
    terminal.allocate(fen, time)
    shop.card.power_off()


def rewrite(path: Path, change: Any, target: Path | None = None) -> Path:
    """A day file with other rows: ``change`` gets the rows and gives the new ones."""
    day = read_day(path)
    target = target or path
    rows = change(list(day.rows))
    if target.exists():
        target.unlink()
    with DayFile.open(target, day.header) as file:
        for row in rows:
            file.append(row)
        file.finish()
    return target


def forged(row: DayRow) -> DayRow:
    """The row with another TAC."""
    assert row.tac is not None
    return replace(row, tac=bytes((row.tac[0] ^ 1,)) + row.tac[1:])
