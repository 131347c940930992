# SPDX-License-Identifier: Apache-2.0
"""The terminal behind the shared library: opened with the first call, one for the process."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from issuance.stores import open_store
from sscard_chip.card import Card
from sscard_chip.reader.faults import describe_fault
from sscard_chip.standard.errors import SscardError
from sscard_chip.standard.text import REPLACEMENT, decode_text, encode_text
from sscard_chip.terminal.addresses import KeyAddresses
from sscard_chip.terminal.codes import ReturnCode
from sscard_chip.terminal.connection import Connection, Slots
from sscard_chip.terminal.driver import FUNCTIONS, Driver, Function, Settings
from sscard_driver import configuration as configurations
from sscard_driver import hsm
from sscard_driver.configuration import CODECS, Configuration
from sscard_driver.pinpad import pin_pad

_LOG: Final = logging.getLogger(__name__)
_LOGGERS: Final = ("sscard_chip", "sscard_driver")

PASSPHRASE_VARIABLE: Final = "SSCARD_PASSPHRASE"
"""Opens an encrypted store of root keys, or is the PIN of a token."""
INPUT_LIMIT: Final = 64 * 1024
"""Bytes that are read of a parameter; longer strings are -42."""

_GB18030: Final = CODECS["gbk"]
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DEFAULT_CODEC: Final = CODECS[Configuration().encoding]


def encode_answer(code: int, text: str, codec: str, size: int) -> tuple[int, bytes]:
    """Code and bytes for a buffer of ``size`` bytes, NUL included; -42 when they do not fit."""
    if codec == _GB18030:
        data = encode_text(text)
    else:
        data = _SURROGATE.sub(REPLACEMENT, text).encode(codec, "replace")
    if b"\0" in data:
        data = data[: data.index(b"\0")]
    if len(data) < size:
        return code, data + b"\0"
    return int(ReturnCode.LENGTH), b"the answer is longer than pOutInfo"[: size - 1] + b"\0"


@dataclass(frozen=True, slots=True)
class _Terminal:
    """What is open."""

    driver: Driver
    functions: Mapping[str, Function]
    encoding: str


class DriverLibrary:
    """Calls from C, one after the other.

    ``environment`` has the configuration. Nothing is opened before the first call; when opening
    fails the call returns -12 and says in pOutInfo why, and the next one tries again.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._lock = threading.Lock()
        self._terminal: _Terminal | None = None
        self._open = ExitStack()

    def call(self, name: str, arguments: Sequence[int | bytes], size: int) -> tuple[int, bytes]:
        """Return code and what to put into a pOutInfo of ``size`` bytes, NUL included.

        Never raises, but for what ends the interpreter.
        """
        with self._lock:
            try:
                return self._call(name, arguments, size)
            except (SscardError, OSError) as error:  # of opening; functions answer themselves
                text = " ".join(str(error).split())
                return encode_answer(int(ReturnCode.NOT_CONNECTED), text, _DEFAULT_CODEC, size)
            except Exception as error:
                _LOG.error("%s: %s", name, describe_fault(error))
                return encode_answer(int(ReturnCode.LIBRARY), "internal error", "ascii", size)

    def close(self) -> None:
        """Let go of cards and readers. The next call opens them again."""
        with self._lock:
            self._terminal = None
            self._open.close()

    def _call(self, name: str, arguments: Sequence[int | bytes], size: int) -> tuple[int, bytes]:
        terminal = self._terminal = self._terminal or self._start()
        codec = CODECS[terminal.encoding]
        values: list[int | str] = []
        for value in arguments:
            if isinstance(value, int):
                values.append(value)
                continue
            if len(value) >= INPUT_LIMIT:
                return encode_answer(
                    int(ReturnCode.LENGTH), "a parameter is too long", "ascii", size
                )
            try:
                gb18030 = codec == _GB18030
                values.append(decode_text(value, "strict") if gb18030 else value.decode(codec))
            except UnicodeDecodeError:
                text = f"a parameter is not text in {terminal.encoding.upper()}"
                return encode_answer(int(ReturnCode.ILLEGAL_CHARACTER), text, "ascii", size)
        code, text = terminal.functions[name].call(terminal.driver, *values)
        return encode_answer(code, text, codec, size)

    def _start(self) -> _Terminal:
        """Open everything, or leave nothing open."""
        with ExitStack() as stack:
            configuration = configurations.load_configuration(self._environment)
            _log_to(stack, configuration.log)
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
                passphrase = self._environment.get(PASSPHRASE_VARIABLE)
                keys = stack.enter_context(open_store(configuration.keys, passphrase))
            answer = hsm.hsm_function(keys, addresses)
            slots = _slots(stack, configuration)
            driver = Driver(slots, pin_pad=pin_pad(configuration), settings=settings)
            self._open = stack.pop_all()
        return _Terminal(driver, {**FUNCTIONS, answer.name: answer}, configuration.encoding)


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


def _slots(stack: ExitStack, configuration: Configuration) -> Slots:
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
