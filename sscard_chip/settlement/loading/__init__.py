# SPDX-License-Identifier: Apache-2.0
"""Allocation onto the card (账户划入): what is due to a card, and the host that loads it.

A load moves no money in the books: the personal account is the holder's money wherever it can be
spent. What the chips of an account can spend is bounded instead: a card is due what its account
has, less what the account's chips are known to have.
"""

from __future__ import annotations

from sscard_chip.settlement.loading.due import ChipMoney, chip_money, fen_due
from sscard_chip.settlement.loading.host import LoadHost

__all__ = ["ChipMoney", "LoadHost", "chip_money", "fen_due"]
