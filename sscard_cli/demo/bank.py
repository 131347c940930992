# SPDX-License-Identifier: Apache-2.0
"""The bank's part of the demonstration: the same card pays from its linked account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from issuance.bank.desk import load_electronic_cash
from issuance.bank.personalise import Bank
from issuance.bank.roots import bank_slots
from issuance.roots import RootKeys
from sscard_chip.card import Card
from sscard_chip.security.diversify import KEY_LENGTH
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.pan import masked_pan
from sscard_chip.terminal.bank.contactless import ContactlessTerminal
from sscard_chip.terminal.bank.data import APPROVED
from sscard_chip.terminal.bank.host import IssuerHost
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import PaymentOutcome
from sscard_chip.terminal.bank.terminal import BankPurchase, TerminalProfile
from sscard_chip.terminal.connection import connect_card
from sscard_cli.demo.terminal import line

ACCOUNT: Final = {"pan": "6239990000000033332"}
"""The invented account of the holder whose card pays."""

_ONLINE_FEN: Final = 8_800
_LOAD_FEN: Final = 10_000
_TAP_FEN: Final = 200


def create_bank(random: Callable[[int], bytes]) -> Bank:
    """A bank with random root keys of its own."""
    return Bank(RootKeys({slot: random(KEY_LENGTH) for slot in bank_slots()}))


def pay(card: Card, bank: Bank, say: Callable[[str], None]) -> None:
    """An on-line payment, a load of electronic cash, and a payment without contacts."""
    host = IssuerHost(bank.store, lambda request, card_says: APPROVED)
    profile = TerminalProfile()
    contacts = connect_card(card)
    contacts.power_on()
    outcome = PaymentTerminal(profile, host).pay(
        contacts, BankPurchase(_ONLINE_FEN, datetime.now())
    )
    say(_line("联机消费 on-line", outcome, _ONLINE_FEN))
    balance_fen = load_electronic_cash(contacts, bank, _LOAD_FEN)
    say(line("电子现金圈存 load", f"{yuan(_LOAD_FEN)} yuan, balance {yuan(balance_fen)}"))
    field = connect_card(card, contactless=True)
    field.power_on()
    outcome = ContactlessTerminal(profile).pay(field, BankPurchase(_TAP_FEN, datetime.now()))
    say(_line("电子现金消费 tap", outcome, _TAP_FEN))


def _line(step: str, outcome: PaymentOutcome, amount_fen: int) -> str:
    decision = f"{outcome.decision}, cryptogram {outcome.cryptogram.hex().upper()}"
    return line(step, f"{yuan(amount_fen)} yuan from {masked_pan(outcome.pan)}, {decision}")
