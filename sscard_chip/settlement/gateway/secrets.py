# SPDX-License-Identifier: Apache-2.0
"""The secrets of a gateway, a TOML document (sscard-gateway/1): log-ins, applications, keys.

Values are of test systems; the file is for its owner alone. Errors never show a value.
"""

from __future__ import annotations

import os
from typing import Annotated, Final, Literal

import msgspec

from sscard_chip.standard.documents import Document, DocumentError, Model, rule

FORMAT: Final = "sscard-gateway/1"
_TEXT: Final = rule("must be 1 to 200 characters", pattern=r"[!-~]{1,200}")
_KEY: Final = rule("must be Base64", pattern="[A-Za-z0-9+/]{40,100}={0,2}")
SecretText = Annotated[str, _TEXT]
KeyInBase64 = Annotated[str, _KEY]


class SecretsError(DocumentError):
    """A document of secrets that cannot be used."""


class TifSecret(Model, frozen=True):
    """A program of the TIF gateway: paasid and token."""

    paasid: SecretText
    token: SecretText


class CsbSecret(Model, frozen=True):
    """A program of the CSB gateway: access key and secret key."""

    access_key: SecretText
    secret_key: SecretText


class CaSecret(Model, frozen=True):
    """A program of the CA gateway: key and secret."""

    key: SecretText
    secret: SecretText


class OAuthSecret(Model, frozen=True):
    """A program of the OAuth2 gateway: client, user, and how long a token is good."""

    client_id: SecretText
    client_secret: SecretText
    username: SecretText
    password: SecretText
    seconds: Annotated[int, rule(ge=1, le=86_400, unit=" seconds")] = 3600


class ApplicationKeys(Model, frozen=True):
    """An application of 6201 and the electronic prescription (4.3 a).

    ``program_key`` is the program's public SM2 key, Base64 of 64 or 65 bytes; ``centre_key`` the
    private one that answers are signed with, Base64 of 32 bytes, or 33 with a leading 00.
    """

    app_id: SecretText
    app_secret: SecretText
    program_key: KeyInBase64
    centre_key: KeyInBase64 | None = None


class ClientKeys(Model, frozen=True):
    """A client whose ``input`` is enciphered and signed in ``cainfo`` (4.3 b).

    ``client_id`` has 16 characters, for they are the SM4 key.
    """

    client_id: Annotated[str, rule("must be 16 characters", pattern="[!-~]{16}")]
    program_key: KeyInBase64
    centre_key: KeyInBase64 | None = None


class GatewaySecrets(Model, frozen=True):
    """All of it (sscard-gateway/1)."""

    WHAT = "the secrets of a gateway"

    format: Annotated[Literal["sscard-gateway/1"], rule(f'must be "{FORMAT}"')] = FORMAT
    business_key: Annotated[
        str | None,
        rule("must be 64 hex digits", pattern="[0-9A-Fa-f]{64}", title="Signs business strings"),
    ] = None
    tif: list[TifSecret] = msgspec.field(default_factory=list)
    csb: list[CsbSecret] = msgspec.field(default_factory=list)
    ca: list[CaSecret] = msgspec.field(default_factory=list)
    oauth: list[OAuthSecret] = msgspec.field(default_factory=list)
    apikeys: list[SecretText] = msgspec.field(default_factory=list)
    applications: list[ApplicationKeys] = msgspec.field(default_factory=list)
    clients: list[ClientKeys] = msgspec.field(default_factory=list)


def load_secrets(path: str | os.PathLike[str]) -> GatewaySecrets:
    """The secrets in a TOML file.

    :raises SecretsError: one line with all fields that break a rule.
    :raises OSError: the file cannot be read.
    """
    document = Document.load(path, SecretsError)
    found = document.to(GatewaySecrets, separator=".")
    if "format" not in document.value:
        raise document.error("format", f'must be "{FORMAT}"')
    return found
