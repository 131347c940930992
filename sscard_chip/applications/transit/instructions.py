# SPDX-License-Identifier: Apache-2.0
"""The instruction table of the transport application: the purse's without its PIN, its deposit
and what goes with them."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.dispatch import Instruction
from sscard_chip.applications.purse import PURSE
from sscard_chip.applications.purse.administration import while_not_blocked
from sscard_chip.applications.transit.commands import get_balance, initialize
from sscard_chip.standard import commands

_OWN: Final = {
    commands.PURSE_GET_BALANCE: get_balance,
    commands.PURSE_INITIALIZE: initialize,
}
_WITHOUT: Final = (
    commands.VERIFY,
    commands.CHANGE_OR_RELOAD_PIN,
    commands.PIN_CHANGE_UNBLOCK,
    commands.UPDATE_OVERDRAW_LIMIT,
)

TRANSIT: Final = tuple(
    Instruction(
        one.command,
        while_not_blocked(_OWN[one.command]) if one.command in _OWN else one.handler,
        one.in_transaction,
        one.when_blocked,
    )
    for one in PURSE
    if one.command not in _WITHOUT
)
