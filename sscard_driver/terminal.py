# SPDX-License-Identifier: Apache-2.0
"""The terminal behind the libraries: opened with the first call, one for all its programs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from issuance.stores import open_store
from sscard_chip.card import Card
from sscard_chip.terminal.addresses import KeyAddresses
from sscard_chip.terminal.codes import FAIL_OVER, DriverError
from sscard_chip.terminal.connection import Connection, Slots
from sscard_chip.terminal.driver import (
    FUNCTIONS,
    CardBasics,
    Driver,
    Function,
    PinPad,
    Settings,
    strings,
)
from sscard_chip.terminal.driver.values import InterfaceType
from sscard_chip.terminal.hsm import Hsm
from sscard_driver import configuration as configurations
from sscard_driver import hsm
from sscard_driver.configuration import Configuration
from sscard_driver.pinpad import pin_pad
from sscard_driver.scanner import read_code

_LOGGERS: Final = ("sscard_chip", "sscard_driver")

PASSPHRASE_VARIABLE: Final = "SSCARD_PASSPHRASE"
"""Opens an encrypted store of root keys, or is the PIN of a token."""
HOLD_S: Final = 60.0
"""Seconds for which a program that began an HSM function has the terminal for its next step."""


@dataclass(frozen=True, slots=True)
class OpenTerminal:
    """What is open. ``hsm`` answers HSM functions with the root keys of the configuration."""

    configuration: Configuration
    slots: Slots
    driver: Driver
    functions: Mapping[str, Function]
    hsm: Hsm | None

    def read_basics(self) -> CardBasics:
        """Who the holder is: with the PSAM, else with the root keys; the contact slot first.

        :raises DriverError: as iReadCardBas.
        """
        kind = InterfaceType.CONTACT_FIRST
        try:
            return self.driver.read_card_basics(kind)
        except DriverError as error:
            if self.hsm is None or error.code not in FAIL_OVER:
                raise
        request = self.driver.begin_card_basics(kind)
        answer = self.hsm.read_card_bas(strings.basics_request(request))
        return self.driver.finish_card_basics(*strings.proofs(answer))


@dataclass(frozen=True, slots=True)
class Hardware:
    """What opens slots, PIN pad and QR code scanner of a configuration."""

    slots: Callable[[ExitStack, Configuration], Slots] = field(default_factory=lambda: open_slots)
    pin_pad: Callable[[Configuration], PinPad] = pin_pad
    scan: Callable[[Configuration, float], str] = read_code


class SharedTerminal:
    """Cards, PSAM and readers of a configuration, for one program or several, one call at a time.

    ``environment`` has the configuration. Nothing is opened before :meth:`open`; when that fails
    the next one tries again. ``hardware`` is what stands on the counter.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        hold_s: float = HOLD_S,
        clock: Callable[[], float] = monotonic,
        hardware: Hardware | None = None,
    ) -> None:
        self.hardware = hardware or Hardware()
        self.environment = os.environ if environment is None else environment
        self._changed = threading.Condition()
        self._busy = False
        self._holder: object = None
        self._until = 0.0
        self._hold_s, self._clock = hold_s, clock
        self._terminal: OpenTerminal | None = None
        self._open = ExitStack()
        self._log = ExitStack()
        self._log_path: str | None = None

    @contextmanager
    def used_by(self, program: object) -> Iterator[None]:
        """The block has the terminal; waits for a call, or the steps, of another program."""
        with self._changed:
            while self._busy or self._is_held_against(program):
                self._changed.wait(None if self._busy else max(0.0, self._until - self._clock()))
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def hold(self, program: object) -> None:
        """Keep the terminal for the next step of this program; in a block of :meth:`used_by`."""
        self._holder, self._until = program, self._clock() + self._hold_s

    def let_go(self, program: object) -> None:
        """This program has no step to come."""
        with self._changed:
            if self._holder is program:
                self._holder = None
                self._changed.notify_all()

    def _is_held_against(self, program: object) -> bool:
        return self._holder not in (None, program) and self._clock() < self._until

    def open(self) -> OpenTerminal:
        """The terminal, opened whole or not at all; in a block of :meth:`used_by`.

        :raises SscardError:
        :raises OSError:
        """
        if self._terminal is None:
            self._terminal = self._start()
        return self._terminal

    def options(self) -> Configuration:
        """The options, a card among them or not: those that are in use, else as they are now.

        :raises ConfigurationError:
        """
        if self._terminal is not None:
            return self._terminal.configuration
        return configurations.load_configuration(self.environment, card=False)

    def log_to(self, path: str | None) -> None:
        """Write faults into this file from now on."""
        with self._changed:
            if path != self._log_path:
                self._log.close()
                self._log_path = path
                _log_to(self._log, path)

    def close(self) -> None:
        """Let go of cards, readers and log. The next call opens them again."""
        with self.used_by(self._holder):
            self._terminal = None
            self._open.close()
        self.log_to(None)

    def _start(self) -> OpenTerminal:
        with ExitStack() as stack:
            configuration = configurations.load_configuration(self.environment)
            addresses = KeyAddresses()
            if configuration.addresses is not None:
                addresses = KeyAddresses.load(configuration.addresses)
            standard = Settings()
            settings = Settings(
                device_number=configuration.device_number or standard.device_number,
                terminal_id=configuration.terminal_id or standard.terminal_id,
                addresses=addresses,
                raw_text=True,
            )
            keys = None
            if configuration.keys is not None:
                passphrase = self.environment.get(PASSPHRASE_VARIABLE)
                keys = stack.enter_context(open_store(configuration.keys, passphrase))
            answers = None if keys is None else Hsm(keys, addresses)
            answer = hsm.hsm_function(answers)
            slots = self.hardware.slots(stack, configuration)
            driver = Driver(slots, pin_pad=self.hardware.pin_pad(configuration), settings=settings)
            self._open = stack.pop_all()
        functions = {**FUNCTIONS, answer.name: answer}
        return OpenTerminal(configuration, slots, driver, functions, answers)


def _log_to(stack: ExitStack, path: str | None) -> None:
    if path is None:
        return
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    stack.callback(handler.close)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        stack.callback(logger.removeHandler, handler)


def open_slots(stack: ExitStack, configuration: Configuration) -> Slots:
    """The slots of a configuration; ``stack`` closes them.

    :raises SscardError:
    :raises OSError:
    """
    contact: Connection | None = None
    contactless: Connection | None = None
    psam: Connection | None = None
    if configuration.psam is not None:
        psam = Slots.of_card(stack.enter_context(Card.open(configuration.psam))).contact
    elif configuration.psam_reader is not None:
        psam = _reader(stack, configuration.psam_reader)
    if configuration.card is not None:
        slots = Slots.of_card(stack.enter_context(Card.open(configuration.card)))
        contact, contactless = slots.contact, slots.contactless
    elif configuration.reader is not None:
        contact = _reader(stack, configuration.reader)
        contactless = contact if configuration.interface == "contactless" else None
    if configuration.interface == "contact":
        contactless = None
    elif configuration.interface == "contactless":
        contact = None
    return Slots(contact, contactless, psam)


def _reader(stack: ExitStack, name: str) -> Connection:
    from sscard_chip.terminal.pcsc import PcscConnection

    return stack.enter_context(PcscConnection(name))
