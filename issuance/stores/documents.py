# SPDX-License-Identifier: Apache-2.0
"""The documents that root keys are kept in, plain and enciphered, as models."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, Literal

import msgspec

from sscard_chip.standard.documents import NOT_JSON, Model, rule

PLAIN_FORMAT: Final = "sscard-root-keys/1"
ENCRYPTED_FORMAT: Final = "sscard-encrypted-root-keys/1"
SUITE_RULE: Final = "the suite must be one of 3des, sm4"
MAX_VERSIONS: Final = 255


def name_rule(name: str) -> str | None: ...
