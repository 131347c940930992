# SPDX-License-Identifier: Apache-2.0
"""Secure messaging of the update commands (安全报文, LD/T 32.4)."""

from __future__ import annotations

from collections.abc import Callable

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session, decipher_data
from sscard_chip.security.access import AccessRule
from sscard_chip.standard.status import StatusError, StatusWord

CLA_SECURE = 0x04

OpenData = Callable[[Session, Command, AccessRule], bytes]
"""The plain data of an update command under a file's rule, secure messaging taken off."""


def update_data(session: Session, command: Command, rule: AccessRule) -> bytes:
    """The plain data of an UPDATE command.

    The standard's own files use no secure messaging, but take it with CLA 04; a local file may
    demand a MAC (6987 without) and encipherment.
    """
    if not command.cla & CLA_SECURE:
        if rule.mac or rule.enciphered:
            raise StatusError(StatusWord.SECURE_MESSAGING_MISSING)
        return command.data
    data, cipher = session.open_secure_message(command, session.df)
    if rule.enciphered:
        block = session.maintenance_key(session.df).suite.block
        return decipher_data(cipher, data, block)
    return data
