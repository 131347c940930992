# SPDX-License-Identifier: Apache-2.0
"""Slips beside receipts: what was loaded onto a card, and what a card has; 32 columns each."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_chip.standard.amounts import yuan
from sscard_chip.terminal.loads import LoadedAmount
from sscard_chip.terminal.medical import AccountBalances
from sscard_chip.terminal.pos.card import CardholderName
from sscard_chip.terminal.pos.receipt import (
    RULE,
    heading,
    pair,
    wrap,
)


@dataclass(frozen=True, slots=True, repr=False)
class AccountSlip:
    """What a slip shows: where and when, whose card, its loads if there were any, and what it has
    then. ``due_fen`` is what the centre has for the card still, None where nobody was asked.
    """

    pharmacy_name: str
    pharmacy_code: str
    terminal_id: str
    time: str
    card_number: str
    balances: AccountBalances | None
    holder: CardholderName | None = None
    loads: tuple[LoadedAmount, ...] = ()
    due_fen: int | None = None

    def text(self) -> str:
        """All lines, each ending in LF."""
        return "".join(f"{line}\n" for line in self.lines())

    def lines(self) -> list[str]:
        """The lines, none wider than 32 columns."""
        title = "医保账户划入凭证" if self.loads else "医保账户余额凭证"
        lines = heading(self, title, self.terminal_id, self.time, self.card_number)
        for load in self.loads:
            lines += pair("划入序号", str(load.number))
            lines += pair("划入金额", yuan(load.fen))
            lines += pair("TAC", load.tac.hex().upper())
        if self.balances is not None:
            lines += pair("卡内账户余额", yuan(self.balances.account_fen))
            if int(self.balances.year or 0):
                lines += pair("支付年度", self.balances.year)
                lines += pair("年度自付累计", yuan(self.balances.self_paid_total_fen))
                lines += pair("年度统筹累计", yuan(self.balances.pooled_total_fen))
        if self.due_fen is not None:
            lines += pair("待划入金额", yuan(self.due_fen))
        lines.append(RULE)
        lines += wrap("金额单位：元", centred=True)
        return lines
