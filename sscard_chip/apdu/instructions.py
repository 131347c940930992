# SPDX-License-Identifier: Apache-2.0
"""The instruction set of LD/T 32.5 that every card has. Applications add theirs."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.authentication import (
    external_authenticate,
    get_challenge,
    get_challenge_quickly,
    internal_authenticate,
)
from sscard_chip.apdu.binary import read_binary, read_binary_quickly, update_binary
from sscard_chip.apdu.blocking import block_application, block_card
from sscard_chip.apdu.dispatch import FROM_THE_START, Instruction
from sscard_chip.apdu.pin import change_or_unblock_pin, change_pin, verify
from sscard_chip.apdu.records import append_record, read_record, read_record_quickly, update_record
from sscard_chip.apdu.response import get_response
from sscard_chip.apdu.selection import select, select_quickly

_CLAUSE = "LD/T 32.5"
_BLANK_PHASE = "MCOS"

BASE_SHORTCUTS: Final = {
    b"\x00\xb2": read_record_quickly,
    b"\x00\xb0": read_binary_quickly,
    b"\x00\x84": get_challenge_quickly,
    b"\x00\xa4": select_quickly,
}

BASE: Final = (
    Instruction("GET RESPONSE", 0x00, 0xC0, get_response, _CLAUSE),
    Instruction("SELECT", 0x00, 0xA4, select, _CLAUSE, when_blocked=True, states=FROM_THE_START),
    Instruction("READ RECORD", 0x00, 0xB2, read_record, _CLAUSE),
    Instruction("UPDATE RECORD", 0x00, 0xDC, update_record, _CLAUSE),
    Instruction("UPDATE RECORD", 0x04, 0xDC, update_record, _CLAUSE),
    Instruction("READ BINARY", 0x00, 0xB0, read_binary, _CLAUSE),
    Instruction("UPDATE BINARY", 0x00, 0xD6, update_binary, _CLAUSE),
    Instruction("UPDATE BINARY", 0x04, 0xD6, update_binary, _CLAUSE),
    Instruction("APPEND RECORD", 0x00, 0xE2, append_record, _BLANK_PHASE),
    Instruction("APPEND RECORD", 0x04, 0xE2, append_record, _BLANK_PHASE),
    Instruction("GET CHALLENGE", 0x00, 0x84, get_challenge, _CLAUSE, states=FROM_THE_START),
    Instruction("INTERNAL AUTHENTICATE", 0x00, 0x88, internal_authenticate, _CLAUSE),
    Instruction(
        "EXTERNAL AUTHENTICATE",
        0x00,
        0x82,
        external_authenticate,
        _CLAUSE,
        states=FROM_THE_START,
    ),
    Instruction("VERIFY", 0x00, 0x20, verify, _CLAUSE),
    Instruction("CHANGE PIN", 0x80, 0x5E, change_pin, _CLAUSE),
    Instruction("PIN CHANGE/UNBLOCK", 0x84, 0x24, change_or_unblock_pin, _CLAUSE),
    Instruction("APPLICATION BLOCK", 0x84, 0x1E, block_application, _CLAUSE),
    Instruction("CARD BLOCK", 0x84, 0x16, block_card, _CLAUSE),
)
