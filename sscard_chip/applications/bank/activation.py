# SPDX-License-Identifier: Apache-2.0
"""How a dormant bank application is woken at the bank's counter.

A card is issued with its bank application in place, or leaves the factory with it dormant: then
its AID answers 6A82, and PSE and PPSE do not list it. The command stands in the instruction set
of the social security environment, since nothing of the bank's can be selected yet; a card
without a dormant application does not know it (6D00). It needs no right of the social security
part and gives none.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.dispatch import Instruction
from sscard_chip.apdu.session import Session
from sscard_chip.applications.bank.application import BankApplication
from sscard_chip.filesystem.layout import ApplicationState, ApplicationType
from sscard_chip.filesystem.tree import Directory
from sscard_chip.security.emv import MAC_LENGTH, script_mac
from sscard_chip.standard import commands
from sscard_chip.standard.keys import USE_SCRIPT_MAC
from sscard_chip.standard.status import StatusError, StatusWord

CHALLENGE_LENGTH: Final = 8


def activate_application(session: Session, command: Command) -> bytes:
    """ACTIVATE APPLICATION 84 44 00 00: AID, MAC 4 [L]; after GET CHALLENGE of 8 bytes.

    The MAC is that of a script command, with the challenge in place of the cryptogram, under
    the session key of the application's ATC (0000 when it has never been used). No public paper
    describes how cards do it. Deposit and purse wake with it. 6D00 when no application of the
    card is dormant, 6A86, 6700, 6A82 another AID, 6984 no challenge of 8 bytes, 6988.
    """
    dormant = [d for d in session.files.directories if _is_dormant(d)]
    if not dormant:
        raise StatusError(StatusWord.INS_NOT_SUPPORTED)
    if command.p1 or command.p2:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if not 5 <= len(command.data) - MAC_LENGTH <= 16:
        raise StatusError(StatusWord.WRONG_LENGTH)
    aid, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    directory = next((d for d in dormant if d.name == aid), None)
    if directory is None:
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    challenge = session.take_challenge()
    if len(challenge) != CHALLENGE_LENGTH:
        raise StatusError(StatusWord.REFERENCE_DATA_INVALID)
    application = BankApplication.of(directory)
    atc = application.data.read().atc.to_bytes(2)
    cipher = application.session(USE_SCRIPT_MAC, atc)
    block = script_mac(cipher, command.header, atc, challenge, aid, b"")
    if not compare_digest(block[:MAC_LENGTH], mac):
        raise StatusError(StatusWord.SECURE_MESSAGING_INCORRECT)
    directory.stage_state(ApplicationState.WORKING)
    stage_purses(session, ApplicationState.DORMANT, ApplicationState.WORKING)
    return b""


def stage_purses(session: Session, before: ApplicationState, after: ApplicationState) -> None:
    """Deposit and purse, if the card has them, wake and sleep with the account that they are of:
    stage ``after`` for those in the state ``before``. A blocked one stays blocked [L]."""
    for directory in session.files.directories:
        if directory.application_type == ApplicationType.PURSE and directory.state == before:
            directory.stage_state(after)


def _is_dormant(directory: Directory) -> bool:
    bank = directory.application_type == ApplicationType.BANK
    return bank and directory.state == ApplicationState.DORMANT


ACTIVATION: Final = (
    Instruction(commands.ACTIVATE_APPLICATION, activate_application, when_blocked=True),
)
