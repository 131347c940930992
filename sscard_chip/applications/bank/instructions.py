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
    issuer_script_command,
    put_data,
    unblock_application,
    update_record,
)
from sscard_chip.applications.bank.selection import select
from sscard_chip.standard import commands
from sscard_chip.standard.commands import StandardCommand


def _command(command: StandardCommand, handler: BankHandler) -> Instruction:
    return Instruction(command, command_of_application(command, handler))


BANK: Final = (
    Instruction(commands.SELECT, select, when_blocked=True),
    Instruction(commands.GET_RESPONSE, get_response),
    Instruction(commands.READ_RECORD, read_record),
    Instruction(commands.GET_CHALLENGE, get_challenge),
    _command(commands.GET_DATA, get_data),
    _command(commands.GET_PROCESSING_OPTIONS, get_processing_options),
    _command(commands.VERIFY, verify),
    _command(commands.INTERNAL_AUTHENTICATE, internal_authenticate),
    _command(commands.GENERATE_AC, generate_ac),
    _command(commands.EXTERNAL_AUTHENTICATE, external_authenticate),
    _command(commands.APPLICATION_BLOCK, issuer_script_command(block_application)),
    _command(commands.APPLICATION_UNBLOCK, issuer_script_command(unblock_application)),
    _command(commands.DEACTIVATE_APPLICATION, issuer_script_command(deactivate_application)),
    _command(commands.CARD_BLOCK, issuer_script_command(block_card)),
    _command(commands.PIN_CHANGE_UNBLOCK, issuer_script_command(change_or_unblock_pin)),
    _command(commands.PUT_DATA, issuer_script_command(put_data)),
    _command(commands.UPDATE_RECORD.secured(), issuer_script_command(update_record)),
)
