# SPDX-License-Identifier: Apache-2.0
"""Invented cards for ledger tests."""

from __future__ import annotations

import numpy as np

from sscard_chip.settlement.ledger import CardColumns


def cards(
    count: int = 3,
    *,
    first: int = 1,
    division: int = 510100,
    opening_fen: int = 0,
    psn_no: str | None = "P{:04d}",
    valid_to: int = 0,
) -> CardColumns:
    """``count`` cards with numbers from ``first`` on."""
    numbers = range(first, first + count)
    codes = b"".join(bytes.fromhex(f"{division}") + at.to_bytes(13) for at in numbers)
    factors = b"".join(at.to_bytes(8) for at in numbers)
    return CardColumns(
        card_number=np.array([f"Z{at:08d}" for at in numbers], "S9"),
        card_id_code=np.frombuffer(codes, np.uint8).reshape(-1, 16),
        division=np.full(count, division, np.int64),
        psn_no=np.array([psn_no.format(at) if psn_no else "" for at in numbers], "S30"),
        factor=np.frombuffer(factors, np.uint8).reshape(-1, 8),
        valid_to=np.full(count, valid_to, np.int64),
        opening_fen=np.full(count, opening_fen, np.int64),
    )
