# SPDX-License-Identifier: Apache-2.0
"""TIF (SHA-256 over token, nonce and time) [H], CA (HMAC-SM3 over the body) [M], apikey [M]."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.hmac import HMAC

from sscard_chip.settlement.gateway.http import GatewayRequest
from sscard_chip.settlement.gateway.logins.login import WINDOW_SECONDS, LoginRefusedError
from sscard_chip.settlement.gateway.secrets import CaSecret, TifSecret

_MOST_DIGITS: Final = 12


def tif_signature(timestamp: str, token: str, nonce: str) -> str:
    """SHA-256 hex, small letters, of time, token, nonce and time again.

    >>> tif_signature("1760000000", "TESTTOKEN", "abc")[:16]
    '58cf76d5f5e1e81e'
    """
    return sha256(f"{timestamp}{token}{nonce}{timestamp}".encode()).hexdigest()


def ca_signature(secret: str, timestamp: str, body: bytes) -> str:
    """``ts:`` and HMAC-SM3 hex, capitals, of time, LF and body.

    >>> ca_signature("TESTSECRET", "1760000000", b'{"infno":"9001"}')[:27]
    '1760000000:AFA109F05FFA8595'
    """
    proof = HMAC(secret.encode(), SM3())
    proof.update(timestamp.encode() + b"\n" + body)
    return f"{timestamp}:{proof.finalize().hex().upper()}"


class TifLogin:
    """Programs of the TIF gateway."""

    def __init__(self, known: Iterable[TifSecret]) -> None:
        self._tokens = {one.paasid: one.token for one in known}

    def check(self, request: GatewayRequest, now: float) -> None:
        """See :class:`Login`."""
        names = ("x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature")
        paasid, stamp, nonce, given = (request.headers.get(name, "") for name in names)
        if not (paasid and stamp and nonce and given):
            raise LoginRefusedError("x-tif-paasid, -timestamp, -nonce or -signature is missing")
        _check_time(stamp, now, "x-tif-timestamp")
        token = self._tokens.get(paasid)
        if token is None:
            raise LoginRefusedError("x-tif-paasid is not known")
        if not _same(tif_signature(stamp, token, nonce), given):
            raise LoginRefusedError("x-tif-signature does not agree")


class CaLogin:
    """Programs of the CA gateway."""

    def __init__(self, known: Iterable[CaSecret]) -> None:
        self._secrets = {one.key: one.secret for one in known}

    def check(self, request: GatewayRequest, now: float) -> None:
        """See :class:`Login`."""
        key, given = (request.headers.get(name, "") for name in ("x-ca-key", "x-ca-signature"))
        if not (key and given):
            raise LoginRefusedError("x-ca-key or x-ca-signature is missing")
        stamp, colon, _ = given.partition(":")
        if not colon:
            raise LoginRefusedError("x-ca-signature must be time, colon, HMAC-SM3 in hex")
        _check_time(stamp, now, "x-ca-signature")
        secret = self._secrets.get(key)
        if secret is None:
            raise LoginRefusedError("x-ca-key is not known")
        if not _same(ca_signature(secret, stamp, request.body), given.upper()):
            raise LoginRefusedError("x-ca-signature does not agree")


class KeyLogin:
    """Programs that show a key."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)

    def check(self, request: GatewayRequest, now: float) -> None:
        """See :class:`Login`."""
        given = request.headers.get("apikey", "")
        if not given:
            raise LoginRefusedError("apikey is missing")
        if not any(_same(one, given) for one in self._known):
            raise LoginRefusedError("apikey is not known")


def _check_time(stamp: str, now: float, name: str) -> None:
    if not stamp.isdecimal() or len(stamp) > _MOST_DIGITS:
        raise LoginRefusedError(f"{name} must be seconds")
    if abs(now - int(stamp)) > WINDOW_SECONDS:
        raise LoginRefusedError(f"{name} is over half an hour off")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
