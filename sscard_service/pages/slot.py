# SPDX-License-Identifier: Apache-2.0
"""The kiosk's card slot: whether a card is in it, and what is done with one.

Everything goes through the terminal's own driver (LD/T 33): who the card is, proved with the
PSAM or the HSM by internal authentication, its PIN, what DF02 and DF03 hold. PINs are passed on
and kept nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from threading import RLock
from typing import Final, Protocol, TypeVar

from sscard_chip.card import Card
from sscard_chip.profile.model import FileDeclaration, Item, Structure
from sscard_chip.standard.commands import VERIFY
from sscard_chip.standard.errors import SscardError, TerminalError
from sscard_chip.standard.identifiers import DF02, DF03
from sscard_chip.standard.keys import IRK
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.codes import ReturnCode, code_of
from sscard_chip.terminal.connection import Connection, NoCardError, NotConnectedError, Slots
from sscard_chip.terminal.driver import (
    Authentication,
    CardInfo,
    Driver,
    FileAddress,
    InterfaceType,
    PinPrompt,
)
from sscard_chip.terminal.driver.with_hsm import run_with_hsm
from sscard_chip.terminal.hsm import Hsm
from sscard_chip.terminal.pcsc import PcscConnection, list_readers
from sscard_chip.terminal.psam_client import SamClient
from sscard_chip.terminal.session import CardSession, open_session
from sscard_service.evidence import CardProof
from sscard_service.pages.views import day
from sscard_service.pages.words import PageText

_SHOWN: Final = (DF02, DF03)
_CONTACT: Final = InterfaceType.CONTACT
_FALSE: Final = (ReturnCode.INTERNAL_AUTHENTICATION, ReturnCode.HSM_DIFFERS)
_CODES: Final[dict[int, str]] = {
    ReturnCode.NO_CARD: "no_card",
    ReturnCode.NOT_POWERED: "no_card",
    ReturnCode.INTERNAL_AUTHENTICATION: "not_genuine",
    ReturnCode.HSM_DIFFERS: "not_genuine",
    ReturnCode.PIN_WRONG: "pin_wrong",
    ReturnCode.PIN_LOCKED: "pin_locked",
    ReturnCode.PINS_DIFFER: "pins_differ",
    ReturnCode.NEW_PIN_IS_INITIAL: "pin_format",
    ReturnCode.PIN_LENGTH: "pin_format",
    ReturnCode.ILLEGAL_CHARACTER: "pin_format",
}

_SlotResult = TypeVar("_SlotResult")


class SlotError(TerminalError):
    """The card could not be used; ``code`` says why in one word.

    ``code`` is of ``no_card``, ``not_genuine``, ``other_card``, ``pin_wrong``, ``pin_locked``,
    ``pins_differ``, ``pin_format``, ``card``; ``tries`` are those left.
    """

    def __init__(self, code: str, tries: int | None = None) -> None:
        self.code = code
        self.tries = tries
        super().__init__(f"the card in the kiosk: {code}")


class SlotPort(Protocol):
    """Where a card goes in."""

    simulated: bool

    def present(self) -> bool:
        """Whether a card is in the slot."""
        ...

    def connection(self) -> Connection:
        """The card's connection.

        :raises NoCardError:
        """
        ...

    def close(self) -> None:
        """Give the reader back."""
        ...


@dataclass(slots=True)
class ImagePort:
    """A slot of the program's own: an image that is put in and taken out on the page."""

    path: Path
    simulated: bool = True
    _card: Card | None = field(default=None, init=False)

    def insert(self) -> None:
        """Put the card in.

        :raises SscardError: the image cannot be opened.
        """
        if self._card is None:
            self._card = Card.open(self.path)

    def remove(self) -> None:
        """Take it out."""
        card, self._card = self._card, None
        if card is not None:
            card.close()

    def present(self) -> bool:
        """Whether the card is in."""
        return self._card is not None

    def connection(self) -> Connection:
        """The card's contacts. :raises NoCardError: it is out."""
        found = None if self._card is None else Slots.of_card(self._card).contact
        if found is None:
            raise NoCardError("no card in the slot")
        return found

    def close(self) -> None:
        """Take the card out."""
        self.remove()


@dataclass(slots=True)
class ReaderPort:
    """A slot of a PC/SC reader, by its name or part of it."""

    name: str
    simulated: bool = False
    _connection: PcscConnection | None = field(default=None, init=False)

    def check(self) -> None:
        """See that the reader is there.

        :raises NotConnectedError:
        """
        names = [name for name, _ in list_readers() if self.name.casefold() in name.casefold()]
        if len(names) != 1:
            raise NotConnectedError(
                f"PC/SC reader {self.name!r}: {len(names)} readers are so named"
            )

    def present(self) -> bool:
        """Whether the reader says that a card is in."""
        with suppress(SscardError):
            return any(
                there and self.name.casefold() in name.casefold() for name, there in list_readers()
            )
        return False

    def connection(self) -> Connection:
        """The reader."""
        if self._connection is None:
            self._connection = PcscConnection(self.name)
        return self._connection

    def close(self) -> None:
        """Leave the service."""
        if self._connection is not None:
            self._connection.close()


@dataclass(frozen=True, slots=True, repr=False)
class HeldItem:
    """Something that the card holds: directory, file, name of the item, value."""

    directory: PageText
    file: PageText
    item: PageText
    value: str


