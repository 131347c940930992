# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse (电子存折/电子钱包, JR/T 0025): commands, answers, MAC and TAC inputs, records.

Amounts and balances are 4 bytes, limits 3, numbers 2. A number is the one that INITIALIZE
answered, before it counts up. DEBIT, CREDIT FOR LOAD and GET TRANSACTION PROVE are laid out as
those of the medical account.
"""

from __future__ import annotations

from typing import Final

from construct import Bytes, Int8ub, Int16ub, Int24ub, Int32ub, Struct

from sscard_chip.standard.messages.fields import (
    ALGORITHM,
    KEY_INDEX,
    KEY_VERSION,
    RANDOM,
    TERMINAL,
    TERMINAL_NUMBER,
    TIME,
    TRANSACTION_TYPE,
)
from sscard_chip.standard.messages.medical import LOAD, LOAD_ANSWER

# --- commands and answers -----------------------------------------------------------------------

INITIALIZE: Final = LOAD
"""INITIALIZE of all transactions but the overdraft limit's."""
ONLINE_ANSWER: Final = LOAD_ANSWER
"""INITIALIZE FOR LOAD and FOR UNLOAD."""
OFFLINE_ANSWER: Final = Struct(
    "balance_fen" / Int32ub,
    "number" / Int16ub,
    "limit_fen" / Int24ub,
    KEY_VERSION,
    ALGORITHM,
    RANDOM,
)
"""INITIALIZE FOR PURCHASE, FOR CASH WITHDRAW and FOR CAPP PURCHASE."""
OVERDRAFT: Final = Struct(KEY_INDEX, TERMINAL)
"""INITIALIZE FOR UPDATE."""
OVERDRAFT_ANSWER: Final = Struct(*OFFLINE_ANSWER.subcons, "MAC1" / Bytes(4))
OVERDRAFT_UPDATE: Final = Struct("limit_fen" / Int24ub, TIME, "MAC2" / Bytes(4))
"""UPDATE OVERDRAW LIMIT."""
UNLOAD_ANSWER: Final = Struct("MAC3" / Bytes(4))

# --- what MACs and TACs are computed over --------------------------------------------------------

_WHAT: Final = ("amount_fen" / Int32ub, TRANSACTION_TYPE, TERMINAL)
"""Amount, type, terminal: the middle of nearly every input."""

ONLINE_MAC1: Final = Struct("balance_fen" / Int32ub, *_WHAT)
"""MAC1 of load and unload [M for the latter], over the old balance."""
TIMED: Final = Struct(*_WHAT, TIME)
"""MAC2 of load and unload [M for the latter], MAC1 of all that a PSAM does."""
ONLINE_TAC: Final = Struct("balance_fen" / Int32ub, "number" / Int16ub, *_WHAT, TIME)
"""TAC of a load, over the new balance [M]; MAC3 of an unload, under the session key."""
PURCHASE_MAC2: Final = Struct("amount_fen" / Int32ub)
PURCHASE_TAC: Final = Struct(*_WHAT, TERMINAL_NUMBER, TIME)
"""TAC of purchase, cash withdrawal and compound purchase."""
OVERDRAFT_MAC1: Final = Struct(
    "balance_fen" / Int32ub, "limit_fen" / Int24ub, TRANSACTION_TYPE, TERMINAL
)
"""Balance and limit as they are [L]."""
OVERDRAFT_MAC2: Final = Struct("limit_fen" / Int24ub, TRANSACTION_TYPE, TERMINAL, TIME)
"""The new limit [L]."""
OVERDRAFT_TAC: Final = Struct(
    "balance_fen" / Int32ub,
    "number" / Int16ub,
    "limit_fen" / Int24ub,
    TRANSACTION_TYPE,
    TERMINAL,
    TIME,
)
"""Balance as it is afterwards, and the new limit [L]."""

# --- records ------------------------------------------------------------------------------------

PUBLIC: Final = Struct(
    "issuer" / Bytes(8),
    "application_type" / Int8ub,
    "version" / Int8ub,
    "serial" / Bytes(10),
    "start" / Bytes(4),
    "expiry" / Bytes(4),
    "fci_data" / Bytes(2),
)
"""0015 公共应用基本数据."""
LOG: Final = Struct(
    "number" / Int16ub,
    "limit_fen" / Int24ub,
    "amount_fen" / Int32ub,
    TRANSACTION_TYPE,
    TERMINAL,
    TIME,
)
"""0018 交易明细."""
