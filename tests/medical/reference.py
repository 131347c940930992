# SPDX-License-Identifier: Apache-2.0
"""The cryptograms of LD/T 32.4 written down once more, plainly, to check the card against."""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

BLOCK = {"3des": 8, "sm4": 16}


def _encrypt(algorithm: str, key: bytes, mode: modes.ECB | modes.CBC, data: bytes) -> bytes:
    if algorithm == "sm4":
        return Cipher(SM4(key), mode).encryptor().update(data)
    des = TripleDES(key * 3 if len(key) == 8 else key + key[:8])
    return Cipher(des, mode).encryptor().update(data)


def encipher(algorithm: str, key: bytes, data: bytes) -> bytes:
    """ECB."""
    return _encrypt(algorithm, key, modes.ECB(), data)


def session_key(algorithm: str, key: bytes, factor: bytes) -> bytes:
    """From a random (and what follows it), padded right with 00 to a block."""
    return encipher(algorithm, key, factor.ljust(BLOCK[algorithm], b"\0"))


def mac(algorithm: str, key: bytes, message: bytes) -> bytes:
    """4 bytes."""
    padded = message + b"\x80"
    block = BLOCK[algorithm]
    padded += bytes(-len(padded) % block)
    last = _encrypt(algorithm, key, modes.CBC(bytes(block)), padded)[-block:]
    if algorithm == "3des":
        return last[:4]
    return bytes(last[i] ^ last[i + 4] ^ last[i + 8] ^ last[i + 12] for i in range(4))


def tac(algorithm: str, dtk: bytes, message: bytes) -> bytes:
    """4 bytes, with the DTK itself, folded to eight bytes for DES."""
    if algorithm == "3des":
        dtk = bytes(left ^ right for left, right in zip(dtk[:8], dtk[8:], strict=True))
    return mac(algorithm, dtk, message)


def authentication_data(algorithm: str, key: bytes, original: bytes) -> bytes:
    """鉴别数据 of 8 bytes."""
    last = encipher(algorithm, key, original.ljust(BLOCK[algorithm], b"\0"))
    if algorithm == "3des":
        return last
    return bytes(left ^ right for left, right in zip(last[:8], last[8:], strict=True))
