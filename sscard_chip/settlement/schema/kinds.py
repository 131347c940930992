# SPDX-License-Identifier: Apache-2.0
"""Kinds of accounts and of entries, and what the common entries are made of.

A balance above zero is what the centre owes to the account's owner, below zero what it has been
given or has to get.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final


@unique
class AccountKind(StrEnum):
    """What an account is; in brackets what its key names."""

    PERSONAL = "personal"
    """个人账户 (psn_no, else ``card:`` and the 卡识别码): the holder's money, never negative."""
    HELD = "held"
    """冻结 (key of the personal account): held by an authorisation, never negative."""
    FUND = "fund"
    """统筹基金 (insured division): below zero, it has paid."""
    FUNDING = "funding"
    """划入来源 (insured division): where the money of personal accounts comes from."""
    SELF_PAID = "self_paid"
    """现金自付 (division of treatment): below zero, holders have paid it at the counter."""
    COLLECTED = "collected"
    """药店已收现金 (fixmedins_code): the other side of self-paid, the pharmacy has it already."""
    PHARMACY = "pharmacy"
    """应付定点药店 (fixmedins_code): account money and fund money to be paid to it."""
    SUSPENSE = "suspense"
    """挂账 (insured division): a personal share that no account could pay; below zero."""
    RECEIVABLE = "receivable"
    """应收异地 (insured division): paid here for cards of another region; below zero."""
    BANK = "bank"
    """支出户 (division that clears): above zero, what it has paid out of claims."""
    PAYABLE = "payable"
    """应付异地 (division of treatment): paid elsewhere for cards of this region."""
    TRANSIT_FLOAT = "transit_float"
    """交通卡备付金 (issuer of the cards): what their purses have paid; below zero."""
    TRANSIT_OPERATOR = "transit_operator"
    """应付运营商 (merchant number): journeys to be paid to an operator."""


BOUNDED: Final = frozenset({AccountKind.PERSONAL, AccountKind.HELD})
"""Kinds that the database keeps from falling below zero."""


@unique
class EntryKind(StrEnum):
    """What an entry is about."""

    OPENING = "opening"  # balances that a register file brings
    ALLOCATION = "allocation"  # 月度划入
    HOLD = "hold"
    RELEASE = "release"
    SETTLEMENT = "settlement"  # on-line, confirmed
    CANCELLATION = "cancellation"
    REVERSAL = "reversal"
    DEBITS = "debits"  # of day files
    REFUNDS = "refunds"  # of day files
    ADJUSTMENT = "adjustment"
    CLEARING = "clearing"
    JOURNEYS = "journeys"  # of a gate's day file
