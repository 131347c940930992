# SPDX-License-Identifier: Apache-2.0
"""Environments and rights of the PSAM: SELECT, INITIALIZE ENVIRONMENT, challenge, access keys."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from sscard_chip.apdu import authentication, selection
from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.psam.keys import KeyType, SamKeys, suite_of_environment
from sscard_chip.standard.identifiers import SX1_NAME, SX2_NAME
from sscard_chip.standard.status import StatusError, StatusWord

_BY_FID, _EF, _BY_NAME = 0x00, 0x02, 0x04
_BEIJING: Final = 0x11
_LONG_CHALLENGE: Final = 16
_VERSION: Final = 1


def select(session: Session, command: Command) -> bytes:
    """SELECT 00 A4: a DF by FID (P1 00) or by name (04), an EF by FID (02).

    Both environments have a DF01 of one name: the current environment's is meant. Another DF
    drops session key, challenge and rights.
    """
    before, data = session.df, command.data
    if command.p1 not in (_BY_FID, _EF, _BY_NAME):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if command.p1 == _BY_FID and len(data) == 2 and int.from_bytes(data) in before.files:
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    answer = _select_neighbour(session, data) if command.p1 == _BY_NAME and not command.p2 else None
    if answer is None:
        answer = selection.select(session, command)
    if session.df is not before:
        session.transaction = None
    return answer


def _select_neighbour(session: Session, name: bytes) -> bytes | None:
    """Select an application of the current environment by its name, or the start of it."""
    for directory in session.df.environment.directories:
        if directory.is_adf and len(name) >= 5 and directory.name.startswith(name):
            session.select_directory(directory)
            return directory.fci
    return None


def initialize_environment(session: Session, command: Command) -> bytes:
    """INITIALIZE ENVIRONMENT 环境初始化 BF EC 00 00: first byte of the card's 卡识别码.

    The guide does not say what it does. Here [M]: 11 (Beijing) makes the SSF33 environment
    current, any other BCD byte the DES one; 6A80 no BCD, 6985 no such environment.
    """
    command.require(0, 0, 1)
    if not command.data.hex().isdecimal():
        raise StatusError(StatusWord.WRONG_DATA)
    wanted = SX2_NAME if command.data[0] == _BEIJING else SX1_NAME
    environment = session.files.find_name(wanted)
    if environment is None:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    session.select_directory(environment)
    return b""


def get_challenge(session: Session, command: Command) -> bytes:
    """GET CHALLENGE 00 84 00 00, Le 04 or 08, in a 16-byte environment also 10."""
    command.require(0, 0, 0)
    if command.ne == _LONG_CHALLENGE > suite_of_environment(session.df).block:
        raise StatusError(StatusWord.WRONG_LENGTH)
    return authentication.get_challenge(session, command)


def external_authenticate(session: Session, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATION 00 82 00 kid: 鉴别数据 8 || original 8 [|| key version 1].

    KID-01 to KID-03 give the right of their level in DF01. Checked in this order [L]: 6985 no
    application, 6984 no challenge, 6A88 no such key, 6983 locked, 6982 a key for another use;
    then 63Cx and one try less.
    """
    command.require(0, command.p2, 16, 17)
    keys, kid, data = SamKeys.of(session), command.p2, command.data
    challenge = session.take_challenge()
    key = keys.find(KeyType.ACCESS, kid)
    if key is None and keys.identifies(kid):
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    if key is None or data[16:] not in (b"", bytes((_VERSION,))):
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    if key.locked:
        raise StatusError(StatusWord.AUTHENTICATION_BLOCKED)
    if not compare_digest(key.session(challenge).authentication_data(data[8:16]), data[:8]):
        left = key.stage_failure()
        raise StatusError(StatusWord.VERIFICATION_FAILED | left, keep_writes=True)
    key.stage_retry_counter(key.retry_limit)
    session.status.local_levels |= 1 << kid
    return b""
