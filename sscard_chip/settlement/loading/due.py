# SPDX-License-Identifier: Apache-2.0
"""What a card is due: what its account has, less what the account's chips are known to have.

A chip is known to have the opening balance that it was registered with and what it was loaded
with, less the debits of it that are posted. Debits that are not uploaded yet are missing on both
sides, in the account and in what a chip is known to have, and cancel out. On-line sales charge
the account and not the chip, and so take from what is due. A chip that is cancelled counts no
more: what it had is due to the card that came in its place. Debits that the centre has refused
do not come back by a load: that is for an appeal to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sscard_chip.settlement.clearing.books import Books
from sscard_chip.settlement.clearing.codes import RowOutcome, outcome_of
from sscard_chip.settlement.ledger import CardStatus, EntryKind, LedgerTransaction, status_of
from sscard_chip.settlement.schema import books as schema
from sscard_chip.settlement.schema import cards as tables


@dataclass(frozen=True, slots=True)
class ChipMoney:
    """What a chip is known to have, in fen: opening balance, loads (begun ones too), less posted
    debits. ``card`` is the card's number in the ledger.
    """

    card: int
    opening_fen: int
    loaded_fen: int
    debited_fen: int

    @property
    def fen(self) -> int:
        """The sum, 0 at least."""
        return max(0, self.opening_fen + self.loaded_fen - self.debited_fen)


def fen_due(t: LedgerTransaction, account: int, time: str, *, for_update: bool = False) -> int:
    """What the chips of a personal account lack, at ``time`` (YYYYMMDDhhmmss); below zero what
    they have more than the account.

    ``for_update`` keeps other transactions from moving the account until this one ends.
    """
    balance = int(t.balances([account], for_update=for_update)[0])
    return balance - sum(one.fen for one in chip_money(t, account, time))


def chip_money(t: LedgerTransaction, account: int, time: str) -> list[ChipMoney]:
    """Every card of an account that is not cancelled at ``time``, and what its chip has."""
    cards = t.connection.execute(
        sa.select(schema.card).where(schema.card.c.account == account).order_by(schema.card.c.id)
    ).all()
    books = Books(t)
    with_opening = _card_with_opening(t, [row.id for row in cards])
    opening = _opening(t, account)
    return [
        ChipMoney(
            row.id,
            opening if row.id == with_opening else 0,
            _loaded(t, row.id),
            _debited(books, row),
        )
        for row in cards
        if status_of(t, row.id, time) is not CardStatus.CANCELLED
    ]


def _card_with_opening(t: LedgerTransaction, cards: list[int]) -> int:
    """Of an account's cards the one that brought its opening balance."""
    table = tables.opening
    found = sa.select(table.c.card).where(table.c.card.in_(cards))
    kept = t.connection.execute(found).scalar_one_or_none()
    return cards[0] if kept is None else int(kept)


def _opening(t: LedgerTransaction, account: int) -> int:
    entry, line = schema.entry, schema.line
    statement = (
        sa.select(sa.func.coalesce(sa.func.sum(line.c.fen), 0))
        .join_from(line, entry, entry.c.id == line.c.entry)
        .where(line.c.account == account, entry.c.kind == str(EntryKind.OPENING))
    )
    return int(t.connection.execute(statement).scalar_one())


def _loaded(t: LedgerTransaction, card: int) -> int:
    table = tables.load
    total = sa.select(sa.func.coalesce(sa.func.sum(table.c.fen), 0)).where(table.c.card == card)
    return int(t.connection.execute(total).scalar_one())


def _debited(books: Books, row: Any) -> int:
    code = bytes(row.card_id_code)
    segments = books.segments_of_card(bytes(row.factor), int(code[:3].hex()))
    return sum(
        int(one.columns.card_account_fen[0])
        for one in books.of_card(code, segments)
        if outcome_of(int(one.masks[0])) is RowOutcome.POSTED and not one.columns.refund[0]
    )
