# SPDX-License-Identifier: Apache-2.0
"""The medical account of DF04: commands, answers, MAC and TAC inputs, records.

LD/T 32.5 to 32.7.
"""

from __future__ import annotations

from typing import Final

from construct import Bytes, Const, Int8ub, Int16ub, Int32ub, Struct

from sscard_chip.standard.messages.fields import (
    ALGORITHM,
    AMOUNTS,
    KEY_INDEX,
    KEY_VERSION,
    RANDOM,
    TERMINAL,
    TERMINAL_NUMBER,
    TIME,
    TRANSACTION_TYPE,
)

# --- commands and answers -----------------------------------------------------------------------

PURCHASE: Final = Struct(KEY_INDEX, *AMOUNTS, TERMINAL)
"""INITIALIZE FOR PURCHASE."""
PURCHASE_ANSWER: Final = Struct(
    "balance_fen" / Int32ub,
    "self_paid_total_fen" / Int32ub,
    "pooled_total_fen" / Int32ub,
    "year" / Bytes(2),
    "number" / Int16ub,
    KEY_VERSION,
    ALGORITHM,
    RANDOM,
)
DEBIT: Final = Struct(TERMINAL_NUMBER, TIME, "MAC1" / Bytes(4))
"""DEBIT FOR PURCHASE."""
DEBIT_ANSWER: Final = Struct("TAC" / Bytes(4), "MAC2" / Bytes(4))
LOAD: Final = Struct(KEY_INDEX, "amount_fen" / Int32ub, TERMINAL)
"""INITIALIZE FOR LOAD."""
LOAD_ANSWER: Final = Struct(
    "balance_fen" / Int32ub,
    "number" / Int16ub,
    KEY_VERSION,
    ALGORITHM,
    RANDOM,
    "MAC1" / Bytes(4),
)
CREDIT: Final = Struct(TIME, "MAC2" / Bytes(4))
"""CREDIT FOR LOAD."""
CREDIT_ANSWER: Final = Struct("TAC" / Bytes(4))
BALANCE_ANSWER: Final = Struct("balance_fen" / Int32ub)
"""GET BALANCE of the account."""
TOTAL_ANSWER: Final = Struct("amount_fen" / Int32ub, "year" / Bytes(2))
"""GET BALANCE of a yearly total."""
PROOF: Final = Struct("number" / Int16ub)
"""GET TRANSACTION PROOF."""
PROOF_ANSWER: Final = Struct("MAC" / Bytes(4), "TAC" / Bytes(4))
STARTING_DAY: Final = Struct("starting_day" / Bytes(2))
"""mmdd in BCD, in command and answer."""

# --- what session keys, MACs and TACs are computed over ------------------------------------------

PURCHASE_SESSION: Final = Struct(RANDOM, "number" / Int16ub, "terminal_number_end" / Bytes(2))
"""The last two bytes of 终端交易序号 end the input of a purchase's session key."""
PURCHASE_MAC1: Final = Struct(*AMOUNTS, TRANSACTION_TYPE, TERMINAL, TIME)
PURCHASE_MAC2: Final = Struct(*AMOUNTS)
PURCHASE_TAC: Final = Struct(*AMOUNTS, TRANSACTION_TYPE, TERMINAL, TERMINAL_NUMBER, TIME)
LOAD_SESSION: Final = Struct(RANDOM, "number" / Int16ub, Const(b"\x80\x00"))
LOAD_MAC1: Final = Struct(
    "balance_fen" / Int32ub, "amount_fen" / Int32ub, TRANSACTION_TYPE, TERMINAL
)
LOAD_MAC2: Final = Struct("amount_fen" / Int32ub, TRANSACTION_TYPE, TERMINAL, TIME)
LOAD_TAC: Final = Struct(
    "balance_fen" / Int32ub,
    "number" / Int16ub,
    "amount_fen" / Int32ub,
    TRANSACTION_TYPE,
    TERMINAL,
    TIME,
)
"""Over the balance as it is afterwards [M]."""

# --- records ------------------------------------------------------------------------------------

SHORT_DETAIL: Final = Struct(
    "number" / Int16ub, TRANSACTION_TYPE, TERMINAL, TIME, "account_fen" / Int32ub
)
"""EF08 医疗交易明细 of a card that keeps the account only."""
DETAIL: Final = Struct(*SHORT_DETAIL.subcons, *AMOUNTS[1:])
"""EF08 医疗交易明细."""
SPECIAL: Final = Struct("number" / Int16ub, "category" / Int8ub)
"""EF15 特殊医疗结算: 序号 and the character of its 类别."""
