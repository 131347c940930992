# SPDX-License-Identifier: Apache-2.0
"""The two algorithm suites behind one interface: 3DES/DES and SM4 (LD/T 32.4).

Both define the same operations on blocks of 8 (DES) or 16 (SM4) bytes: session key, 鉴别数据,
MAC, TAC, encipherment and diversification. SSF33 is unpublished and has no stand-in here.

A kept ``cryptography`` encryptor costs a tenth of a fresh one, so long-lived keys keep theirs;
each has one owner, a card or a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_OF_KEY_CODE, ALGORITHM_SM4

_ECB: Final = ECB()
_CBC8: Final = CBC(bytes(8))
_CBC16: Final = CBC(bytes(16))
_ZERO8: Final = bytes(8)
_WORD: Final = 0xFFFFFFFF


def pad(message: bytes, block: int) -> bytes:
    """Append 80 00.. up to a multiple of ``block`` bytes, always at least one byte."""
    return message + b"\x80" + bytes(-(len(message) + 1) % block)


def pad_if_needed(message: bytes, block: int) -> bytes:
    """Append 80 00.. only when the length is no multiple of ``block`` (data encipherment)."""
    return message if len(message) % block == 0 else pad(message, block)


_PADS8: Final = tuple(b"\x80" + bytes(7 - n) for n in range(8))
_PADS16: Final = tuple(b"\x80" + bytes(15 - n) for n in range(16))


class _CbcChain:
    """CBC with an initial value of zero over one kept encryptor.

    The encryptor's chaining state is the last block it gave; XORing that into the first block
    of the next message makes it behave like a fresh encryptor with IV 0.
    """

    __slots__ = ("_key", "_state", "_update")

    _key: BlockCipherAlgorithm
    _state: int
    _update: Callable[[bytes], bytes]


class SessionCipher(Protocol):
    """A one-time session key (过程密钥) at work."""

    def mac(self, message: bytes) -> bytes:
        """MAC of 4 bytes, IV 0, padded 80 00.. (LD/T 32.4)."""

    def authentication_data(self, original: bytes) -> bytes:
        """鉴别数据 of 8 bytes over 8 bytes of original information."""

    def encipher(self, data: bytes) -> bytes:
        """ECB encipherment of LD(1) || data, padded only if not aligned."""

    def decipher(self, cryptogram: bytes) -> bytes:
        """ECB decipherment of whole blocks, LD and padding still in place."""


class Suite(Protocol):
    """An algorithm suite. Keys are 16 bytes, in the DES suite also 8 (single DES)."""

    name: str
    block: int
    fci_code: int  # tag 86 of the FCI and the terminal interface: 01 DES, 03 SM4

    def key_code(self, length: int) -> int:
        """Algorithm byte of a key record: 00 3DES, 01 DES, 03 SM4 [L]."""

    def encryptor(self, key: bytes) -> Callable[[bytes], bytes]:
        """A kept ECB encryption function for ``key``."""

    def decryptor(self, key: bytes) -> Callable[[bytes], bytes]:
        """A kept ECB decryption function for ``key``."""

    def session_key(self, encrypt: Callable[[bytes], bytes], factor: bytes) -> bytes:
        """Session key from a key's encryptor and a random of 4, 8 (SM4: up to 16) bytes."""

    def session(self, session_key: bytes) -> SessionCipher:
        """A session under ``session_key``."""

    def two_macs(
        self, encrypt: Callable[[bytes], bytes]
    ) -> Callable[[bytes, bytes, bytes], tuple[bytes, bytes]]:
        """A function of an 8-byte factor and two padded messages: their two MACs under the
        session key. The fast path of a purchase: it builds one cipher and nothing else.
        """

    def tac_mac(self, key: bytes) -> Callable[[bytes], bytes]:
        """A function that computes the 4-byte TAC of a padded message under 16-byte ``key``."""

    def diversify(self, key: bytes, factor: bytes) -> bytes:
        """The 16-byte key under ``key`` for an 8-byte factor."""

    def key_mac(self, key: bytes, iv: bytes, message: bytes) -> bytes:
        """MAC of 4 bytes with the key itself (WRITE KEY), IV right-padded with 00."""


# --- DES: 8-byte blocks -----------------------------------------------------------------------


