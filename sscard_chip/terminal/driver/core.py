# SPDX-License-Identifier: Apache-2.0
"""The driver of a terminal (读写终端接口, LD/T 33) for Python programs.

>>> driver = Driver(Slots.of_card(card, psam), pin_pad=lambda prompt: "135790")
>>> basics = driver.read_card_basics(Interface.CONTACT_FIRST)
>>> time = "20260102030405"
>>> debit = driver.debit(Interface.CONTACT, basics.card_info, Split(0, 1000, 800), time)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sscard_chip.dayfile.loads import LoadCentre
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.bank.account import CardAccount
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.connection import Slots
from sscard_chip.terminal.driver import banking, basics, certificates, debits, files, pins
from sscard_chip.terminal.driver.context import DriverContext, Settings, no_pin_pad
from sscard_chip.terminal.driver.loading import load_allocation
from sscard_chip.terminal.driver.values import (
    Authentication,
    AuthenticationData,
    BasicsRequest,
    CardBasics,
    CardInfo,
    CommandRequest,
    DebitHsmRequest,
    DebitRecord,
    DebitResult,
    FileAddress,
    FileValues,
    InterfaceType,
    PinPad,
    ProofRequest,
)
from sscard_chip.terminal.loads import LoadResult
from sscard_chip.terminal.session import CardSession

_Pending = TypeVar("_Pending")


class Driver:
    """One terminal. Every function is a session of its own: power on, work, power off.

    The HSM functions come in steps (``begin_…``, then ``finish_…``); the card keeps its power
    between them, and any other function ends what was begun. ``random`` gives the terminal's
    random bytes.

    All methods raise DriverError, CardStatusError, a TerminalConnectionError or a SamError;
    :func:`sscard_chip.terminal.codes.code_of` has the return code of each. DriverError -3 means
    a step without the one before it.
    """

    def __init__(
        self,
        slots: Slots,
        *,
        pin_pad: PinPad = no_pin_pad,
        settings: Settings | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._context = DriverContext(slots, pin_pad, settings, random)
        self._pending: object = None
        self._doubt: debits.PendingDebit | None = None

    @property
    def reset_information(self) -> str:
        """复位信息 of the card of a begun HSM function, 26 hex digits; DriverError -3 without."""
        return self._begun().historical.hex().upper()

    @property
    def division(self) -> str:
        """区划 of the card of a begun HSM function; DriverError -3 without."""
        return self._begun().division

    # --- who the holder is -------------------------------------------------------------------

    def read_card_basics(self, interface: InterfaceType) -> CardBasics:
        """iReadCardBas; see :func:`basics.read_basics`."""
        with self._whole():
            return basics.read_basics(self._context, interface)

    def begin_card_basics(self, interface: InterfaceType) -> BasicsRequest:
        """iReadCardBas_HSM_Step1."""
        with self._first():
            self._pending = pending = basics.begin_basics(self._context, interface)
            return pending.request

    def finish_card_basics(
        self, internal: AuthenticationData, external: AuthenticationData | None = None
    ) -> CardBasics:
        """iReadCardBas_HSM_Step2."""
        with self._last(basics.PendingBasics) as pending:
            return basics.finish_basics(self._context, pending, internal, external)

    # --- files -------------------------------------------------------------------------------

    def read_files(
        self,
        interface: InterfaceType,
        authentication: Authentication,
        card: CardInfo,
        addresses: Sequence[FileAddress],
    ) -> list[FileValues]:
        """iReadCard; see :func:`files.read`."""
        with self._whole():
            return files.read(self._context, interface, authentication, card, addresses)

    def begin_read(
        self, interface: InterfaceType, card: CardInfo, addresses: Sequence[FileAddress]
    ) -> ProofRequest:
        """iReadCard_HSM_Step1; see :func:`files.begin_files`."""
        with self._first():
            self._pending, request = files.begin_files(
                self._context, interface, card, addresses, writing=False
            )
            return request

    def finish_read(self, proof: AuthenticationData) -> list[FileValues]:
        """iReadCard_HSM_Step2."""
        with self._last(files.PendingFiles) as pending:
            _require(not pending.writing)
            return files.finish_read(self._context, pending, proof)

    def write_files(
        self, interface: InterfaceType, card: CardInfo, contents: Sequence[FileValues]
    ) -> None:
        """iWriteCard; see :func:`files.write`."""
        with self._whole():
            files.write(self._context, interface, card, contents)

    def begin_write(
        self, interface: InterfaceType, card: CardInfo, addresses: Sequence[FileAddress]
    ) -> ProofRequest:
        """iWriteCard_HSM_Step1; see :func:`files.begin_files`."""
        with self._first():
            self._pending, request = files.begin_files(
                self._context, interface, card, addresses, writing=True
            )
            return request

    def finish_write(self, proof: AuthenticationData, values: Sequence[tuple[str, ...]]) -> None:
        """iWriteCard_HSM_Step2; ``values`` of each file of Step 1."""
        with self._last(files.PendingFiles) as pending:
            _require(pending.writing)
            files.finish_write(self._context, pending, proof, values)

    # --- PIN ---------------------------------------------------------------------------------

    def verify_pin(self, interface: InterfaceType) -> None:
        """iVerifyPIN."""
        with self._whole():
            pins.verify_holder_pin(self._context, interface)

    def change_pin(self, interface: InterfaceType) -> None:
        """iChangePIN."""
        with self._whole():
            pins.change_holder_pin(self._context, interface)

    def reload_pin(self, interface: InterfaceType, card: CardInfo) -> None:
        """iReloadPIN: a new PIN for a holder who forgot the old one."""
        with self._whole():
            pins.service(self._context, interface, card, reload=True)

    def unblock_pin(self, interface: InterfaceType, card: CardInfo) -> None:
        """iUnblockPIN: all tries back."""
        with self._whole():
            pins.service(self._context, interface, card, reload=False)

    def begin_pin_service(
        self, interface: InterfaceType, card: CardInfo, *, reload: bool
    ) -> ProofRequest:
        """iReloadPIN_HSM_Step1, iUnblockPIN_HSM_Step1."""
        with self._first():
            self._pending, request = pins.begin_service(
                self._context, interface, card, reload=reload
            )
            return request

    def authorise_pin_service(self, proof: AuthenticationData, *, reload: bool) -> CommandRequest:
        """iReloadPIN_HSM_Step2, iUnblockPIN_HSM_Step2."""
        pending = self._take(pins.PendingService)
        with self._first():
            _require(pending.reload is reload and not pending.authorised)
            request = pins.authorise_service(self._context, pending, proof)
            self._pending = pending
            return request

    def finish_pin_service(self, command: bytes, *, reload: bool) -> None:
        """iReloadPIN_HSM_Step3, iUnblockPIN_HSM_Step3."""
        with self._last(pins.PendingService) as pending:
            _require(pending.reload is reload and pending.authorised)
            pins.finish_service(pending, command)

    # --- purchases ---------------------------------------------------------------------------

    def debit(
        self, interface: InterfaceType, card: CardInfo, amounts: Split, time: str
    ) -> DebitResult:
        """iDoDebit; ``time`` is YYYYMMDDhhmmss, the terminal's local time.

        ``amounts`` go to the card as they are: in modes 1 and 2 the account is 0, the second is
        the bill, the third what account and pool pay. After a DebitInDoubtError the same call
        settles the debit that is in doubt; any other debit forgets it.
        """
        with self._whole(), self._paying() as doubt:
            if doubt and debits.same_debit(doubt, card, amounts, time):
                settled = debits.settle_doubt(self._context, doubt, interface)
                if settled is not None:
                    return settled
            return debits.debit_account(self._context, interface, card, amounts, time)

    def begin_debit(
        self, interface: InterfaceType, card: CardInfo, amounts: Split, time: str
    ) -> DebitHsmRequest:
        """iDoDebit_HSM_Step1."""
        with self._first():
            self._pending = pending = debits.begin_debit(
                self._context, interface, card, amounts, time
            )
            return pending.request

    def finish_debit(self, terminal_number: int, time: str, mac1: bytes) -> DebitResult:
        """iDoDebit_HSM_Step2.

        After a DebitInDoubtError the same call, with the card back in the slot, settles it.
        """
        with self._paying() as doubt:
            if doubt and debits.same_step(doubt, terminal_number, time, mac1):
                with self._whole():
                    settled = debits.settle_doubt(self._context, doubt, doubt.interface)
                if settled is None:
                    raise DriverError(ReturnCode.NOT_POWERED, "the card has not paid: begin again")
                return settled
            with self._last(debits.PendingDebit) as pending:
                return debits.finish_debit(self._context, pending, terminal_number, time, mac1)

    @contextmanager
    def _paying(self) -> Iterator[debits.PendingDebit | None]:
        """Gives the debit in doubt and forgets it; one that ends in doubt is remembered."""
        doubt, self._doubt = self._doubt, None
        try:
            yield doubt
        except debits.DebitInDoubtError as error:
            self._doubt = error.pending
            raise

    def read_debit_records(self, interface: InterfaceType) -> list[DebitRecord]:
        """iReadDebitRecord: newest first."""
        with self._whole():
            return debits.read_records(self._context, interface)

    def load(
        self, interface: InterfaceType, card: CardInfo, centre: LoadCentre, time: str
    ) -> LoadResult:
        """账户划入; see :func:`.load_allocation`. ``time`` is YYYYMMDDhhmmss, local."""
        with self._whole():
            return load_allocation(self._context, interface, card, centre, time)

    # --- the bank application ------------------------------------------------------------------

    def read_bank_account(self, interface: InterfaceType) -> CardAccount:
        """iReadPBOCAccount; see :func:`banking.read_bank_account`."""
        with self._whole():
            return banking.read_bank_account(self._context, interface)

    # --- certificates of generation 3 ----------------------------------------------------------

    def sign_text(self, pin: str, text: str, interface: InterfaceType) -> bytes:
        """PKI_SignData; see :func:`certificates.sign_text`."""
        with self._whole():
            return certificates.sign_text(self._context, pin, text, interface)

    def verify_text(
        self, pin: str, certificate: str, text: str, signature: str, interface: InterfaceType
    ) -> None:
        """PKI_VerifySign; see :func:`certificates.verify_text`."""
        with self._whole():
            certificates.verify_text(self._context, pin, certificate, text, signature, interface)

    def read_signature_key(self, interface: InterfaceType) -> bytes:
        """iReadSignatureKey; see :func:`certificates.read_signature_key`."""
        with self._whole():
            return certificates.read_signature_key(self._context, interface)

    def write_certificates(
        self, interface: InterfaceType, qmzs: str, jmzs: str, jmmy: str, glypin: str, zkmy: str
    ) -> None:
        """iWriteCA; see :func:`certificates.write_certificates`."""
        delivery = certificates.parse_delivery(qmzs, jmzs, jmmy, glypin, zkmy)
        with self._whole():
            certificates.write_certificates(self._context, interface, delivery)

    def close(self) -> None:
        """End what was begun and bring the card's contacts to rest."""
        self._pending = None
        self._context.power_off()

    # --- steps -------------------------------------------------------------------------------

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A function that leaves nothing behind."""
        self._pending = None
        try:
            yield
        finally:
            self._context.power_off()

    @contextmanager
    def _first(self) -> Iterator[None]:
        """A step that others follow: the card keeps its power unless it fails."""
        self._pending = None
        try:
            yield
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _last(self, kind: type[_Pending]) -> Iterator[_Pending]:
        """The step that ends a function."""
        pending = self._take(kind)
        with self._whole():
            yield pending

    def _begun(self) -> CardSession:
        session = getattr(self._pending, "session", None)
        if not isinstance(session, CardSession):
            raise _no_step()
        return session

    def _take(self, kind: type[_Pending]) -> _Pending:
        pending, self._pending = self._pending, None
        if not isinstance(pending, kind):
            self._context.power_off()
            raise _no_step()
        return pending


def _require(right_step: bool) -> None:
    if not right_step:
        raise _no_step()


def _no_step() -> DriverError:
    return DriverError(ReturnCode.NOT_POWERED, "the step before this one was not done")
