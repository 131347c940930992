# SPDX-License-Identifier: Apache-2.0
"""On-line authorisation of modes 1 and 2: what a till asks a settlement centre, and its answers.

A hold before the card is debited, a confirmation with the TAC after it; a cancellation of a
settlement that is known (2103), a reversal of one whose outcome is not (2601). The msgid of 30
characters is the key: the same id with the same content gets the first answer again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sscard_chip.dayfile.rows import DayRow
from sscard_chip.standard.errors import SettlementError
from sscard_chip.standard.settlement_mode import OfflineUse, Split


class CentreError(SettlementError):
    """The centre did not do what it was asked; one line."""


class CentreRefusedError(CentreError):
    """It answered no: nothing is held, confirmed or cancelled."""


class CentreUnreachableError(CentreError):
    """It was not asked: the request certainly did not leave."""


class CentreNoAnswerError(CentreError):
    """It was asked and no answer came: what it did is not known."""


@dataclass(frozen=True, slots=True, repr=False)
class HoldRequest:
    """What a hold is asked with. ``split`` is the bill's; ``use`` EF06 of the card in mode 2.

    ``kind`` is the 结算类别, None for an ordinary sale.
    """

    msgid: str
    terminal_id: str
    time: str
    card_id_code: bytes
    card_number: str
    treatment_division: str
    insured_division: str
    split: Split
    kind: str | None
    use: OfflineUse | None


@dataclass(frozen=True, slots=True, repr=False)
class Hold:
    """The centre's answer: its numbers, and how the bill is shared."""

    setl_id: str
    mdtrt_id: str | None
    psn_no: str | None
    split: Split
    balance_fen: int | None = None


class Authoriser(Protocol):
    """A settlement centre. Every method raises :class:`CentreError`."""

    def authorise(self, request: HoldRequest) -> Hold:
        """Trial and hold; nothing is settled."""

    def confirm(self, row: DayRow) -> OfflineUse | None:
        """The card has paid: settle. EF06 as it must become, None where that is of no concern."""

    def cancel(self, row: DayRow, msgid: str) -> str:
        """Take the settlement named by ``row`` (setl_id, mdtrt_id, psn_no) back as a whole.

        ``msgid`` is that of the cancellation. The new setl_id.
        """

    def reverse(self, msgid: str) -> None:
        """Drop what was done under ``msgid``; it was not paid, or nobody knows here."""
