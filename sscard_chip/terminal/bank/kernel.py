# SPDX-License-Identifier: Apache-2.0
"""A payment with contacts, from the choice of the application to the last script (EMV book 3).

>>> from datetime import datetime
>>> terminal = PaymentTerminal(TerminalProfile(), host, pin_entry)
>>> terminal.pay(connection, Purchase(1000, datetime(2026, 11, 28, 12))).decision.name
'APPROVED_ONLINE'
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE, GENERATE_AC
from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.terminal.bank.authentication import authenticate_card_data
from sscard_chip.terminal.bank.cardholder import verify_cardholder
from sscard_chip.terminal.bank.data import APPROVED, UNABLE_ONLINE, AuthorisationResponse, Issuer
from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.results import Decision, PaymentOutcome, ScriptResult, Tsi, Tvr
from sscard_chip.terminal.bank.risk import (
    check_restrictions,
    first_request,
    manage_risk,
    unable_online,
)
from sscard_chip.terminal.bank.scripts import AFTER, BEFORE, IssuerScript
from sscard_chip.terminal.bank.selection import choose
from sscard_chip.terminal.bank.terminal import BankPurchase, TerminalProfile
from sscard_chip.terminal.bank.tlv import tlvs
from sscard_chip.terminal.bank.transaction import FORMAT_1, FORMAT_2, TerminalTransaction
from sscard_chip.terminal.client import ApduClient, PinEntry
from sscard_chip.terminal.connection import Connection

_ISSUER_AUTHENTICATION: Final = 0x04  # of the AIP
_KIND: Final = 0xC0
_FIRST, _SECOND = 0x8C, 0x8D
_ALLOWED: Final = {
    CryptogramType.TC: {CryptogramType.TC, CryptogramType.ARQC, CryptogramType.AAC},
    CryptogramType.ARQC: {CryptogramType.ARQC, CryptogramType.AAC},
    CryptogramType.AAC: {CryptogramType.AAC},
}
"""What a card may answer: what it was asked for, or less."""
_WARNINGS: Final = (0x62, 0x63)


class PaymentTerminal:
    """A terminal that pays at a shop. Without ``issuer`` it is an off-line one."""

    def __init__(
        self,
        profile: TerminalProfile,
        issuer: Issuer | None = None,
        pin_entry: PinEntry | None = None,
    ) -> None:
        self._profile = profile
        self._issuer = issuer
        self._pin_entry = pin_entry

    def pay(self, connection: Connection, purchase: BankPurchase) -> PaymentOutcome:
        """Run one transaction with a powered card in a contact slot.

        :raises NotAcceptedError: no application in common.
        :raises CardDataError: the card's data are not what EMV asks for.
        :raises CardStatusError: the card refuses a command that must succeed.
        :raises TerminalConnectionError: what the connection raises.
        """
        client = ApduClient(connection)
        selected = choose(client, self._profile.aids)
        transaction = TerminalTransaction(client, self._profile, purchase, selected)
        transaction.get_processing_options()
        transaction.read_records()
        for tag in (_FIRST, _SECOND):
            transaction.value(tag)
        transaction.check_account()
        authenticate_card_data(transaction)
        check_restrictions(transaction)
        verify_cardholder(transaction, self._pin_entry)
        manage_risk(transaction)
        asked = first_request(transaction, online=self._issuer is not None)
        given = _generate(transaction, asked, _FIRST)
        transaction.tsi |= Tsi.CARD_RISK
        if given is CryptogramType.TC:
            return transaction.outcome(Decision.APPROVED_OFFLINE)
        if given is CryptogramType.AAC:
            return transaction.outcome(Decision.DECLINED_OFFLINE)
        return self._online(transaction)

    def _online(self, transaction: TerminalTransaction) -> PaymentOutcome:
        answer = self._issuer.authorise(transaction.request()) if self._issuer else None
        if answer is None:
            return _not_reached(transaction)
        transaction.data[0x8A] = answer.response_code
        _authenticate_issuer(transaction, answer)
        scripts = [IssuerScript.parse(one) for one in answer.scripts]
        before = _run(
            transaction, (s for s in scripts if s.tag == BEFORE), Tvr.SCRIPT_FAILED_BEFORE
        )
        wanted = CryptogramType.TC if answer.response_code == APPROVED else CryptogramType.AAC
        given = _generate(transaction, wanted, _SECOND)
        after = _run(transaction, (s for s in scripts if s.tag == AFTER), Tvr.SCRIPT_FAILED_AFTER)
        approved = given is CryptogramType.TC
        return transaction.outcome(
            Decision.APPROVED_ONLINE if approved else Decision.DECLINED_ONLINE,
            answer.response_code,
            before + after,
        )


def _not_reached(transaction: TerminalTransaction) -> PaymentOutcome:
    transaction.data[0x8A] = UNABLE_ONLINE
    given = _generate(transaction, unable_online(transaction), _SECOND)
    approved = given is CryptogramType.TC
    return transaction.outcome(
        Decision.APPROVED_OFFLINE if approved else Decision.DECLINED_OFFLINE, UNABLE_ONLINE
    )


def _generate(
    transaction: TerminalTransaction, asked: CryptogramType, list_tag: int
) -> CryptogramType:
    """GENERATE AC: the card's answer joins the data; it may decide lower than it was asked."""
    what = f"{list_tag:02X}"
    data = transaction.asked(transaction.value(list_tag), what)
    answer = transaction.client.require(GENERATE_AC, asked, 0x00, data, 0)
    objects = list(tlvs(answer, GENERATE_AC.name))
    if len(objects) != 1:
        raise CardDataError("GENERATE AC: is not one template")
    tag, body = objects[0]
    if tag == FORMAT_1 and len(body) >= 11:
        values = {0x9F27: body[:1], 0x9F36: body[1:3], 0x9F26: body[3:11], 0x9F10: body[11:]}
    elif tag == FORMAT_2:
        values = dict(tlvs(body, GENERATE_AC.name))
    else:
        raise CardDataError("GENERATE AC: is neither format 1 nor format 2")
    transaction.data |= values
    information = transaction.value(0x9F27)
    try:
        given = CryptogramType(information[0] & _KIND)
    except (IndexError, ValueError):
        raise CardDataError("GENERATE AC: 9F27 is none") from None
    allowed = _ALLOWED[asked] - ({CryptogramType.ARQC} if list_tag == _SECOND else set())
    if given not in allowed:
        raise CardDataError("GENERATE AC: the card gave more than it was asked for")
    return given


