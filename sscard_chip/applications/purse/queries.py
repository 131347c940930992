# SPDX-License-Identifier: Apache-2.0
"""GET BALANCE and GET TRANSACTION PROVE."""

from __future__ import annotations

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.purse.accounts import PurseAccounts
from sscard_chip.standard.purse_transactions import BALANCE_NEEDS_PIN, PurseId, TransactionType
from sscard_chip.standard.status import StatusError, StatusWord

_TYPES = frozenset(TransactionType)


def get_balance(session: Session, command: Command) -> bytes:
    """GET BALANCE 80 5C 00 01 (deposit, with the PIN [M]) or 02 (purse). Answers 4 bytes of fen."""
    if command.p1 or command.p2 not in tuple(PurseId):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    command.require(0, command.p2, 0)
    accounts = PurseAccounts.of(session.df)
    purse = PurseId(command.p2)
    if BALANCE_NEEDS_PIN[purse] and not session.pin_satisfied:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    return accounts.read(purse).balance_fen.to_bytes(4)


def get_transaction_prove(session: Session, command: Command) -> bytes:
    """GET TRANSACTION PROVE 80 5A 00 type: number 2. Answers MAC 4, TAC 4 of the last
    transaction; 9406 for any other type or number.

    The number is the one that INITIALIZE answered, plus 1: what the next INITIALIZE answers.
    The MAC is MAC2, of an unload MAC3. 6581 when a write has failed: the medium may hold a
    transaction that the card does not show, and 9406 would say that it was not made.
    """
    if command.p1 or command.p2 not in _TYPES:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    command.require(0, command.p2, 2)
    accounts = PurseAccounts.of(session.df)
    session.require_counters()
    proof = accounts.proof()
    asked = int.from_bytes(command.data) - 1
    if proof is None or (proof.type, proof.number) != (command.p2, asked):
        raise StatusError(StatusWord.PROOF_NOT_AVAILABLE)
    return proof.mac + proof.tac
