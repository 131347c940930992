# SPDX-License-Identifier: Apache-2.0
"""The two key pairs of the certificate application, and what they do.

Public keys are transparent files of 66 bytes: a head of two bytes, X, Y. Private keys lie in files
that no command reads, a head and 32 bytes. An unused file is all 00. A command names a file as
``C0 02 FID`` (public) or ``C2 02 FID`` (private).
"""

from __future__ import annotations

import logging
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.pki.pins import (
    ADMINISTRATOR,
    BLOCK,
    USER,
    objects,
    require_level,
)
from sscard_chip.applications.pki.selection import keep, state_of
from sscard_chip.filesystem.files import InternalFile, TransparentFile
from sscard_chip.security.sm2 import (
    DIGEST_LENGTH,
    PRIVATE_LENGTH,
    PUBLIC_LENGTH,
    Sm2Error,
    Sm2PrivateKey,
    on_curve,
)
from sscard_chip.security.suite import SM4_SUITE
from sscard_chip.standard.errors import ExtraMissingError
from sscard_chip.standard.identifiers import (
    ENCRYPTION_PRIVATE_KEY,
    ENCRYPTION_PUBLIC_KEY,
    SIGNATURE_PRIVATE_KEY,
    SIGNATURE_PUBLIC_KEY,
)
from sscard_chip.standard.status import StatusError, StatusWord

_PUBLIC, _SECRET, _PRIVATE, _POINT, _SCALAR = 0xC0, 0xC1, 0xC2, 0xCA, 0xCB
PUBLIC_HEAD: Final = bytes((_POINT, PUBLIC_LENGTH))
"""The two bytes before X and Y. That they are there is known, not what they are [L]."""
PRIVATE_HEAD: Final = bytes((_SCALAR, PRIVATE_LENGTH))
PUBLIC_SIZE: Final = len(PUBLIC_HEAD) + PUBLIC_LENGTH
PRIVATE_SIZE: Final = len(PRIVATE_HEAD) + PRIVATE_LENGTH
PAIRS: Final = {
    SIGNATURE_PUBLIC_KEY: SIGNATURE_PRIVATE_KEY,
    ENCRYPTION_PUBLIC_KEY: ENCRYPTION_PRIVATE_KEY,
}
_PUBLIC_OF: Final = {private: public for public, private in PAIRS.items()}
_CIPHER_HEAD: Final = PUBLIC_LENGTH + 32
_PROBE: Final = bytes(DIGEST_LENGTH)
_CHALLENGE: Final = 16
_ACSE: Final = b"ACSE"

_logger = logging.getLogger(__name__)


class _Files:
    """The key files of SS.CERT.ADF1; 6985 in the environment, which has none."""

    def __init__(self, session: Session) -> None:
        if not session.df.is_adf:
            raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
        self._df = session.df

    def public(self, fid: int) -> TransparentFile:
        """The file of a public key; 6A82 for another FID."""
        file = self._df.files.get(fid) if fid in PAIRS else None
        if not isinstance(file, TransparentFile):
            raise StatusError(StatusWord.FILE_NOT_FOUND)
        return file

    def private(self, fid: int) -> InternalFile:
        """The file of a private key; 6A82 for another FID."""
        file = self._df.internal.get(fid)
        if file is None:
            raise StatusError(StatusWord.FILE_NOT_FOUND)
        return file

    def public_value(self, fid: int) -> bytes:
        """X || Y; 6A88 when there is no key yet."""
        file = self.public(fid)
        content = file.read(0, file.size)
        if not content.startswith(PUBLIC_HEAD):
            raise StatusError(StatusWord.KEY_NOT_FOUND)
        return content[len(PUBLIC_HEAD) :]

    def pair(self, private_fid: int) -> Sm2PrivateKey:
        """A pair by its private key; 6A88 when there is none yet, 6A81 without a library."""
        file = self.private(private_fid)
        content = bytes(file.memory.cells[file.body : file.body + PRIVATE_SIZE])
        if not content.startswith(PRIVATE_HEAD):
            raise StatusError(StatusWord.KEY_NOT_FOUND)
        return _pair(content[len(PRIVATE_HEAD) :], self.public_value(_PUBLIC_OF[private_fid]))

    def stage_public(self, fid: int, value: bytes) -> None:
        """Stage a public key and, with it, the end of the private key that was there."""
        self.public(fid).stage_update(0, PUBLIC_HEAD + value)
        private = self.private(PAIRS[fid])
        private.memory.write(private.body, bytes(PRIVATE_SIZE))

    def stage_private(self, fid: int, secret: bytes) -> None:
        """Stage a private key."""
        file = self.private(fid)
        file.memory.write(file.body, PRIVATE_HEAD + secret)


