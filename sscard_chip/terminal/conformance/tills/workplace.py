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
from sscard_chip.standard.settlement_mode import OfflineUse, SettlementMode, Split
from sscard_chip.terminal.connection import Connection

PIN: Final = "135790"
TIME: Final = "20260315101112"
CAP_FEN: Final = 100_000
"""What cards of mode 2 must stay below off-line, in fen: the sum since they were on-line."""
CAP_TIMES: Final = 10
"""And how often."""
Outcome = Literal["paid", "refused", "open"]


@dataclass(frozen=True, slots=True)
class SaleOrder:
    """What a terminal is to sell: three amounts in fen, and the terminal's local time,
    YYYYMMDDhhmmss.

    ``mode`` is the region's; with ``online`` False its centre cannot be reached.
    """

    account_fen: int = 1000
    self_paid_fen: int = 500
    pooled_fen: int = 2000
    time: str = TIME
    mode: SettlementMode = SettlementMode.OFFLINE
    online: bool = True

    @property
    def total_fen(self) -> int:
        """The whole bill."""
        return self.account_fen + self.self_paid_fen + self.pooled_fen

    @property
    def sent_fen(self) -> tuple[int, int, int]:
        """What the card must be told: in modes 1 and 2 nothing is taken from its account, the total
        is paid by oneself, and account and fund stand together (letter no. 38 of 2012)."""
        if self.mode is SettlementMode.OFFLINE:
            return self.account_fen, self.self_paid_fen, self.pooled_fen
        last = self.account_fen + self.pooled_fen if self.online else self.total_fen
        return 0, self.total_fen, last

    @property
    def amounts(self) -> bytes:
        """As INITIALIZE FOR PURCHASE must have them, 12 bytes."""
        return b"".join(part.to_bytes(4) for part in self.sent_fen)


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
    """A terminal under judgement. Where it also has ``end_day()``, that is called for what it owes
    to the centre, and ``close()`` when its workplace is given up."""

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """Sell to the card in the reader. Called again after an open sale, with the same card or
        another one in the reader, it finishes that one first. What it raises counts as refused."""


class SaleCentre(Protocol):
    """The settlement centre of modes 1 and 2, as a terminal may ask it.

    Both methods raise :class:`~sscard_chip.dayfile.authoriser.CentreUnreachableError` where the
    network is down.
    """

    def hold(self, bill: Split) -> Split:
        """Before the card is debited: how the bill is shared.

        :raises CentreRefusedError: it settles nothing for this card.
        """

    def settle(self, tac: bytes) -> OfflineUse | None:
        """After it, with the card's TAC, 4 bytes: EF06 of the card as it must become in mode 2."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a terminal works: its readers, its holder, its files.

    ``ask_pin`` is called with the tries left when the holder is to type the PIN and gives digits,
    or None when the holder cancels. ``folder`` is empty, and the terminal's own. The PSAM has
    purchase keys of the cards' city. ``mode`` is the region's; in modes 1 and 2 there is a
    ``centre``. Off-line, cards of mode 2 pay below ``CAP_FEN`` in all and ``CAP_TIMES`` times.
    """

    card: Connection
    psam: Connection
    ask_pin: Callable[[int], str | None]
    hotlist: Hotlist
    folder: Path
    mode: SettlementMode = SettlementMode.OFFLINE
    centre: SaleCentre | None = None


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
    mode: SettlementMode = SettlementMode.OFFLINE
    use: OfflineUse = field(default=OfflineUse(allowed=True, amount_fen=0, times=0))


class Workshop(Protocol):
    """Makes cards and PSAMs whose keys belong together."""

    def card(self, wish: CardWish) -> Memory:
        """A card whose medical account is settled as the wish's mode has it."""

    def psam(self, *, level: int, version: int = 1) -> Memory:
        """A PSAM of a level, 1 to 3, with both environments, whose files 001A to 001C name the
        purchase key of a version, 1 to 3; it has all three."""

    def terminal_number(self) -> bytes:
        """终端机编号 of the PSAMs, 6 bytes."""
