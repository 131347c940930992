# SPDX-License-Identifier: Apache-2.0
"""A sale that broke off: the card is asked whether it has paid (LD/T 32.7; flows, 2.12).

GET TRANSACTION PROOF answers for the card's last purchase only, and the number that it is asked
for may not be ours: a card that was pulled before DEBIT can have used it at another terminal. So
a proof counts when the waiting PSAM finds its MAC2 right, or when the record in EF08 has our
terminal and time; and 9406 counts when EF08 shows no later purchase.
"""

from __future__ import annotations

from typing import NamedTuple

from sscard_chip.dayfile.rows import DayRow
from sscard_chip.standard.identifiers import DF04
from sscard_chip.terminal.medical import Detail, get_proof
from sscard_chip.terminal.pos.card import HolderPin, find_detail
from sscard_chip.terminal.pos.errors import UnfinishedSaleError
from sscard_chip.terminal.pos.pending import OpenSale
from sscard_chip.terminal.pos.station import CARD_FAILURES, Station
from sscard_chip.terminal.session import CardSession


class Verdict(NamedTuple):
    """What the card says of a purchase.

    ``paid`` with ``tac`` None: the card has paid, and its TAC is lost with a later purchase.
    ``mac2`` as in :class:`~sscard_chip.terminal.pos.station.SaleOutcome`. ``session`` has DF04
    current.
    """

    paid: bool
    tac: bytes | None
    mac2: bool | None
    session: CardSession


def ask_card(station: Station, pin: HolderPin, sale: OpenSale) -> Verdict:
    """Ask the card in the reader whether it has paid ``sale``.

    Reading EF08 needs the PIN where one is set. Safe to call again.

    :raises UnfinishedSaleError: another card, or this one cannot be asked; the sale stays open.
    """
    row = sale.row
    try:
        session = station.open_card_of(row)
        session.enter(DF04)
        proof = get_proof(session, row.transaction_number)
        right = station.sam.credit(row.msgid, proof.mac2) if proof else None
        if proof and right:
            return Verdict(True, proof.tac, True, session)
        pin.verify(session)
        detail, certain = find_detail(session, row.transaction_number)
        if detail is None and not certain:
            raise UnfinishedSaleError("the card's records do not reach back to this sale")
        paid = detail is not None and is_ours(detail, row)
        if proof is None and detail is not None and paid:
            # 9406 contradicts the record, unless a later purchase has replaced the proof.
            proof = get_proof(session, row.transaction_number)
        if proof is not None and detail is None:
            raise UnfinishedSaleError("the card's proof and its records contradict each other")
    except UnfinishedSaleError:
        raise
    except CARD_FAILURES as error:
        text = "it is not known whether the card has paid; put it in again"
        raise UnfinishedSaleError(f"{text} ({error})") from None
    return Verdict(paid, proof.tac if paid and proof else None, right, session)


def is_ours(detail: Detail, row: DayRow) -> bool:
    """Whether a record of EF08 was made by this sale: terminal, time and account amount."""
    return (
        detail.terminal_id == row.terminal_id
        and detail.time == row.time
        and detail.account_fen == row.card_account_fen
    )
