# SPDX-License-Identifier: Apache-2.0
"""The debit of an on-line settlement: whose row it is, and its numbers, which are taken once.

A debit is known by its terminal's number and by its card's counter
(:mod:`sscard_chip.settlement.schema.debits`). The TAC is over the sum of the parts that the card
knows and not over the labels of a row, so a row settles a bill only when its labels, split and
card are those of the settlement.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from sscard_chip.dayfile.rows import DayRow
from sscard_chip.settlement.columns import NO_DIVISION
from sscard_chip.settlement.ledger.authorisation.settlement import (
    AuthorisationRefusedError,
    Settlement,
)
from sscard_chip.settlement.ledger.card_status import status_of
from sscard_chip.settlement.ledger.register import CardStatus
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema import run as settled
from sscard_chip.settlement.schema.books import card
from sscard_chip.settlement.schema.debits import online_debit, terminal_owner
from sscard_chip.standard.identifiers import CODE_OF_ALGORITHM, PURCHASE
from sscard_chip.standard.settlement_mode import Split


class DebitNumbers(NamedTuple):
    """By what a debit is known, as the columns of ``online_debit``."""

    terminal: int
    algorithm: int
    number: int
    factor: int
    division: int
    counter: int


def debit_numbers(row: DayRow) -> DebitNumbers:
    """The numbers of a row."""
    division = row.card_id_code[:3].hex()
    return DebitNumbers(
        int(row.terminal_id, 16),
        CODE_OF_ALGORITHM[row.algorithm],
        row.terminal_transaction_number,
        int.from_bytes(row.diversification_factor, signed=True),
        int(division) if division.isdecimal() else NO_DIVISION,
        row.transaction_number,
    )


def check_row(t: LedgerTransaction, settlement: Settlement, row: DayRow) -> DebitNumbers:
    """That a row whose TAC is right is the debit of ``settlement``; its numbers.

    The labels, the split, the divisions, the card with its factor, and the amounts that the card
    was given (0, total, account and pooled together) are those of the settlement, the terminal is
    no other pharmacy's, and the card was good at the time that its TAC is over.

    :raises AuthorisationRefusedError: it is the row of something else.
    """
    order = settlement.order
    known = t.connection.execute(
        sa.select(card.c.card_id_code, card.c.card_number, card.c.factor).where(
            card.c.id == order.card
        )
    ).one()
    given = Split(row.card_account_fen, row.card_self_paid_fen, row.card_pooled_fen)
    share = order.split.account_fen + order.split.pooled_fen
    is_that = (
        (row.msgid, row.setl_id) == (order.msgid, order.setl_id)
        and row.mdtrt_id in (None, order.mdtrt_id)
        and row.psn_no in (None, order.psn_no)
        and row.total_fen == order.split.total_fen
        and (row.account_fen, row.cash_fen, row.fund_fen) == order.split
        and row.treatment_division == order.treatment_division
        and row.insured_division in (None, order.insured_division)
        and not row.refund
        and row.transaction_type == PURCHASE
        and given == Split(0, order.split.total_fen, share)
        and (row.card_id_code, row.card_number, row.diversification_factor)
        == (bytes(known.card_id_code), known.card_number, bytes(known.factor))
    )
    if not is_that:
        raise AuthorisationRefusedError("the row of the day file is of something else")
    if row.time != order.time and status_of(t, order.card, row.time) is not CardStatus.NORMAL:
        raise AuthorisationRefusedError("the card was lost when it paid")
    numbers = debit_numbers(row)
    owner = (
        sa.select(terminal_owner.c.pharmacy)
        .where(terminal_owner.c.terminal == numbers.terminal)
        .order_by(terminal_owner.c.change.desc())
        .limit(1)
    )
    if t.connection.execute(owner).scalar_one_or_none() not in (None, order.pharmacy):
        raise AuthorisationRefusedError("the terminal belongs to another pharmacy")
    return numbers


def take_debit(
    t: LedgerTransaction,
    settlement: Settlement,
    numbers: DebitNumbers,
    *,
    instead_of_posted: bool = False,
) -> None:
    """Take the numbers of a debit for ``settlement``, and its terminal for the pharmacy.

    :param instead_of_posted: the caller takes back what a day file has posted under them.
    :raises AuthorisationRefusedError: another settlement or a day file has taken them.
    """
    own = numbers_of(t, settlement.number)
    if own == numbers:
        return
    if own is not None:
        raise AuthorisationRefusedError("the settlement has another debit")
    if not instead_of_posted:
        t.lock_debits()
        if is_posted(t, numbers):
            raise AuthorisationRefusedError("a day file has settled this debit")
    _insert(
        t,
        online_debit,
        {"authorisation": settlement.number} | numbers._asdict(),
        sa.or_(_same_number(online_debit, numbers), _same_counter(online_debit, numbers)),
        "the debit has settled another bill",
    )
    owned = terminal_owner.c.terminal == numbers.terminal
    if t.connection.execute(sa.select(terminal_owner.c.terminal).where(owned)).first() is None:
        t.lock_name(f"terminal:{numbers.terminal}")
        pharmacy = settlement.order.pharmacy
        values = {"terminal": numbers.terminal, "change": 1, "pharmacy": pharmacy}
        _insert(t, terminal_owner, values, owned, None)


def numbers_of(t: LedgerTransaction, settlement: int) -> DebitNumbers | None:
    """The numbers that a settlement has taken."""
    table = online_debit
    statement = sa.select(*(table.c[name] for name in DebitNumbers._fields)).where(
        table.c.authorisation == settlement
    )
    row = t.connection.execute(statement).one_or_none()
    return None if row is None else DebitNumbers(*row)


def is_posted(t: LedgerTransaction, numbers: DebitNumbers) -> bool:
    """Whether a day file's debit with one of these numbers is posted."""
    table, cards, gone = settled.terminal, settled.card, settled.displaced
    for ranges, listed, kind, owner, number, taken_back in (
        (
            table,
            table.c.numbers,
            "<u4",
            sa.and_(table.c.terminal == numbers.terminal, table.c.algorithm == numbers.algorithm),
            numbers.number,
            _same_number(gone, numbers),
        ),
        (
            cards,
            cards.c.counters,
            "<u2",
            sa.and_(cards.c.factor == numbers.factor, cards.c.division == numbers.division),
            numbers.counter,
            _same_counter(gone, numbers),
        ),
    ):
        around = sa.select(listed).where(owner, ranges.c.last >= number, ranges.c.first <= number)
        lists = t.connection.execute(around).scalars().all()
        times = sum(
            one is None or bool((np.frombuffer(bytes(one), kind) == number).any()) for one in lists
        )
        if times:
            count = sa.select(sa.func.count()).select_from(gone).where(taken_back)
            if times > t.connection.execute(count).scalar_one():
                return True
    return False


