# SPDX-License-Identifier: Apache-2.0
"""WRITE KEY 80/84 D4: keys and the PIN, in clear or enciphered with a MAC.

Layout and MAC are those of the PSAM's CREATE KEY and CHANGE KEY [H], on the card [M]; sections
2.2 and 2.4 of the personalisation page.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.files import InternalFile
from sscard_chip.filesystem.layout import (
    COUNT_IN_HEADER,
    STATE_AT,
    WRITE_ACCESS_IN_HEADER,
    LifeCycle,
)
from sscard_chip.filesystem.tree import Directory
from sscard_chip.security.access import AccessRule
from sscard_chip.security.keys import (
    RECORD_LENGTH,
    KeyRecord,
    MasterKey,
    encode_key_record,
    encode_pin_record,
    valid_pin,
)
from sscard_chip.security.suite import SUITE_OF_KEY_CODE, pad_if_needed
from sscard_chip.standard.keys import (
    USE_EXTERNAL,
    USE_INTERNAL,
    USE_LOAD,
    USE_MAINTENANCE,
    USE_PIN,
    USE_PURCHASE,
    USE_TAC,
)
from sscard_chip.standard.status import StatusError, StatusWord

_NEW, _REPLACE = 0x00, 0x01
_SECURE: Final = 0x04
_MAC_LENGTH: Final = 4
_HEAD: Final = {_NEW: 8, _REPLACE: 3}
_SECRETS: Final = (8, 16)
_MAX_LIMIT: Final = 15
_MAX_RECORDS: Final = 255
_USES: Final = frozenset(
    (USE_EXTERNAL, USE_MAINTENANCE, USE_PURCHASE, USE_LOAD, USE_TAC, USE_INTERNAL, USE_PIN)
)
_MASTER_KID: Final = 0x00
_SINGLE_DES: Final = 0x01
_BOTH: Final = 0b11
_RULE_BITS: Final = 0xCC  # of a key file's ACw: master keys, no append, no update
_IN_PARENT: Final = 0x04  # ACw b2 KP1 of a directory
_HAS_MASTER_KEY: Final = 0x01  # ACw b0 KACT

Protector = MasterKey | KeyRecord


def write_key(session: Session, command: Command) -> bytes:
    """WRITE KEY: P1 00 a new key, 01 another secret for one; P2 the SFI of the key file.

    P1 01 with P2 00 replaces the master key of the current DF. New keys come under that master
    key, replaced ones under WT-KID of the file, master keys under RLD-KID of the directory.

    In this order: 6A86, 6A82 no such file, 6985 a class that ACw does not want, 6700, 6982,
    6A88 no protecting key, 6983 it is locked, 6984 no challenge, 6988 MAC, then 6A80 content,
    6985 a key that is there already, 6A88 one that is not, 6A84 room.
    """
    p1, p2 = command.p1, command.p2
    if p1 > _REPLACE or (p1 == _NEW and p2 == 0):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    df = session.df
    if p2:
        file = df.key_file
        if file is None or p2 != file.sfi:
            raise StatusError(StatusWord.FILE_NOT_FOUND)
        access, kid = file.write_access, file.write_kid
        secured = access >> 4 * p1 & _BOTH  # replacing b5 MAC, b4 enciphered; adding b1, b0
        protector = _protector(df, _MASTER_KID if p1 == _NEW else kid)
        _require_rights(session, file, p1)
    else:
        file = None
        secured = df.header.write_access >> 4 & _BOTH
        parent = df.parent if df.header.write_access & _IN_PARENT else df
        protector = _protector(parent or df, df.header.reload_kid)
        _require_master(session)
    content = _open(session, command, protector, secured)
    if file is None:
        _replace_master_key(session, content)
    elif p1 == _NEW:
        _add(df, file, content)
    else:
        _replace(df, content)
    session.memory.commit()
    session.remount()
    return b""


def _protector(directory: Directory, kid: int) -> Protector | None:
    if kid == _MASTER_KID:
        return directory.master_key
    return directory.key(USE_MAINTENANCE, kid) or directory.key(USE_EXTERNAL, kid)


def _require_master(session: Session) -> None:
    """Once the MF is frozen the authenticated master key of the DF is needed: 6982."""
    working = session.memory.cells[STATE_AT] == LifeCycle.WORKING
    if working and session.df.offset not in session.status.masters:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)


def _require_rights(session: Session, file: InternalFile, p1: int) -> None:
    _require_master(session)
    right = file.write_rule.global_right << 8 | file.write_rule.local_right
    rule = AccessRule.decode(file.write_access & _RULE_BITS, right)
    allowed = rule.append if p1 == _NEW else rule.update
    if not allowed:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    if p1 == _REPLACE:
        session.require(rule)


def _open(session: Session, command: Command, protector: Protector | None, secured: int) -> bytes:
    """The clear information of a command; ``secured`` b1: there is a MAC, b0: it is enciphered."""
    if bool(command.cla & _SECURE) != bool(secured):
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    with_mac, enciphered = bool(secured & 0b10), bool(secured & 0b01)
    block = protector.suite.block if protector else 8
    informations = {_HEAD[command.p1] + length for length in _SECRETS}
    if enciphered:
        informations = {-(-(1 + length) // block) * block for length in informations}
    if len(command.data) not in {length + _MAC_LENGTH * with_mac for length in informations}:
        raise StatusError(StatusWord.WRONG_LENGTH)
    if not secured:
        return command.data
    if protector is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    if protector.locked:
        raise StatusError(StatusWord.AUTHENTICATION_BLOCKED)
    data = command.data
    if with_mac:
        data, mac = data[:-_MAC_LENGTH], data[-_MAC_LENGTH:]
        random = session.take_challenge()[:block]
        expected = protector.suite.key_mac(protector.secret, random, command.header + data)
        if not compare_digest(expected, mac):
            raise StatusError(StatusWord.SECURE_MESSAGING_INCORRECT)
    if not enciphered:
        return data
    plain = protector.suite.decryptor(protector.secret)(data)
    content = plain[1 : 1 + plain[0]]
    if len(content) != plain[0] or pad_if_needed(plain[:1] + content, block) != plain:
        raise StatusError(StatusWord.WRONG_DATA)
    return content


def _require(condition: bool) -> None:
    if not condition:
        raise StatusError(StatusWord.WRONG_DATA)


def _add(df: Directory, file: InternalFile, content: bytes) -> None:
    """用途 1, kid or index 1, version 1, algorithm 1, right to use 2, limit 1, level 1, key.

    A right to use that is not 0000 is refused: no key of the standard has one.
    """
    _require(len(content) in (16, 24))
    use, kid, version, algorithm = content[:4]
    limit, level, secret = content[6], content[7], content[8:]
    _require(use in _USES and not any(content[4:6]) and limit <= _MAX_LIMIT)
    if use == USE_PIN:
        pin = _pin(secret)
        _require(kid == 0 and limit > 0 and level == 0)
        if df.pin is not None:
            raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
        record = encode_pin_record(pin, limit=limit, unblock_kid=version, reload_kid=algorithm)
    else:
        suite = SUITE_OF_KEY_CODE.get(algorithm)
        _require(suite is not None and suite.key_code(len(secret)) == algorithm)
        _require(len(secret) == 16 or algorithm == _SINGLE_DES)
        _require(kid < 0x80 and level >> 4 <= level & 0x0F)
        _require(use != USE_EXTERNAL or kid != _MASTER_KID)
        if df.key(use, kid, version):
            raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
        record = encode_key_record(use, kid, version, algorithm, secret, limit=limit, level=level)
    if file.count >= min(file.size // RECORD_LENGTH, _MAX_RECORDS):
        raise StatusError(StatusWord.NOT_ENOUGH_SPACE)
    file.memory.write(file.body + file.count * RECORD_LENGTH, record)
    file.memory.write(file.offset + COUNT_IN_HEADER, bytes((file.count + 1,)))


def _pin(padded: bytes) -> bytes:
    """A PIN of 8 bytes, padded with FF; FF alone sets none."""
    pin = padded.rstrip(b"\xff")
    _require(len(padded) == 8 and (not pin or valid_pin(pin)))
    return pin


def _replace(df: Directory, content: bytes) -> None:
    """用途 1, kid or index 1, version 1, key: another secret, and the full count of tries."""
    _require(len(content) in (11, 19))
    use, kid, version = content[:3]
    secret = content[3:]
    if use == USE_PIN:
        if df.pin is None:
            raise StatusError(StatusWord.KEY_NOT_FOUND)
        df.pin.stage_value(_pin(secret))
        return
    key = df.key(use, kid, version) if kid < 0x80 else None
    if key is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    _require(len(secret) == len(key.secret))
    key.stage_secret(secret)
    key.stage_retry_counter(key.retry_limit)


def _replace_master_key(session: Session, content: bytes) -> None:
    """00, 00, version 1, key 16; a directory that was made without a master key has it now."""
    df, access = session.df, session.df.header.write_access
    _require(len(content) == 19 and not any(content[:2]))
    if df.master_key is None:
        access |= _HAS_MASTER_KEY
        session.memory.write(df.offset + WRITE_ACCESS_IN_HEADER, bytes((access,)))
        session.fresh.discard(df.offset)
    key = df.stored_master_key
    key.stage_secret(content[3:], content[2])
    key.stage_retry_counter(key.retry_limit)
