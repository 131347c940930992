# SPDX-License-Identifier: Apache-2.0
"""The instruction set of the bank application. What each state takes: ``states.py``."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.dispatch import Instruction
from sscard_chip.apdu.response import get_response
from sscard_chip.applications.bank.application import BankHandler, command_of_application
from sscard_chip.applications.bank.authentication import (
    external_authenticate,
    get_challenge,
    internal_authenticate,
    verify,
)
from sscard_chip.applications.bank.cryptogram import generate_ac
from sscard_chip.applications.bank.initiation import get_processing_options
from sscard_chip.applications.bank.reading import get_data, read_record
from sscard_chip.applications.bank.scripts import (
    block_application,
    block_card,
    change_or_unblock_pin,
    deactivate_application,
    put_data,
    script,
    unblock_application,
    update_record,
)
from sscard_chip.applications.bank.selection import select

_CLAUSE: Final = "JR/T 0025 part 5"


def _command(name: str, cla: int, ins: int, handler: BankHandler) -> Instruction:
    return Instruction(name, cla, ins, command_of_application(name, handler), _CLAUSE)


BANK: Final = (
    Instruction("SELECT", 0x00, 0xA4, select, _CLAUSE, when_blocked=True),
    Instruction("GET RESPONSE", 0x00, 0xC0, get_response, _CLAUSE),
    Instruction("READ RECORD", 0x00, 0xB2, read_record, _CLAUSE),
    Instruction("GET CHALLENGE", 0x00, 0x84, get_challenge, _CLAUSE),
    _command("GET DATA", 0x80, 0xCA, get_data),
    _command("GET PROCESSING OPTIONS", 0x80, 0xA8, get_processing_options),
    _command("VERIFY", 0x00, 0x20, verify),
    _command("INTERNAL AUTHENTICATE", 0x00, 0x88, internal_authenticate),
    _command("GENERATE AC", 0x80, 0xAE, generate_ac),
    _command("EXTERNAL AUTHENTICATE", 0x00, 0x82, external_authenticate),
    _command("APPLICATION BLOCK", 0x84, 0x1E, script(block_application)),
    _command("APPLICATION UNBLOCK", 0x84, 0x18, script(unblock_application)),
    _command("DEACTIVATE APPLICATION", 0x84, 0x04, script(deactivate_application)),
    _command("CARD BLOCK", 0x84, 0x16, script(block_card)),
    _command("PIN CHANGE/UNBLOCK", 0x84, 0x24, script(change_or_unblock_pin)),
    _command("PUT DATA", 0x04, 0xDA, script(put_data)),
    _command("UPDATE RECORD", 0x04, 0xDC, script(update_record)),
)
