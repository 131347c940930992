# SPDX-License-Identifier: Apache-2.0
"""3DES, DES and SM4 from the library, and the few things that every cryptogram does with blocks.

A key of eight bytes is single DES. Nothing here comes from the product.
"""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

BLOCK = {"3des": 8, "sm4": 16}


def _cipher(algorithm: str, key: bytes) -> Cipher[modes.ECB]:
    if algorithm == "sm4":
        return Cipher(SM4(key), modes.ECB())
    return Cipher(TripleDES(key * 3 if len(key) == 8 else key + key[:8]), modes.ECB())


def encrypt(algorithm: str, key: bytes, data: bytes) -> bytes:
    """ECB of whole blocks."""
    return _cipher(algorithm, key).encryptor().update(data)


def decrypt(algorithm: str, key: bytes, data: bytes) -> bytes:
    """The way back."""
    return _cipher(algorithm, key).decryptor().update(data)


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def folded(block: bytes) -> bytes:
    """Four bytes: the four words of sixteen, added."""
    return bytes(block[i] ^ block[i + 4] ^ block[i + 8] ^ block[i + 12] for i in range(4))


def padded(algorithm: str, message: bytes) -> bytes:
    """80 00.. behind it, always."""
    message += b"\x80"
    return message + bytes(-len(message) % BLOCK[algorithm])


def last_block(
    algorithm: str, key: bytes, initial: bytes, message: bytes, last: bytes | None = None
) -> bytes:
    """Of a CBC over whole blocks, block by block; ``last`` is the key of the last one."""
    block, state = BLOCK[algorithm], initial
    for at in range(0, len(message), block):
        ends = at + block == len(message)
        state = encrypt(
            algorithm, last or key if ends else key, xor(state, message[at : at + block])
        )
    return state


def own_key_mac(algorithm: str, key: bytes, initial: bytes, message: bytes) -> bytes:
    """The last block of a MAC under a key itself: single DES under its left half, the last block
    under all of it; SM4 throughout."""
    start, block = initial.ljust(BLOCK[algorithm], b"\0"), padded(algorithm, message)
    left = key[:8] if algorithm == "3des" else key
    return last_block(algorithm, left, start, block, key)


def enciphered(algorithm: str, key: bytes, plain: bytes, length: int | None = None) -> bytes:
    """``plain`` with its length in front, padded 80 00.. if it is no whole blocks, enciphered.

    ``length`` is a wrong one in its place.
    """
    data = bytes((len(plain) if length is None else length,)) + plain
    if len(data) % BLOCK[algorithm]:
        data = padded(algorithm, data)
    return encrypt(algorithm, key, data)


def response(algorithm: str, key: bytes, challenge: bytes) -> bytes:
    """8 bytes that prove a key without session key: SM4 adds the halves of its block."""
    if algorithm == "3des":
        return encrypt(algorithm, key, challenge[:8].ljust(8, b"\0"))
    whole = encrypt(algorithm, key, challenge[:8].ljust(16, b"\0"))
    return xor(whole[:8], whole[8:])
