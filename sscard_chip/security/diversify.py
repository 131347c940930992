# SPDX-License-Identifier: Apache-2.0
"""Key diversification from a root to a card: province, city, card (LD/T 32.4, key hierarchy).

Each level has a factor of 8 bytes. Under one key the factors of many cards are enciphered in
one call, so a batch costs little more than its blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sscard_chip.security.suite import Suite

FACTOR_LENGTH: Final = 8
KEY_LENGTH: Final = 16
SINGLE_KEY_LENGTH: Final = 8
HISTORICAL_LENGTH: Final = 13

# Cards of this province carry the city with its county digits set to 00.
_ZHEJIANG: Final = "33"


def _digits(city: str) -> str:
    if len(city) != 6 or not (city.isascii() and city.isdecimal()):
        raise ValueError("city code: must be 6 digits")
    return city


def province_factor(city: str) -> bytes:
    """The province's factor (省级分散因子) of a 6-digit city code: ``510100`` gives ``510000sh``.

    Raises ValueError when the code is not 6 digits.
    """
    return f"{_digits(city)[:2]}0000sh".encode()


def city_factor(city: str) -> bytes:
    """The city's factor (市级分散因子) of a 6-digit city code: ``510100`` gives ``510100sx``.

    Codes of Zhejiang (33) enter with their first 4 digits and 00. Raises ValueError when the
    code is not 6 digits.
    """
    area = _digits(city)
    return f"{area[:4]}00sx".encode() if area.startswith(_ZHEJIANG) else f"{area}sx".encode()


def card_factor(historical_bytes: bytes) -> bytes:
    """The card's factor: the last 8 of the 13 historical bytes, T6 to TD of the ATR.

    Raises ValueError when there are not 13.
    """
    if len(historical_bytes) != HISTORICAL_LENGTH:
        raise ValueError(f"historical bytes: must be {HISTORICAL_LENGTH} bytes")
    return historical_bytes[-FACTOR_LENGTH:]


def card_chain(city: str, historical_bytes: bytes) -> tuple[bytes, bytes, bytes]:
    """The factors from a ministry root down to a card: province, city, card."""
    return province_factor(city), city_factor(city), card_factor(historical_bytes)


def left_half(key: bytes) -> bytes:
    """The 8-byte key of the DES suite that belongs to a diversified key of 16 bytes."""
    return key[:SINGLE_KEY_LENGTH]


def diversify_chain(suite: Suite, root: bytes, factors: Iterable[bytes]) -> bytes:
    """The key of 16 bytes that ``factors`` (8 bytes each, outermost first) reach from ``root``.

    No factors give the root itself. Raises ValueError for a factor of another length.
    """
    key = root
    for factor in factors:
        key = suite.diversify(key, _factor(factor))
    return key


def diversify_chains(suite: Suite, root: bytes, chains: Sequence[Sequence[bytes]]) -> list[bytes]:
    """The keys that many chains reach from one root, in the order of ``chains``.

    Common beginnings (province and city) are worked out once, and the last factors under one
    parent are enciphered in one call. Raises ValueError for a factor of another length.
    """
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for index, chain in enumerate(chains):
        groups.setdefault(tuple(chain[:-1]), []).append(index)
    keys = [root] * len(chains)
    for prefix, members in groups.items():
        parent = diversify_chain(suite, root, prefix)
        members = [index for index in members if chains[index]]
        blocks = b"".join(_block(chains[index][-1]) for index in members)
        if not blocks:
            continue
        ciphered = suite.encryptor(parent)(blocks)
        for position, index in enumerate(members):
            start = position * KEY_LENGTH
            keys[index] = ciphered[start : start + KEY_LENGTH]
    return keys


def _factor(factor: bytes) -> bytes:
    if len(factor) != FACTOR_LENGTH:
        raise ValueError(f"diversification factor: must be {FACTOR_LENGTH} bytes")
    return factor


def _block(factor: bytes) -> bytes:
    """What both suites encipher for a factor f: f || not f (LD/T 32.4)."""
    return _factor(factor) + bytes(0xFF ^ byte for byte in factor)
