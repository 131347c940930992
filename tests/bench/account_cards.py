# SPDX-License-Identifier: Apache-2.0
"""Cards with known keys and any state of the account, made from the real profiles."""

from __future__ import annotations

import hashlib
from functools import cache

from sscard_chip.applications import amounts
from sscard_chip.memory import Memory
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.profile.compiler import CardWriter, compile_template, key_length
from sscard_chip.profile.model import Profile
from sscard_chip.security.random import RandomSource
from sscard_chip.security.suite import SUITES

PIN = "123456"
ALGORITHMS = ("3des", "sm4")


def secret(root: str, version: int, length: int = 16) -> bytes:
    """The test key of a root's name and version."""
    return hashlib.sha256(f"{root} {version}".encode()).digest()[:length]


@cache
def _template(
    generation: int, algorithm: str, account_only: bool, proof_by_next_number: bool
) -> tuple[Profile, Memory]:
    profile = for_generation(
        generation,
        account_only=account_only,
        settlement_mode=SettlementMode.OFFLINE,
        proof_by_next_number=proof_by_next_number,
    )
    return profile, compile_template(profile, algorithm)


def new_memory(
    algorithm: str = "3des",
    *,
    generation: int = 3,
    account_only: bool = False,
    proof_by_next_number: bool = False,
    pin: str = PIN,
    keys: dict[str, bytes] | None = None,
    load_counter: int = 0,
    purchase_counter: int = 0,
    balance_fen: int = 0,
    self_paid_total_fen: int = 0,
    pooled_total_fen: int = 0,
    year: str = "0000",
    starting_day: str = "0101",
) -> Memory:
    """A card's memory. ``keys`` are given for all versions, by root, instead of test keys."""
    profile, template = _template(generation, algorithm, account_only, proof_by_next_number)
    writer = CardWriter(template)
    writer.historical_bytes(bytes.fromhex("00990100038699510000000001"))
    for directory in profile.directories:
        for key in directory.keys:
            length = key_length(key, SUITES[algorithm])
            for version in range(1, key.versions + 1):
                value = (keys or {}).get(key.root) or secret(key.root, version, length)
                writer.key(directory.fid, key, version, value)
    writer.pin(bytes.fromhex(pin))
    content = amounts.initial_content(
        load_counter=load_counter,
        purchase_counter=purchase_counter,
        balance_fen=balance_fen,
        self_paid_total_fen=self_paid_total_fen,
        pooled_total_fen=pooled_total_fen,
        year=year,
        starting_day=starting_day,
    )
    writer.account(0xDF04, content)
    return writer.finish()


class KnownRandom(RandomSource):
    """Random bytes that a test chooses, or that a run repeats."""

    __slots__ = ("_count", "_fixed", "_seed")

    def __init__(self, fixed: bytes = b"", seed: str = "") -> None:
        super().__init__()
        self._fixed = fixed
        self._seed = seed
        self._count = 0

    def take(self, length: int) -> bytes:
        if self._fixed:
            return self._fixed[:length]
        self._count += 1
        return hashlib.sha256(f"{self._seed} {self._count}".encode()).digest()[:length]
