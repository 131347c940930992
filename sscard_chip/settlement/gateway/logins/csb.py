# SPDX-License-Identifier: Apache-2.0
"""The CSB gateway: four headers under HMAC-SHA1 [H]."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha1
from typing import Final

from sscard_chip.settlement.gateway.http import GatewayRequest
from sscard_chip.settlement.gateway.logins.login import WINDOW_SECONDS, LoginRefusedError
from sscard_chip.settlement.gateway.secrets import CsbSecret

SIGNED: Final = ("_api_access_key", "_api_name", "_api_timestamp", "_api_version")
"""Headers under the signature, in their order."""
_MOST_DIGITS: Final = 15
MISSING: Final = "缺少服务网关的请求头!"
LATE: Final = "签名时间戳超时!"
UNKNOWN: Final = "非法用户!"
DIFFERENT: Final = "签名不一致!"


def csb_text(headers: Mapping[str, str]) -> str:
    """What is signed."""
    return "&".join(f"{name}={headers[name]}" for name in SIGNED)


def csb_signature(headers: Mapping[str, str], secret_key: str) -> str:
    """Base64 of HMAC-SHA1 over the four headers.

    >>> csb_signature({"_api_access_key": "AK", "_api_name": "1101", "_api_version": "1.0.0",
    ...     "_api_timestamp": "1760000000000"}, "SK")
    'V9mwiZMXXp/ywlowiNBXl/+Tx+8='
    """
    proof = hmac.new(secret_key.encode(), csb_text(headers).encode(), sha1).digest()
    return base64.b64encode(proof).decode()


class CsbLogin:
    """Programs of the CSB gateway."""

    def __init__(self, known: Iterable[CsbSecret]) -> None:
        self._secrets = {one.access_key: one.secret_key for one in known}

    def check(self, request: GatewayRequest, now: float) -> None:
        """See :class:`Login`."""
        headers = request.headers
        if any(not headers.get(name) for name in (*SIGNED, "_api_signature")):
            raise LoginRefusedError(MISSING)
        stamp = headers["_api_timestamp"]
        milliseconds = int(stamp) if stamp.isdecimal() and len(stamp) <= _MOST_DIGITS else 0
        if abs(now - milliseconds / 1000) > WINDOW_SECONDS:
            raise LoginRefusedError(LATE)
        secret = self._secrets.get(headers["_api_access_key"])
        if secret is None:
            raise LoginRefusedError(UNKNOWN)
        right = csb_signature(headers, secret)
        if not hmac.compare_digest(right.encode(), headers["_api_signature"].encode()):
            raise LoginRefusedError(DIFFERENT)
