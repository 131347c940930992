# SPDX-License-Identifier: Apache-2.0
"""The keys of the card in the reader, by way of a key store that never shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.profile.generations import find_generation
from sscard_chip.security.diversify import card_chain
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES, SessionCipher, Suite

_CITY: Final = re.compile("[0-9]{6}")
_SUITE_OF_FCI: Final = {suite.fci_code: suite for suite in SUITES.values()}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a card says of itself: generation by 规范版本, suite by FCI, city by 卡识别码.

    0, None and an empty text stand for what it does not say.
    """

    generation: int = 0
    suite: Suite | None = None
    city: str = ""

    @classmethod
    def read(cls, algorithm: bytes, version: bytes, identification: bytes) -> Identity:
        """From the algorithm byte of the FCI and the values of tags 03 and 01 of EF05.

        Without an algorithm byte it is DES (LD/T 33 section 10.1); a blank version is 1.0.
        """
        generation = find_generation(version)
        city = identification[:3].hex()
        suite = _SUITE_OF_FCI.get(algorithm[0] if algorithm else 0x01)
        return cls(
            generation.number if generation else 0, suite, city if _CITY.fullmatch(city) else ""
        )

    def __str__(self) -> str:
        if not self.generation:
            return "no social security card that the shell knows"
        suite = self.suite.name if self.suite else "unknown algorithm"
        return f"generation {self.generation}, {suite}, city {self.city or 'unknown'}"


@dataclass(frozen=True, slots=True)
class CardKeyStore:
    """The key store narrowed down to one card."""

    store: KeyStore = field(repr=False)
    suite: Suite
    chain: tuple[bytes, bytes, bytes] = field(repr=False)

    @classmethod
    def of_card(cls, store: KeyStore, identity: Identity, historical: bytes) -> CardKeyStore | None:
        """None when the card did not say its suite or city, or has no 13 historical bytes.

        :param historical: the historical bytes (历史字节); the last 8 diversify the keys.
        """
        if not identity.suite or not identity.city or len(historical) != 13:
            return None
        return cls(store, identity.suite, card_chain(identity.city, historical))

    def authentication_data(self, root: str, version: int, factor: bytes, original: bytes) -> bytes:
        """鉴别数据 of 8 bytes over ``original`` under the session key of ``factor``, 8 bytes.

        :raises KeyStoreError:
        """
        padded = factor.ljust(self.suite.block, b"\0")
        key = self.store.encrypt(self.suite.name, root, version, self.chain, padded)
        session: SessionCipher = self.suite.session(key)
        return session.authentication_data(original)
