# SPDX-License-Identifier: Apache-2.0
"""What the families of libraries share: errors as codes, the holder's line, the second string."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Final, TypeVar

from sscard_chip.dayfile.business_string import TEST_KEY, BusinessStrings
from sscard_chip.standard.errors import SscardError
from sscard_chip.terminal.codes import DriverError, ReturnCode, code_of
from sscard_chip.terminal.driver import strings
from sscard_driver.configuration import ConfigurationError
from sscard_driver.program import CallingProgram, InitSettings

_LOG: Final = logging.getLogger(__name__)
_KEY_DIGITS: Final = 64

AnswerT = TypeVar("AnswerT", bound=tuple[int, tuple[str, ...]])


def answering(run: Callable[..., tuple[str, ...]]) -> Callable[..., tuple[int, tuple[str, ...]]]:
    """A function that gives its texts; what it raises becomes code and one line.

    What cannot be opened is -12 and the unexpected -5, both in the caller of the library.
    """

    @wraps(run)
    def called(program: CallingProgram, *arguments: int | str) -> tuple[int, tuple[str, ...]]:
        try:
            return int(ReturnCode.OK), run(program, *arguments)
        except SscardError as error:
            code = int(code_of(error))
            if code == ReturnCode.LIBRARY:
                code = int(ReturnCode.NOT_CONNECTED)
            return code, (" ".join(str(error).split()),)

    return called


def settings_of(program: CallingProgram, library: str) -> InitSettings:
    """What Init of a library has said.

    :raises DriverError: -3, Init was not called.
    """
    if library not in program.settings:
        raise DriverError(ReturnCode.NOT_POWERED, "Init must be called before")
    return program.settings[library]


def read_card(program: CallingProgram) -> tuple[str, str]:
    """The eleven fields of iReadCardBas, and the string that the centre signs for this card.

    :raises DriverError: as iReadCardBas.
    """
    with program.use() as terminal:
        basics = terminal.read_basics()
    number = basics.card_number
    code = bytes.fromhex(basics.identification)
    return strings.basics(basics), sign(program, code, number)


def sign(program: CallingProgram, card_id_code: bytes, number: str) -> str:
    """The second string, signed with the centre's key of the configuration.

    :raises ConfigurationError: the file of the key cannot be used.
    :raises DriverError: -23, a number that is no number of a card or person.
    """
    key = _key(program.terminal.options().business_key)
    try:
        return BusinessStrings(key).sign(card_id_code, number, at=int(time.time()))
    except ValueError:  # also of text that is not ASCII
        raise DriverError(ReturnCode.INPUT, "the number cannot be signed") from None


def _key(path: str | None) -> bytes:
    if path is None:
        _say_test_key()
        return TEST_KEY
    try:
        text = Path(path).read_bytes()[: _KEY_DIGITS + 2].strip()
        if len(text) == _KEY_DIGITS:
            return bytes.fromhex(text.decode("ascii"))
    except (OSError, ValueError):
        pass
    raise ConfigurationError(path, "", f"must be a file of {_KEY_DIGITS} hex digits")


@cache
def _say_test_key() -> None:
    """Once in a process."""
    _LOG.info("business strings are signed with the key of test benches")
