# SPDX-License-Identifier: Apache-2.0
"""The instruction table of the certificate application."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.authentication import get_challenge
from sscard_chip.apdu.binary import read_binary, update_binary
from sscard_chip.apdu.command import Command
from sscard_chip.apdu.dispatch import Instruction
from sscard_chip.apdu.response import get_response
from sscard_chip.apdu.selection import select
from sscard_chip.apdu.session import Session
from sscard_chip.applications.issuing.keys import write_key
from sscard_chip.applications.pki import keypairs, pins
from sscard_chip.standard import commands
from sscard_chip.standard.status import StatusError, StatusWord


def change_master_key(session: Session, command: Command) -> bytes:
    """CHANGE KEY 84 D4 01 00: E 32 || MAC 4 under the master key, proven before. 6982, 6988."""
    if command.p1 != 0x01 or command.p2 != 0x00:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    return write_key(session, command)


PKI: Final = (
    Instruction(commands.GET_RESPONSE, get_response),
    Instruction(commands.SELECT, select, when_blocked=True),
    Instruction(commands.READ_BINARY, read_binary),
    Instruction(commands.UPDATE_BINARY, update_binary),
    Instruction(commands.GET_CHALLENGE, get_challenge),
    Instruction(commands.EXTERNAL_AUTHENTICATE, pins.external_authenticate),
    Instruction(commands.CHANGE_KEY.secured(), change_master_key),
    Instruction(commands.PKI_DIGEST, pins.digest),
    Instruction(commands.PKI_VERIFY, pins.verify),
    Instruction(commands.PKI_CHANGE_PIN, pins.change_pin),
    Instruction(commands.GENERATE_KEY_PAIR, keypairs.generate),
    Instruction(commands.EXPORT_PUBLIC_KEY, keypairs.export_public_key),
    Instruction(commands.OPEN_ENVELOPE, keypairs.open_envelope),
    Instruction(commands.SET_SESSION_KEY, keypairs.set_session_key),
    Instruction(commands.IMPORT_KEY, keypairs.import_key),
    Instruction(commands.COMPUTE_SIGNATURE, keypairs.compute_signature),
    Instruction(commands.INTERNAL_AUTHENTICATE, keypairs.asymmetric_authenticate),
)
