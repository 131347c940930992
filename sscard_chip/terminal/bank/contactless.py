# SPDX-License-Identifier: Apache-2.0
"""A payment without contacts: qPBOC, where the card decides in its answer to GPO.

What the card gave stands in the CVR of 9F10, since there is no GENERATE AC: a TC is an off-line
purchase from electronic cash, an ARQC asks for the issuer, an AAC is a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.terminal.bank.authentication import authenticate_contactless
from sscard_chip.terminal.bank.cryptograms import IssuerData
from sscard_chip.terminal.bank.data import APPROVED, Issuer
from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.results import Decision, PaymentOutcome, Tvr
from sscard_chip.terminal.bank.risk import check_restrictions
from sscard_chip.terminal.bank.selection import choose
from sscard_chip.terminal.bank.terminal import BankPurchase, TerminalProfile
from sscard_chip.terminal.bank.transaction import TerminalTransaction
from sscard_chip.terminal.client import ApduClient
from sscard_chip.terminal.connection import Connection

_DDA: Final = 0x20  # of the AIP
_ONLINE_REQUIRED: Final = 0x80  # of the second byte of 9F66
_REFUSING: Final = Tvr.EXPIRED | Tvr.NOT_YET_EFFECTIVE


@dataclass(frozen=True, slots=True)
class ContactlessTerminal:
    """A terminal with a field. Without ``issuer`` it is an off-line one."""

    profile: TerminalProfile
    issuer: Issuer | None = None

    def pay(self, connection: Connection, purchase: BankPurchase) -> PaymentOutcome:
        """Run one transaction with a powered card in the field; the errors of a payment with
        contacts.
        """
        profile = self.profile
        if purchase.force_online:
            first, second, *rest = profile.qualifiers
            profile = replace(profile, qualifiers=bytes((first, second | _ONLINE_REQUIRED, *rest)))
        client = ApduClient(connection)
        selected = choose(client, profile.aids, contactless=True)
        if not selected.pdol:
            raise CardDataError("FCI: has no PDOL, which qPBOC needs")
        transaction = TerminalTransaction(client, profile, purchase, selected)
        transaction.get_processing_options()
        transaction.read_records()
        transaction.check_account()
        given = IssuerData.parse(transaction.value(0x9F10)).first
        if given is None:
            raise CardDataError("9F10: the CVR names no cryptogram")
        transaction.data.setdefault(0x9F27, bytes((given,)))
        if given is CryptogramType.ARQC:
            return self._online(transaction)
        if given is CryptogramType.TC and _holds(transaction):
            return transaction.outcome(Decision.APPROVED_OFFLINE)
        return transaction.outcome(Decision.DECLINED_OFFLINE)

    def _online(self, transaction: TerminalTransaction) -> PaymentOutcome:
        answer = self.issuer.authorise(transaction.request()) if self.issuer else None
        if answer is None:
            return transaction.outcome(Decision.DECLINED_OFFLINE)
        approved = answer.response_code == APPROVED
        decision = Decision.APPROVED_ONLINE if approved else Decision.DECLINED_ONLINE
        return transaction.outcome(decision, answer.response_code)


def _holds(transaction: TerminalTransaction) -> bool:
    """Whether an off-line purchase stands: the card is in date and, if it can, proven genuine.

    The TVR that the card's cryptogram covers was all zero, as qPBOC has it; what is found
    afterwards decides at the terminal only.
    """
    check_restrictions(transaction)
    if transaction.tvr & _REFUSING:
        return False
    if not transaction.value(0x82)[0] & _DDA:
        transaction.tvr |= Tvr.ODA_NOT_PERFORMED
        return True
    return authenticate_contactless(transaction)