def is_refunded(t: LedgerTransaction, numbers: DebitNumbers) -> bool:
    """Whether a day file has a proven refund of a debit."""
    now, before = settled.beside, settled.refund
    known = (
        sa.select(now.c.row).where(now.c.kind == settled.REFUND, _same_number(now, numbers)),
        sa.select(before.c.segment).where(_same_number(before, numbers)),
    )
    return any(t.connection.execute(one.limit(1)).first() is not None for one in known)


def _same_number(table: sa.Table, numbers: DebitNumbers) -> sa.ColumnElement[bool]:
    return _same(table, numbers, "terminal", "algorithm", "number")


def _same_counter(table: sa.Table, numbers: DebitNumbers) -> sa.ColumnElement[bool]:
    return _same(table, numbers, "factor", "division", "counter")


def _same(table: sa.Table, numbers: DebitNumbers, *names: str) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == getattr(numbers, name) for name in names))


def _insert(
    t: LedgerTransaction,
    table: sa.Table,
    values: dict[str, Any],
    taken: sa.ColumnElement[bool],
    refusal: str | None,
) -> None:
    """Insert a row unless it is ``taken``; the unique keys decide between two at once."""
    literals = [sa.literal(value, table.c[name].type) for name, value in values.items()]
    fresh = sa.select(*literals).where(~sa.exists(sa.select(1).select_from(table).where(taken)))
    statement = sa.insert(table).from_select(list(values), fresh)
    done = t.connection.execute(statement.execution_options(preserve_rowcount=True))
    if refusal is not None and not done.rowcount:
        raise AuthorisationRefusedError(refusal)
