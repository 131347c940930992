# SPDX-License-Identifier: Apache-2.0
"""A bank application as its commands see it: data, records, keys, PIN and log of one ADF."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.dispatch import Handler
from sscard_chip.apdu.session import Session
from sscard_chip.applications.bank.data import (
    CONTACTLESS_FILE_LOCATOR,
    DATA_FID,
    FILE_LOCATOR,
    SUITE,
    BankData,
)
from sscard_chip.applications.bank.states import TAKES, PaymentTransaction, TransactionState
from sscard_chip.filesystem import tlv
from sscard_chip.filesystem.files import CyclicFile, LinearFile, TransparentFile
from sscard_chip.filesystem.layout import ApplicationState
from sscard_chip.filesystem.tree import Directory
from sscard_chip.security.emv import BANK_SUITE_OF_CODE, BankSession, BankSuite
from sscard_chip.security.keys import KeyRecord, PinRecord
from sscard_chip.standard.commands import StandardCommand
from sscard_chip.standard.identifiers import EF
from sscard_chip.standard.keys import USE_CRYPTOGRAM
from sscard_chip.standard.status import StatusError, StatusWord

FCI_FID: Final = 0xEF9E
CONTACTLESS_FCI_FID: Final = 0xEF9F
"""The proprietary template (A5) of the FCI, for contact and contactless terminals [L]."""
PRIVATE_KEY_FID: Final = 0xEF82
"""The private key of dynamic data authentication [L]."""

LAST_TEMPLATE_SFI: Final = 10
LOG_SFI: Final = 11
_LOG_FID: Final = EF | LOG_SFI
_PDOL: Final = 0x9F38

BankHandler = Callable[[Session, "BankApplication", Command], bytes]


class BankApplication:
    """The view of an ADF; it keeps nothing that a command can change."""

    __slots__ = ("_keys", "data", "directory", "suite")

    def __init__(self, directory: Directory, data: BankData) -> None:
        self.directory = directory
        self.data = data
        self.suite: BankSuite = BANK_SUITE_OF_CODE[data.value(SUITE)[0]]
        self._keys: dict[int, KeyRecord] = {key.use: key for key in directory.keys.values()}

    @classmethod
    def of(cls, directory: Directory) -> BankApplication:
        """The application of a directory; 6985 when it has none. Made once while mounted."""
        application = directory.application
        if isinstance(application, cls):
            return application
        file = directory.internal.get(DATA_FID)
        if file is None:
            raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
        directory.application = application = cls(directory, BankData(file))
        return application

    @property
    def suspended(self) -> bool:
        """Whether the issuer has blocked it: selecting answers 6283, and it only declines."""
        return self.directory.state != ApplicationState.WORKING

    @property
    def pin(self) -> PinRecord | None:
        """The PIN, if one is set."""
        pin = self.directory.pin
        return pin if pin is not None and pin.is_set else None

    @property
    def pin_blocked(self) -> bool:
        """Whether a PIN is set and no try is left."""
        return self.pin is not None and self.pin.locked

    def session(self, use: int, atc: bytes) -> BankSession:
        """The session of a card key for a transaction; 6A88 when there is no such key."""
        key = self._keys.get(use)
        if key is None:
            raise StatusError(StatusWord.KEY_NOT_FOUND)
        return self.suite.session_for(key.encrypt, atc)

    @property
    def cryptogram_key(self) -> bytes:
        """The card key of cryptograms, whose bytes a PIN block takes; 6A88."""
        key = self._keys.get(USE_CRYPTOGRAM)
        if key is None:
            raise StatusError(StatusWord.KEY_NOT_FOUND)
        return key.secret

    def fci(self, *, contactless: bool) -> bytes:
        """The proprietary template of the FCI, without its tag."""
        file = self.directory.files.get(CONTACTLESS_FCI_FID if contactless else FCI_FID)
        return file.read(0, file.size) if isinstance(file, TransparentFile) else b""

    def pdol(self, *, contactless: bool) -> tlv.Dol:
        """What GET PROCESSING OPTIONS wants; nothing when the FCI has no PDOL."""
        return tlv.parse_dol(tlv.find_primitive(self.fci(contactless=contactless), _PDOL) or b"")

    def file_locator(self, *, contactless: bool) -> bytes:
        """The AFL."""
        return self.data.locator(CONTACTLESS_FILE_LOCATOR if contactless else FILE_LOCATOR)

    def record_value(self, tag: int) -> bytes | None:
        """The value of a data object in the records of SFI 1 to 10, None if it is in none."""
        for sfi in range(1, LAST_TEMPLATE_SFI + 1):
            file = self.directory.files_by_sfi.get(sfi)
            if not isinstance(file, LinearFile):
                continue
            for number in range(1, file.count + 1):
                record = file.record(number)
                if record[0] and (value := tlv.find_primitive(record, tag)) is not None:
                    return value
        return None

    @property
    def log(self) -> CyclicFile | None:
        """The transaction log."""
        file = self.directory.files.get(_LOG_FID)
        return file if isinstance(file, CyclicFile) else None


def state_of(session: Session) -> TransactionState:
    """The state of the transaction."""
    transaction = session.transaction
    return (
        transaction.state
        if isinstance(transaction, PaymentTransaction)
        else TransactionState.SELECTED
    )


def current(session: Session) -> PaymentTransaction:
    """The transaction at hand; 6985 when there is none."""
    if not isinstance(session.transaction, PaymentTransaction):
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    return session.transaction


def command_of_application(standard: StandardCommand, handler: BankHandler) -> Handler:
    """A handler that finds an application in a state which takes it, else 6985."""
    states = TAKES[standard]

    def handle(session: Session, command: Command) -> bytes:
        application = BankApplication.of(session.df)
        if state_of(session) not in states:
            raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
        return handler(session, application, command)

    return handle


def bcd_number(value: bytes) -> int:
    """A number of BCD digits that a terminal sent; 6A80 when it is none."""
    text = value.hex()
    if not text.isdecimal():
        raise StatusError(StatusWord.WRONG_DATA)
    return int(text)
