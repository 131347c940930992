# SPDX-License-Identifier: Apache-2.0
"""The cryptograms of deposit and purse written down once more, plainly, to check the card against.

For SM4 the proposal of the emulator: no paper has the purse under SM4.
"""

from __future__ import annotations

from tests.bench.reference.blocks import (
    BLOCK,
    encrypt,
    last_block,
    own_key_mac,
    padded,
    response,
    xor,
)

__all__ = [
    "ALGORITHM_CODE",
    "BLOCK",
    "command_mac",
    "enciphered_pin",
    "mac",
    "response",
    "session_key",
]

ALGORITHM_CODE = {"3des": 0x00, "sm4": 0x04}


def session_key(algorithm: str, key: bytes, factor: bytes) -> bytes:
    """``factor`` is 8 bytes."""
    return encrypt(algorithm, key, factor if algorithm == "3des" else padded(algorithm, factor))


def mac(algorithm: str, key: bytes, message: bytes) -> bytes:
    return last_block(algorithm, key, bytes(BLOCK[algorithm]), padded(algorithm, message))[:4]


def tac(algorithm: str, dtk: bytes, message: bytes) -> bytes:
    return mac(algorithm, xor(dtk[:8], dtk[8:]) if algorithm == "3des" else dtk, message)


def command_mac(algorithm: str, key: bytes, challenge: bytes, message: bytes) -> bytes:
    """With the key itself, 4 bytes of the last block."""
    return own_key_mac(algorithm, key, challenge, message)[:4]


def enciphered_pin(algorithm: str, key: bytes, pin: bytes) -> bytes:
    plain = bytes((len(pin),)) + pin
    return encrypt(algorithm, key, padded(algorithm, plain))
