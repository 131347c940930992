# SPDX-License-Identifier: Apache-2.0
"""What a terminal under judgement is given, and what it has to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.memory import Memory
from sscard_chip.standard.identifiers import ALGORITHM_3DES
from sscard_chip.terminal.connection import Connection

PIN: Final = "135790"
TIME: Final = "20260315101112"
Outcome = Literal["paid", "refused", "open"]


@dataclass(frozen=True, slots=True)
class SaleOrder:
    """What a terminal is to sell, settled off-line (脱网): three amounts in fen, and the terminal's
    local time, YYYYMMDDhhmmss."""

    account_fen: int = 1000
    self_paid_fen: int = 500
    pooled_fen: int = 2000
    time: str = TIME

    @property
    def amounts(self) -> bytes:
        """As INITIALIZE FOR PURCHASE has them, 12 bytes."""
        parts = (self.account_fen, self.self_paid_fen, self.pooled_fen)
        return b"".join(part.to_bytes(4) for part in parts)


@dataclass(frozen=True, slots=True)
class SaleAnswer:
    """How a sale ended, as the terminal sees it.

    ``open``: it is not known whether the card has paid, and it must be put in again. ``tac`` is
    the card's TAC, 4 bytes, of a sale that is paid. ``suspect``: the PSAM found MAC2 wrong, and the
    terminal says so.
    """

    outcome: Outcome
    tac: bytes = b""
    suspect: bool = False


class JudgedTerminal(Protocol):
    """A terminal under judgement."""

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """Sell to the card in the reader. Called again after an open sale, with the same card or
        another one in the reader, it finishes that one first. What it raises counts as refused."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a terminal works: its readers, its holder, its files.

    ``ask_pin`` is called with the tries left when the holder is to type the PIN and gives digits,
    or None when the holder cancels. ``folder`` is empty, and the terminal's own. The PSAM has
    purchase keys of the cards' city.
    """

    card: Connection
    psam: Connection
    ask_pin: Callable[[int], str | None]
    hotlist: Hotlist
    folder: Path


TerminalMaker = Callable[[Workplace], JudgedTerminal]
"""Gives a terminal for a workplace."""


@dataclass(frozen=True, slots=True)
class CardWish:
    """A card that a case wants: one that is issued, or broken in a known way."""

    generation: int = 2
    algorithm: str = ALGORITHM_3DES
    pin: str = PIN
    balance_fen: int = 100_000
    broken: str = ""
    changes: tuple[tuple[str, str], ...] = field(default=())
    serial: str = "07A1B2C3"


class Workshop(Protocol):
    """Makes cards and PSAMs whose keys belong together."""

    def card(self, wish: CardWish) -> Memory:
        """A card whose medical account is settled off-line."""

    def psam(self, *, level: int) -> Memory:
        """A PSAM of a level, 1 to 3, with both environments."""

    def terminal_number(self) -> bytes:
        """终端机编号 of the PSAMs, 6 bytes."""
