# SPDX-License-Identifier: Apache-2.0
"""The bank's counter: what happens to the bank account of a card after it was issued.

Linking and changing an account put new keys onto the card, which is work of the personalising
machine: the card's image is made anew, with everything else on it as it was. Activating and
unlinking are commands under the application's own keys, over any connection. Each of them is
written into the ledger, which is locked meanwhile.

The social security account (子账户) is no party to any of this: nothing here reads or writes the
social security part beyond who the card is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import structs

from issuance.bank.account import BankAccount
from issuance.bank.head import LedgerSeal
from issuance.bank.ledger import (
    ApplicationReference,
    BankLedgerEntry,
    Link,
    OpenLedger,
    Operation,
    open_bank_ledger,
)
from issuance.bank.personalise import Bank, put_bank
from issuance.bank.roots import KEY_VERSION, MDK_MAC
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.bank.inspect import identities
from sscard_chip.profile.bank.removal import bank_directories, remove_bank
from sscard_chip.profile.generations import generation_numbered
from sscard_chip.security.emv import (
    BANK_SUITES,
    MAC_LENGTH,
    pan_block,
    script_mac,
    session_input,
)
from sscard_chip.standard.commands import ACTIVATE_APPLICATION
from sscard_chip.standard.dates import written_day
from sscard_chip.standard.errors import IssuingError
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.bank.account import read_account
from sscard_chip.terminal.bank.cryptograms import IssuerData
from sscard_chip.terminal.bank.errors import NotAcceptedError
from sscard_chip.terminal.bank.host import IssuerHost
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import PaymentOutcome
from sscard_chip.terminal.bank.terminal import AIDS, BankPurchase, TerminalProfile
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import Connection, connect_card
from sscard_chip.terminal.session import CardSession, open_session

_ACTIVATE: Final = ACTIVATE_APPLICATION.header()
_GONE: Final = (StatusWord.FILE_NOT_FOUND, StatusWord.INS_NOT_SUPPORTED)


class BankDeskError(IssuingError):
    """An operation that the counter refuses; one line without an account number."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Who a card is: 卡识别码 in hex, 卡号, generation and algorithm suite."""

    identification: str
    card_number: str
    generation: int
    algorithm: str

    @classmethod
    def of(cls, session: CardSession) -> CardFacts:
        """Of an opened card."""
        identification = session.identification.hex().upper()
        return cls(identification, session.card_number, session.generation, session.algorithm)


