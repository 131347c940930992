# SPDX-License-Identifier: Apache-2.0
"""Commands of the certificate application, one method each."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from sscard_chip.profile.pki import CERTIFICATE_SIZE, certificate_of
from sscard_chip.security.sm2 import PUBLIC_LENGTH, Sm2PublicKey, sm3
from sscard_chip.security.suite import SM4_SUITE, pad_if_needed
from sscard_chip.standard import commands
from sscard_chip.standard.commands import before_mac
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.identifiers import (
    CERTIFICATE_NAME,
    ENCRYPTION_CERTIFICATE,
    ENCRYPTION_PRIVATE_KEY,
    ENCRYPTION_PUBLIC_KEY,
    PKI_NAME,
    SIGNATURE_CERTIFICATE,
    SIGNATURE_PRIVATE_KEY,
    SIGNATURE_PUBLIC_KEY,
)
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import Answer, ApduClient, CardStatusError
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.pki.blob import EnvelopedKey

CHALLENGE: Final = 16
BLOCK: Final = 0x70
"""Bytes of a certificate in one UPDATE BINARY, as a program of the field has it."""
_ACSE: Final = b"ACSE"


class PkiHolder(IntEnum):
    """Whose PIN: P2 of VERIFY and CHANGE PIN."""

    ADMINISTRATOR = 0x00
    USER = 0x81


def pin_bytes(digits: str) -> bytes:
    """A PIN of 4 to 16 digits as the card hashes it: BCD, an odd number filled with F."""
    return bcd(digits)


class PkiClient:
    """The certificate application of a powered card, which becomes current with
    :meth:`select`.

    :raises CardStatusError: (every method) what the card refuses.
    :raises TerminalConnectionError: (every method) what the connection raises.
    """

    __slots__ = ("_client", "_random")

    def __init__(self, connection: Connection, random: Callable[[int], bytes] = os.urandom) -> None:
        self._client = ApduClient(connection)
        self._random = random

    def present(self) -> bool:
        """Select the application; whether the card has it."""
        try:
            self.select()
        except CardStatusError as error:
            if error.sw == StatusWord.FILE_NOT_FOUND:
                return False
            raise
        return True

    def select(self) -> None:
        """Make SS.CERT.ADF1 current, by way of its environment."""
        self.select_environment()
        self._client.require(commands.SELECT, 0x04, data=CERTIFICATE_NAME, le=0)

    def select_environment(self) -> None:
        """Make ``PKI.社会保障`` current."""
        self._client.require(commands.SELECT, 0x04, data=PKI_NAME, le=0)

    def challenge(self, length: int = CHALLENGE) -> bytes:
        """GET CHALLENGE, 4, 8 or 16 bytes."""
        return self._client.require(commands.GET_CHALLENGE, le=length)

    # --- PINs and master keys -----------------------------------------------------------------

    def verify(self, pin: bytes, holder: PkiHolder = PkiHolder.USER) -> int | None:
        """VERIFY; None when it is right, else the tries left, 0 when the PIN is locked."""
        proof = SM4_SUITE.encryptor(sm3(pin)[:16])(self.challenge())
        return self._client.send(commands.PKI_VERIFY, 0x01, holder, proof).pin_tries()

    def tries(self, holder: PkiHolder = PkiHolder.USER) -> int:
        """Tries left, without a try."""
        return self._client.send(commands.PKI_VERIFY, 0x01, holder).pin_tries() or 0

    def change_pin(self, old: bytes, new: bytes, holder: PkiHolder) -> int | None:
        """CHANGE PIN; answers as :meth:`verify`."""
        key = sm3(old)[:16]
        header = commands.PKI_CHANGE_PIN.header(0x01, holder)
        return self._secured(key, header, new).pin_tries()

    def prove_master_key(self, key: bytes) -> None:
        """EXTERNAL AUTHENTICATE of the current directory's master key, 16 bytes."""
        self.answer_challenge(SM4_SUITE.encryptor(key)(self.challenge()))

    def answer_challenge(self, proof: bytes) -> None:
        """The same with a proof that somebody else has made of the last challenge, 16 bytes."""
        self._client.require(commands.EXTERNAL_AUTHENTICATE, data=proof)

    def change_master_key(self, old: bytes, new: bytes) -> None:
        """CHANGE KEY of the current directory's master key, proven before."""
        header = commands.CHANGE_KEY.secured().header()
        self._secured(old, header, bytes(3) + new).required()

    def _secured(self, key: bytes, header: bytes, content: bytes) -> Answer:
        """LD || content under ``key``, with a MAC that begins with a challenge."""
        challenge = self.challenge()
        plain = pad_if_needed(bytes((len(content),)) + content, 16)
        command = before_mac(header, SM4_SUITE.encryptor(key)(plain))
        return self._client.exchange(command + SM4_SUITE.key_mac(key, challenge, command))

    # --- keys ---------------------------------------------------------------------------------

    def generate(self) -> None:
        """GENERATE KEY PAIR, for signatures."""
        names = _name(0xC0, SIGNATURE_PUBLIC_KEY) + _name(0xC2, SIGNATURE_PRIVATE_KEY)
        self._client.require(commands.GENERATE_KEY_PAIR, data=names)

    def public_key(self, fid: int = SIGNATURE_PUBLIC_KEY) -> Sm2PublicKey | None:
        """The key in 0012 or 0014; None when there is none.

        :raises Sm2Error: what stands there is no point of the curve.
        """
        self._client.require(commands.SELECT, data=fid.to_bytes(2))
        content = self._client.require(commands.READ_BINARY, le=2 + PUBLIC_LENGTH)
        value = content[2:]
        return Sm2PublicKey(value) if any(value) else None

    def import_pair(self, sealed: EnvelopedKey) -> None:
        """The pair for encryption, as the authority sends it."""
        envelope = b"\x82" + len(sealed.envelope).to_bytes(2) + sealed.envelope
        data = _name(0xC2, SIGNATURE_PRIVATE_KEY) + b"\xc1" + envelope
        session = self._client.require(commands.OPEN_ENVELOPE, data=data, le=0)
        self._client.require(commands.SET_SESSION_KEY, data=_object(0xC1, session))
        public = _name(0xC0, ENCRYPTION_PUBLIC_KEY) + _object(0xCA, sealed.public)
        self._client.require(commands.IMPORT_PUBLIC_KEY, data=public)
        private = _name(0xC2, ENCRYPTION_PRIVATE_KEY) + _object(0xCB, sealed.private)
        self._client.require(commands.IMPORT_PRIVATE_KEY, data=private)

    def sign_digest(self, digest: bytes) -> bytes:
        """r || s of 64 bytes under e of 32, with the user's PIN verified [L]."""
        return self._client.require(commands.COMPUTE_SIGNATURE, data=digest, le=0)

    def sign(self, message: bytes) -> bytes:
        """The same under a message: e is worked out here, with the card's public key.

        :raises CardStatusError: 6A88 when the card has no key.
        """
        key = self.public_key()
        if key is None:
            raise CardStatusError(commands.COMPUTE_SIGNATURE.header(), StatusWord.KEY_NOT_FOUND)
        return self.sign_digest(key.digest(message))

    def has_key_of(self, key: Sm2PublicKey) -> bool:
        """Whether the card proves, to a challenge of ours, that it has the private key of
        ``key`` [L]."""
        own = self._random(CHALLENGE)
        answer = self._client.require(commands.INTERNAL_AUTHENTICATE, data=own, le=0)
        message = _ACSE + answer[:CHALLENGE] + own
        return key.verify(message, answer[CHALLENGE:])

    # --- certificates -------------------------------------------------------------------------

    def certificate(self, fid: int = SIGNATURE_CERTIFICATE) -> bytes:
        """DER of the certificate in 0018 or 0019; empty when there is none."""
        self._client.require(commands.SELECT, data=fid.to_bytes(2))
        content = b"".join(
            self._client.require(commands.READ_BINARY, at >> 8, at & 0xFF, le=0)
            for at in range(0, CERTIFICATE_SIZE, 0x100)
        )
        return certificate_of(content)

    def write_certificate(self, fid: int, der: bytes) -> None:
        """Write a certificate, in blocks."""
        self._client.require(commands.SELECT, data=fid.to_bytes(2))
        for at in range(0, len(der), BLOCK):
            part = der[at : at + BLOCK]
            self._client.require(commands.UPDATE_BINARY, at >> 8, at & 0xFF, part)


def _object(tag: int, value: bytes) -> bytes:
    return bytes((tag, len(value))) + value


def _name(tag: int, fid: int) -> bytes:
    return _object(tag, fid.to_bytes(2))


PAIRS_OF_FILES: Final = {
    SIGNATURE_CERTIFICATE: SIGNATURE_PUBLIC_KEY,
    ENCRYPTION_CERTIFICATE: ENCRYPTION_PUBLIC_KEY,
}
"""The file of the public key by that of its certificate."""
