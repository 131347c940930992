# SPDX-License-Identifier: Apache-2.0
"""CREATE KEY and CHANGE KEY: a level of the administration loads its keys (PSAM guide)."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.psam.keys import (
    KEY_FILES,
    MAX_STEPS,
    KeyType,
    SamKeys,
    encode_psam_key_record,
    suite_of_environment,
)
from sscard_chip.filesystem.files import InternalFile
from sscard_chip.filesystem.layout import COUNT_IN_HEADER
from sscard_chip.security.keys import RECORD_LENGTH
from sscard_chip.security.suite import Suite, pad_if_needed
from sscard_chip.standard.status import StatusError, StatusWord

_CREATE, _CHANGE = 0x00, 0x01
_MAC_LENGTH: Final = 4
_RESERVED: Final = 0xC0  # identifiers from here on nobody may use
_MAX_RECORDS: Final = 255
_ANY_LEVEL: Final = 0b1110
_CREATE_HEAD, _CHANGE_HEAD = 8, 3
_KEY_LENGTHS: Final = (8, 16)
_LOADABLE: Final[frozenset[int]] = frozenset(KeyType) - {
    KeyType.ACCESS,
    KeyType.MAINTENANCE,
}


def load_key(session: Session, command: Command) -> bytes:
    """CREATE KEY 84 D4 00 file, CHANGE KEY 84 D4 01 file; file 11, 12 or 13.

    Data: LD || key information || key, enciphered under the application's master key, and a MAC
    of 4 under the same key with the challenge as initial value. Needs the right of KID-01, -02
    or -03. In this order [L]: 6982 right, 6A82 file, 6984 challenge, 6988 MAC, 6A80 content.
    """
    changing = command.p1 == _CHANGE
    if command.p1 > _CHANGE:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    _check_length(session, command, changing=changing)
    fid = command.p2
    needed = 1 << KEY_FILES.index(fid) + 1 if fid in KEY_FILES else _ANY_LEVEL
    if not session.status.local_levels & needed:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    keys = SamKeys.of(session)
    file = keys.files.get(fid)
    if file is None:
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    plain = _open(session, command, keys)
    if changing:
        _change(keys, file, plain)
    else:
        _create(keys, file, plain)
    session.df.application = None
    return b""


def _check_length(session: Session, command: Command, *, changing: bool) -> None:
    """6700 unless Lc is that of a key of 8 (DES only) or 16 bytes."""
    suite = suite_of_environment(session.df)
    head = 1 + (_CHANGE_HEAD if changing else _CREATE_HEAD)
    allowed = {
        -(-(head + key) // suite.block) * suite.block + _MAC_LENGTH
        for key in _KEY_LENGTHS
        if key >= suite.block
    }
    if len(command.data) not in allowed:
        raise StatusError(StatusWord.WRONG_LENGTH)


def _open(session: Session, command: Command, keys: SamKeys) -> bytes:
    """What the command enciphers: verify the MAC, decipher, take off LD and padding."""
    challenge = session.take_challenge()
    suite, master_key = keys.suite, keys.master_key
    cryptogram, mac = command.data[:-_MAC_LENGTH], command.data[-_MAC_LENGTH:]
    if not compare_digest(suite.key_mac(master_key, challenge, command.header + cryptogram), mac):
        raise StatusError(StatusWord.SECURE_MESSAGING_INCORRECT)
    plain = suite.decryptor(master_key)(cryptogram)
    content = plain[1 : 1 + plain[0]]
    if len(content) != plain[0] or pad_if_needed(plain[:1] + content, suite.block) != plain:
        raise StatusError(StatusWord.WRONG_DATA)
    return content


def _create(keys: SamKeys, file: InternalFile, content: bytes) -> None:
    """用途 1, identifier or version 1, 00, algorithm 1, 0000, 00, 00, key 8 or 16."""
    use, identifier, _, algorithm = content[:4]
    secret = content[_CREATE_HEAD:]
    key_type, steps = use & 0x1F, use >> 5
    if (
        steps > MAX_STEPS
        or key_type not in _LOADABLE
        or (identifier >= _RESERVED and key_type != KeyType.PURCHASE)
        or not _fits(keys.suite, algorithm, secret)
        or content[2] != 0
        or any(content[4:_CREATE_HEAD])
    ):
        raise StatusError(StatusWord.WRONG_DATA)
    if keys.find(key_type, identifier):
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    room = min(file.size // RECORD_LENGTH, _MAX_RECORDS)
    if file.count >= room:
        raise StatusError(StatusWord.NOT_ENOUGH_SPACE)
    record = encode_psam_key_record(use, identifier, algorithm, secret)
    file.memory.write(file.body + file.count * RECORD_LENGTH, record)
    file.memory.write(file.offset + COUNT_IN_HEADER, bytes((file.count + 1,)))


def _fits(suite: Suite, algorithm: int, secret: bytes) -> bool:
    """Whether algorithm and length are one of the environment's: 00 or 03 with 16, 01 with 8."""
    return len(secret) in _KEY_LENGTHS and suite.key_code(len(secret)) == algorithm


def _change(keys: SamKeys, file: InternalFile, content: bytes) -> None:
    """用途 1, identifier or version 1, 00, key 8 or 16: another secret for a key of the file."""
    use, identifier, reserved = content[:_CHANGE_HEAD]
    key = keys.find(use & 0x1F, identifier)
    if key is None or key.use != use or not file.body <= key.offset < file.body + file.size:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    secret = content[_CHANGE_HEAD:]
    if reserved or len(secret) != len(key.secret):
        raise StatusError(StatusWord.WRONG_DATA)
    key.stage_secret(secret)
