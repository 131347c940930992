# SPDX-License-Identifier: Apache-2.0
"""What an on-line settlement is: the order, its state, and the refusal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from sscard_chip.standard.errors import LedgerError
from sscard_chip.standard.settlement_mode import Split


class AuthorisationRefusedError(LedgerError):
    """The centre says no: nothing is held, settled or taken back. One line."""


@unique
class SettlementState(StrEnum):
    """What a settlement is."""

    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"
    CANCELLED = "cancelled"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True, repr=False)
class SettlementOrder:
    """What is to be held or settled.

    ``msgid`` is the message's, ``setl_id`` and ``mdtrt_id`` the centre's numbers for it. ``card``
    and ``account`` are the ledger's numbers; whether the card may pay is the caller's to know.
    Divisions have six digits; ``time`` is YYYYMMDDhhmmss, its day the business date.
    """

    msgid: str
    setl_id: str
    mdtrt_id: str
    psn_no: str
    card: int
    account: int
    pharmacy: str
    treatment_division: str
    insured_division: str
    time: str
    split: Split


@dataclass(frozen=True, slots=True, repr=False)
class Settlement:
    """A settlement as it is now. ``number`` is the ledger's, ``entry`` that of its last step.

    ``done_by`` is the msgid of the message that it is so by: after the reversal of a cancellation
    again the one that had settled it. ``cancelled_as`` is the setl_id of a cancellation.
    """

    number: int
    order: SettlementOrder
    state: SettlementState
    steps: int
    entry: int | None
    done_by: str
    cancelled_as: str | None
