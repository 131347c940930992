# SPDX-License-Identifier: Apache-2.0
"""Batches of invented debits, and a store that counts what it is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sscard_chip.security.diversify import city_factor, diversify_chain, province_factor
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES, pad
from sscard_chip.settlement.tac import TacColumns

Roots = dict[tuple[str, int], bytes]
CODES = {1: "3des", 3: "sm4"}


def batch(
    rows: int,
    *,
    cards: int = 50,
    divisions: Sequence[int] = (510100,),
    algorithms: Sequence[int] = (1, 3),
    versions: Sequence[int] = (1,),
    seed: int = 1,
) -> TacColumns:
    """``rows`` debits of at most ``cards`` cards, with random messages and TACs."""
    random = np.random.default_rng(seed)
    factors = random.integers(0, 256, (cards, 8), np.uint8)
    of_card = [random.choice(list(values), cards) for values in (algorithms, versions, divisions)]
    card = random.integers(0, cards, rows)
    return TacColumns(
        of_card[0].astype(np.uint8)[card],
        of_card[1].astype(np.uint8)[card],
        of_card[2].astype(np.uint32)[card],
        factors[card],
        random.integers(0, 256, (rows, 30), np.uint8),
        random.integers(0, 256, (rows, 4), np.uint8),
    )


def expected(roots: Roots, columns: TacColumns) -> bytes:
    """The TACs of a batch joined, each from its root by the card's own suite."""
    tacs = []
    for at in range(len(columns)):
        name = CODES[int(columns.algorithm[at])]
        suite = SUITES[name]
        city = f"{int(columns.division[at]):06d}"
        chain = (province_factor(city), city_factor(city), columns.factor[at].tobytes())
        key = diversify_chain(suite, roots[name, int(columns.key_version[at])], chain)
        tacs.append(suite.tac_mac(key)(pad(columns.message[at].tobytes(), suite.block)))
    return b"".join(tacs)


class Counting:
    """A key store that notes each request for encipherment: suite, version, chain, blocks."""

    def __init__(self, store: KeyStore) -> None:
        self.store = store
        self.requests: list[tuple[str, str, int, tuple[bytes, ...], int]] = []

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        self.requests.append((algorithm, name, version, tuple(factors), len(data)))
        return self.store.encrypt(algorithm, name, version, factors, data)

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        raise AssertionError("a card's key is enciphered below its city")

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        raise AssertionError("no transaction goes to the store")