def _des(key: bytes) -> TripleDES:
    """Single DES (8 bytes) or two-key triple DES (16) as ``cryptography`` wants it, 24 bytes."""
    return TripleDES(key * 3 if len(key) == 8 else key + key[:8])


class DesSession(_CbcChain):
    """Single-DES session of 8 bytes."""

    __slots__ = ()

    def __init__(self, session_key: bytes) -> None:
        self._key = key = TripleDES(session_key * 3)
        self._update = Cipher(key, _CBC8).encryptor().update
        self._state = 0

    def _last_block(self, padded: bytes) -> bytes:
        if self._state:
            head = int.from_bytes(padded[:8]) ^ self._state
            padded = head.to_bytes(8) + padded[8:]
        last = self._update(padded)[-8:]
        self._state = int.from_bytes(last)
        return last

    def mac(self, message: bytes) -> bytes:
        return self._last_block(message + _PADS8[len(message) & 7])[:4]

    def authentication_data(self, original: bytes) -> bytes:
        return self._last_block(original)

    def encipher(self, data: bytes) -> bytes:
        plain = pad_if_needed(bytes((len(data),)) + data, 8)
        return Cipher(self._key, _ECB).encryptor().update(plain)

    def decipher(self, cryptogram: bytes) -> bytes:
        return Cipher(self._key, _ECB).decryptor().update(cryptogram)


class DesSuite:
    """DES and two-key 3DES."""

    name = ALGORITHM_3DES
    block = 8
    fci_code = 0x01

    def key_code(self, length: int) -> int:
        return 0x01 if length == 8 else 0x00

    def encryptor(self, key: bytes) -> Callable[[bytes], bytes]:
        return Cipher(_des(key), _ECB).encryptor().update

    def decryptor(self, key: bytes) -> Callable[[bytes], bytes]:
        return Cipher(_des(key), _ECB).decryptor().update

    def session_key(self, encrypt: Callable[[bytes], bytes], factor: bytes) -> bytes:
        return encrypt(factor[:8].ljust(8, b"\0"))

    def session(self, session_key: bytes) -> DesSession:
        return DesSession(session_key)

    def two_macs(
        self, encrypt: Callable[[bytes], bytes]
    ) -> Callable[[bytes, bytes, bytes], tuple[bytes, bytes]]:
        def macs(factor: bytes, first: bytes, second: bytes) -> tuple[bytes, bytes]:
            update = Cipher(TripleDES(encrypt(factor) * 3), _CBC8).encryptor().update
            last = update(first)[-8:]
            head = int.from_bytes(second[:8]) ^ int.from_bytes(last)
            return last[:4], update(head.to_bytes(8) + second[8:])[-8:-4]

        return macs

    def tac_mac(self, key: bytes) -> Callable[[bytes], bytes]:
        folded = int.from_bytes(key[:8]) ^ int.from_bytes(key[8:])
        update = Cipher(TripleDES(folded.to_bytes(8) * 3), _CBC8).encryptor().update
        state = 0

        def tac(padded: bytes) -> bytes:
            nonlocal state
            head = int.from_bytes(padded[:8]) ^ state
            last = update(head.to_bytes(8) + padded[8:])[-8:]
            state = int.from_bytes(last)
            return last[:4]

        return tac

    def diversify(self, key: bytes, factor: bytes) -> bytes:
        return self.encryptor(key)(factor + bytes(0xFF ^ b for b in factor))

    def key_mac(self, key: bytes, iv: bytes, message: bytes) -> bytes:
        padded = pad(message, 8)
        left = Cipher(_des(key[:8]), CBC(iv.ljust(8, b"\0"))).encryptor()
        last = left.update(padded)[-8:]
        if len(key) == 16:  # the last block is 3DES: undo it with the right half, redo
            last = self.encryptor(key[:8])(self.decryptor(key[8:])(last))
        return last[:4]


# --- SM4: 16-byte blocks ----------------------------------------------------------------------


def _fold_words(block: int) -> bytes:
    """XOR of the four 4-byte words of a 16-byte block."""
    value = block ^ block >> 64
    return ((value ^ value >> 32) & _WORD).to_bytes(4)


