# SPDX-License-Identifier: Apache-2.0
"""Secure messaging of the purse application: a MAC under the key itself (JR/T 0025)."""

from __future__ import annotations

from hmac import compare_digest

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.messaging import CLA_SECURE
from sscard_chip.apdu.session import Session
from sscard_chip.applications.purse.accounts import maintenance_key
from sscard_chip.security.access import AccessRule
from sscard_chip.security.keys import KeyRecord
from sscard_chip.security.purse import MAC_LENGTH, PurseSuite, command_mac
from sscard_chip.standard.status import StatusError, StatusWord


class WrongMacError(StatusError):
    """6988, so that a command may count it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(StatusWord.SECURE_MESSAGING_INCORRECT)


def open_message(session: Session, command: Command, key: KeyRecord, purse: PurseSuite) -> bytes:
    """Verify the MAC at the end of ``command`` under ``key`` and return the data before it.

    Its initial value is the last challenge, spent by this; it covers CLA INS P1 P2 Lc (with the
    MAC) and the data. 6987 without a MAC, 6984 without a challenge, :class:`WrongMacError`.
    """
    if len(command.data) < MAC_LENGTH:
        raise StatusError(StatusWord.SECURE_MESSAGING_MISSING)
    challenge = session.take_challenge()
    data, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    if not compare_digest(command_mac(purse, key.secret, challenge, command.header + data), mac):
        raise WrongMacError
    return data


def update_data(session: Session, command: Command, rule: AccessRule) -> bytes:
    """The plain data of UPDATE BINARY and UPDATE RECORD; 6987 where a file demands a MAC."""
    if command.cla & CLA_SECURE:
        return open_message(session, command, *maintenance_key(session.df))
    if rule.mac:
        raise StatusError(StatusWord.SECURE_MESSAGING_MISSING)
    return command.data
