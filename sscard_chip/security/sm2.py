# SPDX-License-Identifier: Apache-2.0
"""SM2 signatures and encryption with SM3 on the recommended curve (GM/T 0003, GM/T 0009).

A signature is r || s, 64 bytes; a public key x || y, 64 bytes; a private key 32 bytes. What is
signed is e = SM3(ZA || message), where ZA ties the signer's identity and public key. A cryptogram
is C1 || C3 || C2: a point of 64 bytes, a digest of 32, and as many bytes as were enciphered.

The point arithmetic is a library's, see :mod:`sscard_chip.security.sm2_library`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives.hashes import SM3, Hash

from sscard_chip.security.sm2_library import (
    ORDER,
    GmalgLibrary,
    GmsslLibrary,
    Sm2Error,
    Sm2Library,
    default_library,
)

__all__ = [
    "DEFAULT_IDENTITY",
    "GmalgLibrary",
    "GmsslLibrary",
    "Sm2Error",
    "Sm2Library",
    "Sm2PrivateKey",
    "Sm2PublicKey",
    "default_library",
    "on_curve",
    "public_of",
    "sm3",
]

DEFAULT_IDENTITY: Final = b"1234567812345678"
PRIVATE_LENGTH: Final = 32
PUBLIC_LENGTH: Final = 64
SIGNATURE_LENGTH: Final = 64
CIPHER_HEAD: Final = PUBLIC_LENGTH + 32
"""Bytes of a cryptogram before what was enciphered: C1 || C3."""
DIGEST_LENGTH: Final = 32
MAX_PLAIN: Final = 255

_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A: Final = _P - 3
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_G: Final = bytes.fromhex(
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
CURVE: Final = _A.to_bytes(32) + _B.to_bytes(32) + _G
"""a, b and the base point as they stand in ZA (GM/T 0003.2, 5.5), 32 bytes each."""


class Sm2PublicKey:
    """A public key with the identity of its owner.

    :raises Sm2Error: off the curve.
    """

    __slots__ = ("_library", "identity", "value", "za")

    def __init__(
        self,
        value: bytes,
        identity: bytes = DEFAULT_IDENTITY,
        *,
        library: Sm2Library | None = None,
    ) -> None:
        if not on_curve(value):
            raise Sm2Error("SM2 public key: must be a point of the curve, 64 bytes")
        self.value = value
        self.identity = identity
        self.za = sm3((8 * len(identity)).to_bytes(2) + identity + CURVE + value)
        self._library = library or default_library()

    def digest(self, message: bytes) -> bytes:
        """e of a message of this key's owner, 32 bytes."""
        return sm3(self.za + message)

    def digest_of(self, pieces: Iterable[bytes]) -> bytes:
        """The same of a message that comes in pieces."""
        digest = Hash(SM3())
        digest.update(self.za)
        for piece in pieces:
            digest.update(piece)
        return digest.finalize()

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (r || s, 64 bytes) is the owner's under ``message``."""
        return self.verify_digest(self.digest(message), signature)

    def verify_digest(self, digest: bytes, signature: bytes) -> bool:
        """The same of e, 32 bytes, in place of the message."""
        if len(signature) != SIGNATURE_LENGTH or len(digest) != DIGEST_LENGTH:
            return False
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        if not (0 < r < ORDER and 0 < s < ORDER):
            return False
        return self._library.verify(self.value, digest, r, s)

    def encrypt(self, plain: bytes) -> bytes:
        """The cryptogram of 1 to 255 bytes, another one each time.

        :raises Sm2Error: for another length.
        """
        if not 1 <= len(plain) <= MAX_PLAIN:
            raise Sm2Error(f"SM2: 1 to {MAX_PLAIN} bytes can be enciphered at once")
        return self._library.encrypt(self.value, plain)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sm2PublicKey)
            and self.value == other.value
            and self.identity == other.identity
        )

    def __hash__(self) -> int:
        return hash((self.value, self.identity))

    def __repr__(self) -> str:
        return f"<sm2.PublicKey {self.value[:4].hex().upper()}..>"