class Sm4Session(_CbcChain):
    """SM4 session of 16 bytes."""

    __slots__ = ()

    def __init__(self, session_key: bytes) -> None:
        self._key = key = SM4(session_key)
        self._update = Cipher(key, _CBC16).encryptor().update
        self._state = 0

    def _last_block(self, padded: bytes) -> int:
        if self._state:
            head = int.from_bytes(padded[:16]) ^ self._state
            padded = head.to_bytes(16) + padded[16:]
        self._state = last = int.from_bytes(self._update(padded)[-16:])
        return last

    def mac(self, message: bytes) -> bytes:
        return _fold_words(self._last_block(message + _PADS16[len(message) & 15]))

    def authentication_data(self, original: bytes) -> bytes:
        value = self._last_block(original + bytes(8))
        return ((value >> 64) ^ (value & 0xFFFFFFFFFFFFFFFF)).to_bytes(8)

    def encipher(self, data: bytes) -> bytes:
        plain = pad_if_needed(bytes((len(data),)) + data, 16)
        return Cipher(self._key, _ECB).encryptor().update(plain)

    def decipher(self, cryptogram: bytes) -> bytes:
        return Cipher(self._key, _ECB).decryptor().update(cryptogram)


class Sm4Suite:
    """SM4, GB/T 32907; what LD/T 32.4 says of 16-byte blocks."""

    name = ALGORITHM_SM4
    block = 16
    fci_code = 0x03

    def key_code(self, length: int) -> int:
        return 0x03

    def encryptor(self, key: bytes) -> Callable[[bytes], bytes]:
        return Cipher(SM4(key), _ECB).encryptor().update

    def decryptor(self, key: bytes) -> Callable[[bytes], bytes]:
        return Cipher(SM4(key), _ECB).decryptor().update

    def session_key(self, encrypt: Callable[[bytes], bytes], factor: bytes) -> bytes:
        return encrypt(factor.ljust(16, b"\0"))

    def session(self, session_key: bytes) -> Sm4Session:
        return Sm4Session(session_key)

    def two_macs(
        self, encrypt: Callable[[bytes], bytes]
    ) -> Callable[[bytes, bytes, bytes], tuple[bytes, bytes]]:
        def macs(factor: bytes, first: bytes, second: bytes) -> tuple[bytes, bytes]:
            update = Cipher(SM4(encrypt(factor + _ZERO8)), _CBC16).encryptor().update
            last = int.from_bytes(update(first)[-16:])
            head = int.from_bytes(second[:16]) ^ last
            tail = int.from_bytes(update(head.to_bytes(16) + second[16:])[-16:])
            last ^= last >> 64  # _fold_words, twice, without the calls
            tail ^= tail >> 64
            return (
                ((last ^ last >> 32) & _WORD).to_bytes(4),
                ((tail ^ tail >> 32) & _WORD).to_bytes(4),
            )

        return macs

    def tac_mac(self, key: bytes) -> Callable[[bytes], bytes]:
        update = Cipher(SM4(key), _CBC16).encryptor().update
        state = 0

        def tac(padded: bytes) -> bytes:
            nonlocal state
            head = int.from_bytes(padded[:16]) ^ state
            state = int.from_bytes(update(head.to_bytes(16) + padded[16:])[-16:])
            return _fold_words(state)

        return tac

    def diversify(self, key: bytes, factor: bytes) -> bytes:
        return self.encryptor(key)(factor + bytes(0xFF ^ b for b in factor))

    def key_mac(self, key: bytes, iv: bytes, message: bytes) -> bytes:
        cbc = Cipher(SM4(key), CBC(iv.ljust(16, b"\0"))).encryptor()
        return _fold_words(int.from_bytes(cbc.update(pad(message, 16))[-16:]))


DES: Final[Suite] = DesSuite()
SM4_SUITE: Final[Suite] = Sm4Suite()

SUITES: Final[dict[str, Suite]] = {suite.name: suite for suite in (DES, SM4_SUITE)}

# The algorithm byte of key records numbers otherwise than the FCI does (card page, section 5.8).
SUITE_OF_KEY_CODE: Final[dict[int, Suite]] = {
    code: SUITES[name] for code, name in ALGORITHM_OF_KEY_CODE.items()
}
