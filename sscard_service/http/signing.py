# SPDX-License-Identifier: Apache-2.0
"""How a channel's program signs a request, and how that is checked.

Signed is this text, its lines joined by a line feed::

    METHOD
    path with query
    time, Unix seconds
    nonce
    Idempotency-Key, or empty
    session token, or empty
    SHA-256 of the body, hex

``X-Signature`` is the HMAC-SHA256 of it, or the SM2 signature (r ‖ s, 64 bytes) over it, in hex.
A time is taken within 300 seconds of the centre's, and a nonce once.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from sscard_chip.security.sm2 import Sm2Error, Sm2PublicKey
from sscard_chip.standard.errors import ExtraMissingError
from sscard_service.store.clients import HMAC, SM2, Client

CLOCK_SECONDS: Final = 300
"""How far a request's time may be from the centre's, either way."""


@dataclass(frozen=True, slots=True, repr=False)
class SignedRequest:
    """What of a request is signed."""

    method: str
    target: str
    time: str
    nonce: str
    key: str
    token: str
    body: bytes

    def text(self) -> bytes:
        """The signed text."""
        parts = (
            self.method.upper(), self.target, self.time, self.nonce, self.key, self.token,
            hashlib.sha256(self.body).hexdigest(),
        )  # fmt: skip
        return "\n".join(parts).encode()


def sign_hmac(secret: bytes, request: SignedRequest) -> str:
    """The signature of a request under a shared secret, hex."""
    return hmac.digest(secret, request.text(), "sha256").hex()


def is_signed(client: Client, request: SignedRequest, signature: str) -> bool:
    """Whether a client has signed a request."""
    try:
        given = bytes.fromhex(signature)
    except ValueError:
        return False
    if client.kind == HMAC:
        return hmac.compare_digest(given, hmac.digest(client.secret, request.text(), "sha256"))
    if client.kind != SM2:
        return False
    try:
        return Sm2PublicKey(client.secret).verify(request.text(), given)
    except (Sm2Error, ExtraMissingError):
        return False


def is_current(time: str, now: float) -> bool:
    """Whether a time (Unix seconds) is near enough to the centre's."""
    if not (time.isascii() and time.isdecimal() and len(time) <= 12):
        return False
    return abs(int(time) - now) <= CLOCK_SECONDS
