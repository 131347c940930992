# SPDX-License-Identifier: Apache-2.0
"""What a centre judges by: limits, the current hotlist, the list of its pharmacies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.dayfile.pharmacies import Pharmacies
from sscard_chip.settlement.policy import LateDebits

LATE_DAYS: Final = 30
"""How many days before the business date of its file a debit may have been made [ours]."""

CAP_FEN: Final = 1_000_000
"""The most that a single debit may come to: 10,000 yuan [ours]."""


_PHARMACY_BEARS: Final = LateDebits()


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that judging depends on besides the files and the ledger.

    ``cap_fen`` 0 is no cap. Without ``hotlist`` codes 3 (but for the register) and 103, without
    ``pharmacies`` most of 102 are not judged. ``late_debits`` is who bears debits off-line of lost
    cards. Nothing here is the time of day: the same files on the same ledger get the same verdicts
    whenever they are judged.
    """

    late_days: int = LATE_DAYS
    cap_fen: int = CAP_FEN
    hotlist: Hotlist | None = None
    pharmacies: Pharmacies | None = None
    late_debits: LateDebits = _PHARMACY_BEARS

    @property
    def hotlist_version(self) -> str | None:
        """The version that terminals must have."""
        return None if self.hotlist is None else self.hotlist.version
