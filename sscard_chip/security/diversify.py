# SPDX-License-Identifier: Apache-2.0
"""Key diversification from a root to a card: province, city, card (LD/T 32.4, key hierarchy).

Each level has a factor of 8 bytes. Under one key the factors of many cards are enciphered in
one call, so a batch costs little more than its blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, overload

from sscard_chip.security.suite import Suite
from sscard_chip.standard.dates import is_digits

FACTOR_LENGTH: Final = 8
KEY_LENGTH: Final = 16
SINGLE_KEY_LENGTH: Final = 8
HISTORICAL_LENGTH: Final = 13

_ALL_ONES: Final = 0xFFFFFFFFFFFFFFFF

# Cards of this province carry the city with its county digits set to 00.
_ZHEJIANG: Final = "33"


def _digits(city: str) -> str:
    if not is_digits(city, 6):
        raise ValueError("city code: must be 6 digits")
    return city


def province_factor(city: str) -> bytes:
    """The province's factor (省级分散因子) of a 6-digit city code: ``510100`` gives ``510000sh``.

    :raises ValueError: when the code is not 6 digits.
    """
    return f"{_digits(city)[:2]}0000sh".encode()


def city_factor(city: str) -> bytes:
    """The city's factor (市级分散因子) of a 6-digit city code: ``510100`` gives ``510100sx``.

    Codes of Zhejiang (33) enter with their first 4 digits and 00.

    :raises ValueError: when the code is not 6 digits.
    """
    area = _digits(city)
    return f"{area[:4]}00sx".encode() if area.startswith(_ZHEJIANG) else f"{area}sx".encode()


def card_factor(historical_bytes: bytes) -> bytes:
    """The card's factor: the last 8 of the 13 historical bytes, T6 to TD of the ATR.

    :raises ValueError: when there are not 13.
    """
    if len(historical_bytes) != HISTORICAL_LENGTH:
        raise ValueError(f"historical bytes: must be {HISTORICAL_LENGTH} bytes")
    return historical_bytes[-FACTOR_LENGTH:]


def card_chain(city: str, historical_bytes: bytes) -> tuple[bytes, bytes, bytes]:
    """The factors from a ministry root down to a card: province, city, card."""
    return province_factor(city), city_factor(city), card_factor(historical_bytes)


def diversify_chain(suite: Suite, root: bytes, factors: Iterable[bytes]) -> bytes:
    """The key of 16 bytes that ``factors`` (8 bytes each, outermost first) reach from ``root``.

    No factors give the root itself.

    :raises ValueError: for a factor of another length.
    """
    key = root
    for factor in factors:
        key = suite.diversify(key, _factor(factor))
    return key


class Chains(Sequence[Sequence[bytes]]):
    """Chains of factors, checked and sorted by parent once, for many roots.

    Whoever asks for every key of a batch makes one of these and hands it to each request; a plain
    list is sorted anew each time.

    :raises ValueError: for a factor that is not 8 bytes.
    """

    __slots__ = ("_chains", "families")

    families: tuple[Family, ...]

    def __init__(self, chains: Iterable[Sequence[bytes]]) -> None:
        self._chains = tuple(chains)
        members: dict[tuple[bytes, ...], list[int]] = {}
        for index, chain in enumerate(self._chains):
            if chain:
                members.setdefault(tuple(chain[:-1]), []).append(index)
        self.families = tuple(
            Family(
                tuple(map(_factor, parent)),
                tuple(indices),
                b"".join([diversification_block(self._chains[index][-1]) for index in indices]),
            )
            for parent, indices in members.items()
        )

    @classmethod
    def of(cls, chains: Sequence[Sequence[bytes]]) -> Chains:
        """``chains`` itself if it is sorted already, else sorted."""
        return chains if isinstance(chains, cls) else cls(chains)

    @overload
    def __getitem__(self, index: int) -> Sequence[bytes]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[bytes]]: ...
    def __getitem__(self, index: int | slice) -> Sequence[bytes] | Sequence[Sequence[bytes]]:
        return self._chains[index]

    def __len__(self) -> int:
        return len(self._chains)


class Family(NamedTuple):
    """Chains that end under one parent."""

    parent: tuple[bytes, ...]
    """The factors above the last: province and city, for a card."""
    indices: tuple[int, ...]
    """Where in the batch its chains are."""
    blocks: bytes
    """What their last factors have enciphered, 16 bytes each."""


def diversify_chains(suite: Suite, root: bytes, chains: Sequence[Sequence[bytes]]) -> list[bytes]:
    """The keys that many chains reach from one root, in the order of ``chains``.

    Common beginnings (province and city) are worked out once, and the last factors under one parent
    are enciphered in one call.

    :raises ValueError: for a factor of another length.
    """
    return diversify_families(
        Chains.of(chains),
        root,
        lambda family: suite.encryptor(diversify_chain(suite, root, family.parent))(family.blocks),
    )


def diversify_families(
    chains: Chains, root: bytes, encipher: Callable[[Family], bytes]
) -> list[bytes]:
    """The keys of ``chains``, where ``encipher`` does a family's blocks under its parent key.

    An empty chain gives ``root``.
    """
    keys = [root] * len(chains)
    for family in chains.families:
        enciphered = encipher(family)
        cut = [enciphered[at : at + KEY_LENGTH] for at in range(0, len(enciphered), KEY_LENGTH)]
        if len(cut) == len(keys):
            return cut
        for index, key in zip(family.indices, cut, strict=True):
            keys[index] = key
    return keys


def _factor(factor: bytes) -> bytes:
    if len(factor) != FACTOR_LENGTH:
        raise ValueError(f"diversification factor: must be {FACTOR_LENGTH} bytes")
    return factor


def diversification_block(factor: bytes) -> bytes:
    """What both suites encipher for a factor f of 8 bytes: f || not f (LD/T 32.4)."""
    value = int.from_bytes(_factor(factor))
    return (value << 64 | value ^ _ALL_ONES).to_bytes(2 * FACTOR_LENGTH)
