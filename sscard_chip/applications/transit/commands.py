# SPDX-License-Identifier: Apache-2.0
"""GET BALANCE and INITIALIZE of the transport application."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.purse import transactions
from sscard_chip.applications.purse.accounts import PurseAccounts
from sscard_chip.standard.purse_transactions import TRANSIT_KINDS, PurseId
from sscard_chip.standard.status import StatusError, StatusWord

WITH_OVERDRAFT, LIMIT, USED, OWN = range(4)
"""P1 of GET BALANCE."""
_VIEWS: Final = range(4)


def get_balance(session: Session, command: Command) -> bytes:
    """GET BALANCE 80 5C: P1 00 balance with the overdraft limit, 01 overdraft limit (透支限额),
    02 overdraft used (已透支), 03 the holder's own balance; P2 02. Answers 4 bytes of fen."""
    if command.p1 not in _VIEWS or command.p2 != PurseId.PURSE:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    command.require(command.p1, command.p2, 0)
    state = PurseAccounts.of(session.df).read(PurseId.PURSE)
    own = state.balance_fen - state.limit_fen
    amounts = (state.balance_fen, state.limit_fen, max(-own, 0), max(own, 0))
    return amounts[command.p1].to_bytes(4)


def initialize(session: Session, command: Command) -> bytes:
    """INITIALIZE 80 50: that of the purse, for load, purchase and compound purchase, no PIN."""
    return transactions.initialize(session, command, TRANSIT_KINDS)
