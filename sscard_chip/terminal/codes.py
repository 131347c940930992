# SPDX-License-Identifier: Apache-2.0
"""Return codes of the terminal interface (LD/T 33) and the error that carries one."""

from __future__ import annotations

from enum import IntEnum, unique

from sscard_chip.card import NotPoweredError
from sscard_chip.standard.errors import TerminalError
from sscard_chip.terminal.addresses import KeyAddressError
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import (
    ConnectionLostError,
    NoCardError,
    NotConnectedError,
    TerminalConnectionError,
)
from sscard_chip.terminal.psam_client import (
    SamEnvironmentError,
    SamError,
    SamKeyError,
    SamLevelError,
)


@unique
class ReturnCode(IntEnum):
    """Return codes. A status word that has no code of its own is returned as -(SW)."""

    OK = 0
    CARD_TYPE = -1
    NO_CARD = -2
    NOT_POWERED = -3
    NO_ANSWER = -4
    LIBRARY = -5
    READER = -11
    NOT_CONNECTED = -12
    COMMAND = -13
    PARAMETER = -14
    CHECKSUM = -15
    CARD_ID_FORMAT = -20
    INTERNAL_AUTHENTICATION = -21
    OTHER_CARD = -22
    INPUT = -23
    PSAM_LEVEL = -24
    HSM_DIFFERS = -25
    PIN_CANCELLED = -31
    PIN_TIMEOUT = -32
    PIN_LENGTH = -33
    PINS_DIFFER = -34
    INITIAL_PIN_PAYS = -35
    NEW_PIN_IS_INITIAL = -36
    ILLEGAL_CHARACTER = -41
    LENGTH = -42
    PIN_WRONG = -51
    PIN_LOCKED = -52
    NO_PSAM = -2201
    PSAM_ALGORITHM = -2202
    NO_RKSSSE = -2203
    NO_HSM_NEEDED = -2204
    KEY_NOT_FOUND = -27272
    MAC_WRONG = -37634


FAIL_OVER = frozenset(
    (
        ReturnCode.NO_PSAM,
        ReturnCode.PSAM_ALGORITHM,
        ReturnCode.NO_RKSSSE,
        ReturnCode.KEY_NOT_FOUND,
        ReturnCode.PSAM_LEVEL,
    )
)
"""With these a caller turns from the PSAM to the HSM steps (LD/T 33)."""


class DriverError(TerminalError):
    """A function that ends with another code than 0. One line, no PIN, no key, no holder's data.

    ``output`` is what the string layer puts into pOutInfo where the function has something to
    say all the same; else it gives the text.
    """

    def __init__(self, code: int, text: str, output: str | None = None) -> None:
        super().__init__(text)
        self.code = int(code)
        self.output = output


def code_of(error: Exception) -> int:
    """The return code of any error that a function can end with; -5 for the unexpected."""
    match error:
        case DriverError():
            return error.code
        case SamEnvironmentError():
            return ReturnCode.PSAM_ALGORITHM
        case SamLevelError():
            return ReturnCode.PSAM_LEVEL
        case SamKeyError() | KeyAddressError():
            return ReturnCode.KEY_NOT_FOUND
        case SamError():
            return ReturnCode.COMMAND
        case CardStatusError():
            return -error.sw
        case NoCardError():
            return ReturnCode.NO_CARD
        case ConnectionLostError():
            return ReturnCode.NO_ANSWER
        case NotConnectedError():
            return ReturnCode.NOT_CONNECTED
        case TerminalConnectionError():
            return ReturnCode.READER
        case NotPoweredError():
            return ReturnCode.NOT_POWERED
        case _:
            return ReturnCode.LIBRARY
