# SPDX-License-Identifier: Apache-2.0
"""The cryptograms of LD/T 32.4 written down once more, plainly, to check card and PSAM against."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.reference.blocks import (
    BLOCK,
    enciphered,
    encrypt,
    folded,
    last_block,
    own_key_mac,
    padded,
    response,
    xor,
)

__all__ = [
    "BLOCK", "Session", "authentication_data", "cbc_mac", "enciphered", "encrypt", "key_mac", "mac",
    "response", "session_key", "tac",
]  # fmt: skip


def session_key(algorithm: str, key: bytes, factor: bytes) -> bytes:
    """From a random (and what follows it): its first block, padded right with 00."""
    block = BLOCK[algorithm]
    return encrypt(algorithm, key, factor[:block].ljust(block, b"\0"))


def mac(algorithm: str, key: bytes, message: bytes) -> bytes:
    """4 bytes; SM4 adds the four words of the last block."""
    last = last_block(algorithm, key, bytes(BLOCK[algorithm]), padded(algorithm, message))
    return last[:4] if algorithm == "3des" else folded(last)


def tac(algorithm: str, dtk: bytes, message: bytes) -> bytes:
    """4 bytes, with the DTK itself, folded to eight bytes for DES."""
    return mac(algorithm, xor(dtk[:8], dtk[8:]) if algorithm == "3des" else dtk, message)


def authentication_data(algorithm: str, key: bytes, original: bytes) -> bytes:
    """鉴别数据 of 8 bytes."""
    last = encrypt(algorithm, key, original.ljust(BLOCK[algorithm], b"\0"))
    return last if algorithm == "3des" else xor(last[:8], last[8:])


def key_mac(algorithm: str, secret: bytes, challenge: bytes, message: bytes) -> bytes:
    """The MAC of WRITE KEY, and of CREATE KEY on a PSAM: with the key itself, after a challenge."""
    last = own_key_mac(algorithm, secret, challenge, message)
    return last[:4] if algorithm == "3des" else folded(last)


def cbc_mac(algorithm: str, secret: bytes, iv: bytes, data: bytes) -> bytes:
    """The MAC of CIPHER DATA over whole blocks."""
    last = last_block(algorithm, secret, iv, data)
    return last[:4] if algorithm == "3des" else folded(last)


@dataclass(frozen=True)
class Session:
    """A session key of the terminal's side, from a key and a challenge."""

    algorithm: str
    key: bytes

    @classmethod
    def of(cls, algorithm: str, key: bytes, challenge: bytes) -> Session:
        return cls(algorithm, session_key(algorithm, key, challenge))

    def mac(self, message: bytes) -> bytes:
        return mac(self.algorithm, self.key, message)

    def encipher(self, plain: bytes) -> bytes:
        return enciphered(self.algorithm, self.key, plain)

    def authentication_data(self, original: bytes) -> bytes:
        return authentication_data(self.algorithm, self.key, original)
