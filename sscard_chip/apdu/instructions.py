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
from sscard_chip.standard import commands

BASE_SHORTCUTS: Final = {
    commands.READ_RECORD.code: read_record_quickly,
    commands.READ_BINARY.code: read_binary_quickly,
    commands.GET_CHALLENGE.code: get_challenge_quickly,
    commands.SELECT.code: select_quickly,
}

BASE: Final = (
    Instruction(commands.GET_RESPONSE, get_response),
    Instruction(commands.SELECT, select, when_blocked=True, states=FROM_THE_START),
    Instruction(commands.READ_RECORD, read_record),
    Instruction(commands.UPDATE_RECORD, update_record),
    Instruction(commands.UPDATE_RECORD.secured(), update_record),
    Instruction(commands.READ_BINARY, read_binary),
    Instruction(commands.UPDATE_BINARY, update_binary),
    Instruction(commands.UPDATE_BINARY.secured(), update_binary),
    Instruction(commands.APPEND_RECORD, append_record),
    Instruction(commands.APPEND_RECORD.secured(), append_record),
    Instruction(commands.GET_CHALLENGE, get_challenge, states=FROM_THE_START),
    Instruction(commands.INTERNAL_AUTHENTICATE, internal_authenticate),
    Instruction(
        commands.EXTERNAL_AUTHENTICATE,
        external_authenticate,
        states=FROM_THE_START,
    ),
    Instruction(commands.VERIFY, verify),
    Instruction(commands.CHANGE_PIN, change_pin),
    Instruction(commands.PIN_CHANGE_UNBLOCK, change_or_unblock_pin),
    Instruction(commands.APPLICATION_BLOCK, block_application),
    Instruction(commands.CARD_BLOCK, block_card),
)
