# SPDX-License-Identifier: Apache-2.0
"""What the ledger has of a card: register, personal account, and every row that names it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.clearing.books import BookedRows, Books
from sscard_chip.settlement.clearing.codes import RowOutcome, outcome_of
from sscard_chip.settlement.judge.codes import codes_text
from sscard_chip.settlement.ledger import (
    AccountKind,
    EntryKind,
    LedgerTransaction,
    account_key,
    read_register,
)
from sscard_chip.settlement.loading import chip_money, fen_due
from sscard_chip.settlement.reconciliation.card_ledger import (
    BookedDebit,
    CardBooks,
    ChipBooks,
    Credit,
)
from sscard_chip.settlement.reconciliation.cards import PURCHASE, CardState
from sscard_chip.settlement.schema import books as schema
from sscard_chip.settlement.schema import cards
from sscard_chip.standard.dates import TIME, parse_date

_ONLINE: Final = frozenset(
    {
        EntryKind.HOLD,
        EntryKind.RELEASE,
        EntryKind.SETTLEMENT,
        EntryKind.CANCELLATION,
        EntryKind.REVERSAL,
    }
)
_OF_FILES: Final = frozenset({EntryKind.DEBITS, EntryKind.REFUNDS})


def read_card_books(t: LedgerTransaction, card: CardState) -> CardBooks:
    """Everything in the ledger that a card is compared with.

    Debits that were not posted are looked for in the files of the terminals that the card's log
    names.
    """
    code = bytes.fromhex(card.identification)
    books = Books(t)
    rows = list(_rows(books, card, code))
    debits = [_debit(one) for one in rows if not one.columns.refund[0]]
    register = read_register(t, np.frombuffer(code, np.uint8).reshape(1, 16))
    if not len(register):
        known = _registered_number(t, card.card_number)
        return CardBooks(known and card.card_number, known, None, 0, 0, tuple(debits), ())
    account = int(register.account[0])
    others = [
        one
        for other in _other_cards(t, account, code)
        for one in books.of_card(
            bytes(other.card_id_code),
            books.segments_of_card(bytes(other.factor), _division(bytes(other.card_id_code))),
        )
        if outcome_of(int(one.masks[0])) is RowOutcome.POSTED
    ]
    paid = [one for one in rows if outcome_of(int(one.masks[0])) is RowOutcome.POSTED]
    refunds = [one for one in (*paid, *others) if one.columns.refund[0]]
    others_fen = sum(_account(one) for one in others if not one.columns.refund[0])
    key = account_key(register.psn_no[0].decode(), code)
    held = t.find_accounts(AccountKind.HELD, [key])
    both = [account, *(int(one) for one in held if one >= 0)]
    taken, credits, opened = _lines(t, both)
    # The lines of files are net of refunds, which are credits.
    offline = [one for one in refunds if one.columns.card_account_fen[0] and _account(one)]
    taken -= sum(_account(one) for one in offline)
    credits += [(one.header.business_date, _refund(one)) for one in offline]
    credits.sort(key=lambda credit: credit[0])
    return CardBooks(
        card_number=register.card_number[0].decode(),
        identification=card.identification,
        balance_fen=int(t.balances(both).sum()),
        charged_fen=taken - others_fen,
        others_fen=others_fen,
        debits=tuple(debits),
        credits=tuple(credit for _, credit in credits),
        opened=opened,
        chip=_chip(t, int(register.id[0]), account),
    )


def _chip(t: LedgerTransaction, card: int, account: int) -> ChipBooks | None:
    """What the centre has loaded; None when it never has, or the card is cancelled."""
    load = cards.load
    rows = t.connection.execute(sa.select(load.c.number, load.c.fen).where(load.c.card == card))
    loads = {int(row.number): int(row.fen) for row in rows}
    now = datetime.now().strftime(TIME)
    chip = next((one for one in chip_money(t, account, now) if one.card == card), None)
    if not loads or chip is None:
        return None
    due = max(0, fen_due(t, account, now))
    return ChipBooks(chip.opening_fen, chip.debited_fen, loads, due)


def _rows(books: Books, card: CardState, code: bytes) -> Iterator[BookedRows]:
    """Posted rows by the card's key, the others by the terminals of its log."""
    seen: set[tuple[int, int]] = set()
    for one in books.of_card(code, books.segments_of_card(card.factor, _division(code))):
        seen.add((one.segment, int(one.row[0])))
        yield one
    purchases = [entry for entry in card.log if entry.kind == PURCHASE]
    if not purchases:
        return
    # A file takes sales of the night after its day; dates are compared as text. A record without
    # a time could be of any day.
    days = [entry.time[:8] for entry in purchases]
    first = str(int(min(days)) - 1) if all(map(parse_date, days)) else None
    wanted = np.frombuffer(code, np.uint8)
    for rows in books.of_terminals({entry.terminal_id for entry in purchases}, first):
        own = (rows.columns.card_id_code == wanted).all(axis=1) & ~rows.columns.malformed
        for at in np.flatnonzero(own).tolist():
            if (rows.segment, int(rows.row[at])) not in seen:
                yield rows.some(np.arange(len(rows)) == at)


def _debit(one: BookedRows) -> BookedDebit:
    columns, mask = one.columns, int(one.masks[0])
    return BookedDebit(
        int(columns.transaction_number[0]),
        columns.terminal[0].tobytes().hex(),
        columns.time[0].tobytes().hex(),
        int(columns.card_account_fen[0]),
        int(columns.card_self_paid_fen[0]),
        int(columns.card_pooled_fen[0]),
        columns.msgid[0].decode("utf-8", "replace"),
        outcome_of(mask),
        codes_text(mask),
    )


def _account(one: BookedRows) -> int:
    return int(one.columns.account_fen[0])


def _refund(one: BookedRows) -> Credit:
    msgid = one.columns.msgid[0].decode("utf-8", "replace")
    return Credit(f"refund {msgid}", -_account(one))


def _lines(t: LedgerTransaction, accounts: list[int]) -> tuple[int, list[tuple[str, Credit]], str]:
    """What debits took from an account less refunds, what it was given, when it was opened."""
    entry, line = schema.entry, schema.line
    statement = (
        sa.select(entry.c.kind, entry.c.business_date, entry.c.id, line.c.fen)
        .join_from(line, entry, entry.c.id == line.c.entry)
        .where(line.c.account.in_(accounts))
        .order_by(entry.c.id)
    )
    taken, opened = 0, ""
    credits = []
    for kind, date, _, fen in t.connection.execute(statement):
        if EntryKind(kind) in _ONLINE | _OF_FILES:
            taken -= fen
        elif kind == EntryKind.OPENING:
            opened = date
        else:
            credits.append((date, Credit(f"{kind} of {date}", fen)))
    return taken, credits, opened


def _other_cards(t: LedgerTransaction, account: int, code: bytes) -> list[Any]:
    table = schema.card
    statement = sa.select(table.c.card_id_code, table.c.factor).where(
        table.c.account == account, table.c.card_id_code != code
    )
    return list(t.connection.execute(statement).all())


def _registered_number(t: LedgerTransaction, card_number: str) -> str | None:
    """The 卡识别码 under which a card number is registered."""
    table = schema.card
    statement = sa.select(table.c.card_id_code).where(table.c.card_number == card_number)
    found = t.connection.execute(statement).scalars().first()
    return None if found is None else bytes(found).hex().upper()


def _division(code: bytes) -> int:
    return int(code[:3].hex())