class KioskSlot:
    """A card slot with the PSAM, or with the HSM that has the keys."""

    def __init__(
        self, port: SlotPort, *, psam: Connection | None = None, hsm: Hsm | None = None
    ) -> None:
        self.port = port
        self._psam = psam
        self._hsm = hsm
        self._lock = RLock()

    def present(self) -> bool:
        """Whether a card is in the slot."""
        return self.port.present()

    def prove(self, pin: str) -> CardProof:
        """The card by internal authentication, and its PIN.

        :raises SlotError:
        """
        return self._use([pin], self._prove)

    def change_pin(self, pin: str, new: str, again: str, *, card: str) -> None:
        """A new PIN for the card with this 卡识别码 (hex).

        :raises SlotError:
        """

        def work(driver: Driver, _: PinEntries) -> None:
            self._same(card)
            driver.change_pin(_CONTACT)

        self._use([pin, new, again], work)

    def contents(self, pin: str, *, card: str) -> list[HeldItem]:
        """What DF02 and DF03 of the card with this 卡识别码 hold and its PIN opens.

        :raises SlotError:
        """

        def work(driver: Driver, _: PinEntries) -> list[HeldItem]:
            return _contents(driver, self._same(card))

        return self._use([pin], work)

    # --- with the driver -------------------------------------------------------------------------

    def _use(
        self, pins: Sequence[str], work: Callable[[Driver, PinEntries], _SlotResult]
    ) -> _SlotResult:
        with self._lock:
            pad = PinEntries(pins)
            try:
                slots = Slots(self.port.connection(), None, self._psam)
                return work(Driver(slots, pin_pad=pad), pad)
            except SlotError:
                raise
            except (SscardError, OSError) as error:
                raise self._slot_error(error) from None

    def _prove(self, driver: Driver, pad: PinEntries) -> CardProof:
        session = open_session(self.port.connection())
        identification = session.identification
        if self._psam is not None:
            _check_genuine(session, SamClient(self._psam))
        elif self._hsm is not None:
            last = run_with_hsm(driver, self._hsm, "iReadCardBas", int(_CONTACT))[-1]
            if last.code != ReturnCode.OK:
                raise SlotError("not_genuine" if last.code in _FALSE else "card")
        else:
            raise SlotError("card")
        driver.verify_pin(_CONTACT)
        return CardProof(identification.hex().upper(), authenticated=True, pin_verified=pad.asked)

    def _same(self, card: str) -> CardSession:
        """A session with the card that the visit began with."""
        session = open_session(self.port.connection())
        if session.identification.hex().upper() != card.upper():
            raise SlotError("other_card")
        return session

    def _slot_error(self, error: Exception) -> SlotError:
        """What an error of the terminal is for a visitor."""
        code = code_of(error) if isinstance(error, SscardError) else ReturnCode.READER
        name = _CODES.get(code, "card")
        if name == "pin_wrong":
            with suppress(SscardError, OSError):
                client = open_session(self.port.connection()).client
                return SlotError(name, client.send(VERIFY).pin_tries())
        return SlotError(name)


class PinEntries:
    """A PIN pad that gives what was typed on the page, one entry after the other."""

    def __init__(self, pins: Sequence[str]) -> None:
        self._left = list(pins)
        self.asked = False
        """Whether the card has a PIN and it was asked for."""

    def __call__(self, _prompt: PinPrompt) -> str:
        self.asked = True
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


def _read(
    driver: Driver, card: CardInfo, addresses: Sequence[FileAddress]
) -> list[tuple[str, ...]]:
    """The values of files; of one that lacks records, none."""
    try:
        read = driver.read_files(_CONTACT, Authentication.PIN, card, addresses)
        return [one.values for one in read]
    except CardStatusError:
        if len(addresses) == 1:
            return [()]
        return [_read(driver, card, [one])[0] for one in addresses]


def _check_genuine(session: CardSession, sam: SamClient) -> None:
    """INTERNAL AUTHENTICATION against the PSAM, which must be there: iReadCardBas does without.

    :raises SlotError: not_genuine.
    """
    sam.open(session.algorithm)
    factor, original = os.urandom(8), os.urandom(8)
    version = sam.key_version(IRK)
    expected = sam.authentication_data(IRK, session.factors, factor, original)
    if not compare_digest(session.internal_authenticate(factor, original, version), expected):
        raise SlotError("not_genuine")


def _contents(driver: Driver, session: CardSession) -> list[HeldItem]:
    card = CardInfo(session.identification.hex().upper(), session.card_number)
    found = []
    for directory in _SHOWN:
        try:
            held = session.profile.directory(directory)
        except KeyError:
            continue
        readable = [file for file in held.files if file.read.pin or file.read.kid is None]
        addresses = [FileAddress(directory, file.fid, ()) for file in readable]
        for file, values in zip(readable, _read(driver, card, addresses), strict=True):
            where = PageText(held.name, held.english), PageText(file.name, file.english)
            found += [
                HeldItem(*where, PageText(item.name, item.english), _shown(item, value))
                for item, value in _fields(file, values)
                if value.strip(" 0\0")
            ]
    return found


def _shown(item: Item, value: str) -> str:
    """A value for people: a day has dashes, a code its meaning where it has one."""
    text = value.strip()
    return day(text) if "日期" in item.name else item.codes.get(text, text)


def _fields(file: FileDeclaration, values: Sequence[str]) -> Iterator[tuple[Item, str]]:
    """The simple fields of a file: a record of several is their values joined by ``^``."""
    cyclic = file.structure is Structure.CYCLIC
    records = [(file.items, one) for one in values] if cyclic else [
        (item.items or (item,), one) for item, one in zip(file.items, values, strict=False)
    ]  # fmt: skip
    for items, value in records:
        yield from zip(items, value.split("^") if len(items) > 1 else [value], strict=False)
