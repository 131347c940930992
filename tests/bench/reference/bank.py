# SPDX-License-Identifier: Apache-2.0
"""The cryptograms of the bank application (JR/T 0025) written down once more, plainly."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.reference.blocks import BLOCK, enciphered, encrypt, own_key_mac, xor


@dataclass(frozen=True)
class IssuerSession:
    """The issuer's session key of one card key and one ATC."""

    algorithm: str
    key: bytes

    @classmethod
    def of(cls, algorithm: str, card_key: bytes, atc: bytes) -> IssuerSession:
        """E(00*6 || ATC || 00*6 || not ATC)."""
        halves = bytes(6) + atc + bytes(6) + xor(atc, b"\xff\xff")
        return cls(algorithm, encrypt(algorithm, card_key, halves))

    def mac_block(self, message: bytes, chain: bytes = b"") -> bytes:
        """The whole last block; ``chain`` is that of the command before in the same script."""
        return own_key_mac(self.algorithm, self.key, chain, message)

    def mac(self, message: bytes) -> bytes:
        return self.mac_block(message)[:4]

    def cryptogram(self, message: bytes) -> bytes:
        """An application cryptogram, 8 bytes."""
        return self.mac_block(message)[:8]

    def arpc(self, arqc: bytes, code: bytes) -> bytes:
        """The answer to an ARQC: E(ARQC xor (ARC || 00*6)), 8 bytes."""
        block = xor(arqc, code + bytes(6)).ljust(BLOCK[self.algorithm], b"\0")
        return encrypt(self.algorithm, self.key, block)[:8]

    def encipher(self, plain: bytes) -> bytes:
        return enciphered(self.algorithm, self.key, plain)
