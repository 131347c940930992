# SPDX-License-Identifier: Apache-2.0
"""The cryptograms of deposit and purse written down once more, plainly, to check the card against.

For SM4 the proposal of the emulator: no paper has the purse under SM4.
"""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

BLOCK = {"3des": 8, "sm4": 16}
ALGORITHM_CODE = {"3des": 0x00, "sm4": 0x04}


def encrypt(algorithm: str, key: bytes, data: bytes) -> bytes:
    """ECB of whole blocks."""
    if algorithm == "sm4":
        return Cipher(SM4(key), modes.ECB()).encryptor().update(data)
    triple = TripleDES(key * 3 if len(key) == 8 else key + key[:8])
    return Cipher(triple, modes.ECB()).encryptor().update(data)


def decrypt_single(key: bytes, data: bytes) -> bytes:
    return Cipher(TripleDES(key * 3), modes.ECB()).decryptor().update(data)


def padded(algorithm: str, message: bytes) -> bytes:
    message += b"\x80"
    return message + bytes(-len(message) % BLOCK[algorithm])


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def last_block(algorithm: str, key: bytes, initial: bytes, message: bytes) -> bytes:
    """Of a CBC, block by block."""
    block, state = BLOCK[algorithm], initial
    message = padded(algorithm, message)
    for at in range(0, len(message), block):
        state = encrypt(algorithm, key, xor(state, message[at : at + block]))
    return state


def session_key(algorithm: str, key: bytes, factor: bytes) -> bytes:
    """``factor`` is 8 bytes."""
    return encrypt(algorithm, key, factor if algorithm == "3des" else padded(algorithm, factor))


def mac(algorithm: str, key: bytes, message: bytes) -> bytes:
    return last_block(algorithm, key, bytes(BLOCK[algorithm]), message)[:4]


def tac(algorithm: str, dtk: bytes, message: bytes) -> bytes:
    return mac(algorithm, xor(dtk[:8], dtk[8:]) if algorithm == "3des" else dtk, message)


def command_mac(algorithm: str, key: bytes, challenge: bytes, message: bytes) -> bytes:
    """With the key itself; DES: single DES with its left half, the last block 3DES."""
    initial = challenge.ljust(BLOCK[algorithm], b"\0")
    if algorithm == "sm4":
        return last_block(algorithm, key, initial, message)[:4]
    last = last_block(algorithm, key[:8], initial, message)
    return encrypt("3des", key[:8], decrypt_single(key[8:], last))[:4]


def enciphered_pin(algorithm: str, key: bytes, pin: bytes) -> bytes:
    plain = bytes((len(pin),)) + pin
    return encrypt(algorithm, key, padded(algorithm, plain))


def response(algorithm: str, key: bytes, challenge: bytes) -> bytes:
    """What EXTERNAL and INTERNAL AUTHENTICATE want of 8 bytes."""
    if algorithm == "3des":
        return encrypt(algorithm, key, challenge)
    whole = encrypt(algorithm, key, challenge + bytes(8))
    return xor(whole[:8], whole[8:])
