# SPDX-License-Identifier: Apache-2.0
"""Answers of GM/T 0016, and which of them an error of ours is."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

from sscard_chip.security.sm2 import Sm2Error
from sscard_chip.standard.errors import CardError, TerminalError
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import TerminalConnectionError
from sscard_chip.terminal.pki.blob import BlobError


@unique
class Sar(IntEnum):
    """The answers that are given."""

    OK = 0x00000000
    FAIL = 0x0A000001
    UNKNOWNERR = 0x0A000002
    NOTSUPPORTYETERR = 0x0A000003
    INVALIDHANDLEERR = 0x0A000005
    INVALIDPARAMERR = 0x0A000006
    NOTINITIALIZEERR = 0x0A00000C
    TIMEOUTERR = 0x0A00000F
    INDATALENERR = 0x0A000010
    INDATAERR = 0x0A000011
    KEYNOTFOUNTERR = 0x0A00001B
    CERTNOTFOUNTERR = 0x0A00001C
    BUFFER_TOO_SMALL = 0x0A000020
    DEVICE_REMOVED = 0x0A000023
    PIN_INCORRECT = 0x0A000024
    PIN_LOCKED = 0x0A000025
    PIN_INVALID = 0x0A000026
    USER_TYPE_INVALID = 0x0A00002A
    USER_NOT_LOGGED_IN = 0x0A00002D
    APPLICATION_NOT_EXISTS = 0x0A00002E
    NO_ROOM = 0x0A000030
    FILE_NOT_EXIST = 0x0A000031


class SkfError(TerminalError):
    """A function of GM/T 0016 that ends with another answer than SAR_OK."""

    def __init__(self, code: Sar) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"SAR_{self.code.name}"


_OF_WORDS: Final = {
    StatusWord.SECURITY_STATUS_NOT_SATISFIED: Sar.USER_NOT_LOGGED_IN,
    StatusWord.AUTHENTICATION_BLOCKED: Sar.PIN_LOCKED,
    StatusWord.KEY_NOT_FOUND: Sar.KEYNOTFOUNTERR,
    StatusWord.FILE_NOT_FOUND: Sar.FILE_NOT_EXIST,
    StatusWord.NOT_ENOUGH_SPACE: Sar.NO_ROOM,
    StatusWord.WRONG_DATA: Sar.INDATAERR,
    StatusWord.WRONG_LENGTH: Sar.INDATALENERR,
    StatusWord.FUNCTION_NOT_SUPPORTED: Sar.NOTSUPPORTYETERR,
}


def answer_of(error: Exception) -> Sar:
    """The answer that an error is; SAR_UNKNOWNERR for one that nobody expects."""
    match error:
        case SkfError():
            return error.code
        case CardStatusError():
            if error.remaining_tries is not None:
                return Sar.PIN_INCORRECT
            return _OF_WORDS.get(StatusWord(error.sw), Sar.FAIL) if error.sw in _KNOWN else Sar.FAIL
        case TerminalConnectionError():
            return Sar.DEVICE_REMOVED
        case BlobError() | Sm2Error():
            return Sar.INDATAERR
        case CardError():
            return Sar.FAIL
        case _:
            return Sar.UNKNOWNERR


_KNOWN: Final = frozenset(int(word) for word in StatusWord)
