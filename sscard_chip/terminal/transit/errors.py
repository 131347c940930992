# SPDX-License-Identifier: Apache-2.0
"""Why a gate does not open; one line each, without a card's number."""

from __future__ import annotations

from enum import StrEnum, unique

from sscard_chip.standard.documents import DocumentError
from sscard_chip.standard.errors import TerminalError


@unique
class TransitRefusal(StrEnum):
    """Why a gate, a bus or a desk refuses a card."""

    NO_APPLICATION = "the card has no transport application"
    BLOCKED = "the card is locked"
    EXPIRED = "the card is not valid on this day"
    ISSUER = "the card's issuer is not on the white list"
    BLACK_LISTED = "the card is on the black list: it is to be locked"
    NOT_INTEROPERABLE = "the card is of another city and only for that"
    CARD_TYPE = "cards of this type are not taken here"
    NO_RECORD = "the card has no record for journeys"
    NO_ENTRY = "the card has no entry: the desk adds one"
    DOUBLE_ENTRY = "the card has entered a moment ago: the desk adds an exit, free"
    DOUBLE_ENTRY_PAID = "the card has entered and never left: the desk adds an exit, paid"
    ELSEWHERE = "the card has a journey that is not finished, with another operator"
    OVERTIME = "the journey took too long: the desk updates it"
    INSUFFICIENT = "the balance is less than the fare: the desk updates the journey"
    LOW_BALANCE = "the balance is less than the least to go in with"
    NO_FARE = "there is no fare between the two stations"
    NOTHING_TO_UPDATE = "the journey needs no update"
    OTHER_UPDATE = "the journey needs another update"
    NO_PAYMENT = "this update cannot be paid that way"
    PSAM = "the PSAM does not answer for this card"


class TransitRefusedError(TerminalError):
    """A card that a gate, a bus or a desk refused; no money moved. ``detail`` says more."""

    def __init__(self, refusal: TransitRefusal, detail: str = "") -> None:
        super().__init__(f"{refusal}: {detail}" if detail else str(refusal))
        self.refusal = refusal


class UnfinishedTapError(TerminalError):
    """The card was gone when it had to answer the debit: nobody knows yet whether it was made.

    The gate remembers. Presented here again, the card's proof decides.
    """


class TransitRegionError(DocumentError):
    """A region's document of fares and rules that cannot be used: lines, fields and rules."""


class BlackListError(TerminalError, ValueError):
    """A black list that cannot be used; one line with its row."""

    exit_code = 2
