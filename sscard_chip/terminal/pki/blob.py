# SPDX-License-Identifier: Apache-2.0
"""ENVELOPEDKEYBLOB (GM/T 0016): how an authority sends the key pair for encryption.

A session key of 16 bytes, enciphered for the card's signature key, and the private key under it.
388 bytes, numbers little-endian; coordinates are 64 bytes, right-aligned.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from sscard_chip.security.sm2 import CIPHER_HEAD, Sm2PrivateKey, Sm2PublicKey, on_curve
from sscard_chip.security.suite import SM4_SUITE
from sscard_chip.standard.errors import InputError

SGD_SM4_ECB: Final = 0x0000_0401
"""The algorithm of the session key."""
_LAYOUT: Final = struct.Struct("<III64sI64s64s64s64s32sI16s")
BLOB_LENGTH: Final = _LAYOUT.size
_VERSION, _BITS, _SESSION_KEY, _COORDINATE = 1, 256, 16, 64


class BlobError(InputError):
    """Bytes that are no ENVELOPEDKEYBLOB; one line without any of them."""


@dataclass(frozen=True, slots=True)
class EnvelopedKey:
    """``public`` X || Y of 64 bytes, ``envelope`` X || Y || C3 || C2 of 112 bytes, ``private`` 32
    bytes under the session key."""

    public: bytes
    envelope: bytes = field(repr=False)
    private: bytes = field(repr=False)

    @classmethod
    def seal(
        cls,
        pair: Sm2PrivateKey,
        receiver: Sm2PublicKey,
        random: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """A pair for the card whose signature key is ``receiver``."""
        session = random(_SESSION_KEY)
        private = SM4_SUITE.encryptor(session)(pair.encode()[:32])
        return cls(pair.public.value, receiver.encrypt(session), private)

    @classmethod
    def parse(cls, blob: bytes) -> Self:
        """From the 388 bytes.

        :raises BlobError:
        """
        if len(blob) != BLOB_LENGTH:
            raise BlobError(f"the enveloped key must be {BLOB_LENGTH} bytes (GM/T 0016)")
        version, algorithm, bits, private, more, x, y, cx, cy, digest, length, cipher = (
            _LAYOUT.unpack(blob)
        )
        if version != _VERSION or algorithm != SGD_SM4_ECB:
            raise BlobError("the enveloped key must be of version 1, its algorithm SM4-ECB")
        if (bits, more, length) != (_BITS, _BITS, _SESSION_KEY):
            raise BlobError("the enveloped key must be one of 256 bits under a key of 16 bytes")
        if any(part[:32].strip(b"\0") for part in (private, x, y, cx, cy)):
            raise BlobError("the enveloped key has coordinates of more than 256 bits")
        public, point = x[32:] + y[32:], cx[32:] + cy[32:]
        if not on_curve(public) or not on_curve(point):
            raise BlobError("the enveloped key has a point that is not on the curve")
        return cls(public, point + digest + cipher, private[32:])

    def encode(self) -> bytes:
        """The 388 bytes."""
        envelope = self.envelope
        parts = (self.public[:32], self.public[32:], envelope[:32], envelope[32:64])
        x, y, cx, cy = (part.rjust(_COORDINATE, b"\0") for part in parts)
        return _LAYOUT.pack(
            _VERSION,
            SGD_SM4_ECB,
            _BITS,
            self.private.rjust(_COORDINATE, b"\0"),
            _BITS,
            x,
            y,
            cx,
            cy,
            envelope[64:CIPHER_HEAD],
            _SESSION_KEY,
            envelope[CIPHER_HEAD:],
        )
