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

_CLAUSE: Final = "JR/T 0025"


def _working(name: str, cla: int, ins: int, handler: Handler) -> Instruction:
    """A command that a blocked application refuses."""
    return Instruction(name, cla, ins, while_not_blocked(handler), _CLAUSE)


def _step(name: str, cla: int, ins: int, handler: Handler) -> Instruction:
    """A command that opens or continues a transaction."""
    working = while_not_blocked(handler)
    return Instruction(name, cla, ins, working, _CLAUSE, in_transaction=True)


PURSE: Final = (
    Instruction("GET RESPONSE", 0x00, 0xC0, get_response, _CLAUSE),
    Instruction("SELECT", 0x00, 0xA4, select, _CLAUSE, when_blocked=True),
    Instruction("GET CHALLENGE", 0x00, 0x84, get_challenge, _CLAUSE),
    Instruction("APPLICATION BLOCK", 0x84, 0x1E, block_application, _CLAUSE),
    Instruction("APPLICATION UNBLOCK", 0x84, 0x18, unblock_application, _CLAUSE),
    Instruction("CARD BLOCK", 0x84, 0x16, block_card, _CLAUSE),
    _working("READ RECORD", 0x00, 0xB2, read_record),
    _working("READ BINARY", 0x00, 0xB0, read_binary),
    _working("UPDATE RECORD", 0x00, 0xDC, update_record_with_mac),
    _working("UPDATE RECORD", 0x04, 0xDC, update_record_with_mac),
    _working("UPDATE BINARY", 0x00, 0xD6, update_binary_with_mac),
    _working("UPDATE BINARY", 0x04, 0xD6, update_binary_with_mac),
    _working("INTERNAL AUTHENTICATE", 0x00, 0x88, internal_authenticate),
    _working("EXTERNAL AUTHENTICATE", 0x00, 0x82, external_authenticate),
    _working("VERIFY", 0x00, 0x20, verify),
    _working("CHANGE/RELOAD PIN", 0x80, 0x5E, change_or_reload_pin),
    _working("PIN UNBLOCK", 0x84, 0x24, unblock_pin),
    _working("GET BALANCE", 0x80, 0x5C, get_balance),
    _working("GET TRANSACTION PROVE", 0x80, 0x5A, get_transaction_prove),
    _step("INITIALIZE", 0x80, 0x50, initialize),
    _step("CREDIT FOR LOAD", 0x80, 0x52, credit_for_load),
    _step("DEBIT", 0x80, 0x54, debit),
    _step("UPDATE OVERDRAW LIMIT", 0x80, 0x58, update_overdraw_limit),
    _step("UPDATE CAPP DATA CACHE", 0x80, 0xDC, update_capp_data_cache),
    _step("UPDATE CAPP DATA CACHE", 0x84, 0xDC, update_capp_data_cache),
)
