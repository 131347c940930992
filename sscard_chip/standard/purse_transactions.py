# SPDX-License-Identifier: Apache-2.0
"""The transactions of deposit and purse as a table: what each INITIALIZE opens (JR/T 0025)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from sscard_chip.standard.commands import (
    PURSE_CREDIT_FOR_LOAD,
    PURSE_DEBIT_FOR_PURCHASE,
    PURSE_DEBIT_FOR_UNLOAD,
    UPDATE_OVERDRAW_LIMIT,
)
from sscard_chip.standard.keys import (
    USE_LOAD,
    USE_OVERDRAFT,
    USE_PURCHASE,
    USE_UNLOAD,
)


class PurseId(IntEnum):
    """P2 of INITIALIZE and GET BALANCE."""

    DEPOSIT = 0x01
    """电子存折 ED."""
    PURSE = 0x02
    """电子钱包 EP."""


class TransactionType(IntEnum):
    """交易类型标识, as it enters MAC, TAC and log."""

    DEPOSIT_LOAD = 0x01
    PURSE_LOAD = 0x02
    UNLOAD = 0x03
    CASH_WITHDRAWAL = 0x04
    DEPOSIT_PURCHASE = 0x05
    PURSE_PURCHASE = 0x06
    OVERDRAFT_UPDATE = 0x07
    COMPOUND_PURCHASE = 0x09


class Course(IntEnum):
    """How a transaction goes on: the command that must come next, INS and P1."""

    LOAD = int.from_bytes(PURSE_CREDIT_FOR_LOAD.header()[1:3])
    DEBIT = int.from_bytes(PURSE_DEBIT_FOR_PURCHASE.header()[1:3])
    UNLOAD = int.from_bytes(PURSE_DEBIT_FOR_UNLOAD.header()[1:3])
    OVERDRAFT = int.from_bytes(UPDATE_OVERDRAW_LIMIT.header()[1:3])


@dataclass(frozen=True, slots=True)
class PurseTransactionKind:
    """One transaction. ``online`` says which of the purse's two counters numbers it, ``pin``
    whether it needs the holder's PIN, ``key_use`` which key it is made with."""

    type: TransactionType
    purse: PurseId
    key_use: int
    course: Course
    pin: bool

    @property
    def online(self) -> bool:
        return self.course is not Course.DEBIT


_ED, _EP = PurseId.DEPOSIT, PurseId.PURSE
_TYPE = TransactionType

KINDS: Final = {
    (0x00, 0x01): PurseTransactionKind(_TYPE.DEPOSIT_LOAD, _ED, USE_LOAD, Course.LOAD, pin=True),
    (0x00, 0x02): PurseTransactionKind(_TYPE.PURSE_LOAD, _EP, USE_LOAD, Course.LOAD, pin=True),
    (0x01, 0x01): PurseTransactionKind(
        _TYPE.DEPOSIT_PURCHASE, _ED, USE_PURCHASE, Course.DEBIT, pin=True
    ),
    (0x01, 0x02): PurseTransactionKind(
        _TYPE.PURSE_PURCHASE, _EP, USE_PURCHASE, Course.DEBIT, pin=False
    ),
    (0x02, 0x01): PurseTransactionKind(
        _TYPE.CASH_WITHDRAWAL, _ED, USE_PURCHASE, Course.DEBIT, pin=True
    ),
    (0x03, 0x02): PurseTransactionKind(
        _TYPE.COMPOUND_PURCHASE, _EP, USE_PURCHASE, Course.DEBIT, pin=False
    ),
    (0x04, 0x01): PurseTransactionKind(
        _TYPE.OVERDRAFT_UPDATE, _ED, USE_OVERDRAFT, Course.OVERDRAFT, pin=True
    ),
    (0x05, 0x01): PurseTransactionKind(_TYPE.UNLOAD, _ED, USE_UNLOAD, Course.UNLOAD, pin=True),
}
"""By P1 and P2 of 80 50. Sources differ on P1: one family has 03 for unload and 05 for cash;
two others agree on the values here, where 03 is the compound purchase."""

TRANSIT_KINDS: Final = {
    place: replace(KINDS[place], pin=False) for place in ((0x00, 0x02), (0x01, 0x02), (0x03, 0x02))
}
"""Those of the transport application: load, purchase, compound purchase of its purse, no PIN."""

BALANCE_NEEDS_PIN: Final = {PurseId.DEPOSIT: True, PurseId.PURSE: False}
"""GET BALANCE: the deposit's is the holder's business, the purse's is free [M]."""
