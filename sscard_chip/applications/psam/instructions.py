# SPDX-License-Identifier: Apache-2.0
"""The instruction set of the PSAM."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.binary import read_binary, update_binary
from sscard_chip.apdu.command import Command
from sscard_chip.apdu.dispatch import Handler, Instruction
from sscard_chip.apdu.records import read_record
from sscard_chip.apdu.session import Session
from sscard_chip.applications.psam.access import (
    external_authenticate,
    get_challenge,
    initialize_environment,
    select,
)
from sscard_chip.applications.psam.ciphering import cipher_data, deliver_session_key
from sscard_chip.applications.psam.loading import load_key
from sscard_chip.applications.psam.numbers import PsamPurchase
from sscard_chip.applications.psam.purchase import (
    credit_sam_for_purchase,
    init_sam_for_purchase,
)
from sscard_chip.applications.psam.transport import init_for_descrypt
from sscard_chip.standard import commands


def _between(handler: Handler) -> Handler:
    """A command that leaves the delivered session key alone; a purchase ends with any."""

    def handle(session: Session, command: Command) -> bytes:
        if isinstance(session.transaction, PsamPurchase):
            session.transaction = None
        return handler(session, command)

    return handle


# READ BINARY, READ RECORD and UPDATE BINARY are not in the guide's list; programs read the files
# that it makes free, and each level writes its information file [M].
PSAM: Final = (
    Instruction(commands.SELECT, _between(select), in_transaction=True),
    Instruction(commands.READ_BINARY, _between(read_binary), in_transaction=True),
    Instruction(commands.READ_RECORD, _between(read_record), in_transaction=True),
    Instruction(commands.GET_CHALLENGE, _between(get_challenge), in_transaction=True),
    Instruction(commands.UPDATE_BINARY, update_binary),
    Instruction(commands.EXTERNAL_AUTHENTICATE, external_authenticate),
    Instruction(commands.INITIALIZE_ENVIRONMENT, initialize_environment),
    Instruction(commands.WRITE_KEY.secured(), load_key),
    Instruction(commands.DELIVERY_SESSION_KEY, deliver_session_key),
    Instruction(commands.CIPHER_DATA, cipher_data, in_transaction=True),
    Instruction(commands.INIT_SAM_FOR_PURCHASE, init_sam_for_purchase),
    Instruction(commands.INIT_FOR_DESCRYPT, init_for_descrypt),
    Instruction(
        commands.CREDIT_SAM_FOR_PURCHASE,
        credit_sam_for_purchase,
        in_transaction=True,
    ),
)
