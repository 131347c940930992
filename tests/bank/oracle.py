# SPDX-License-Identifier: Apache-2.0
"""A bank's cryptography once more, from the payment page alone: no line is the product's."""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def _des3(key: bytes, block: bytes) -> bytes:
    whole = key + key[:8] if len(key) == 16 else key * 3
    return Cipher(TripleDES(whole), modes.ECB()).encryptor().update(block)


def _unchained(key: bytes, block: bytes) -> bytes:
    return Cipher(TripleDES(key * 3), modes.ECB()).decryptor().update(block)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def card_key(master: bytes, pan: str, sequence: str) -> bytes:
    """3DES card key (UDK), EMV option A: the last 16 digits of PAN and sequence, and complement."""
    digits = (pan + sequence)[-16:].rjust(16, "0")
    block = bytes.fromhex(digits)
    return _des3(master, block) + _des3(master, _xor(block, b"\xff" * 8))


def session_key(key: bytes, atc: bytes) -> bytes:
    """3DES: both halves from six bytes 00 and the ATC, the second with its complement."""
    right = bytes(6) + _xor(atc, b"\xff\xff")
    return _des3(key, bytes(6) + atc) + _des3(key, right)


def retail_mac(key: bytes, message: bytes) -> bytes:
    """ISO 9797-1 algorithm 3, padded with 80 and zeros; all 8 bytes."""
    padded = message + b"\x80"
    padded += bytes(-len(padded) % 8)
    state = bytes(8)
    for at in range(0, len(padded), 8):
        state = _des3(key[:8], _xor(state, padded[at : at + 8]))
    return _des3(key[:8], _unchained(key[8:], state))


def sm4_session_key(key: bytes, atc: bytes) -> bytes:
    block = bytes(6) + atc + bytes(6) + _xor(atc, b"\xff\xff")
    return Cipher(algorithms.SM4(key), modes.ECB()).encryptor().update(block)


def sm4_mac(key: bytes, message: bytes) -> bytes:
    """CBC-MAC, padded with 80 and zeros; the left 8 bytes."""
    padded = message + b"\x80"
    padded += bytes(-len(padded) % 16)
    return Cipher(algorithms.SM4(key), modes.CBC(bytes(16))).encryptor().update(padded)[-16:-8]


def issuer_data_mac(key: bytes, atc: bytes, balance: bytes, *, sm4: bool = False) -> bytes:
    """The MAC that ends 9F10, of the card's MAC key: over ATC 2, balance 5, 00."""
    message = atc + balance + b"\0"
    if sm4:
        return sm4_mac(sm4_session_key(key, atc), message)[:4]
    return retail_mac(session_key(key, atc), message)[:4]