def _authenticate_issuer(transaction: TerminalTransaction, answer: AuthorisationResponse) -> None:
    """EXTERNAL AUTHENTICATE with 91, when the card wants it and the issuer sent it."""
    if not answer.issuer_data:
        return
    transaction.data[0x91] = answer.issuer_data
    if not transaction.value(0x82)[0] & _ISSUER_AUTHENTICATION:
        return
    transaction.tsi |= Tsi.ISSUER_AUTHENTICATION
    if not transaction.client.send(EXTERNAL_AUTHENTICATE, data=answer.issuer_data).ok:
        transaction.tvr |= Tvr.ISSUER_AUTHENTICATION_FAILED


def _run(
    transaction: TerminalTransaction, scripts: Iterable[IssuerScript], failure: Tvr
) -> tuple[ScriptResult, ...]:
    """Send the commands of ``scripts``; one that the card refuses ends its script."""
    results = []
    for script in scripts:
        transaction.tsi |= Tsi.SCRIPT
        words: list[int] = []
        for command in script.commands:
            words.append(transaction.client.exchange(command).sw)
            if words[-1] != 0x9000 and words[-1] >> 8 not in _WARNINGS:
                transaction.tvr |= failure
                break
        results.append(ScriptResult(script.identifier, tuple(words)))
    return tuple(results)
