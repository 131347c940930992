# SPDX-License-Identifier: Apache-2.0
"""Cards of generation 3 that carry the transport application, their keys known."""

from __future__ import annotations

from typing import Any

from issuance.bank.account import BankAccount
from issuance.bank.personalise import put_bank
from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.purse import add_purse
from sscard_chip.profile.transit import TransitContents, add_transit, transit_root_names
from tests.bank import bank
from tests.bench import account_cards as medical
from tests.bench import purse_cards
from tests.bench.purse import Terminal
from tests.bench.purse_cards import secret

AID = bytes.fromhex("A000000632010105")
CASH_AID = bytes.fromhex("A000000632010106")
PUBLIC = bytes.fromhex("01015510FFFFFFFF 02 01 03104510000000012345 20240101 20340101 0000")
MANAGEMENT = bytes.fromhex("00000156 5500 5510 0001 01").ljust(60, b"\0")
JOURNEY = bytes.fromhex("27017D 010100").ljust(128, b"\0")
"""The record of 001A as the issuer writes it."""


class TransitTerminal(Terminal):
    """The purse's terminal with the transport issuer's keys."""

    def key(self, root: str) -> bytes:
        return super().key(root.replace("PURSE_", "TRANSIT_"))

    def select(self) -> bytes:
        return self.select_name(AID)

    def compound(self, tag: int) -> bytes:
        raise NotImplementedError

    def balances(self) -> list[int]:
        """With overdraft, limit, used, own."""
        return [int.from_bytes(self.ok(bytes((0x80, 0x5C, p1, 2, 4)))) for p1 in range(4)]


def cache(record: bytes, p1: int, sfi: int) -> bytes:
    """UPDATE CAPP DATA CACHE."""
    return bytes((0x80, 0xDC, p1, sfi << 3, len(record))) + record


def contents(
    algorithm: str = "3des", *, purse: Purse | None = None, **more: Any
) -> TransitContents:
    """What the application of a test card holds."""
    given = {"public": PUBLIC, "management": MANAGEMENT, **more}
    secrets = {root: secret(root) for root in transit_root_names()}
    return TransitContents(algorithm, secrets=secrets, purse=purse or Purse(), **given)


def new_memory(
    algorithm: str = "3des", *, with_bank: bool = False, with_purse: bool = False, **options: Any
) -> Memory:
    """A card's memory; other ``options`` are those of :func:`contents`."""
    card = medical.new_memory(algorithm, balance_fen=10_000)
    if with_bank:
        account = BankAccount.from_object(
            {"pan": bank.PAN, "pin": bank.PIN, "suite": algorithm}, card_expiry="20350102"
        )
        card = put_bank(card, bank.bank(), account, issued="20250102", algorithm=algorithm)
    if with_purse:
        add_purse(card, purse_cards.contents(algorithm))
    add_transit(card, contents(algorithm, **options))
    return card


def new_card(algorithm: str = "3des", **options: Any) -> Card:
    """The same, powered."""
    card = Card(new_memory(algorithm, **options))
    card.power_on()
    return card
