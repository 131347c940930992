# SPDX-License-Identifier: Apache-2.0
"""RSA with message recovery (EMV book 2, 5, 6 and annex B2.1), SHA-1 inside as EMV has it.

What is signed begins 6A and ends BC; as much as fits is recovered from the signature, the rest
of a public key lies beside it (92, 9F48). Keys come from ``cryptography``; the operations are
bare exponentiations, since EMV's format is none that a library offers, and so not in constant
time: fit for tests and benches.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from sscard_chip.security.oda.model import (
    STATIC_CODE_LENGTH,
    TAG_CARD_CERTIFICATE,
    TAG_CARD_EXPONENT,
    TAG_CARD_REMAINDER,
    TAG_ISSUER_CERTIFICATE,
    TAG_ISSUER_EXPONENT,
    TAG_ISSUER_REMAINDER,
    OdaError,
    Tags,
    Validity,
    check_expiry,
    check_identifier,
    identifier_field,
    needed,
    pan_field,
)

EXPONENTS: Final = (3, 65537)
SIZES: Final = range(1024, 1985, 8)
"""Bits of a modulus: what the library makes and EMV allows (at most 248 bytes)."""

_HEAD, _END = b"\x6a", b"\xbc"
_ISSUER, _CARD, _STATIC, _DYNAMIC = b"\x02", b"\x04", b"\x03", b"\x05"
_SHA1 = b"\x01"
_RSA = b"\x01"
_HASH = 20
_FRAME = len(_HEAD) + _HASH + len(_END)
_FILL = b"\xbb"


@dataclass(frozen=True, slots=True)
class RsaPublicKey:
    """Modulus and exponent."""

    modulus: bytes
    exponent: int

    def __post_init__(self) -> None:
        if 8 * len(self.modulus) not in SIZES or not self.modulus[0] & 0x80:
            raise OdaError(f"RSA key: must have {SIZES[0]} to {SIZES[-1]} bits, whole bytes")
        if self.exponent not in EXPONENTS:
            raise OdaError("RSA key: the exponent must be 3 or 65537")

    @property
    def exponent_field(self) -> bytes:
        """The exponent in as many bytes as it needs, 1 or 3."""
        return self.exponent.to_bytes((self.exponent.bit_length() + 7) // 8)

    def recover(self, signature: bytes, what: str) -> bytes:
        """What a signature contains, from its format byte to before its hash, and the hash."""
        size = len(self.modulus)
        value = int.from_bytes(signature)
        if len(signature) != size or value >= int.from_bytes(self.modulus):
            raise OdaError(f"{what}: is not as long as the key that signed it")
        plain = pow(value, self.exponent, int.from_bytes(self.modulus)).to_bytes(size)
        if plain[:1] != _HEAD or plain[-1:] != _END:
            raise OdaError(f"{what}: is not signed with this key")
        return plain[1:-1]


class RsaPrivateKey:
    """Two primes and an exponent; exponentiation modulo each prime."""

    __slots__ = ("_dp", "_dq", "_inverse", "_p", "_q", "public")

    def __init__(self, p: int, q: int, exponent: int) -> None:
        modulus = p * q
        self.public = RsaPublicKey(modulus.to_bytes((modulus.bit_length() + 7) // 8), exponent)
        try:
            self._dp, self._dq = pow(exponent, -1, p - 1), pow(exponent, -1, q - 1)
            self._inverse = pow(q, -1, p)
        except ValueError:
            raise OdaError("RSA key: the primes do not fit the exponent") from None
        self._p, self._q = p, q

    @classmethod
    def generate(cls, bits: int, exponent: int = 3) -> RsaPrivateKey:
        """A new key.

        :raises OdaError: for a size that is none of :data:`SIZES`.
        """
        if bits not in SIZES:
            raise OdaError(f"RSA key: must have {SIZES[0]} to {SIZES[-1]} bits, whole bytes")
        numbers = rsa.generate_private_key(exponent, bits).private_numbers()
        return cls(numbers.p, numbers.q, exponent)

    def sign(self, content: bytes, digest: bytes) -> bytes:
        """6A || content || digest || BC, which must be as long as the modulus, signed."""
        return self._power(_HEAD + content + digest + _END)

    def decipher(self, cryptogram: bytes) -> bytes:
        """What was enciphered with the public key, a PIN (EMV book 2, section 7).

        :raises OdaError: when it is not as long as the modulus.
        """
        if len(cryptogram) != len(self.public.modulus):
            raise OdaError("cryptogram: is not as long as the key")
        return self._power(cryptogram)

    def _power(self, block: bytes) -> bytes:
        """A block as long as the modulus, to the private exponent."""
        value = int.from_bytes(block)
        p, q = self._p, self._q
        by_q = pow(value % q, self._dq, q)
        by_p = pow(value % p, self._dp, p)
        return (by_q + (by_p - by_q) * self._inverse % p * q).to_bytes(len(block))

    def encode(self) -> bytes:
        """Length of a prime 1, the primes, the exponent 3."""
        length = (max(self._p, self._q).bit_length() + 7) // 8
        primes = self._p.to_bytes(length) + self._q.to_bytes(length)
        return bytes((length,)) + primes + self.public.exponent.to_bytes(3)

    @classmethod
    def decode(cls, encoded: bytes) -> RsaPrivateKey:
        """From what :meth:`encode` gives.

        :raises OdaError:
        """
        length = encoded[0] if encoded else 0
        if not length or len(encoded) != 2 * length + 4:
            raise OdaError("RSA private key: is damaged")
        p, q = encoded[1 : 1 + length], encoded[1 + length : 1 + 2 * length]
        exponent = int.from_bytes(encoded[-3:])
        return cls(int.from_bytes(p), int.from_bytes(q), exponent)

    def __repr__(self) -> str:
        return f"<rsa.PrivateKey, {8 * len(self.public.modulus)} bits>"


class RsaScheme:
    """The steps with RSA."""

    name = "rsa"

    def generate(self, bits: int) -> RsaPrivateKey:
        return RsaPrivateKey.generate(bits)

    def public(self, private: RsaPrivateKey) -> RsaPublicKey:
        return private.public

    def encode_private(self, private: RsaPrivateKey) -> bytes:
        return private.encode()

    def decode_private(self, encoded: bytes) -> RsaPrivateKey:
        return RsaPrivateKey.decode(encoded)

    def encode_public(self, public: RsaPublicKey) -> bytes:
        """Exponent 3, modulus."""
        return public.exponent.to_bytes(3) + public.modulus

    def decode_public(self, encoded: bytes) -> RsaPublicKey:
        return RsaPublicKey(encoded[3:], int.from_bytes(encoded[:3]))

    def certify_issuer(
        self, authority: RsaPrivateKey, issuer: RsaPublicKey, identifier: str, validity: Validity
    ) -> dict[int, bytes]:
        begin = _ISSUER + identifier_field(identifier) + validity.encode()
        certificate, rest = _certify(authority, issuer, begin, b"")
        return _with_remainder(
            {TAG_ISSUER_CERTIFICATE: certificate, TAG_ISSUER_EXPONENT: issuer.exponent_field},
            TAG_ISSUER_REMAINDER,
            rest,
        )

    def certify_card(
        self, issuer: RsaPrivateKey, card: RsaPublicKey, pan: str, validity: Validity, static: bytes
    ) -> dict[int, bytes]:
        begin = _CARD + pan_field(pan) + validity.encode()
        certificate, rest = _certify(issuer, card, begin, static)
        return _with_remainder(
            {TAG_CARD_CERTIFICATE: certificate, TAG_CARD_EXPONENT: card.exponent_field},
            TAG_CARD_REMAINDER,
            rest,
        )

    def sign_static(self, issuer: RsaPrivateKey, code: bytes, static: bytes) -> bytes:
        if len(code) != STATIC_CODE_LENGTH:
            raise OdaError("data authentication code: must be 2 bytes")
        content = _filled(issuer.public, _STATIC + _SHA1 + code)
        return issuer.sign(content, sha1(content + static).digest())

    def sign_dynamic(self, card: RsaPrivateKey, number: bytes, asked: bytes) -> bytes:
        dynamic = bytes((len(number),)) + number
        content = _filled(card.public, _DYNAMIC + _SHA1 + bytes((len(dynamic),)) + dynamic)
        return card.sign(content, sha1(content + asked).digest())

    def recover_issuer(
        self, authority: RsaPublicKey, data: Tags, pan: str, month: str
    ) -> RsaPublicKey:
        what = "issuer certificate"
        plain = authority.recover(needed(data, TAG_ISSUER_CERTIFICATE), what)
        key = _certified(
            plain,
            _ISSUER,
            4,
            data.get(TAG_ISSUER_REMAINDER, b""),
            needed(data, TAG_ISSUER_EXPONENT),
            b"",
            what,
        )
        check_identifier(plain[1:5], pan)
        check_expiry(what, plain[5:7], month)
        return key

    def recover_card(
        self, issuer: RsaPublicKey, data: Tags, pan: str, month: str, static: bytes
    ) -> RsaPublicKey:
        what = "card certificate"
        plain = issuer.recover(needed(data, TAG_CARD_CERTIFICATE), what)
        key = _certified(
            plain,
            _CARD,
            10,
            data.get(TAG_CARD_REMAINDER, b""),
            needed(data, TAG_CARD_EXPONENT),
            static,
            what,
        )
        if plain[1:11] != pan_field(pan):
            raise OdaError(f"{what}: is of another card")
        check_expiry(what, plain[11:13], month)
        return key

    def check_static(self, issuer: RsaPublicKey, signature: bytes, static: bytes) -> bytes:
        what = "static signature"
        plain = issuer.recover(signature, what)
        _check_hash(plain, static, what)
        if plain[:2] != _STATIC + _SHA1:
            raise OdaError(f"{what}: is of another form")
        return plain[2:4]

    def check_dynamic(self, card: RsaPublicKey, signature: bytes, asked: bytes) -> bytes:
        what = "dynamic signature"
        plain = card.recover(signature, what)
        _check_hash(plain, asked, what)
        length = plain[2]
        if plain[:2] != _DYNAMIC + _SHA1 or length != plain[3] + 1:
            raise OdaError(f"{what}: is of another form")
        return plain[4 : 3 + length]


def _filled(key: RsaPublicKey, content: bytes) -> bytes:
    """``content`` filled with BB to what one signature carries."""
    room = len(key.modulus) - _FRAME
    if len(content) > room:
        raise OdaError("signature: the key is too short for what it is to sign")
    return content.ljust(room, _FILL)


def _certify(
    signer: RsaPrivateKey, key: RsaPublicKey, begin: bytes, static: bytes
) -> tuple[bytes, bytes]:
    """A certificate over ``key``, and the part of its modulus that does not fit."""
    exponent = key.exponent_field
    begin += _SHA1 + _RSA + bytes((len(key.modulus), len(exponent)))
    room = len(signer.public.modulus) - _FRAME - len(begin)
    if len(key.modulus) > len(signer.public.modulus):
        raise OdaError("certificate: the key is longer than the one that certifies it")
    content = begin + key.modulus[:room].ljust(room, _FILL)
    rest = key.modulus[room:]
    return signer.sign(content, sha1(content + rest + exponent + static).digest()), rest


def _with_remainder(tags: dict[int, bytes], tag: int, rest: bytes) -> dict[int, bytes]:
    return tags | {tag: rest} if rest else tags


def _certified(
    plain: bytes,
    form: bytes,
    owner: int,
    rest: bytes,
    exponent: bytes,
    static: bytes,
    what: str,
) -> RsaPublicKey:
    """The key in a recovered certificate, its hash checked; ``owner`` is the owner's length."""
    _check_hash(plain, rest + exponent + static, what)
    at = 1 + owner + 2 + 3
    algorithms, length, exponent_length = plain[at : at + 2], plain[at + 2], plain[at + 3]
    if plain[:1] != form or algorithms != _SHA1 + _RSA or exponent_length != len(exponent):
        raise OdaError(f"{what}: is of another form")
    field = plain[at + 4 : -_HASH]
    modulus = (field + rest)[:length]
    if len(rest) != max(0, length - len(field)) or len(modulus) != length:
        raise OdaError(f"{what}: the remainder of the key has another length")
    return RsaPublicKey(modulus, int.from_bytes(exponent))


def _check_hash(plain: bytes, more: bytes, what: str) -> None:
    content, digest = plain[:-_HASH], plain[-_HASH:]
    if sha1(content + more).digest() != digest:
        raise OdaError(f"{what}: signs other data")
