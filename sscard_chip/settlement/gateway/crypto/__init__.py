# SPDX-License-Identifier: Apache-2.0
"""SM2 signatures and SM4 bodies of mobile payment, electronic prescription and FSI (4.3)."""

from __future__ import annotations

from sscard_chip.settlement.gateway.crypto.forms import (
    GatewayCryptoError,
    public_key,
    secret_key,
)
from sscard_chip.settlement.gateway.crypto.sealed import ApplicationBox, ClientBox
from sscard_chip.settlement.gateway.crypto.sm4 import application_key, decipher, encipher
from sscard_chip.settlement.gateway.crypto.text import as_written, signed_text, sorted_json

__all__ = [
    "ApplicationBox",
    "ClientBox",
    "GatewayCryptoError",
    "application_key",
    "as_written",
    "decipher",
    "encipher",
    "public_key",
    "secret_key",
    "signed_text",
    "sorted_json",
]
