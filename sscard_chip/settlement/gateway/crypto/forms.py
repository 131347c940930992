# SPDX-License-Identifier: Apache-2.0
"""SM2 keys and signatures in the forms of the field: Base64 of r || s, of d, of x || y."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from sscard_chip.security.sm2 import (
    PRIVATE_LENGTH,
    PUBLIC_LENGTH,
    SIGNATURE_LENGTH,
    Sm2Error,
    Sm2PrivateKey,
    Sm2PublicKey,
    public_of,
)
from sscard_chip.standard.errors import InputError

_UNCOMPRESSED: Final = 0x04


class GatewayCryptoError(InputError):
    """A key, a signature or a body that is not in its form: name and rule."""


def public_key(text: str, name: str = "program_key", identity: bytes | None = None) -> Sm2PublicKey:
    """The key of Base64 of 64 bytes, or 65 with 04 before them.

    :raises GatewayCryptoError: it is none.
    """
    value = unbase64(text, name)
    if len(value) == PUBLIC_LENGTH + 1 and value[0] == _UNCOMPRESSED:
        value = value[1:]
    try:
        return Sm2PublicKey(value) if identity is None else Sm2PublicKey(value, identity)
    except Sm2Error as error:
        raise GatewayCryptoError(f"{name}: {error}") from None


def secret_key(text: str, name: str = "centre_key") -> Sm2PrivateKey:
    """The key of Base64 of 32 bytes, or 33 with 00 before them.

    :raises GatewayCryptoError: it is none.
    """
    value = unbase64(text, name)
    if len(value) == PRIVATE_LENGTH + 1 and value[0] == 0:
        value = value[1:]
    try:
        return Sm2PrivateKey(value, public_of(value))
    except Sm2Error as error:
        raise GatewayCryptoError(f"{name}: {error}") from None


def unbase64(text: str, name: str) -> bytes:
    """The bytes of a text.

    :raises GatewayCryptoError: it is no Base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise GatewayCryptoError(f"{name}: must be Base64") from None


def signature(text: str, name: str) -> bytes:
    """r || s of a signature in Base64.

    :raises GatewayCryptoError: it has another form.
    """
    value = unbase64(text, name)
    if len(value) != SIGNATURE_LENGTH:
        raise GatewayCryptoError(f"{name}: must be Base64 of r and s, 64 bytes")
    return value
