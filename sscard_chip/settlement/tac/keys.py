# SPDX-License-Identifier: Apache-2.0
"""The DTKs of the cards of a batch, each derived once.

A card's key hangs below its province and its city. All cards of a city and version are
enciphered in one request, so a store on an HSM sees one batch of factors and no transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sscard_chip.security.diversify import KEY_LENGTH, city_factor, province_factor
from sscard_chip.security.keystore import KeyMissingError
from sscard_chip.security.suite import SUITES
from sscard_chip.settlement.arrays import runs
from sscard_chip.settlement.tac.columns import FACTOR, TacColumns
from sscard_chip.standard.keys import DTK

SUITE_OF_CODE: Final = {suite.fci_code: suite for suite in SUITES.values()}
"""The algorithm byte of the FCI and of a day file."""

_MOST_DIVISION: Final = 999_999


class Enciphering(Protocol):
    """All that settlement asks of a :class:`~sscard_chip.security.keystore.KeyStore`."""

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        """See there."""


class KeyGroup(NamedTuple):
    """What selects a city's key: FCI code of the algorithm, version, division."""

    algorithm: int
    key_version: int
    division: int

    def __str__(self) -> str:
        return f"{self.algorithm:02X}: {DTK}: {self.key_version}: division {self.division:06d}"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Keyed:
    """Rows of one suite, those of a card side by side, and the keys of their cards."""

    suite: str
    rows: NDArray[np.intp]
    """Positions in the batch."""
    which: NDArray[np.intp]
    """For each of ``rows`` its key; never less than for the row before."""
    keys: NDArray[np.uint8]
    """(m, 16), one for each card."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _Cards:
    """Rows of one group, those of a card side by side."""

    group: KeyGroup
    rows: NDArray[np.intp]
    which: NDArray[np.intp]
    factors: NDArray[np.uint8]


class Missing(NamedTuple):
    """Why a group has no key, and how many rows it has."""

    reason: str
    rows: int


def derive(store: Enciphering, columns: TacColumns) -> tuple[list[Keyed], dict[KeyGroup, Missing]]:
    """The keys of all cards, by suite; and the groups that have none.

    One request to the store for each group. Raises
    :class:`~sscard_chip.security.keystore.KeyStoreError` when the store cannot answer.
    """
    found: dict[str, list[tuple[_Cards, NDArray[np.uint8]]]] = {}
    without: dict[KeyGroup, Missing] = {}
    for cards in _groups(columns):
        try:
            suite, keys = _diversify(store, cards)
        except KeyMissingError as error:
            without[cards.group] = Missing(str(error), len(cards.rows))
        else:
            found.setdefault(suite, []).append((cards, keys))
    return [_joined(suite, parts) for suite, parts in found.items()], without


def _joined(suite: str, parts: list[tuple[_Cards, NDArray[np.uint8]]]) -> Keyed:
    which, begin = [], 0
    for cards, keys in parts:
        which.append(cards.which + begin)
        begin += len(keys)
    return Keyed(
        suite,
        np.concatenate([cards.rows for cards, _ in parts]),
        np.concatenate(which),
        np.concatenate([keys for _, keys in parts]),
    )


def _groups(columns: TacColumns) -> Iterator[_Cards]:
    codes = columns.division.astype(np.uint64)
    codes |= columns.key_version.astype(np.uint64) << np.uint64(32)
    codes |= columns.algorithm.astype(np.uint64) << np.uint64(40)
    factors = np.ascontiguousarray(columns.factor).view(np.uint64).reshape(-1)
    # Rows mostly come by card: what is sorted are cards then, and not their rows.
    fresh = np.ones(len(codes), np.bool_)
    fresh[1:] = (factors[1:] != factors[:-1]) | (codes[1:] != codes[:-1])
    heads, counts = runs(fresh)
    for code, own in _partition(codes[heads]):
        group = KeyGroup(code >> 40, code >> 32 & 0xFF, code & 0xFFFFFFFF)
        of_own = factors[heads[own]]
        order = np.argsort(of_own)
        own, ordered = own[order], of_own[order]
        begins = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        distinct = ordered[begins].view(np.uint8).reshape(-1, FACTOR)
        rows = _spread(heads[own], counts[own])
        yield _Cards(group, rows, np.repeat(np.cumsum(begins) - 1, counts[own]), distinct)


def _spread(starts: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """The positions of runs, one run after the other."""
    ends = np.cumsum(counts)
    return np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1])


def _partition(codes: NDArray[np.uint64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each code and the positions that have it."""
    distinct, member = np.unique(codes, return_inverse=True)
    # Numbers of two bytes are sorted by their digits, in a tenth of the time.
    small: NDArray[Any] = member.astype(np.uint16) if len(distinct) <= 0x10000 else member
    order = np.argsort(small, kind="stable")
    begin = 0
    ends = np.cumsum(np.bincount(member, minlength=len(distinct)))
    for code, end in zip(distinct.tolist(), ends.tolist(), strict=True):
        yield code, order[begin:end]
        begin = end


def _diversify(store: Enciphering, cards: _Cards) -> tuple[str, NDArray[np.uint8]]:
    """The suite of a group and the DTKs (m, 16) of its cards.

    Raises :class:`KeyMissingError` for an algorithm without a suite, a division that is no six
    digits and a root that the store has not.
    """
    suite = SUITE_OF_CODE.get(cards.group.algorithm)
    if suite is None or cards.group.division > _MOST_DIVISION:
        raise KeyMissingError(f"{cards.group}: there is no such key")
    city = f"{cards.group.division:06d}"
    chain = (province_factor(city), city_factor(city))
    blocks = np.concatenate((cards.factors, ~cards.factors), axis=1).tobytes()
    keys = store.encrypt(suite.name, DTK, cards.group.key_version, chain, blocks)
    return suite.name, np.frombuffer(keys, np.uint8).reshape(-1, KEY_LENGTH)
