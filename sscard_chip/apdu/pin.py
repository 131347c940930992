# SPDX-License-Identifier: Apache-2.0
"""VERIFY, CHANGE PIN and PIN CHANGE/UNBLOCK (LD/T 32.5; PIN: LD/T 32.4)."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final, NoReturn

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session, decipher_data
from sscard_chip.security.keys import PinRecord, valid_pin
from sscard_chip.standard.keys import PUK_KID
from sscard_chip.standard.status import StatusError, StatusWord

_PUK_LEVEL: Final = 1 << PUK_KID  # what EXTERNAL AUTHENTICATE of PUK sets


def _fail(pin: PinRecord) -> NoReturn:
    left = pin.stage_failure()
    raise StatusError(StatusWord.VERIFICATION_FAILED | left, keep_writes=True)


def _require_open(pin: PinRecord) -> None:
    if pin.locked:
        raise StatusError(StatusWord.AUTHENTICATION_BLOCKED)


def verify(session: Session, command: Command) -> bytes:
    """VERIFY 00 20 00 00 with 2 to 8 bytes of BCD, or none to ask for the state.

    The state: 9000 when no PIN is set, 6983 locked, else 63Cx without counting. Wrong: one try
    less, 63Cx, and 6983 from the next on when none is left. Right: the full count of tries,
    remembered until power-off. 6984 for a PIN when none is set.
    """
    command.require(0, 0, 0, *range(2, 9))
    pin = session.pin
    if not command.data:
        if not pin.is_set:
            return b""
        _require_open(pin)
        raise StatusError(StatusWord.VERIFICATION_FAILED | pin.retry_counter)
    if not pin.is_set:
        raise StatusError(StatusWord.REFERENCE_DATA_INVALID)
    _require_open(pin)
    session.require_counters()
    if not compare_digest(command.data, pin.value):
        _fail(pin)
    pin.stage_retry_counter(pin.retry_limit)
    session.status.verified_pin = pin.offset
    return b""


def change_pin(session: Session, command: Command) -> bytes:
    """CHANGE PIN 80 5E 01 00: old PIN || FF || new PIN, either may be empty.

    6A80 when the new PIN is no 4 to 16 digits; that costs no try. A wrong old PIN counts like
    VERIFY's. Success gives the full count of tries.
    """
    command.require(1, 0, *range(3, 18))
    old, separator, new = command.data.partition(b"\xff")
    if not separator or (new and not valid_pin(new)):
        raise StatusError(StatusWord.WRONG_DATA)
    replace_pin(session, old, new)
    return b""


def replace_pin(session: Session, old: bytes, new: bytes) -> None:
    """Stage ``new`` in place of ``old``, which counts like VERIFY's when it is wrong."""
    pin = session.pin
    _require_open(pin)
    session.require_counters()
    if not compare_digest(old, pin.value):
        _fail(pin)
    pin.stage_value(new)


def change_or_unblock_pin(session: Session, command: Command) -> bytes:
    """PIN CHANGE/UNBLOCK 84 24 00: P2 00 gives back the tries, P2 01 sets a new PIN.

    Needs the right of PUK (kid 06) and a fresh challenge; MAC and encipherment under the
    session key of STK. An empty new PIN means that none is set. 6982, 6984, 6988, 6A80.
    """
    if command.p1 or command.p2 > 1:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    environment = session.df.environment
    block = session.maintenance_key(environment).suite.block
    lengths = (4 + block, 4 + 2 * block) if command.p2 and block == 8 else (4 + block * command.p2,)
    if len(command.data) not in lengths:
        raise StatusError(StatusWord.WRONG_LENGTH)
    pin = session.pin
    if not session.status.global_levels & _PUK_LEVEL:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    cryptogram, cipher = session.open_secure_message(command, environment)
    if command.p2:
        new = decipher_data(cipher, cryptogram, block)
        if new and not valid_pin(new):
            raise StatusError(StatusWord.WRONG_DATA)
        pin.stage_value(new)
    else:
        pin.stage_retry_counter(pin.retry_limit)
    return b""
