# SPDX-License-Identifier: Apache-2.0
"""The DTKs of the cards of a batch, each derived once.

A card's key hangs below its province and its city. All cards of a city and version are
enciphered in one request, so a store on an HSM sees one batch of factors and no transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sscard_chip.security.diversify import KEY_LENGTH, city_factor, province_factor
from sscard_chip.security.keystore import KeyMissingError, KeyStore
from sscard_chip.security.suite import SUITES, Suite
from sscard_chip.settlement.tac.columns import FACTOR, TacColumns

DTK: Final = "DTK"
SUITE_OF_CODE: Final = {suite.fci_code: suite for suite in SUITES.values()}
"""The algorithm byte of the FCI and of a day file."""

_MOST_DIVISION: Final = 999_999


class KeyGroup(NamedTuple):
    """What selects a city's key: FCI code of the algorithm, version, division."""

    algorithm: int
    key_version: int
    division: int

    def __str__(self) -> str:
        return f"{self.algorithm:02X}: {DTK}: {self.key_version}: division {self.division:06d}"


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of a :class:`KeyGroup`, and its distinct cards."""

    name: KeyGroup
    rows: NDArray[np.intp]
    """Positions in the batch."""
    factors: NDArray[np.uint8]
    """(m, 8) card factors, each once."""
    which: NDArray[np.intp]
    """For each of ``rows``, whose key it needs: 0 to m - 1."""


def groups(columns: TacColumns) -> Iterator[Group]:
    """The rows of a batch by the city key that their cards hang below."""
    codes = columns.division.astype(np.uint64)
    codes |= columns.key_version.astype(np.uint64) << np.uint64(32)
    codes |= columns.algorithm.astype(np.uint64) << np.uint64(40)
    factors = np.ascontiguousarray(columns.factor).view(np.uint64).reshape(-1)
    distinct, member = np.unique(codes, return_inverse=True)
    order = np.argsort(member, kind="stable")
    ends = np.cumsum(np.bincount(member, minlength=len(distinct)))
    begin = 0
    for code, end in zip(distinct.tolist(), ends.tolist(), strict=True):
        rows, begin = order[begin:end], end
        name = KeyGroup(code >> 40, code >> 32 & 0xFF, code & 0xFFFFFFFF)
        cards, which = np.unique(factors[rows], return_inverse=True)
        yield Group(name, rows, cards.view(np.uint8).reshape(-1, FACTOR), which)


def derive(store: KeyStore, group: Group) -> tuple[Suite, NDArray[np.uint8]]:
    """The suite of a group and the DTKs (m, 16) of its cards: one request to the store.

    Raises :class:`KeyMissingError` for an algorithm without a suite, a division that is no six
    digits and a root that the store has not; :class:`KeyStoreError` when the store cannot answer.
    """
    suite = SUITE_OF_CODE.get(group.name.algorithm)
    if suite is None or group.name.division > _MOST_DIVISION:
        raise KeyMissingError(f"{group.name}: there is no such key")
    city = f"{group.name.division:06d}"
    blocks = np.concatenate((group.factors, ~group.factors), axis=1).tobytes()
    chain = (province_factor(city), city_factor(city))
    enciphered = store.encrypt(suite.name, DTK, group.name.key_version, chain, blocks)
    return suite, np.frombuffer(enciphered, np.uint8).reshape(-1, KEY_LENGTH)