class Sm2PrivateKey:
    """A private key with its public key.

    :raises Sm2Error:
    """

    __slots__ = ("_library", "_secret", "public")

    def __init__(
        self,
        secret: bytes,
        public: bytes,
        identity: bytes = DEFAULT_IDENTITY,
        *,
        library: Sm2Library | None = None,
    ) -> None:
        if len(secret) != PRIVATE_LENGTH or not 0 < int.from_bytes(secret) < ORDER - 1:
            raise Sm2Error("SM2 private key: must be 32 bytes below the order of the curve")
        self._secret = secret
        self._library = library or default_library()
        self.public = Sm2PublicKey(public, identity, library=self._library)

    @classmethod
    def generate(cls, *, library: Sm2Library | None = None) -> Sm2PrivateKey:
        """A new pair of keys."""
        chosen = library or default_library()
        return cls(*chosen.generate(), library=chosen)

    def sign(self, message: bytes) -> bytes:
        """The signature r || s, 64 bytes, another one each time."""
        return self.sign_digest(self.public.digest(message))

    def sign_digest(self, digest: bytes) -> bytes:
        """The same under e, 32 bytes.

        :raises Sm2Error: for another length.
        """
        if len(digest) != DIGEST_LENGTH:
            raise Sm2Error(f"SM2: a digest has {DIGEST_LENGTH} bytes")
        r, s = self._library.sign(self._secret, digest)
        return r.to_bytes(32) + s.to_bytes(32)

    def decrypt(self, cryptogram: bytes) -> bytes:
        """What was enciphered with the public key.

        :raises Sm2Error: when it is no cryptogram for this key.
        """
        whole = CIPHER_HEAD < len(cryptogram) <= CIPHER_HEAD + MAX_PLAIN
        if not whole or not on_curve(cryptogram[:PUBLIC_LENGTH]):
            raise Sm2Error("SM2: no cryptogram for this key")
        return self._library.decrypt(self._secret, cryptogram)

    def encode(self) -> bytes:
        """Private and public key, 96 bytes."""
        return self._secret + self.public.value

    @classmethod
    def decode(cls, encoded: bytes) -> Sm2PrivateKey:
        """From what :meth:`encode` gives.

        :raises Sm2Error:
        """
        return cls(encoded[:PRIVATE_LENGTH], encoded[PRIVATE_LENGTH:])

    def __repr__(self) -> str:
        return f"<sm2.PrivateKey of {self.public!r}>"


def sm3(message: bytes) -> bytes:
    """The SM3 digest, 32 bytes (GM/T 0004)."""
    digest = Hash(SM3())
    digest.update(message)
    return digest.finalize()


def on_curve(value: bytes) -> bool:
    """Whether x || y of 64 bytes is a point of the curve."""
    if len(value) != PUBLIC_LENGTH:
        return False
    x, y = int.from_bytes(value[:32]), int.from_bytes(value[32:])
    return x < _P and y < _P and (y * y - (x * x + _A) * x - _B) % _P == 0


def public_of(private: bytes) -> bytes:
    """The public key x || y, 64 bytes, of a private key of 32.

    :raises Sm2Error: it is none.
    """
    if len(private) != PRIVATE_LENGTH or not 0 < int.from_bytes(private) < ORDER - 1:
        raise Sm2Error("SM2 private key: must be 32 bytes below the order of the curve")
    base = int.from_bytes(_G[:32]), int.from_bytes(_G[32:])
    found: tuple[int, int] | None = None
    for bit in bin(int.from_bytes(private))[2:]:
        found = _add(found, found)
        if bit == "1":
            found = _add(found, base)
    x, y = found or base
    return x.to_bytes(32) + y.to_bytes(32)


def _add(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    """The sum of two points; None is the point at infinity."""
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2:
        if (y1 + y2) % _P == 0:
            return None
        slope = (3 * x1 * x1 + _A) * pow(2 * y1, -1, _P)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P
