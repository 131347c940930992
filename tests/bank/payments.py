# SPDX-License-Identifier: Apache-2.0
"""Payments of a card at a terminal of the tests, and what their issuer answers."""

from __future__ import annotations

from typing import Any

from sscard_chip.card import Card
from sscard_chip.standard.commands import GET_DATA, SELECT
from sscard_chip.terminal.bank.contactless import ContactlessTerminal
from sscard_chip.terminal.bank.data import APPROVED, AuthorisationRequest
from sscard_chip.terminal.bank.host import IssuerHost
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import PaymentOutcome
from sscard_chip.terminal.bank.terminal import BankPurchase
from sscard_chip.terminal.client import ApduClient
from sscard_chip.terminal.connection import connect_card
from tests.bank.bank import NOON, PIN, bank, profile


def contact(
    card: Card,
    issuer: Any,
    amount_fen: int = 1000,
    pin: str | None = PIN,
    **terminal: Any,
) -> PaymentOutcome:
    connection = connect_card(card)
    connection.power_on()
    own = PaymentTerminal(profile(**terminal), issuer, lambda _left: pin)
    return own.pay(connection, BankPurchase(amount_fen, NOON))


def contactless(
    card: Card, issuer: Any = None, amount_fen: int = 1000, **purchase: Any
) -> PaymentOutcome:
    connection = connect_card(card, contactless=True)
    connection.power_on()
    own = ContactlessTerminal(profile(), issuer)
    return own.pay(connection, BankPurchase(amount_fen, NOON, **purchase))


def host(code: bytes = APPROVED) -> IssuerHost:
    return IssuerHost(bank().store, lambda _request, _data: code)


def get_data(card: Card, tag: int) -> bytes:
    connection = connect_card(card)
    connection.power_on()
    client = ApduClient(connection)
    client.require(SELECT, 0x04, 0x00, bytes.fromhex("A000000333010101"), 0)
    return client.require(GET_DATA, tag >> 8, tag & 0xFF, b"", 0)[3:]


def settlement(outcome: PaymentOutcome) -> AuthorisationRequest:
    return AuthorisationRequest(outcome.pan, "00", outcome.data)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x01,)) + data[at + 1 :]
