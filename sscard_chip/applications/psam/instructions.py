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
from sscard_chip.applications.psam.purchase import (
    Purchase,
    credit_sam_for_purchase,
    init_sam_for_purchase,
)

_CLAUSE: Final = "PSAM guide, part 9 of the draft of LD/T 32"


def _between(handler: Handler) -> Handler:
    """A command that leaves the delivered session key alone; a purchase ends with any."""

    def handle(session: Session, command: Command) -> bytes:
        if isinstance(session.transaction, Purchase):
            session.transaction = None
        return handler(session, command)

    return handle


# READ BINARY, READ RECORD and UPDATE BINARY are not in the guide's list; programs read the files
# that it makes free, and each level writes its information file [M].
PSAM: Final = (
    Instruction("SELECT", 0x00, 0xA4, _between(select), _CLAUSE, in_transaction=True),
    Instruction("READ BINARY", 0x00, 0xB0, _between(read_binary), _CLAUSE, in_transaction=True),
    Instruction("READ RECORD", 0x00, 0xB2, _between(read_record), _CLAUSE, in_transaction=True),
    Instruction("GET CHALLENGE", 0x00, 0x84, _between(get_challenge), _CLAUSE, in_transaction=True),
    Instruction("UPDATE BINARY", 0x00, 0xD6, update_binary, _CLAUSE),
    Instruction("EXTERNAL AUTHENTICATION", 0x00, 0x82, external_authenticate, _CLAUSE),
    Instruction("INITIALIZE ENVIRONMENT", 0xBF, 0xEC, initialize_environment, _CLAUSE),
    Instruction("CREATE/CHANGE KEY", 0x84, 0xD4, load_key, _CLAUSE),
    Instruction("DELIVERY SESSION KEY", 0xBF, 0xDE, deliver_session_key, _CLAUSE),
    Instruction("CIPHER DATA", 0x80, 0xFA, cipher_data, _CLAUSE, in_transaction=True),
    Instruction("INIT SAM FOR PURCHASE", 0x80, 0x70, init_sam_for_purchase, _CLAUSE),
    Instruction(
        "CREDIT SAM FOR PURCHASE",
        0x80,
        0x72,
        credit_sam_for_purchase,
        _CLAUSE,
        in_transaction=True,
    ),
)