def _pair(secret: bytes, public: bytes) -> Sm2PrivateKey:
    """A pair; 6A80 when these are no keys, 6A81 when the program that runs the card lacks the
    library for SM2."""
    try:
        return Sm2PrivateKey(secret, public)
    except ExtraMissingError as error:
        raise _unable(error) from None
    except Sm2Error:
        raise StatusError(StatusWord.WRONG_DATA) from None


def _unable(error: Sm2Error | ExtraMissingError) -> StatusError:
    _logger.error("no SM2 on this card: %s", error)
    return StatusError(StatusWord.FUNCTION_NOT_SUPPORTED)


def _fid(value: bytes) -> int:
    """A FID of two bytes in a data object; 6A80."""
    if len(value) != 2:
        raise StatusError(StatusWord.WRONG_DATA)
    return int.from_bytes(value)


# --- made in the card -----------------------------------------------------------------------------


def generate(session: Session, command: Command) -> bytes:
    """GENERATE KEY PAIR 80 40 00 00: the pair for signatures, in place of one that was there.

    Either PIN [L]. 6A80 for another pair: that for encryption is the authority's.
    """
    command.require(0, 0, len(command.data))
    public, private = map(_fid, objects(command, _PUBLIC, _PRIVATE))
    if (public, private) != (SIGNATURE_PUBLIC_KEY, SIGNATURE_PRIVATE_KEY):
        raise StatusError(StatusWord.WRONG_DATA)
    files = _Files(session)
    require_level(session, USER | ADMINISTRATOR)
    try:
        pair = Sm2PrivateKey.generate()
    except ExtraMissingError as error:
        raise _unable(error) from None
    files.stage_public(public, pair.public.value)
    files.stage_private(private, pair.encode()[:PRIVATE_LENGTH])
    return b""


def export_public_key(session: Session, command: Command) -> bytes:
    """EXPORT PUBLIC KEY 80 C9 82: P2 00 names a pair, then P2 80 gives head, X and Y, 66 bytes.

    6A88 when there is no key yet; 6985 when none has been named.
    """
    if command.p1 != 0x82 or command.p2 not in (0x00, 0x80):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if command.p2 == 0x00:
        public, private = map(_fid, objects(command, _PUBLIC, _PRIVATE))
        if PAIRS.get(public) != private:
            raise StatusError(StatusWord.WRONG_DATA)
        _Files(session).public_value(public)
        keep(session, export=public)
        return b""
    command.require(0x82, 0x80, 0)
    export = state_of(session).export
    if not export:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    answer = PUBLIC_HEAD + _Files(session).public_value(export)
    command.check_ne(len(answer))  # 6Cxx: it stays named
    keep(session)
    return answer


# --- from the authority ---------------------------------------------------------------------------


def open_envelope(session: Session, command: Command) -> bytes:
    """OPEN ENVELOPE 80 4E 00 01: C2 the private key, C1 the envelope X || Y || C3 || C2.

    Answers what was enciphered. Either PIN [L]; 6A80 when it was not for this key.
    """
    command.require(0x00, 0x01, len(command.data))
    name, envelope = objects(command, _PRIVATE, _SECRET)
    files, private = _Files(session), _fid(name)
    require_level(session, USER | ADMINISTRATOR)
    if len(envelope) <= _CIPHER_HEAD:
        raise StatusError(StatusWord.WRONG_DATA)
    try:
        return files.pair(private).decrypt(envelope)
    except Sm2Error:
        raise StatusError(StatusWord.WRONG_DATA) from None


