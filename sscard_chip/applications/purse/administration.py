# SPDX-License-Identifier: Apache-2.0
"""How the application is entered, authenticated, blocked and unblocked by its issuer."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.authentication import (
    direct_authentication,
    direct_proof,
    require_proof,
)
from sscard_chip.apdu.binary import update_binary
from sscard_chip.apdu.command import Command
from sscard_chip.apdu.dispatch import Handler
from sscard_chip.apdu.records import update_record
from sscard_chip.apdu.session import Session
from sscard_chip.applications.purse.accounts import maintenance_key
from sscard_chip.applications.purse.errors import refuse_mac
from sscard_chip.applications.purse.messaging import WrongMacError, open_message, update_data
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.filesystem.layout import STATE_AT, ApplicationState, LifeCycle
from sscard_chip.filesystem.tlv import tlv
from sscard_chip.filesystem.tree import Directory
from sscard_chip.security.purse import MAC_LENGTH
from sscard_chip.standard.identifiers import PURSE_PUBLIC
from sscard_chip.standard.keys import USE_EXTERNAL, USE_INTERNAL
from sscard_chip.standard.status import StatusError, StatusWord

_FOR_GOOD: Final = 0x01
_VERSION_AT: Final = 9
_CHALLENGE: Final = 8


def enter(session: Session, directory: Directory) -> bytes:
    """Make the application current and answer its FCI.

    6283 behind the FCI while it is blocked, 9303 when that is for good.
    """
    if directory.blocked:
        raise StatusError(StatusWord.APPLICATION_BLOCKED)
    session.select_directory(directory)
    answer = fci(directory)
    if directory.state == ApplicationState.SUSPENDED:
        raise StatusError(StatusWord.SELECTED_FILE_INVALIDATED, body=answer)
    return answer


def fci(directory: Directory) -> bytes:
    """6F {84 AID, A5 {9F08 version, 9F0C issuer data}}, the last two taken from 0015 as it is."""
    public = directory.files.get(PURSE_PUBLIC)
    issuer = b""
    if isinstance(public, TransparentFile):
        data = public.read(0, public.size)
        version = data[_VERSION_AT : _VERSION_AT + 1]
        issuer = tlv(0x9F08, version) + tlv(0x9F0C, data)
    return tlv(0x6F, tlv(0x84, directory.name) + tlv(0xA5, issuer))


def while_not_blocked(handler: Handler) -> Handler:
    """``handler``, which answers 6A81 while the application is blocked."""

    def run(session: Session, command: Command) -> bytes:
        if session.df.state == ApplicationState.SUSPENDED:
            raise StatusError(StatusWord.FUNCTION_NOT_SUPPORTED)
        return handler(session, command)

    return run


# --- authentication -----------------------------------------------------------------------------


def internal_authenticate(session: Session, command: Command) -> bytes:
    """INTERNAL AUTHENTICATE 00 88 00 key: 8 bytes, answered enciphered under that key.

    6A88 when there is no such key. For SM4 as :func:`direct_authentication` has it [L].
    """
    command.require(0, command.p2, _CHALLENGE)
    key = session.df.key(USE_INTERNAL, command.p2)
    if key is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    return direct_authentication(key.suite, key.secret, command.data)


def external_authenticate(session: Session, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE 00 82 00 key: the challenge of 8 bytes enciphered under that key.

    6983 locked, 6984 no challenge, 6A88 no such key; then 63Cx and one try less, or the right of
    that key until another directory is selected and all its tries.
    """
    command.require(0, command.p2, _CHALLENGE)
    key = session.df.key(USE_EXTERNAL, command.p2)
    proven = require_proof(session, key, direct_proof, command.data)
    session.status.global_levels |= proven.levels
    return b""


# --- updates of files ---------------------------------------------------------------------------


def update_binary_with_mac(session: Session, command: Command) -> bytes:
    """UPDATE BINARY 00/04 D6."""
    return update_binary(session, command, update_data)


def update_record_with_mac(session: Session, command: Command) -> bytes:
    """UPDATE RECORD 00/04 DC."""
    return update_record(session, command, update_data)


# --- blocking -----------------------------------------------------------------------------------


def block_application(session: Session, command: Command) -> bytes:
    """APPLICATION BLOCK 84 1E 00: P2 00 until it is unblocked, 01 for good. MAC 4 under DAMK.

    A wrong MAC, 6988, locks nothing.
    """
    if command.p2 > _FOR_GOOD:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    command.require(0, command.p2, MAC_LENGTH)
    open_message(session, command, *maintenance_key(session.df))
    for_good = command.p2 == _FOR_GOOD
    session.df.stage_state(ApplicationState.BLOCKED if for_good else ApplicationState.SUSPENDED)
    return b""


def unblock_application(session: Session, command: Command) -> bytes:
    """APPLICATION UNBLOCK 84 18 00 00 with MAC 4 under DAMK; 6985 when it is not blocked [M].

    A wrong MAC, 6988, costs a try of DAMK: after the last the application is locked for good [M].
    """
    command.require(0, 0, MAC_LENGTH)
    directory = session.df
    if directory.state != ApplicationState.SUSPENDED:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    key, purse = maintenance_key(directory)
    session.require_counters()
    try:
        open_message(session, command, key, purse)
    except WrongMacError as error:
        raise refuse_mac(directory, key, error.sw) from None
    key.stage_retry_counter(key.retry_limit)
    directory.stage_state(ApplicationState.WORKING)
    return b""


def block_card(session: Session, command: Command) -> bytes:
    """CARD BLOCK 84 16 00 00 with MAC 4 under DAMK: every later command answers 6A81."""
    command.require(0, 0, MAC_LENGTH)
    open_message(session, command, *maintenance_key(session.df))
    session.memory.write(STATE_AT, bytes((LifeCycle.BLOCKED,)))
    return b""
