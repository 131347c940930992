# SPDX-License-Identifier: Apache-2.0
"""SM4 in ECB with PKCS7, as the interfaces of the field have it."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.padding import PKCS7

from sscard_chip.settlement.gateway.crypto.forms import GatewayCryptoError

_BLOCK = 16
_KEY_TEXT = 16


def encipher(key: bytes, content: bytes) -> bytes:
    """SM4/ECB/PKCS7; the key has 16 bytes."""
    padder = PKCS7(8 * _BLOCK).padder()
    padded = padder.update(content) + padder.finalize()
    engine = Cipher(SM4(key), ECB()).encryptor()
    return engine.update(padded) + engine.finalize()


def decipher(key: bytes, content: bytes, name: str) -> bytes:
    """The content again.

    :raises GatewayCryptoError: it is not enciphered with this key.
    """
    if not content or len(content) % _BLOCK:
        raise GatewayCryptoError(f"{name}: must be whole blocks of 16 bytes")
    engine = Cipher(SM4(key), ECB()).decryptor()
    unpadder = PKCS7(8 * _BLOCK).unpadder()
    try:
        return unpadder.update(engine.update(content) + engine.finalize()) + unpadder.finalize()
    except ValueError:
        raise GatewayCryptoError(f"{name}: is not enciphered with this key") from None


def application_key(app_id: str, app_secret: str) -> bytes:
    """The SM4 key of an application: 16 letters of hex of its secret under its id.

    >>> application_key("TESTAPPID0000000000000000000001", "TESTSECRET00000000000000000000AA")
    b'49402A7451716C12'
    """
    key = app_id[:_KEY_TEXT].encode().ljust(_KEY_TEXT, b"\0")
    return encipher(key, app_secret.encode()).hex().upper()[:_KEY_TEXT].encode()
