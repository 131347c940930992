# SPDX-License-Identifier: Apache-2.0
"""A bank application under a case: the commands, a terminal's kernel, the issuer's host."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.security.emv import plain_pin_block
from sscard_chip.standard import commands
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.bank.contactless import ContactlessTerminal
from sscard_chip.terminal.bank.data import (
    APPROVED,
    AuthorisationRequest,
    AuthorisationResponse,
    Issuer,
)
from sscard_chip.terminal.bank.errors import BankTerminalError
from sscard_chip.terminal.bank.host import IssuerHost
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import PaymentOutcome
from sscard_chip.terminal.bank.selection import Selected, candidates, select_application
from sscard_chip.terminal.bank.terminal import AIDS, BankPurchase, TerminalProfile
from sscard_chip.terminal.bank.transaction import TerminalTransaction
from sscard_chip.terminal.client import ApduClient, CardStatusError
from sscard_chip.terminal.conformance.banking.subject import BankSubject
from sscard_chip.terminal.conformance.exchange import CardReply, Exchanges
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.verdict import (
    DeviatingAnswerError,
    NotRunError,
    UnaskedFailureError,
    UndecidedError,
)
from sscard_chip.terminal.connection import Connection

NOON: Final = datetime(2026, 11, 28, 12)
_LEVELS: Final = {
    commands.GET_PROCESSING_OPTIONS.ins: Level.SESSION,
    commands.VERIFY.ins: Level.SESSION,
    commands.GENERATE_AC.ins: Level.WRITE,
    commands.EXTERNAL_AUTHENTICATE.ins: Level.WRITE,
    commands.PUT_DATA.ins: Level.WRITE,
    commands.UPDATE_RECORD.ins: Level.DESTRUCTIVE,
    commands.PIN_CHANGE_UNBLOCK.ins: Level.DESTRUCTIVE,
    commands.APPLICATION_BLOCK.ins: Level.DESTRUCTIVE,
    commands.APPLICATION_UNBLOCK.ins: Level.DESTRUCTIVE,
    commands.CARD_BLOCK.ins: Level.DESTRUCTIVE,
    commands.DEACTIVATE_APPLICATION.ins: Level.DESTRUCTIVE,
}


def bank_level_of(apdu: bytes) -> Level:
    """The level from which on a command may be sent to a bank application.

    GET PROCESSING OPTIONS takes a transaction counter, so it is no matter of ``READ``.
    """
    if len(apdu) > 3 and apdu[0] & 0xFB == 0x80 and apdu[1] == commands.GET_PROCESSING_OPTIONS.ins:
        return Level.SESSION
    return _LEVELS.get(apdu[1], Level.READ) if len(apdu) > 3 else Level.READ


class _Recorded(ForwardingConnection):
    """The connection that a kernel gets: every command goes through the case."""

    def __init__(self, trial: BankTrial) -> None:
        super().__init__(trial.connection)
        self._trial = trial

    def transmit(self, apdu: bytes) -> bytes:
        """See :class:`Connection`."""
        reply = self._trial.raw(apdu)
        return reply.data + reply.sw.to_bytes(2)


class RecordingHost:
    """An issuer's host that keeps what it was asked and can answer falsely."""

    def __init__(self, host: IssuerHost, *, spoil: bool = False) -> None:
        self._host = host
        self._spoil = spoil
        self.requests: list[AuthorisationRequest] = []

    def authorise(self, request: AuthorisationRequest) -> AuthorisationResponse | None:
        """See :class:`Issuer`."""
        self.requests.append(request)
        answer = self._host.authorise(request)
        if not self._spoil or not answer.issuer_data:
            return answer
        data = bytes((answer.issuer_data[0] ^ 1,)) + answer.issuer_data[1:]
        return AuthorisationResponse(answer.response_code, data, answer.scripts)


