# SPDX-License-Identifier: Apache-2.0
"""PINs and master keys of the certificate application.

Of a PIN the card keeps the first 16 bytes of SM3 over its BCD bytes, as a key of SM4: no command
ever carries the PIN itself, but DIGEST, with which a terminal lets the card do SM3.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final, NoReturn

from sscard_chip.apdu.authentication import require_proof
from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.security.keys import KeyRecord, MasterKey, valid_pin
from sscard_chip.security.sm2 import sm3
from sscard_chip.security.suite import SM4_SUITE, pad_if_needed
from sscard_chip.standard.keys import LOCAL_KEY, USE_PIN_KEY
from sscard_chip.standard.status import StatusError, StatusWord

USER_KID: Final = LOCAL_KEY | 0x01
ADMINISTRATOR_KID: Final = LOCAL_KEY | 0x02
KID_OF_P2: Final = {0x81: USER_KID, 0x00: ADMINISTRATOR_KID}
"""P2 of VERIFY and CHANGE PIN: whose PIN."""
USER, ADMINISTRATOR = 1 << (USER_KID & 0x0F), 1 << (ADMINISTRATOR_KID & 0x0F)
"""The local security levels that the PINs set, as bits."""

BLOCK: Final = 16
MAC_LENGTH: Final = 4
_TEXT: Final = 0xC1


def pin_key(pin: bytes) -> bytes:
    """The key of 16 bytes that stands for a PIN of 2 to 8 bytes of BCD."""
    return sm3(pin)[:BLOCK]


def objects(command: Command, *tags: int) -> list[bytes]:
    """The values of a command's data, which must be data objects with these tags, of one byte;
    6A80. A length may be written longer than it need be, as a program of the field does."""
    data, at, found = command.data, 0, []
    for tag in tags:
        if data[at : at + 1] != bytes((tag,)):
            raise StatusError(StatusWord.WRONG_DATA)
        first = int.from_bytes(data[at + 1 : at + 2])
        more = first & 0x7F if first & 0x80 else 0
        start = at + 2 + more
        length = int.from_bytes(data[at + 2 : start]) if more else first
        at = start + length
        if more > 2 or first == 0x80 or at > len(data):
            raise StatusError(StatusWord.WRONG_DATA)
        found.append(data[start:at])
    if at != len(data):
        raise StatusError(StatusWord.WRONG_DATA)
    return found


def require_level(session: Session, levels: int) -> None:
    """6982 unless one of ``levels`` is set."""
    if not session.status.local_levels & levels:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)


def digest(session: Session, command: Command) -> bytes:
    """DIGEST 80 C4 01 03: SM3, 32 bytes, over what stands in C1. Needs no right."""
    _require_header(command, 0x03)
    (text,) = objects(command, _TEXT)
    return sm3(text)


def _require_header(command: Command, *p2: int) -> None:
    if command.p1 != 0x01 or command.p2 not in p2:
        raise StatusError(StatusWord.INCORRECT_P1_P2)


def _record(session: Session, command: Command) -> KeyRecord:
    """The PIN that P2 names; 6A88 outside of SS.CERT.ADF1."""
    _require_header(command, *KID_OF_P2)
    record = session.df.key(USE_PIN_KEY, KID_OF_P2[command.p2])
    if record is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    return record


def verify(session: Session, command: Command) -> bytes:
    """VERIFY 00 20 01, P2 81 the user, 00 the administrator: 16 bytes, the challenge under the
    key of the PIN. A challenge of 4 or 8 bytes is filled with 00.

    Without data the state, as of LD/T 32.5: 63Cx, 6983 [L]. Wrong: 63Cx and one try less, 6983
    when none is left, 6984 without a challenge [L]. The right lasts until another DF is selected.
    """
    record = _record(session, command)
    if len(command.data) not in (0, BLOCK):
        raise StatusError(StatusWord.WRONG_LENGTH)
    if not command.data:
        if record.locked:
            raise StatusError(StatusWord.AUTHENTICATION_BLOCKED)
        raise StatusError(StatusWord.VERIFICATION_FAILED | record.retry_counter)
    session.status.local_levels |= require_proof(session, record, _proof, command.data).levels
    return b""


def external_authenticate(session: Session, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE 00 82 00 00: 16 bytes, the challenge under the directory's master
    key. 63Cx, 6983, 6984 as VERIFY; the right lasts until another DF is selected."""
    command.require(0, 0, BLOCK)
    require_proof(session, session.df.master_key, _proof, command.data)
    session.status.masters.add(session.df.offset)
    return b""


def _proof(key: KeyRecord | MasterKey, challenge: bytes) -> bytes:
    return SM4_SUITE.encryptor(key.secret)(challenge.ljust(BLOCK, b"\0"))


def change_pin(session: Session, command: Command) -> bytes:
    """CHANGE PIN 84 5E 01, P2 00 the administrator's, 81 the user's [L]: E 16 || MAC 4.

    E is length, new PIN and 80 00.. under the key of the old one, the MAC that of WRITE KEY under
    the same key, its initial value the last challenge. A wrong MAC is a wrong old PIN: 63Cx, and it
    counts [L]. 6A80 when the new one is no PIN. Success gives the full count of tries.
    """
    record = _record(session, command)
    if len(command.data) != BLOCK + MAC_LENGTH:
        raise StatusError(StatusWord.WRONG_LENGTH)
    if record.locked:
        raise StatusError(StatusWord.AUTHENTICATION_BLOCKED)
    challenge = session.take_challenge()
    session.require_counters()
    cryptogram, mac = command.data[:BLOCK], command.data[BLOCK:]
    if not compare_digest(
        SM4_SUITE.key_mac(record.secret, challenge, command.header + cryptogram), mac
    ):
        _refuse(record)
    plain = SM4_SUITE.decryptor(record.secret)(cryptogram)
    new = plain[1 : 1 + plain[0]]
    if not valid_pin(new) or pad_if_needed(plain[:1] + new, BLOCK) != plain:
        raise StatusError(StatusWord.WRONG_DATA)
    record.stage_secret(pin_key(new))
    record.stage_retry_counter(record.retry_limit)
    return b""


def _refuse(record: KeyRecord) -> NoReturn:
    left = record.stage_failure()
    raise StatusError(StatusWord.VERIFICATION_FAILED | left, keep_writes=True)
