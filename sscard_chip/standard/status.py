# SPDX-License-Identifier: Apache-2.0
"""Status words (状态字) and the one error that carries them out of a command handler.

ISO/IEC 7816-4 section 5.6 and LD/T 32.5; the 93xx and 94xx words are those of the
medical transactions.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, unique
from typing import Final

from sscard_chip.standard.errors import CardError


@unique
class StatusWord(IntEnum):
    """SW1-SW2 as one 16-bit number."""

    SUCCESS = 0x9000
    AUTHENTICATION_FAILED = 0x6300
    VERIFICATION_FAILED = 0x63C0
    NO_GET_RESPONSE_DATA = 0x6F00
    SELECTED_FILE_INVALIDATED = 0x6283
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    LOGICAL_CHANNEL_NOT_SUPPORTED = 0x6881
    INVALID_STATE = 0x6901
    FILE_STRUCTURE_INCOMPATIBLE = 0x6981
    SECURITY_STATUS_NOT_SATISFIED = 0x6982
    AUTHENTICATION_BLOCKED = 0x6983
    REFERENCE_DATA_INVALID = 0x6984
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_EF = 0x6986
    SECURE_MESSAGING_MISSING = 0x6987
    SECURE_MESSAGING_INCORRECT = 0x6988
    WRONG_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    NOT_ENOUGH_SPACE = 0x6A84
    LC_INCONSISTENT_WITH_TLV = 0x6A85
    INCORRECT_P1_P2 = 0x6A86
    KEY_NOT_FOUND = 0x6A88
    WRONG_OFFSET = 0x6B00
    WRONG_LE = 0x6C00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00
    MAC_INCORRECT = 0x9302
    APPLICATION_BLOCKED = 0x9303
    INSUFFICIENT_AMOUNT = 0x9401
    COUNTER_AT_MAXIMUM = 0x9402
    KEY_INDEX_NOT_SUPPORTED = 0x9403
    PROOF_NOT_AVAILABLE = 0x9406
    PURSE_GREY_LOCKED = 0x9408


_MEANINGS: Final = {
    0x9000: "success",
    0x6283: "selected application blocked",
    0x6300: "authentication failed",
    0x6581: "memory failure",
    0x6700: "wrong length",
    0x6881: "logical channel not supported",
    0x6901: "command not accepted in this state",
    0x6981: "command incompatible with file structure",
    0x6982: "security status not satisfied",
    0x6983: "authentication method blocked",
    0x6984: "referenced data invalid (no challenge)",
    0x6985: "conditions of use not satisfied",
    0x6986: "no current EF",
    0x6987: "secure messaging MAC missing",
    0x6988: "secure messaging MAC incorrect",
    0x6A80: "incorrect data field",
    0x6A81: "function not supported, or card blocked",
    0x6A82: "file or application not found",
    0x6A83: "record not found",
    0x6A84: "not enough space in file",
    0x6A85: "Lc inconsistent with TLV structure",
    0x6A86: "incorrect P1 P2",
    0x6A88: "key not found",
    0x6B00: "offset outside the file",
    0x6D00: "INS not supported",
    0x6E00: "CLA not supported",
    0x6F00: "no precise diagnosis, or no data for GET RESPONSE",
    0x9302: "MAC incorrect",
    0x9303: "application permanently blocked",
    0x9401: "insufficient amount",
    0x9402: "transaction counter at maximum",
    0x9403: "key index not supported",
    0x9406: "transaction proof not available",
    0x9408: "purse grey-locked",
}


def describe_status_word(sw: int) -> str:
    """Return the meaning of a status word in English, also of the 61xx, 63Cx and 6Cxx families."""
    if sw in _MEANINGS:
        return _MEANINGS[sw]
    if sw >> 8 == 0x61:
        return f"{sw & 0xFF or 256} bytes available by GET RESPONSE"
    if sw & 0xFFF0 == 0x63C0:
        return f"verification failed, {sw & 0x0F} tries left"
    if sw >> 8 == 0x6C:
        return f"wrong Le, {sw & 0xFF or 256} is right"
    return "unknown status word"


WORD_PATTERN: Final = "[0-9A-Fx]{4}"
"""How a status word is asked for: four hex digits, x for any."""


def matches_word(sw: int, patterns: Iterable[str]) -> bool:
    """Whether a status word is one of the patterns.

    >>> matches_word(0x63C2, ["9000", "63Cx"])
    True
    """
    return any(
        all(wanted in ("x", digit) for wanted, digit in zip(pattern, f"{sw:04X}", strict=True))
        for pattern in patterns
    )


class StatusError(CardError):
    """A command that ends in something other than 9000.

    ``sw`` is the raw 16-bit number, kept as it is even when it is no :class:`StatusWord`.
    ``keep_writes`` says that what the handler has staged is committed all the same: a retry
    counter goes down although the command fails. ``body`` goes out before the status word: the
    FCI of a blocked application before 6283.
    """

    __slots__ = ("body", "keep_writes", "sw")

    def __init__(self, sw: int, *, keep_writes: bool = False, body: bytes = b"") -> None:
        # Every refusal of the card passes here; __new__ has kept the arguments already.
        self.sw = int(sw)
        self.keep_writes = keep_writes
        self.body = body

    __reduce__ = Exception.__reduce__

    def __str__(self) -> str:
        try:
            name = StatusWord(self.sw).name
        except ValueError:
            name = describe_status_word(self.sw)
        return f"SW=0x{self.sw:04X} ({name})"
