# SPDX-License-Identifier: Apache-2.0
"""How a payment at a terminal fails; one line each, without a card's or holder's data."""

from __future__ import annotations

from sscard_chip.standard.errors import TerminalError


class BankTerminalError(TerminalError):
    """A transaction that ends without an answer of the card to it."""


class CardDataError(BankTerminalError):
    """The card's data are not what EMV asks for: the terminal ends the transaction."""


class NotAcceptedError(BankTerminalError):
    """Card and terminal have no application in common, or the card takes none."""