class BankDesk:
    """One counter. ``operator`` is the clerk that the ledger names."""

    def __init__(self, bank: Bank, ledger: Path, operator: str) -> None:
        """:raises KeyStoreError: without the key of the ledger's head."""
        self._bank = bank
        self._ledger = ledger
        self._operator = operator
        self._seal = LedgerSeal(bank.store)

    def link(
        self,
        card: Card,
        account: BankAccount,
        save: Callable[[Memory], None],
        *,
        sub_account: str | None = None,
        when: datetime | None = None,
    ) -> BankLedgerEntry:
        """Link a bank account with a card that has none, or whose account was unlinked.

        ``save`` keeps the card's new memory; ``sub_account`` is by default the card number (卡号).
        The account is active at once if it says so.

        :raises BankDeskError:
        :raises BankLedgerError:
        :raises LedgerHeadError:
        :raises BankIssueError:
        :raises KeyStoreError:
        """
        facts = _facts(card)
        with open_bank_ledger(self._ledger, self._seal) as ledger:
            link = ledger.link_of(facts.identification)
            if link is not None and link.linked:
                raise BankDeskError("the card is linked with an account already")
            if link is None and bank_directories(card.files.memory):
                raise BankDeskError("the card has a bank application that the ledger does not know")
            application = self._put(card, facts, account, save, when)
            sub = sub_account or (link.sub_account if link else facts.card_number)
            active = account.state == "active"
            return self._begin(ledger, facts, application, sub, when, active=active)

    def change(
        self,
        card: Card,
        account: BankAccount,
        save: Callable[[Memory], None],
        *,
        when: datetime | None = None,
    ) -> BankLedgerEntry:
        """Put another account in place of the one that the card is linked with.

        The old application goes with its keys, electronic cash and log; the new one is active if
        the old one was. Errors as :meth:`link`.
        """
        facts = _facts(card)
        with open_bank_ledger(self._ledger, self._seal) as ledger:
            link = _linked(ledger.link_of(facts.identification))
            if link.application.pan == account.pan:
                raise BankDeskError("the account is the one that the card is linked with")
            state = "active" if link.active else "dormant"
            kept = structs.replace(account, state=state)
            application = self._put(card, facts, kept, save, when)
            return ledger.append(
                Operation.CHANGE,
                facts.identification,
                application,
                operator=self._operator,
                sub_account=link.sub_account,
                former=link.application.pan,
                when=when,
            )

    def record(
        self, card: Card, *, sub_account: str | None = None, when: datetime | None = None
    ) -> BankLedgerEntry:
        """Write down a card that has its application already: linked, and active if it is.

        For cards that were issued with an account, and when the ledger could not be written.

        :raises BankDeskError:
        :raises BankLedgerError:
        :raises LedgerHeadError:
        """
        facts = _facts(card)
        found = identities(card.files.directories)
        if len(found) != 1:
            raise BankDeskError("the card has no bank application, or more than one")
        own = found[0]
        application = ApplicationReference(own.pan, own.sequence, own.algorithm, own.atc)
        with open_bank_ledger(self._ledger, self._seal) as ledger:
            link = ledger.link_of(facts.identification)
            if link is not None and link.linked:
                raise BankDeskError("the card is linked with an account already")
            sub = sub_account or (link.sub_account if link else facts.card_number)
            return self._begin(ledger, facts, application, sub, when, active=own.active)

    def activate(self, connection: Connection, *, when: datetime | None = None) -> BankLedgerEntry:
        """Wake a card's dormant application, by command.

        One that is awake already, since the ledger could not be written last time, is written down.

        :raises BankDeskError:
        :raises BankLedgerError:
        :raises LedgerHeadError:
        :raises KeyStoreError:
        :raises CardStatusError:
        :raises DriverError:
        """
        session = open_session(connection)
        facts = CardFacts.of(session)
        with open_bank_ledger(self._ledger, self._seal) as ledger:
            link = _linked(ledger.link_of(facts.identification))
            if link.active:
                raise BankDeskError("the account is active already")
            self._wake(session, link.application)
            return ledger.append(
                Operation.ACTIVATE,
                facts.identification,
                link.application,
                operator=self._operator,
                sub_account=link.sub_account,
                when=when,
            )

    def unlink(self, connection: Connection, *, when: datetime | None = None) -> BankLedgerEntry:
        """End the link: the application goes to sleep and is not found any more.

        An active one gets its script with an on-line transaction of nothing. The card keeps the
        old keys until it is linked anew. Errors as :meth:`activate`, and BankTerminalError.
        """
        facts = CardFacts.of(open_session(connection))
        with open_bank_ledger(self._ledger, self._seal) as ledger:
            link = _linked(ledger.link_of(facts.identification))
            application = link.application
            if link.active:
                host = IssuerHost(self._bank.store)
                host.queue(application.pan, lambda script: script.deactivate_application())
                outcome = run_issuer_script(connection, host, application.pan)
                application = replace(application, atc=outcome.atc)
            return ledger.append(
                Operation.UNLINK,
                facts.identification,
                application,
                operator=self._operator,
                sub_account=link.sub_account,
                when=when,
            )

    def _begin(
        self,
        ledger: OpenLedger,
        facts: CardFacts,
        application: ApplicationReference,
        sub_account: str,
        when: datetime | None,
        *,
        active: bool,
    ) -> BankLedgerEntry:
        """Write that a card is linked and, when its account is active, that; the last entry."""
        card, operator = facts.identification, self._operator
        entry = ledger.append(
            Operation.LINK, card, application, operator=operator, sub_account=sub_account, when=when
        )
        if active:
            entry = ledger.append(
                Operation.ACTIVATE,
                card,
                application,
                operator=operator,
                sub_account=sub_account,
                when=when,
            )
        return entry

    def _put(
        self,
        card: Card,
        facts: CardFacts,
        account: BankAccount,
        save: Callable[[Memory], None],
        when: datetime | None,
    ) -> ApplicationReference:
        """The new application in place of an old one, saved."""
        if not generation_numbered(facts.generation).bank:
            number = facts.generation
            raise BankDeskError(f"a card of generation {number} has no bank application")
        memory = card.files.memory.copy()
        remove_bank(memory)
        issued = written_day((when or datetime.now().astimezone()).date())
        suite = account.suite or facts.algorithm
        save(put_bank(memory, self._bank, account, issued=issued, algorithm=facts.algorithm))
        return ApplicationReference(account.pan, account.pan_sequence, suite)

    def _wake(self, session: CardSession, application: ApplicationReference) -> None:
        """ACTIVATE APPLICATION, of whichever variant the card has."""
        suite, atc = BANK_SUITES[application.suite], application.atc.to_bytes(2)
        factors = [pan_block(application.pan, application.sequence)]
        key = self._bank.store.encrypt(
            suite.name, MDK_MAC, KEY_VERSION, factors, session_input(atc)
        )
        cipher = suite.session(key)
        sw = StatusWord.INS_NOT_SUPPORTED.value
        for aid in AIDS:
            challenge = session.challenge()
            header = _ACTIVATE + bytes((len(aid) + MAC_LENGTH,))
            mac = script_mac(cipher, header, atc, challenge, aid, b"")[:MAC_LENGTH]
            sw = session.client.exchange(header + aid + mac).sw
            if sw not in _GONE:
                break
        if sw in _GONE:
            if _active_pan(session.client.connection) == application.pan:
                return
            raise BankDeskError("the card has no application that is dormant")
        if sw != StatusWord.SUCCESS:
            raise CardStatusError(_ACTIVATE, sw)


