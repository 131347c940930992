# SPDX-License-Identifier: Apache-2.0
"""GET CHALLENGE, INTERNAL AUTHENTICATE and EXTERNAL AUTHENTICATE (LD/T 32.4, 32.5)."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Final, TypeVar

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.security.keys import KeyRecord, MasterKey
from sscard_chip.security.suite import Suite
from sscard_chip.standard.commands import GET_CHALLENGE
from sscard_chip.standard.keys import LOCAL_KEY, USE_EXTERNAL, USE_INTERNAL
from sscard_chip.standard.status import StatusError, StatusWord

_CHALLENGE_LENGTHS: Final = (4, 8, 16)
_CHALLENGES: Final = frozenset(GET_CHALLENGE.header() + bytes((le,)) for le in _CHALLENGE_LENGTHS)
_DIRECT_LENGTH: Final = 8

AnyKey = TypeVar("AnyKey", KeyRecord, MasterKey)


def get_challenge(session: Session, command: Command) -> bytes:
    """GET CHALLENGE 00 84 00 00, Le 04, 08 or 10. Only the last challenge counts."""
    command.require(0, 0, 0)
    if command.ne not in _CHALLENGE_LENGTHS:
        raise StatusError(StatusWord.WRONG_LENGTH)
    session.status.challenge = challenge = session.random.take(command.ne)
    return challenge


def get_challenge_quickly(session: Session, apdu: bytes) -> bytes | None:
    """The shortcut for GET CHALLENGE."""
    if apdu not in _CHALLENGES:
        return None
    session.transaction = None
    session.status.challenge = challenge = session.random.take(apdu[4])
    return challenge


def internal_authenticate(session: Session, command: Command) -> bytes:
    """INTERNAL AUTHENTICATE 00 88 00 00: session input 8 || original 8 [|| key version 1].

    Answers 鉴别数据 of 8 bytes under IRK of the current DF, version 1 unless named. 6A88 when
    there is no such key.
    """
    command.require(0, 0, 16, 17)
    data = command.data
    key = session.df.key(USE_INTERNAL, 0, data[16] if len(data) == 17 else 1)
    if key is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    cipher = key.session(data[:8])
    return cipher.authentication_data(data[8:16])


def external_authenticate(session: Session, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE 00 82 00 kid: 鉴别数据 8 || original 8 [|| key version 1].

    Bit 8 of kid: a key of the current ADF, else of its environment. Checked in the order of
    LD/T 32.7: 6983 locked, 6984 no challenge, 6A88 no such key; then 63Cx and one try less, or
    the right of that key until another DF is selected and the full count of tries.

    00 82 00 00 with 8 bytes: :func:`authenticate_master_key`.
    """
    if len(command.data) == _DIRECT_LENGTH and not command.p2:
        return authenticate_master_key(session, command)
    command.require(0, command.p2, 16, 17)
    data, kid = command.data, command.p2
    local = bool(kid & LOCAL_KEY)
    directory = session.df if local else session.df.environment
    version = data[16] if len(data) == 17 else 1
    key = directory.key(USE_EXTERNAL, kid, version) if kid and local == directory.is_adf else None
    proven = require_proof(
        session,
        key,
        lambda key, challenge: key.session(challenge).authentication_data(data[8:16]),
        data[:8],
    )
    if local:
        session.status.local_levels |= proven.levels
    else:
        session.status.global_levels |= proven.levels
    return b""


def authenticate_master_key(session: Session, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE 00 82 00 00 with 8 bytes: the challenge under the key itself [M].

    The key is the master key (主控密钥) of the current DF, on a card without MF the transport
    key (传输密钥). 6A88 when there is none, 6983 locked, 6984 no challenge, else 63Cx and one
    try less; the right lasts until another DF is selected.
    """
    command.require(0, 0, _DIRECT_LENGTH)
    require_proof(session, session.df.master_key, direct_proof, command.data)
    session.status.masters.add(session.df.offset)
    return b""


def require_proof(
    session: Session, key: AnyKey | None, expected: Callable[[AnyKey, bytes], bytes], given: bytes
) -> AnyKey:
    """The key, proven by what was ``given`` to the last challenge; ``expected`` computes it.

    6983 locked, 6984 no challenge, 6A88 for None; a wrong proof is 63Cx and one try less, a
    right one gives all tries back.
    """
    if key is not None and key.locked:
        raise StatusError(StatusWord.AUTHENTICATION_BLOCKED)
    challenge = session.take_challenge()
    if key is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    session.require_counters()
    if not compare_digest(expected(key, challenge), given):
        left = key.stage_failure()
        raise StatusError(StatusWord.VERIFICATION_FAILED | left, keep_writes=True)
    key.stage_retry_counter(key.retry_limit)
    return key


def direct_proof(key: KeyRecord | MasterKey, challenge: bytes) -> bytes:
    """What :func:`direct_authentication` gives under a key of the card."""
    return direct_authentication(key.suite, key.secret, challenge)


def direct_authentication(suite: Suite, key: bytes, challenge: bytes) -> bytes:
    """The 8 bytes that prove a master or transport key, without a session key [M].

    DES: 3DES(key, challenge). The form of 16-byte blocks is not published; here the two halves
    of the encrypted challenge, padded with 00, are added [L].
    """
    padded = challenge[:_DIRECT_LENGTH].ljust(_DIRECT_LENGTH, b"\0")
    if suite.block == _DIRECT_LENGTH:
        return suite.encryptor(key)(padded)
    whole = suite.encryptor(key)(padded + bytes(_DIRECT_LENGTH))
    left, right = int.from_bytes(whole[:8]), int.from_bytes(whole[8:])
    return (left ^ right).to_bytes(8)
