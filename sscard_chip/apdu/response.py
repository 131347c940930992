# SPDX-License-Identifier: Apache-2.0
"""GET RESPONSE (LD/T 32.5; ISO/IEC 7816-4 section 11.7.1)."""

from __future__ import annotations

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.standard.status import StatusError, StatusWord


def get_response(session: Session, command: Command) -> bytes:
    """GET RESPONSE 00 C0 00 00: 6F00, for the card itself never keeps an answer back.

    What waits on T=0 waits in the reader's adapter, which hands the command on when nothing does.
    """
    command.require(0, 0, 0)
    raise StatusError(StatusWord.NO_GET_RESPONSE_DATA)
