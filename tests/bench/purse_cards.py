# SPDX-License-Identifier: Apache-2.0
"""Cards of generation 3 that carry deposit and purse in any state, their keys known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.purse import (
    COMPOUND_LENGTH,
    COMPOUND_TAG,
    PurseContents,
    add_purse,
    purse_root_names,
)
from tests.bench import account_cards as medical

PIN = "123456"
ALGORITHMS = ("3des", "sm4")
PUBLIC = bytes.fromhex("1122334455667788 03 01 00000000000000001234 20240101 20340101 5566")
CARDHOLDER = b"\x00\x00" + "林知夏".encode("gbk").ljust(20, b"\0") + bytes(33)
MANAGEMENT = bytes.fromhex("00000156 5800 5840 0001 02").ljust(60, b"\0")
COMPOUND = ((COMPOUND_TAG, bytes(COMPOUND_LENGTH)), (0x01, bytes(8)))


def secret(root: str) -> bytes:
    """The test key of a root's name."""
    return hashlib.sha256(root.encode()).digest()[:16]


def contents(
    algorithm: str = "3des",
    *,
    deposit: Purse | None = None,
    purse: Purse | None = None,
    pin: str = PIN,
    keys: Mapping[str, bytes] | None = None,
    compound: tuple[tuple[int, bytes], ...] = COMPOUND,
    free_log: bool = False,
    dormant: bool = False,
) -> PurseContents:
    """What the application of a test card holds. ``keys`` replace test keys, by root."""
    return PurseContents(
        algorithm=algorithm,
        public=PUBLIC,
        cardholder=CARDHOLDER,
        secrets={root: (keys or {}).get(root) or secret(root) for root in purse_root_names()},
        pin=bytes.fromhex(pin),
        deposit=deposit or Purse(),
        purse=purse or Purse(),
        management=MANAGEMENT,
        compound=compound,
        free_log=free_log,
        dormant=dormant,
    )


def new_memory(algorithm: str = "3des", **options: Any) -> Memory:
    """A card's memory; ``options`` are those of :func:`contents`."""
    card = medical.new_memory(algorithm, balance_fen=10_000)
    add_purse(card, contents(algorithm, **options))
    return card


def new_card(algorithm: str = "3des", **options: Any) -> Card:
    """The same, powered."""
    card = Card(new_memory(algorithm, **options))
    card.power_on()
    return card
