# SPDX-License-Identifier: Apache-2.0
"""The log-ins of the platform's gateways (spec field.md, 4.1): each checks the headers of a POST.

| kind | headers |
|---|---|
| none | |
| tif | x-tif-paasid, -timestamp (s), -nonce, -signature: SHA-256 hex |
| csb | _api_name, _api_version, _api_timestamp (ms), _api_access_key, _api_signature: HMAC-SHA1 |
| ca | x-ca-key, x-ca-signature: ``ts:`` and HMAC-SM3 hex |
| oauth | Authorization: Bearer, of POST /auth/oauth/token |
| key | apikey |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sscard_chip.settlement.gateway.logins.csb import CsbLogin, csb_signature
from sscard_chip.settlement.gateway.logins.login import (
    WINDOW_SECONDS,
    Login,
    LoginRefusedError,
    NoLogin,
)
from sscard_chip.settlement.gateway.logins.oauth import OAuthLogin
from sscard_chip.settlement.gateway.logins.signed import (
    CaLogin,
    KeyLogin,
    TifLogin,
    ca_signature,
    tif_signature,
)
from sscard_chip.settlement.gateway.secrets import GatewaySecrets

__all__ = [
    "LOGINS",
    "WINDOW_SECONDS",
    "CaLogin",
    "CsbLogin",
    "KeyLogin",
    "Login",
    "LoginRefusedError",
    "NoLogin",
    "OAuthLogin",
    "TifLogin",
    "ca_signature",
    "csb_signature",
    "make_login",
    "tif_signature",
]

LOGINS: Final[dict[str, Callable[[GatewaySecrets], Login]]] = {
    "none": lambda _: NoLogin(),
    "tif": lambda secrets: TifLogin(secrets.tif),
    "csb": lambda secrets: CsbLogin(secrets.csb),
    "ca": lambda secrets: CaLogin(secrets.ca),
    "oauth": lambda secrets: OAuthLogin(secrets.oauth),
    "key": lambda secrets: KeyLogin(secrets.apikeys),
}
"""Kinds of log-ins, and how each is made of the secrets."""


def make_login(kind: str, secrets: GatewaySecrets) -> Login:
    """The log-in of a kind of :data:`LOGINS`."""
    return LOGINS[kind](secrets)
