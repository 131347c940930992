# SPDX-License-Identifier: Apache-2.0
"""iReadPBOCAccount: the account of the bank application, as drivers of vendors read it [L].

LD/T 33 knows no bank; the name is what callers of vendors' drivers use, what it gives is ours.
"""

from __future__ import annotations

from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.bank.account import CardAccount, read_account
from sscard_chip.terminal.bank.errors import CardDataError, NotAcceptedError
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver.context import DriverContext
from sscard_chip.terminal.driver.values import InterfaceType


def read_bank_account(context: DriverContext, interface: InterfaceType) -> CardAccount:
    """The account of the card in the slot.

    :raises DriverError: -27266 (6A82) when it has no bank application or a dormant one, -13 when
        its data are not what EMV asks for.
    """
    connection = context.open(interface).client.connection
    contactless = connection is context.slots.contactless
    try:
        return read_account(connection, contactless=contactless)
    except NotAcceptedError:
        code = -StatusWord.FILE_NOT_FOUND
        raise DriverError(code, "the card has no active bank application") from None
    except CardDataError as error:
        raise DriverError(ReturnCode.COMMAND, str(error)) from None
