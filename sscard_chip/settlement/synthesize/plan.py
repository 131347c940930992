# SPDX-License-Identifier: Apache-2.0
"""Invented cards, pharmacies and terminals of a region: nobody and nothing of it exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.pharmacies import Pharmacy
from sscard_chip.settlement.columns import Columns
from sscard_chip.settlement.ledger.register import CardColumns
from sscard_chip.standard.identifiers import RID
from sscard_chip.standard.settlement_mode import SettlementMode

DATE: Final = "20260315"
EARLIER: Final = "20260314"
NEXT: Final = "20260316"
VERSION: Final = "2026-03-15"
OLD_VERSION: Final = "2026-02-01"

ISSUERS: Final = (*[510100] * 13, *[510104] * 4, 510700, 330106, 330106)
"""Where cards are from: the city, another of its province, a district, another province."""

REGISTERED: Final = frozenset({510100, 510104, 510700})
PLACES: Final = (
    *[(510100, SettlementMode.OFFLINE)] * 6,
    *[(510104, SettlementMode.OFFLINE)] * 2,
    (510700, SettlementMode.ONLINE),
    (510300, SettlementMode.TEMPORARY_OFFLINE),
)
"""Divisions of pharmacies, and the settlement mode of the region."""

_ALPHABET: Final = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRSTUVWX", np.uint8)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Cards(Columns):
    """n cards as columns; a card stands in the register or not, and may be on the hotlist."""

    card_number: NDArray[np.bytes_]
    card_id_code: NDArray[np.uint8]
    division: NDArray[np.uint32]
    factor: NDArray[np.uint8]
    algorithm: NDArray[np.uint8]
    key_version: NDArray[np.uint32]
    psn_no: NDArray[np.bytes_]
    valid_to: NDArray[np.int64]
    opening_fen: NDArray[np.int64]

    def register(self, which: NDArray[np.bool_]) -> CardColumns:
        """The cards of a register: the chosen ones whose issuers it covers."""
        rows = np.flatnonzero(which & np.isin(self.division, sorted(REGISTERED)))
        return CardColumns(
            self.card_number[rows],
            self.card_id_code[rows],
            self.division[rows].astype(np.int64),
            self.psn_no[rows],
            self.factor[rows],
            self.valid_to[rows],
            self.opening_fen[rows],
        )


def invent_cards(rng: np.random.Generator, count: int) -> Cards:
    """Cards of several issuers and both suites, no two with the same number or 卡识别码."""
    division = np.array(ISSUERS, np.uint32)[rng.integers(0, len(ISSUERS), count)]
    serial = rng.permutation(count).astype(np.uint32) + np.uint32(0x01000000)
    code = np.empty((count, 16), np.uint8)
    code[:, :3] = bcd_array(division, 3)
    code[:, 3:8] = list(RID)
    code[:, 8:12] = serial.astype(">u4").view(np.uint8).reshape(-1, 4)
    code[:, 12:] = rng.integers(0, 256, (count, 4), np.uint8)
    factor = np.empty((count, 8), np.uint8)
    factor[:, :4] = list(bytes.fromhex("86995101"))
    factor[:, 4:] = code[:, 8:12]
    number = np.empty((count, 9), np.uint8)
    number[:, 0] = ord("Z")
    left = rng.permutation(count).astype(np.uint64)
    for at in range(8, 0, -1):
        number[:, at] = _ALPHABET[left % np.uint64(32)]
        left //= np.uint64(32)
    persons = np.array([f"51{one:014d}".encode() for one in range(count)], "S30")
    return Cards(
        number.view("S9").reshape(-1),
        code,
        division,
        factor,
        np.where(rng.random(count) < 0.6, 3, 1).astype(np.uint8),
        rng.integers(1, 4, count).astype(np.uint32),
        persons,
        np.full(count, 20351231, np.int64),
        rng.integers(0, 400_000, count),
    )


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal of a pharmacy, with its PSAM."""

    pharmacy: str
    name: str
    division: int
    mode: int
    terminal_id: str
    psam_number: str


def make_terminals(count: int, begin: int = 0) -> list[Terminal]:
    """Terminals of ``count`` pharmacies, one each."""
    found = []
    for number in range(begin, begin + count):
        division, mode = PLACES[number % len(PLACES)]
        found.append(
            Terminal(
                f"P{division // 100:04d}{number:07d}",
                f"第{number}药店",
                division,
                mode,
                f"{division:06d}{number:06d}",
                f"{division:06d}{number:014d}",
            )
        )
    return found


def as_pharmacies(terminals: list[Terminal]) -> list[Pharmacy]:
    """The pharmacies of terminals."""
    return [
        Pharmacy(
            one.pharmacy,
            one.name,
            f"{one.division:06d}",
            frozenset({one.terminal_id}),
            frozenset({one.psam_number}),
        )
        for one in terminals
    ]


def bcd_array(numbers: NDArray[np.uint32], length: int) -> NDArray[np.uint8]:
    """Numbers as BCD of ``length`` bytes."""
    found = np.empty((len(numbers), length), np.uint8)
    left = numbers.astype(np.uint64)
    for at in range(length - 1, -1, -1):
        pair = (left % np.uint64(100)).astype(np.uint8)
        found[:, at] = pair // 10 * 16 + pair % 10
        left //= np.uint64(100)
    return found


def times(date: str, seconds: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Times of a day as BCD (n, 7)."""
    found = np.empty((len(seconds), 7), np.uint8)
    found[:, :4] = list(bytes.fromhex(date))
    clock = seconds // 3600 * 10000 + seconds // 60 % 60 * 100 + seconds % 60
    found[:, 4:] = bcd_array(clock.astype(np.uint32), 3)
    return found
