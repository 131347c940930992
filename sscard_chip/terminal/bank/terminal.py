# SPDX-License-Identifier: Apache-2.0
"""A payment terminal: what it is, what it knows of authorities, what it asks for a purchase."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sscard_chip.security.oda.model import Scheme
from sscard_chip.standard.identifiers import CASH_AID, CREDIT_AID, DEBIT_AID, QUASI_CREDIT_AID
from sscard_chip.standard.text import encode_fitting

AIDS: Final = (DEBIT_AID, CREDIT_AID, QUASI_CREDIT_AID, CASH_AID)
"""Debit, credit, quasi-credit, and e-cash only [L]."""

PURCHASE: Final = b"\x00"
MAX_FEN: Final = 999_999_999_999


@dataclass(frozen=True, slots=True)
class Authority:
    """A public key of a certification authority with the scheme it belongs to."""

    scheme: Scheme[Any, Any]
    key: Any


@dataclass(frozen=True, slots=True)
class TerminalProfile:
    """What a terminal is. Defaults: an attended shop in China, on-line capable, with PIN pad.

    ``floor_limit_fen``: from this amount on it goes on-line. ``action_codes`` are default,
    denial, online (TAC), 5 bytes each. ``authorities`` by RID and key index (8F). ``qualifiers``
    is 9F66, ``pin_pad`` whether there is one. ``random`` makes 9F37.
    """

    country: str = "156"
    currency: str = "156"
    kind: int = 0x22
    capabilities: bytes = bytes.fromhex("E0F8C8")
    additional_capabilities: bytes = bytes.fromhex("6000F0A001")
    identification: str = "00000001"
    merchant: str = "SSCARD TEST MERCHANT"
    merchant_category: str = "5912"
    version: bytes = bytes.fromhex("0030")
    floor_limit_fen: int = 0
    action_codes: tuple[bytes, bytes, bytes] = (
        bytes.fromhex("D84000A800"),
        bytes.fromhex("0010000000"),
        bytes.fromhex("D84004F800"),
    )
    aids: tuple[bytes, ...] = AIDS
    authorities: Mapping[tuple[bytes, int], Authority] = field(default_factory=dict)
    qualifiers: bytes = bytes.fromhex("26000000")
    pin_pad: bool = True
    random: Callable[[int], bytes] = os.urandom


@dataclass(frozen=True, slots=True)
class BankPurchase:
    """One purchase; amounts in fen, ``when`` the terminal's local time.

    ``ecash``: pay from the card's electronic cash if it has one (9F7A). ``force_online``: the
    clerk wants the issuer asked.
    """

    amount_fen: int
    when: datetime
    kind: bytes = PURCHASE
    other_fen: int = 0
    ecash: bool = False
    force_online: bool = False

    def __post_init__(self) -> None:
        for amount in (self.amount_fen, self.other_fen):
            if not 0 <= amount <= MAX_FEN:
                raise ValueError(f"amount: must be 0 to {MAX_FEN} fen")


def terminal_data(terminal: TerminalProfile, purchase: BankPurchase) -> dict[int, bytes]:
    """The terminal's values by tag at the beginning of a transaction."""
    category, limit = terminal.merchant_category, terminal.floor_limit_fen
    return {
        0x9F02: amount_field(purchase.amount_fen),
        0x9F03: amount_field(purchase.other_fen),
        0x9F1A: bytes.fromhex(f"{terminal.country:0>4}"),
        0x5F2A: bytes.fromhex(f"{terminal.currency:0>4}"),
        0x95: bytes(5),
        0x9B: bytes(2),
        0x9A: bytes.fromhex(f"{purchase.when:%y%m%d}"),
        0x9C: purchase.kind,
        0x9F21: bytes.fromhex(f"{purchase.when:%H%M%S}"),
        0x9F37: terminal.random(4),
        0x9F35: bytes((terminal.kind,)),
        0x9F33: terminal.capabilities,
        0x9F40: terminal.additional_capabilities,
        0x9F09: terminal.version,
        0x9F15: bytes.fromhex(category),
        0x9F1B: limit.to_bytes(4),
        0x9F1C: terminal.identification.encode("ascii"),
        0x9F4E: encode_fitting(terminal.merchant, 20).ljust(20, b" "),
        0x9F66: terminal.qualifiers,
        0x9F7A: bytes((purchase.ecash,)),
    }


def amount_field(amount_fen: int) -> bytes:
    """An amount as 12 digits, 6 bytes."""
    return bytes.fromhex(f"{amount_fen:012d}")
