# SPDX-License-Identifier: Apache-2.0
"""How a sale can end other than paid, and what the till's files can have wrong.

What a terminal must distinguish on its screen is in :class:`Refusal` (LD/T 33, error handling).
No text here holds a PIN, a key or a holder's data.
"""

from __future__ import annotations

from enum import StrEnum, unique

from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE
from sscard_chip.standard.errors import TerminalError
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import CardStatusError


@unique
class Refusal(StrEnum):
    """Why a sale was not made."""

    NO_CARD = "no card"
    NOT_READABLE = "card not readable"
    NOT_SUPPORTED = "card not supported"
    NOT_GENUINE = "card not genuine"
    HOTLISTED = "card on the hotlist"
    HOTLIST_OLD = "hotlist too old for a sale off-line"
    EXPIRED = "card expired"
    PIN_WRONG = "PIN wrong"
    PIN_LOCKED = "PIN locked"
    PIN_MISSING = "PIN not entered"
    KEY_LOCKED = "key locked"
    CARD_LOCKED = "card locked"
    APPLICATION_LOCKED = "application locked"
    MAC1_REFUSED = "MAC1 refused"
    NO_MONEY = "not enough money on the card"
    COUNTER = "transaction counter at its end"
    KEY_INDEX = "key index not supported"
    MODE = "not allowed by the settlement mode"
    CENTRE = "refused by the centre"
    PSAM = "PSAM"
    OTHER_CARD = "another card"
    REFUND = "refund not allowed"
    DAY = "day file"


class PosError(TerminalError):
    """Anything that a till reports to its operator; one line."""


class SaleRefusedError(PosError):
    """A sale or refund that was not made: the card is not charged and nothing is recorded.

    ``remaining_tries`` goes with PIN_WRONG.
    """

    def __init__(
        self, refusal: Refusal, text: str = "", *, remaining_tries: int | None = None
    ) -> None:
        super().__init__(f"{refusal}: {text}" if text else str(refusal))
        self.refusal = refusal
        self.remaining_tries = remaining_tries


class BrokenOffError(SaleRefusedError):
    """A connection broke before the card was debited: the sale may start again."""


class UnfinishedSaleError(PosError):
    """A sale broke off and the card's answer is not known: it must be put in again.

    Until it is, or the sale is given up, the till sells nothing.
    """


_BY_STATUS = {
    StatusWord.AUTHENTICATION_BLOCKED: Refusal.KEY_LOCKED,
    StatusWord.FUNCTION_NOT_SUPPORTED: Refusal.CARD_LOCKED,
    StatusWord.APPLICATION_BLOCKED: Refusal.APPLICATION_LOCKED,
    StatusWord.MAC_INCORRECT: Refusal.MAC1_REFUSED,
    StatusWord.INSUFFICIENT_AMOUNT: Refusal.NO_MONEY,
    StatusWord.COUNTER_AT_MAXIMUM: Refusal.COUNTER,
    StatusWord.KEY_INDEX_NOT_SUPPORTED: Refusal.KEY_INDEX,
}


def refusal_of(error: CardStatusError) -> SaleRefusedError:
    """What a status word of the holder's card means for a sale; the text keeps the word."""
    refusal = next((found for sw, found in _BY_STATUS.items() if sw == error.sw), None)
    if error.header[1] == EXTERNAL_AUTHENTICATE.ins and error.remaining_tries is not None:
        refusal = Refusal.PSAM
    return SaleRefusedError(refusal or Refusal.NOT_READABLE, str(error))
