# SPDX-License-Identifier: Apache-2.0
"""The instruction table of the purse application."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.authentication import get_challenge
from sscard_chip.apdu.binary import read_binary
from sscard_chip.apdu.dispatch import Handler, Instruction
from sscard_chip.apdu.pin import verify
from sscard_chip.apdu.records import read_record
from sscard_chip.apdu.response import get_response
from sscard_chip.apdu.selection import select
from sscard_chip.applications.purse.administration import (
    block_application,
    block_card,
    external_authenticate,
    internal_authenticate,
    unblock_application,
    update_binary_with_mac,
    update_record_with_mac,
    while_not_blocked,
)
from sscard_chip.applications.purse.compound import update_capp_data_cache
from sscard_chip.applications.purse.pins import change_or_reload_pin, unblock_pin
from sscard_chip.applications.purse.queries import get_balance, get_transaction_prove
from sscard_chip.applications.purse.transactions import (
    credit_for_load,
    debit,
    initialize,
    update_overdraw_limit,
)
from sscard_chip.standard import commands
from sscard_chip.standard.commands import StandardCommand


def _working(command: StandardCommand, handler: Handler) -> Instruction:
    """A command that a blocked application refuses."""
    return Instruction(command, while_not_blocked(handler))


def _step(command: StandardCommand, handler: Handler) -> Instruction:
    """A command that opens or continues a transaction."""
    return Instruction(command, while_not_blocked(handler), in_transaction=True)


PURSE: Final = (
    Instruction(commands.GET_RESPONSE, get_response),
    Instruction(commands.SELECT, select, when_blocked=True),
    Instruction(commands.GET_CHALLENGE, get_challenge),
    Instruction(commands.APPLICATION_BLOCK, block_application),
    Instruction(commands.APPLICATION_UNBLOCK, unblock_application),
    Instruction(commands.CARD_BLOCK, block_card),
    _working(commands.READ_RECORD, read_record),
    _working(commands.READ_BINARY, read_binary),
    _working(commands.UPDATE_RECORD, update_record_with_mac),
    _working(commands.UPDATE_RECORD.secured(), update_record_with_mac),
    _working(commands.UPDATE_BINARY, update_binary_with_mac),
    _working(commands.UPDATE_BINARY.secured(), update_binary_with_mac),
    _working(commands.INTERNAL_AUTHENTICATE, internal_authenticate),
    _working(commands.EXTERNAL_AUTHENTICATE, external_authenticate),
    _working(commands.VERIFY, verify),
    _working(commands.CHANGE_OR_RELOAD_PIN, change_or_reload_pin),
    _working(commands.PIN_CHANGE_UNBLOCK, unblock_pin),
    _working(commands.PURSE_GET_BALANCE, get_balance),
    _working(commands.GET_TRANSACTION_PROVE, get_transaction_prove),
    _step(commands.PURSE_INITIALIZE, initialize),
    _step(commands.PURSE_CREDIT_FOR_LOAD, credit_for_load),
    _step(commands.PURSE_DEBIT, debit),
    _step(commands.UPDATE_OVERDRAW_LIMIT, update_overdraw_limit),
    _step(commands.UPDATE_CAPP_DATA_CACHE, update_capp_data_cache),
    _step(commands.UPDATE_CAPP_DATA_CACHE.secured(), update_capp_data_cache),
)
