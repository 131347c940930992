# SPDX-License-Identifier: Apache-2.0
"""Differences between two sides: what differs, and what most likely made it so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final


@unique
class DifferenceKind(StrEnum):
    """What a difference is; in the words of :data:`CAUSES` where it likely comes from."""

    # card against ledger
    NOT_UPLOADED = "debit not uploaded"
    REFUSED = "debit refused"
    HELD = "debit held"
    ROW = "row differs"
    GAP = "counter gap"
    LEDGER_AHEAD = "ledger ahead of the card"
    NOT_LOADED = "credit not loaded"
    LOAD_UNKNOWN = "load unknown"
    SUSPENSE = "share in suspense"
    OTHER_CARD = "paid by another card"
    BALANCE = "balance unexplained"
    UNKNOWN_CARD = "card unknown"
    IDENTITY = "card registered otherwise"
    # pharmacy against ledger
    MISSING = "not at the centre"
    DOUBLED = "twice in the day file"
    ONLY_CENTRE = "not in the day file"


CAUSES: Final = {
    DifferenceKind.NOT_UPLOADED: "the terminal's day file has not come yet, or was lost",
    DifferenceKind.REFUSED: (
        "the centre did not accept the row; see its codes, appeal if it is genuine"
    ),
    DifferenceKind.HELD: "the centre keeps the row until it is proven whose money it is",
    DifferenceKind.ROW: "the row was changed on its way, or another card has the same number",
    DifferenceKind.GAP: "a debit older than the card's log has never been uploaded",
    DifferenceKind.LEDGER_AHEAD: "the card was restored from an older image, or replaced",
    DifferenceKind.NOT_LOADED: "an allocation or a refund waits to be loaded at a terminal",
    DifferenceKind.LOAD_UNKNOWN: "loaded by somebody who did not tell the ledger",
    DifferenceKind.SUSPENSE: "the personal account could not bear it when it was posted",
    DifferenceKind.OTHER_CARD: "another card of the same person charges the same account",
    DifferenceKind.BALANCE: (
        "something older than the card's log, or a load that the log no longer shows"
    ),
    DifferenceKind.UNKNOWN_CARD: "the card was never registered and has no debit at the centre",
    DifferenceKind.IDENTITY: "the register has another card number or identification code",
    DifferenceKind.MISSING: "the row has not come to the centre, or its file was refused",
    DifferenceKind.DOUBLED: "the terminal wrote the sale twice",
    DifferenceKind.ONLY_CENTRE: (
        "the terminal lost the row, or the settlement is to be reversed (2601)"
    ),
}
"""The likely cause of each kind."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. ``what`` names the row or the amount; ``cause`` is the likely one.

    ``fen`` is what it makes the two sides differ by, card or pharmacy less ledger; None where it
    is not about money. ``msgid`` names the row at the centre, where it has one.
    """

    kind: DifferenceKind
    what: str
    fen: int | None = None
    msgid: str | None = None
    detail: str = ""

    @property
    def cause(self) -> str:
        """What most likely made it."""
        return f"{self.detail}: {CAUSES[self.kind]}" if self.detail else CAUSES[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "kind": self.kind.name.lower(),
            "what": self.what,
            "cause": self.cause,
            "fen": self.fen,
            "msgid": self.msgid,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What a reconciliation found. ``figures`` are what was compared, side by side.

    A figure is a name, that of the card or the pharmacy, that of the ledger.
    """

    subject: str
    figures: tuple[tuple[str, str, str], ...]
    differences: tuple[Difference, ...]

    @property
    def even(self) -> bool:
        """Whether the two sides agree."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "subject": self.subject,
            "even": self.even,
            "figures": {
                name: {"here": here, "ledger": there} for name, here, there in self.figures
            },
            "differences": [one.to_dict() for one in self.differences],
        }