def run_issuer_script(
    connection: Connection, host: IssuerHost, pan: str | None = None
) -> PaymentOutcome:
    """Have the card in a contact slot run what ``host`` has queued for ``pan``, or for anybody.

    :raises BankDeskError: unless the issuer was reached and every command done.
    """
    terminal = PaymentTerminal(TerminalProfile(pin_pad=False), host)
    connection.power_on()
    outcome = terminal.pay(connection, BankPurchase(0, datetime.now(), force_online=True))
    if pan is not None and outcome.pan != pan:
        raise BankDeskError("the card has another account than the one that it is linked with")
    if outcome.response_code is None or not outcome.scripts:
        raise BankDeskError(f"the card was not told: {outcome.decision}")
    words = [word for result in outcome.scripts for word in result.status_words]
    if any(word != StatusWord.SUCCESS for word in words):
        raise BankDeskError(f"the card refused a command of the issuer: {words[-1]:04X}")
    return outcome


def load_electronic_cash(connection: Connection, bank: Bank, amount_fen: int) -> int:
    """Add to the electronic cash of whichever card is in the slot; the new balance in fen.

    :raises BankDeskError:
    :raises BankTerminalError:
    :raises CardStatusError:
    :raises KeyStoreError:
    """
    host = IssuerHost(bank.store)
    host.queue(None, lambda script: script.load(amount_fen))
    outcome = run_issuer_script(connection, host)
    issuer_data = IssuerData.parse(outcome.data[0x9F10])
    return int(issuer_data.balance.hex()) + amount_fen


def _active_pan(connection: Connection) -> str | None:
    """The PAN of the application that a terminal finds, None when it finds none."""
    try:
        return read_account(connection).pan
    except NotAcceptedError:
        return None


def _facts(card: Card) -> CardFacts:
    return CardFacts.of(open_session(connect_card(card)))


def _linked(link: Link | None) -> Link:
    if link is None or not link.linked:
        raise BankDeskError("the ledger knows of no account that the card is linked with")
    return link
