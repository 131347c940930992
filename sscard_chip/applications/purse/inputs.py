# SPDX-License-Identifier: Apache-2.0
"""What the MACs and TACs of deposit and purse are computed over (JR/T 0025): one function each.

Card and host use them. Amounts and balances are 4 bytes, limits 3, numbers 2, ``kind`` the type
byte, ``terminal`` 6, ``time`` date 4 and time 3 in BCD. A number is the one that INITIALIZE
answered, before it counts up.
"""

from __future__ import annotations


def transaction(amount: bytes, kind: int, terminal: bytes) -> bytes:
    """Amount, type, terminal: the middle of nearly every input."""
    return amount + bytes((kind,)) + terminal


def online_mac1(balance: bytes, what: bytes) -> bytes:
    """MAC1 of load and unload [M for the latter]: old balance, then :func:`transaction`."""
    return balance + what


def timed(what: bytes, time: bytes) -> bytes:
    """MAC2 of load and unload [M for the latter], MAC1 of all that a PSAM does."""
    return what + time


def online_tac(balance: bytes, number: bytes, what: bytes, time: bytes) -> bytes:
    """TAC of a load, over the new balance [M]; MAC3 of an unload, under the session key."""
    return balance + number + what + time


def purchase_tac(what: bytes, sequence: bytes, time: bytes) -> bytes:
    """TAC of purchase, cash withdrawal and compound purchase; ``sequence`` is the 4-byte
    终端交易序号. Their MAC2 is over the amount only."""
    return what + sequence + time


def overdraft_mac1(balance: bytes, limit: bytes, kind: int, terminal: bytes) -> bytes:
    """Balance and limit as they are, type, terminal [L]."""
    return balance + limit + bytes((kind,)) + terminal


def overdraft_mac2(limit: bytes, kind: int, terminal: bytes, time: bytes) -> bytes:
    """New limit, type, terminal, time [L]."""
    return limit + bytes((kind,)) + terminal + time


def overdraft_tac(
    balance: bytes, number: bytes, limit: bytes, kind: int, terminal: bytes, time: bytes
) -> bytes:
    """Balance as it is afterwards, number, new limit, type, terminal, time [L]."""
    return balance + number + limit + bytes((kind,)) + terminal + time