class BankTrial(Exchanges):
    """A bank application under a case."""

    def __init__(self, connection: Connection, subject: BankSubject, level: Level) -> None:
        super().__init__(connection, contact=subject.contact)
        self.subject = subject
        self.level = level
        self._failures_wanted = False

    @property
    def client(self) -> ApduClient:
        """A terminal's client, through this case."""
        return ApduClient(_Recorded(self))

    # --- reading ---------------------------------------------------------------------------------

    def select(self) -> Selected:
        """Select the first application.

        :raises DeviatingAnswerError: it cannot be selected.
        """
        contactless = not self.subject.contact
        found = self.strict(lambda: candidates(self.client, AIDS, contactless=contactless))
        self.check(bool(found), "an application that a terminal knows", "none")
        selected: Selected | None = self.strict(lambda: select_application(self.client, found[0]))
        if selected is None:
            raise DeviatingAnswerError("an application that is selected", "a refusal")
        return selected

    def begin(self, *, amount_fen: int = 1000, **terminal: Any) -> TerminalTransaction:
        """Select, GET PROCESSING OPTIONS and the records of the AFL.

        :raises DeviatingAnswerError: what the card says is not what EMV asks for.
        """
        profile = TerminalProfile(**terminal)
        purchase = BankPurchase(amount_fen, NOON)
        transaction = TerminalTransaction(self.client, profile, purchase, self.select())
        self.strict(transaction.get_processing_options)
        self.strict(transaction.read_records)
        return transaction

    def strict(self, step: Any) -> Any:
        """What a step of a strict terminal gives.

        :raises DeviatingAnswerError: the terminal refuses what the card said.
        """
        try:
            return step()
        except BankTerminalError as error:
            raise DeviatingAnswerError("data as EMV has them", str(error)) from None
        except CardStatusError as error:
            word = f"{error.header[:4].hex().upper()}: {error.sw:04X}"
            raise DeviatingAnswerError("a command that is taken", word) from None

    def get_data(self, tag: int) -> CardReply:
        """GET DATA."""
        return self.send(commands.GET_DATA, tag >> 8, tag & 0xFF)

    def number_of(self, tag: int) -> int:
        """GET DATA of a number.

        :raises UndecidedError: there is none.
        """
        reply = self.given(self.get_data(tag), f"GET DATA {tag:04X}")
        if len(reply.data) < 4:
            raise UndecidedError(f"GET DATA {tag:04X} gave another length")
        return int.from_bytes(reply.data[3:])

    # --- paying ----------------------------------------------------------------------------------

    def host(self, code: bytes = APPROVED) -> IssuerHost:
        """Our host, with the bank's keys.

        :raises NotRunError: none were given.
        """
        if self.subject.store is None:
            raise NotRunError("needs the bank's keys")
        return IssuerHost(self.subject.store, lambda _request, _data: code)

    def pay(
        self,
        issuer: Issuer | None = None,
        amount_fen: int = 1000,
        *,
        force_online: bool = False,
        **terminal: Any,
    ) -> PaymentOutcome:
        """A purchase at our terminal.

        :raises DeviatingAnswerError: the terminal refuses what the card said.
        """
        profile = TerminalProfile(pin_pad=bool(self.subject.pin), **terminal)
        purchase = BankPurchase(amount_fen, NOON, force_online=force_online)
        connection = _Recorded(self)
        if self.subject.contact:
            pin = self.subject.pin or None
            kernel = PaymentTerminal(profile, issuer, lambda _left: pin)
            outcome = self.strict(lambda: kernel.pay(connection, purchase))
        else:
            field = ContactlessTerminal(profile, issuer)
            outcome = self.strict(lambda: field.pay(connection, purchase))
        paid: PaymentOutcome = outcome
        return paid

    def generate(self, transaction: TerminalTransaction, asked: int, tag: int = 0x8C) -> CardReply:
        """GENERATE AC with the data of a list."""
        data = transaction.asked(transaction.value(tag), "CDOL")
        return self.send(commands.GENERATE_AC, asked, 0x00, data, 0)

    # --- PIN -------------------------------------------------------------------------------------

    def verify(self, digits: str) -> CardReply:
        """VERIFY of the bank PIN in the clear."""
        le = None if self.subject.contact else 0
        return self.whole(commands.VERIFY.apdu(0x00, 0x80, plain_pin_block(digits), le))

    def need_pin(self) -> str:
        """The given bank PIN.

        :raises NotRunError: none was given.
        """
        if not self.subject.pin:
            raise NotRunError("needs the bank PIN")
        return self.subject.pin

    def wrong(self, digits: str) -> CardReply:
        """A wrong PIN, on purpose."""
        return self.wrong_block(plain_pin_block(digits))

    def wrong_block(self, block: bytes) -> CardReply:
        """VERIFY with a PIN block that is wrong, on purpose."""
        if self.level < Level.DESTRUCTIVE:
            raise RuntimeError("only a destructive case may be wrong on purpose")
        self._failures_wanted = True
        try:
            le = None if self.subject.contact else 0
            return self.whole(commands.VERIFY.apdu(0x00, 0x80, block, le))
        finally:
            self._failures_wanted = False

    def _guard(self, command: bytes) -> None:
        if bank_level_of(command) > self.level:
            raise RuntimeError(f"{command[:4].hex().upper()} is above the level {self.level.word}")
        given = self.subject.pin
        if command[1:2] != b"\x20" or len(command) < 6 or self._failures_wanted:
            return
        if not given or command[5:13] != plain_pin_block(given):
            raise RuntimeError("a PIN that was not given")

    def _watch(self, command: bytes, sw: int) -> None:
        if sw & 0xFFF0 == StatusWord.VERIFICATION_FAILED and not self._failures_wanted:
            raise UnaskedFailureError(
                f"{command[:4].hex().upper()} without a failure", f"{sw:04X}: a try is gone"
            )
