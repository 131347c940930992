# SPDX-License-Identifier: Apache-2.0
"""Which account a card has, without a payment: what a bank terminal reads before it asks more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.selection import choose
from sscard_chip.terminal.bank.terminal import BankPurchase, TerminalProfile
from sscard_chip.terminal.bank.transaction import TerminalTransaction
from sscard_chip.terminal.client import ApduClient
from sscard_chip.terminal.connection import Connection

_ONLINE_CRYPTOGRAM = bytes.fromhex("26800000")
"""9F66 of a reader that wants the issuer asked, so that no electronic cash is spent."""
_EXPIRY_DIGITS = 4


@dataclass(frozen=True, slots=True)
class CardAccount:
    """``pan``, its sequence number (2 digits) and the month of expiry, YYYYMM."""

    pan: str = field(repr=False)
    sequence: str
    expiry: str


def read_account(connection: Connection, *, contactless: bool = False) -> CardAccount:
    """The account of a powered card. It counts as one transaction on the card, of nothing.

    :raises NotAcceptedError: the card has no bank application, or it is dormant or blocked.
    :raises CardDataError: the card's data are not what EMV asks for.
    :raises CardStatusError: the card refuses a command.
    """
    profile = replace(TerminalProfile(), qualifiers=_ONLINE_CRYPTOGRAM)
    client = ApduClient(connection)
    selected = choose(client, profile.aids, contactless=contactless)
    transaction = TerminalTransaction(client, profile, BankPurchase(0, datetime.now()), selected)
    transaction.get_processing_options()
    transaction.read_records()
    transaction.check_account()
    _, separator, rest = transaction.value(0x57).hex().upper().partition("D")
    month = rest[:_EXPIRY_DIGITS]
    if not separator or len(month) < _EXPIRY_DIGITS or not month.isdecimal():
        raise CardDataError("57: has no expiry")
    return CardAccount(transaction.pan, transaction.sequence, f"20{month}")
