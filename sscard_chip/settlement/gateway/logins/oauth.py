# SPDX-License-Identifier: Apache-2.0
"""OAuth2 as a gateway of the field has it [M]: a token by password, then Bearer."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets as random
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Final
from urllib.parse import parse_qs

from sscard_chip.settlement.gateway.http import AnsweredError, GatewayRequest, HttpAnswer
from sscard_chip.settlement.gateway.logins.login import LoginRefusedError
from sscard_chip.settlement.gateway.secrets import OAuthSecret

TOKEN_PATH: Final = "/auth/oauth/token"
_MOST_TOKENS: Final = 10_000


class OAuthLogin:
    """Programs of the OAuth2 gateway, and the tokens that are good."""

    def __init__(self, known: Iterable[OAuthSecret]) -> None:
        self._known = {one.client_id: one for one in known}
        self._tokens: OrderedDict[str, float] = OrderedDict()
        self._turn = Lock()

    def check(self, request: GatewayRequest, now: float) -> None:
        """See :class:`Login`; a POST to :data:`TOKEN_PATH` gets a token."""
        if request.path.rstrip("/").endswith(TOKEN_PATH):
            raise AnsweredError(self._token(request, now))
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise LoginRefusedError("Authorization: Bearer is missing")
        with self._turn:
            until = self._tokens.get(token.strip())
        if until is None:
            raise LoginRefusedError("the token is not known")
        if until < now:
            raise LoginRefusedError("the token has expired")

    def expire(self) -> None:
        """No token is good any more."""
        with self._turn:
            self._tokens = OrderedDict.fromkeys(self._tokens, 0.0)

    def _token(self, request: GatewayRequest, now: float) -> HttpAnswer:
        client, secret = _basic(request.headers.get("authorization", ""))
        known = self._known.get(client)
        if known is None or not _same(known.client_secret, secret):
            raise LoginRefusedError("Authorization: Basic is not that of a client")
        form = _form(request.body)
        if form.get("grant_type") != "password":
            return _refusal("unsupported_grant_type", "grant_type must be password")
        if form.get("scope", "server") != "server":
            return _refusal("invalid_scope", "scope must be server")
        if not (
            _same(known.username, form.get("username", ""))
            and _same(known.password, form.get("password", ""))
        ):
            return _refusal("invalid_grant", "username or password is wrong")
        token = random.token_hex(20)
        with self._turn:
            self._tokens[token] = now + known.seconds
            while len(self._tokens) > _MOST_TOKENS:
                self._tokens.popitem(last=False)
        body = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": known.seconds,
            "scope": "server",
        }
        return HttpAnswer(200, json.dumps(body).encode())


def _basic(header: str) -> tuple[str, str]:
    kind, _, text = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        client, _, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return client, secret


def _form(body: bytes) -> dict[str, str]:
    try:
        found = parse_qs(body.decode("utf-8"), max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


def _refusal(error: str, why: str) -> HttpAnswer:
    return HttpAnswer(400, json.dumps({"error": error, "error_description": why}).encode())


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
