# SPDX-License-Identifier: Apache-2.0
"""The libraries of the extra ``sm2`` that do the point arithmetic of SM2.

``gmssl-pyx`` where it has a wheel (about 4,000 signatures and 2,000 verifications a second),
``gmalg`` elsewhere (pure Python, 120 and 60 a second). What goes in has been checked for lengths
and for being on the curve.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from sscard_chip.standard.errors import BAD_INPUT, CardError, ExtraMissingError

ORDER: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""Order of the curve's group."""
_PRIVATE_LENGTH: Final = 32
_C1_END, _C3_END = 64, 96
_SEQUENCE, _OCTETS = 0x30, 0x04


class Sm2Error(CardError, ValueError):
    """A key that is none, or no library for SM2; one line without key bytes."""

    exit_code = BAD_INPUT


class Sm2Library(Protocol):
    """What is needed of a library. Keys and cryptograms as in :mod:`sscard_chip.security.sm2`."""

    def generate(self) -> tuple[bytes, bytes]:
        """A private and its public key."""

    def sign(self, private: bytes, digest: bytes) -> tuple[int, int]:
        """r and s under e."""

    def verify(self, public: bytes, digest: bytes, r: int, s: int) -> bool:
        """Whether they sign e."""

    def encrypt(self, public: bytes, plain: bytes) -> bytes:
        """C1 || C3 || C2."""

    def decrypt(self, private: bytes, cryptogram: bytes) -> bytes:
        """What was enciphered.

        :raises Sm2Error: it was not for this key.
        """


_NOT_FOR_THIS_KEY: Final = "SM2: no cryptogram for this key"


class GmsslLibrary:
    """``gmssl_pyx``: the C library GmSSL."""

    def __init__(self) -> None:
        import gmssl_pyx

        self._gmssl = gmssl_pyx

    def generate(self) -> tuple[bytes, bytes]:
        public, private = self._gmssl.sm2_key_generate()
        return private, public

    def sign(self, private: bytes, digest: bytes) -> tuple[int, int]:
        return decode_dss_signature(self._gmssl.sm2_sign_sm3_digest(private, digest))

    def verify(self, public: bytes, digest: bytes, r: int, s: int) -> bool:
        signature = encode_dss_signature(r, s)
        with _silence():  # of a wrong signature GmSSL prints where in its sources it saw that
            return bool(self._gmssl.sm2_verify_sm3_digest(public, digest, signature))

    def encrypt(self, public: bytes, plain: bytes) -> bytes:
        return _from_der(self._gmssl.sm2_encrypt(public, plain))

    def decrypt(self, private: bytes, cryptogram: bytes) -> bytes:
        with _silence():
            try:
                plain: bytes = self._gmssl.sm2_decrypt(private, _to_der(cryptogram))
            except self._gmssl.GmsslInnerError:
                raise Sm2Error(_NOT_FOR_THIS_KEY) from None
        return plain


# GmSSL has cryptograms as SEQUENCE {INTEGER x, INTEGER y, OCTET STRING C3, OCTET STRING C2}
# (GM/T 0009), whose first two members are those of a signature.


def _to_der(cryptogram: bytes) -> bytes:
    x, y = cryptogram[:32], cryptogram[32:_C1_END]
    point = encode_dss_signature(int.from_bytes(x), int.from_bytes(y))[2:]
    rest = (cryptogram[_C1_END:_C3_END], cryptogram[_C3_END:])
    body = point + b"".join(bytes((_OCTETS,)) + _length(part) + part for part in rest)
    return bytes((_SEQUENCE,)) + _length(body) + body


def _length(value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes((size,))
    return bytes((0x81, size)) if size < 0x100 else b"\x82" + size.to_bytes(2)


def _from_der(encoded: bytes) -> bytes:
    values, at = [], _body(encoded, 0)
    while at < len(encoded):
        start = _body(encoded, at)
        end = start + _size(encoded, at)
        values.append(encoded[start:end])
        at = end
    x, y, digest, cipher = values
    return x[-32:].rjust(32, b"\0") + y[-32:].rjust(32, b"\0") + digest + cipher


def _body(encoded: bytes, at: int) -> int:
    """Where the value of the object at ``at`` begins."""
    first = encoded[at + 1]
    return at + 2 + (first & 0x7F if first & 0x80 else 0)


def _size(encoded: bytes, at: int) -> int:
    return int.from_bytes(encoded[at + 2 : _body(encoded, at)]) or encoded[at + 1]


_SILENCE_LOCK: Final = threading.Lock()


@contextmanager
def _silence() -> Iterator[None]:
    """In the block, what C code prints on standard error (file descriptor 2) is dropped."""
    with _SILENCE_LOCK:
        try:
            kept = os.dup(2)
        except OSError:  # the process has no standard error
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


class GmalgLibrary:
    """``gmalg``: pure Python, everywhere."""

    def __init__(self) -> None:
        import gmalg

        self._gmalg = gmalg
        self._curve = gmalg.SM2()._core.ecdlp

    def generate(self) -> tuple[bytes, bytes]:
        private, public = self._gmalg.SM2().generate_keypair()
        return private.rjust(_PRIVATE_LENGTH, b"\0"), public[1:]  # it leaves leading zeros out

    def sign(self, private: bytes, digest: bytes) -> tuple[int, int]:
        """GM/T 0003.2, section 6.1; the library itself signs whole messages only."""
        e, d = int.from_bytes(digest), int.from_bytes(private)
        while True:
            k = secrets.randbelow(ORDER - 1) + 1
            x, _ = self._curve.kG(k)
            r = (e + x) % ORDER
            s = pow(1 + d, -1, ORDER) * (k - r * d) % ORDER
            if r and s and r + k != ORDER:
                return r, s

    def verify(self, public: bytes, digest: bytes, r: int, s: int) -> bool:
        """Section 7.1."""
        t = (r + s) % ORDER
        if not t:
            return False
        group = self._curve.ec
        point = (int.from_bytes(public[:32]), int.from_bytes(public[32:]))
        total = group.add(self._curve.kG(s), group.mul(t, point))
        if total == group.INF:
            return False
        return (int.from_bytes(digest) + int(total[0])) % ORDER == r

    def encrypt(self, public: bytes, plain: bytes) -> bytes:
        whole: bytes = self._gmalg.SM2(pk=b"\x04" + public).encrypt(plain)
        return whole[1:]

    def decrypt(self, private: bytes, cryptogram: bytes) -> bytes:
        try:
            plain: bytes = self._gmalg.SM2(private).decrypt(b"\x04" + cryptogram)
        except self._gmalg.errors.GMError:
            raise Sm2Error(_NOT_FOR_THIS_KEY) from None
        return plain


class _LibraryMissingError(ExtraMissingError, Sm2Error):
    """Neither library is installed."""


@cache
def default_library() -> Sm2Library:
    """The faster library that is installed.

    :raises Sm2Error: when none is.
    """
    for library in (GmsslLibrary, GmalgLibrary):
        try:
            return library()
        except ImportError:
            continue
    raise _LibraryMissingError("SM2", "gmssl-pyx or gmalg", "sm2")
