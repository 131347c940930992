# SPDX-License-Identifier: Apache-2.0
"""CHANGE PIN, RELOAD PIN and PIN UNBLOCK. VERIFY is that of every card."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.pin import replace_pin
from sscard_chip.apdu.session import Session
from sscard_chip.applications.purse.accounts import issuer_key
from sscard_chip.applications.purse.errors import refuse_mac
from sscard_chip.applications.purse.messaging import open_message
from sscard_chip.security.keys import valid_pin
from sscard_chip.security.purse import MAC_LENGTH, decipher_pin, reload_mac
from sscard_chip.standard.keys import USE_PIN_RELOAD, USE_PIN_UNBLOCK
from sscard_chip.standard.status import StatusError, StatusWord

PIN_LENGTHS: Final = range(2, 7)
"""Bytes of a PIN: 4 to 12 digits."""


def is_pin(pin: bytes) -> bool:
    """Whether ``pin`` is 2 to 6 bytes of BCD, an odd digit followed by F."""
    return len(pin) in PIN_LENGTHS and valid_pin(pin)


def change_or_reload_pin(session: Session, command: Command) -> bytes:
    """80 5E: P1 01 CHANGE PIN, 00 RELOAD PIN."""
    if command.p1 == 1:
        return _change(session, command)
    return _reload(session, command)


def _change(session: Session, command: Command) -> bytes:
    """CHANGE PIN 01 00: old PIN, FF, new PIN. The old one is empty where none is set.

    6A80 when the new PIN is none; that costs no try. A wrong old PIN counts like VERIFY's.
    """
    command.require(1, 0, *range(1 + PIN_LENGTHS[0], 2 + 2 * PIN_LENGTHS[-1]))
    old, separator, new = command.data.partition(b"\xff")
    if not separator or not is_pin(new):
        raise StatusError(StatusWord.WRONG_DATA)
    replace_pin(session, old, new)
    return b""


def _reload(session: Session, command: Command) -> bytes:
    """RELOAD PIN 00 00: new PIN, MAC 4 under DRPK. Gives all tries back.

    No challenge is in the MAC, so the command can be sent again [M]. 9302 for a wrong one.
    """
    command.require(0, 0, *(length + MAC_LENGTH for length in PIN_LENGTHS))
    pin = session.pin
    key, purse = issuer_key(session.df, USE_PIN_RELOAD)
    new, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    session.require_counters()
    if not compare_digest(reload_mac(purse, key.secret, new), mac):
        raise refuse_mac(session.df, key, StatusWord.MAC_INCORRECT)
    if not is_pin(new):
        raise StatusError(StatusWord.WRONG_DATA)
    key.stage_retry_counter(key.retry_limit)
    pin.stage_value(new)
    return b""


def unblock_pin(session: Session, command: Command) -> bytes:
    """PIN UNBLOCK 84 24 00 key: the PIN enciphered under DPUK, one block, and MAC 4 under it.

    The PIN that comes is the holder's from then on, with all its tries [M]. One family has the
    key in P1 instead of P2 [M]. 6A88 no such key, 6984, 6988, 6A80 when it is no PIN.
    """
    if command.p1:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    key, purse = issuer_key(session.df, USE_PIN_UNBLOCK, command.p2)
    command.require(0, command.p2, purse.suite.block + MAC_LENGTH)
    pin = session.pin
    new = decipher_pin(purse, key.secret, open_message(session, command, key, purse))
    if new is None or not is_pin(new):
        raise StatusError(StatusWord.WRONG_DATA)
    pin.stage_value(new)
    return b""
