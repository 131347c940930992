# SPDX-License-Identifier: Apache-2.0
"""The three settlement modes of the medical account (letter no. 38 of 2012) and what each allows.

A region uses exactly one: 1 on-line (联网), 2 on-line with temporary off-line (临时脱网), 3
off-line (脱网). The card's commands are the same in all three; the mode decides which amounts
the terminal sends to the card and whether it may go on without the network. On the card it shows
in DF04: EF05 tag 8F (1 on-line, 2 off-line) and, in mode 2, EF06 with 90, 92 and 93.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from sscard_chip.standard.errors import BAD_INPUT, SettlementError


class SettlementMode(IntEnum):
    """Mode 1, 2 or 3 of letter no. 38."""

    ONLINE = 1
    TEMPORARY_OFFLINE = 2
    OFFLINE = 3

    @property
    def card_usage(self) -> str:
        """Value of 用卡方式, DF04 EF05 tag 8F: "1" on-line, "2" off-line."""
        return "2" if self is SettlementMode.OFFLINE else "1"


class SettlementRefusedError(SettlementError, ValueError):
    """The region's mode does not allow this settlement; the text names the rule."""

    exit_code = BAD_INPUT


class Split(NamedTuple):
    """How a bill is shared, in fen: personal account, paid by the holder, pooled fund."""

    account_fen: int
    self_paid_fen: int
    pooled_fen: int

    @property
    def total_fen(self) -> int:
        return sum(self)


@dataclass(frozen=True, slots=True)
class OfflineUse:
    """DF04 EF06 of a card: flag 90, accumulated amount 92 in fen, number of times 93."""

    allowed: bool
    amount_fen: int
    times: int


@dataclass(frozen=True, slots=True)
class SettlementRegion:
    """What a settlement region (统筹区) fixes. Both caps are one number for the region.

    ``division`` is its six-digit code. The caps bound temporary off-line settlement: amount and
    times must stay strictly below.
    """

    division: str
    mode: SettlementMode
    offline_cap_fen: int = 0
    offline_cap_times: int = 0

    def amounts(self, split: Split, *, online: bool) -> Split:
        """The amounts that INITIALIZE FOR PURCHASE gets for a bill.

        Modes 1 and 2 on-line: 0, total, account + pooled. Temporary off-line: 0, total, total,
        account money only. Mode 3: the real amounts.

        :raises SettlementRefusedError:
        """
        if min(split) < 0:
            raise SettlementRefusedError("an amount is negative")
        if self.mode is SettlementMode.OFFLINE:
            return split
        if online:
            return Split(0, split.total_fen, split.account_fen + split.pooled_fen)
        if self.mode is SettlementMode.ONLINE:
            raise SettlementRefusedError("mode 1 settles on-line alone")
        if split.self_paid_fen or split.pooled_fen:
            raise SettlementRefusedError("off-line, only the personal account may pay")
        return Split(0, split.total_fen, split.total_fen)

    def check_offline(self, card_division: str, use: OfflineUse, amount_fen: int) -> OfflineUse:
        """Whether mode 2 lets this card pay ``amount_fen`` off-line; EF06 as it is afterwards.

        :raises SettlementRefusedError: when the card is not local, its flag is not set, or a cap
            would be reached.
        """
        if self.mode is not SettlementMode.TEMPORARY_OFFLINE:
            raise SettlementRefusedError("the region has no temporary off-line settlement")
        if card_division != self.division:
            raise SettlementRefusedError("off-line, only cards of the region may pay")
        if not use.allowed:
            raise SettlementRefusedError("the card is not allowed to pay off-line")
        if use.amount_fen + amount_fen >= self.offline_cap_fen:
            raise SettlementRefusedError("the cap of the off-line amount is reached")
        if use.times + 1 >= self.offline_cap_times:
            raise SettlementRefusedError("the cap of the off-line times is reached")
        return OfflineUse(use.allowed, use.amount_fen + amount_fen, use.times + 1)
