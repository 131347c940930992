# SPDX-License-Identifier: Apache-2.0
"""What a key store is: the only way in which root keys are used.

The card engine knows card keys only. Whoever needs a root (personalisation, a PSAM's issuer,
a terminal's HSM, settlement) is handed a store and names the key: algorithm suite, name of the
key as in LD/T 32.4 (``IRK``, ``RKSSSE``, ``DPK``...), version. A plain file, an encrypted file
and an HSM look alike from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sscard_chip.standard.errors import KeyStoreError

__all__ = ["KeyMissingError", "KeyStore", "KeyStoreError"]


class KeyMissingError(KeyStoreError):
    """The store answers, and has no such key: asking again will not help."""


class KeyStore(Protocol):
    """Root keys (根密钥) of both suites."""

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """The 16-byte keys that ``chains`` of 8-byte factors reach from one root, in order.

        ``algorithm`` is ``"3des"`` or ``"sm4"``, ``version`` counts from 1. An empty chain asks for
        the root itself, which a PSAM of the ministry's level holds; a store may refuse it.

        :raises KeyStoreError:
        :raises KeyMissingError: when the store has no such key.
        """

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        """ECB encipherment of whole blocks under the key that ``factors`` reach.

        With a padded challenge as ``data`` this is a session key (过程密钥) of a card whose key
        never shows.

        :raises KeyStoreError:
        """

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        """MAC of 4 bytes over ``message`` with the key itself (key loading, 认证码).

        ``iv`` is padded right with 00 to the block.

        :raises KeyStoreError:
        """