def set_session_key(session: Session, command: Command) -> bytes:
    """SET SESSION KEY 80 4A 02 10: C1 a key of SM4, until another DF is selected. Either
    PIN [L]."""
    command.require(0x02, 0x10, len(command.data))
    (key,) = objects(command, _SECRET)
    _Files(session)
    require_level(session, USER | ADMINISTRATOR)
    if len(key) != BLOCK:
        raise StatusError(StatusWord.WRONG_DATA)
    keep(session, session_key=key)
    return b""


def import_key(session: Session, command: Command) -> bytes:
    """IMPORT KEY 80 C2: the pair for encryption. Either PIN [L].

    40 00: C0 the file, CA X || Y; the private key that was there is gone with it. C0 01: C2 the
    file, CB the private key, two blocks under the session key; 6985 without one, 6A80 unless it
    is that of the public key which came before [L].
    """
    if command.p1 == 0x40 and command.p2 == 0x00:
        name, value = objects(command, _PUBLIC, _POINT)
        files, fid = _Files(session), _fid(name)
        require_level(session, USER | ADMINISTRATOR)
        if fid != ENCRYPTION_PUBLIC_KEY or not on_curve(value):
            raise StatusError(StatusWord.WRONG_DATA)
        files.stage_public(fid, value)
        return b""
    if command.p1 != 0xC0 or command.p2 != 0x01:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    name, value = objects(command, _PRIVATE, _SCALAR)
    files, fid = _Files(session), _fid(name)
    require_level(session, USER | ADMINISTRATOR)
    key = state_of(session).session_key
    if not key:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    if fid != ENCRYPTION_PRIVATE_KEY or len(value) != PRIVATE_LENGTH:
        raise StatusError(StatusWord.WRONG_DATA)
    secret = SM4_SUITE.decryptor(key)(value)
    pair = _pair(secret, files.public_value(ENCRYPTION_PUBLIC_KEY))
    if not pair.public.verify_digest(_PROBE, pair.sign_digest(_PROBE)):
        raise StatusError(StatusWord.WRONG_DATA)
    files.stage_private(fid, secret)
    return b""


# --- not public: one function each ----------------------------------------------------------------


def compute_signature(session: Session, command: Command) -> bytes:
    """COMPUTE DIGITAL SIGNATURE 00 2A 9E 9A: e of 32 bytes, answers r || s of 64 [L].

    No trace of a signature by a card is public; this is the command of ISO/IEC 7816-8. The
    terminal works out e = SM3(ZA || message). Needs the user's PIN, 6A88 without a key.
    """
    command.require(0x9E, 0x9A, DIGEST_LENGTH)
    files = _Files(session)
    require_level(session, USER)
    return files.pair(SIGNATURE_PRIVATE_KEY).sign_digest(command.data)


def asymmetric_authenticate(session: Session, command: Command) -> bytes:
    """INTERNAL AUTHENTICATE 00 88 00 00 in place of ACSE, of which only names are public [L].

    The terminal's 16 bytes; answers 16 of the card and r || s over ``ACSE``, both in this order.
    Needs no PIN: what is signed begins as no document does, and the card has its own part in it.
    """
    command.require(0, 0, _CHALLENGE)
    pair = _Files(session).pair(SIGNATURE_PRIVATE_KEY)
    own = session.random.take(_CHALLENGE)
    return own + pair.sign(acse_message(own, command.data))


def acse_message(card: bytes, terminal: bytes) -> bytes:
    """What a card signs to show that it has the key of its certificate; 16 bytes of each."""
    return _ACSE + card + terminal
