# SPDX-License-Identifier: Apache-2.0
"""A person's cards, out of the ledger's register: there and nowhere else stands their state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import CardStatus, LedgerTransaction
from sscard_chip.settlement.ledger.card_status import StatusHistory
from sscard_chip.settlement.schema.books import balance, card, card_status

OPEN: Final = frozenset({CardStatus.NORMAL, CardStatus.TEMPORARY_LOSS, CardStatus.FORMAL_LOSS})
"""States of a card that a person still deals with."""


@dataclass(frozen=True, slots=True, repr=False)
class HeldCard:
    """A card of a person: ``id`` is the ledger's, ``status`` that of the moment."""

    id: int
    card_number: str
    card_id_code: bytes
    division: str
    account: int
    valid_to: str
    psn_no: str
    status: CardStatus

    @classmethod
    def of_row(cls, row: Any, status: CardStatus) -> HeldCard:
        """A card out of a row with the columns of the register."""
        return cls(
            int(row.id),
            row.card_number,
            bytes(row.card_id_code),
            f"{row.division:06d}",
            int(row.account),
            f"{row.valid_to:08d}" if row.valid_to else "",
            row.psn_no or "",
            status,
        )

    def expired(self, day: str) -> bool:
        """Whether it ends before a day (YYYYMMDD)."""
        return bool(self.valid_to) and self.valid_to < day


_WITH_STATES: Final = (
    sa.select(card, card_status.c.status, card_status.c.since, card_status.c.until)
    .join_from(card, card_status, card_status.c.card == card.c.id, isouter=True)
    .order_by(card.c.id, card_status.c.number)
)
"""Cards with all changes of their states, in one statement."""
_CARDS: Final = _WITH_STATES.where(card.c.psn_no == sa.bindparam("asked"))
_CARD: Final = _WITH_STATES.where(card.c.id == sa.bindparam("asked"))
_LOCK: Final = (
    sa.select(card.c.id)
    .where(card.c.psn_no == sa.bindparam("asked"))
    .order_by(card.c.id)
    .with_for_update()
)
_BALANCE: Final = sa.select(sa.func.sum(balance.c.fen)).where(
    balance.c.account == sa.bindparam("asked")
)


def cards_of(t: LedgerTransaction, psn_no: str, time: str) -> list[HeldCard]:
    """All cards of a person, oldest first, with their states at ``time`` (YYYYMMDDhhmmss)."""
    return _held(t.connection.execute(_CARDS, {"asked": psn_no}).all(), time)


def card_of(t: LedgerTransaction, number: int, time: str) -> HeldCard:
    """The card of this number of the ledger."""
    return _held(t.connection.execute(_CARD, {"asked": number}).all(), time)[0]


def find_card_number(t: LedgerTransaction, name: str, time: str) -> HeldCard | None:
    """The card with this 卡号, or 卡识别码 in hex; None where there is none or several."""
    column = card.c.card_number == name
    if len(name) == 32:
        try:
            column = card.c.card_id_code == bytes.fromhex(name)
        except ValueError:
            return None
    rows = t.connection.execute(sa.select(card.c.id).where(column).limit(2)).all()
    return card_of(t, int(rows[0].id), time) if len(rows) == 1 else None


def present_card(cards: list[HeldCard]) -> HeldCard | None:
    """The card that a person means without naming one: the newest that pays or may again, else
    the newest of all."""
    usable = [one for one in cards if one.status in OPEN] or cards
    return usable[-1] if usable else None


def balance_fen(t: LedgerTransaction, account: int) -> int:
    """The balance of a personal account."""
    found = t.connection.execute(_BALANCE, {"asked": account})
    return int(found.scalar_one() or 0)


def lock_cards(t: LedgerTransaction, psn_no: str) -> None:
    """Nobody else changes the states of a person's cards before the end of the transaction."""
    t.connection.execute(_LOCK, {"asked": psn_no})


def temporary_reports(t: LedgerTransaction, number: int, since: str) -> int:
    """How many temporary reports of a card have begun since a moment."""
    found = t.connection.execute(
        sa.select(sa.func.count()).where(
            card_status.c.card == number,
            card_status.c.status == int(CardStatus.TEMPORARY_LOSS),
            card_status.c.since >= int(since),
        )
    )
    return int(found.scalar_one())


def _held(rows: Sequence[Any], time: str) -> list[HeldCard]:
    found = []
    for number, own in groupby(rows, key=lambda row: int(row.id)):
        changes = list(own)
        history = StatusHistory(number, [one for one in changes if one.status is not None])
        found.append(HeldCard.of_row(changes[0], history.status(time)))
    return found
