# SPDX-License-Identifier: Apache-2.0
"""What every function of the driver works with: slots, PSAM, PIN pad, randoms, settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.profile.generations import whole_profile
from sscard_chip.standard.keys import RKSSSE
from sscard_chip.terminal.addresses import KeyAddresses
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.connection import (
    Connection,
    NoCardError,
    NotConnectedError,
    Slots,
    TerminalConnectionError,
)
from sscard_chip.terminal.driver.values import (
    CardInfo,
    InterfaceType,
    PinCancelledError,
    PinPad,
    PinPrompt,
)
from sscard_chip.terminal.psam_client import SamClient, SamError, SamKeyError
from sscard_chip.terminal.session import PIN_DIGITS, CardSession, Profiles, open_session

NO_TERMINAL: Final = "0" * 12


def no_pin_pad(prompt: PinPrompt) -> str:
    """A terminal without PIN pad: every entry is cancelled."""
    raise PinCancelledError


@dataclass(frozen=True, slots=True)
class Settings:
    """What a terminal is set up with.

    ``device_number`` is 终端设备号 and ``terminal_id`` 终端机编号 where no PSAM gives one (12
    digits). ``initial_pins`` may not pay, and a PIN may not be changed to one of them.
    ``purchase_key_index`` is that of the HSM steps; a PSAM names its own. ``new_meanings``
    writes items of 1.0 cards whose tags letter 37 uses anew with their new meaning. ``raw_text``
    gives texts of the card byte for byte, as
    :func:`~sscard_chip.standard.text.decode_text` reads them; without it what is no text, or would
    steer a terminal, becomes U+FFFD.
    """

    device_number: str = NO_TERMINAL
    terminal_id: str = NO_TERMINAL
    initial_pins: tuple[str, ...] = ("123456",)
    purchase_key_index: int = 1
    new_meanings: bool = False
    raw_text: bool = False
    addresses: KeyAddresses = field(default_factory=KeyAddresses)
    profiles: Profiles = whole_profile


class DriverContext:
    """The hardware of a terminal and its settings."""

    def __init__(
        self,
        slots: Slots,
        pin_pad: PinPad = no_pin_pad,
        settings: Settings | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.slots = slots
        self.settings = settings or Settings()
        self.random = random
        self._pin_pad = pin_pad
        self._sam = None if slots.psam is None else SamClient(slots.psam)

    # --- the holder's card -------------------------------------------------------------------

    def open(self, interface: InterfaceType) -> CardSession:
        """A session with the card in the slot, or with the first that has one.

        :raises NotConnectedError: the terminal has no such slot.
        :raises NoCardError: the slot, or all, are empty.
        """
        slots = [slot for slot in self._slots(interface) if slot is not None]
        if not slots:
            raise NotConnectedError("the terminal has no slot of this kind")
        for slot in slots[:-1]:
            try:
                return open_session(slot, self.settings.profiles)
            except NoCardError:
                continue
        return open_session(slots[-1], self.settings.profiles)

    def open_card(self, interface: InterfaceType, card: CardInfo) -> CardSession:
        """Like :meth:`open`, of the card that the caller means.

        :raises DriverError: -22.
        """
        session = self.open(interface)
        same = session.identification.hex().upper() == card.identification.upper()
        if not same or session.card_number != card.card_number:
            raise DriverError(ReturnCode.OTHER_CARD, "the card is not the one in pCardInfo")
        return session

    def _slots(self, interface: InterfaceType) -> tuple[Connection | None, ...]:
        contact, contactless = self.slots.contact, self.slots.contactless
        match interface:
            case InterfaceType.CONTACT:
                return (contact,)
            case InterfaceType.CONTACTLESS:
                return (contactless,)
            case InterfaceType.CONTACT_FIRST:
                return (contact, contactless)
            case InterfaceType.CONTACTLESS_FIRST:
                return (contactless, contact)

    # --- the PSAM ----------------------------------------------------------------------------

    @contextmanager
    def sam(self, session: CardSession) -> Iterator[SamClient]:
        """The PSAM in the environment of the card's algorithm.

        Only the PSAM may be used in the block: DriverError -2201 is raised for any connection
        that fails in it. -2202 when it has no such environment.
        """
        if self._sam is None:
            raise DriverError(ReturnCode.NO_PSAM, "the terminal has no PSAM")
        try:
            self._sam.open(session.algorithm)
            yield self._sam
        except TerminalConnectionError as error:
            raise DriverError(ReturnCode.NO_PSAM, f"the PSAM cannot be reached: {error}") from None

    def authenticate(self, session: CardSession, kid: int) -> None:
        """EXTERNAL AUTHENTICATE of a key, with the PSAM's help.

        :raises DriverError: the PSAM is missing or cannot help.
        :raises CardStatusError: the card refuses, 63Cx when the PSAM has other keys.
        """
        key = session.key(kid)
        challenge, original = session.challenge(), self.random(8)
        with self.sam(session) as sam:
            try:
                version = min(sam.key_version(key.root), key.versions)
                proof = sam.authentication_data(key.root, session.factors, challenge, original)
            except SamKeyError as error:
                code = ReturnCode.NO_RKSSSE if key.root == RKSSSE else ReturnCode.KEY_NOT_FOUND
                raise DriverError(code, str(error)) from None
        session.external_authenticate(kid, proof, original, version)

    def credit(self, mac2: bytes) -> bool | None:
        """CREDIT SAM FOR PURCHASE in the PSAM as INIT SAM left it; None when it cannot say."""
        if self._sam is None:
            return None
        try:
            return self._sam.credit(mac2)
        except (SamError, CardStatusError, TerminalConnectionError):
            return None

    def terminal_id(self, session: CardSession) -> str:
        """终端机编号 of the PSAM, of the settings when there is none."""
        try:
            with self.sam(session) as sam:
                return sam.terminal_id()
        except (DriverError, SamError, CardStatusError):
            return self.settings.terminal_id

    # --- the PIN pad -------------------------------------------------------------------------

    def ask_pin(self, prompt: PinPrompt) -> str:
        """Digits from the PIN pad.

        :raises DriverError: -31, -32, -33 (length), -41.
        """
        digits = self._pin_pad(prompt)
        if not (digits.isascii() and digits.isdecimal()):
            code = ReturnCode.ILLEGAL_CHARACTER if digits else ReturnCode.PIN_LENGTH
            raise DriverError(code, "a PIN is typed in digits")
        if len(digits) not in PIN_DIGITS:
            raise DriverError(ReturnCode.PIN_LENGTH, "a PIN has 4 to 12 digits")
        return digits

    def ask_new_pin(self) -> str:
        """A new PIN, typed twice.

        :raises DriverError: -34 when they differ.
        """
        new = self.ask_pin(PinPrompt.NEW)
        if self.ask_pin(PinPrompt.REPEAT) != new:
            raise DriverError(ReturnCode.PINS_DIFFER, "the two new PINs differ")
        return new

    def verify_holder(
        self, session: CardSession, prompt: PinPrompt = PinPrompt.CURRENT
    ) -> str | None:
        """Ask for the PIN and verify it, if one is set; the digits, None when none is set."""
        if not session.pin_needed():
            return None
        digits = self.ask_pin(prompt)
        session.verify_pin(digits)
        return digits

    def power_off(self) -> None:
        """Bring the contacts of the holder's card to rest, whatever state they are in."""
        for slot in (self.slots.contact, self.slots.contactless):
            if slot is not None:
                with suppress(TerminalConnectionError):  # the card has left: nothing is powered
                    slot.power_off()
