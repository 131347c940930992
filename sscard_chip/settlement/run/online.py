# SPDX-License-Identifier: Apache-2.0
"""Debits of modes 1 and 2 that the on-line authorisation knows: checked, not booked again.

A row names its settlement by setl_id, and is that settlement's when msgid, mdtrt_id, pharmacy,
divisions, card and bill are, and the numbers of the debit where they are taken.

| the settlement is | its row, with a right TAC |
|---|---|
| settled, cancelled | is in the books already |
| held | has paid, its confirmation is missing: it is confirmed now |
| released, reversed | is booked as any other: the card has paid |

A row that differs from its settlement is code 6, and so is one with a setl_id that this centre has
not given, when the person is insured here. A refund names its cancellation in the same way, and
that one must stand; with the setl_id of the sale itself it cancels the sale now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.columns import NO_DIVISION, DebitColumns, given
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.judge.keys import NOBODY, Keys
from sscard_chip.settlement.ledger import LedgerConflictError, LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    DebitNumbers,
    SettlementState,
    cancel_settlement,
    confirm_settlement,
    confirmation_msgid,
    find_by_setl_id,
    reversed_msgids,
    spent_msgids,
    take_debit,
)
from sscard_chip.settlement.ledger.bulk import select_keys
from sscard_chip.settlement.schema.authorisation import authorisation, step
from sscard_chip.settlement.schema.books import card
from sscard_chip.settlement.schema.debits import online_debit

_BEGUN: Final = frozenset({SettlementState.HELD, SettlementState.SETTLED})
_IN_BOOKS: Final = frozenset({SettlementState.SETTLED, SettlementState.CANCELLED})

PharmacyOf = Callable[[int], str]
"""The fixmedins_code of the file that a row stands in, by the row's place."""


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """A settlement as rows are compared with it.

    ``divisions`` are those of treatment and of the person, ``numbers`` those of the debit when one
    is taken for it; ``undone_by`` is the msgid that has cancelled it, ``steps`` are how many it
    has had.
    """

    number: int
    msgid: str
    setl_id: str
    mdtrt_id: str
    pharmacy: str
    divisions: tuple[int, int]
    bill: tuple[int, int, int]
    card_id_code: bytes
    state: SettlementState
    steps: int
    undone_by: str | None
    numbers: DebitNumbers | None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Online:
    """What the ledger has of rows: ``settlement`` is the number of the one whose row it is, and
    ``steps`` are how many that had had."""

    settlement: NDArray[np.int64]
    steps: NDArray[np.int64]
    in_books: Mask
    held: Mask
    fixed: Mask
    """Its numbers are taken, the settlement reversed since or not."""

    @classmethod
    def of_none(cls, count: int) -> Online:
        """Of rows that the ledger knows nothing about; takes no memory for them."""
        nothing = np.broadcast_to(np.False_, count)
        nobody = np.broadcast_to(np.int64(NOBODY), count)
        return cls(nobody, nobody, nothing, nothing, nothing)

    def have_moved(self, t: LedgerTransaction, rows: Sequence[int]) -> bool:
        """Whether a settlement of ``rows`` has had another step since it was looked up."""
        known = dict(zip(self.settlement[rows].tolist(), self.steps[rows].tolist(), strict=True))
        last = sa.select(step.c.authorisation, sa.func.max(step.c.number).label("number"))
        last = last.group_by(step.c.authorisation)
        found = select_keys(t.connection, last, step.c.authorisation, known.keys())
        return any(
            known.get(row.authorisation, row.number) != row.number
            for result in found
            for row in result
        )

    def settle(
        self, t: LedgerTransaction, columns: DebitColumns, keys: Keys, rows: Sequence[int]
    ) -> None:
        """Do what posted ``rows`` are missing: confirm, cancel, take the numbers of the debit.

        Debits come before the refunds of the same run, which cancel what these have confirmed.

        :raises LedgerConflictError: a settlement has had another step since it was looked up.
        """
        for at in rows:
            if self.settlement[at] == NOBODY:
                continue
            msgid, setl_id = columns.msgid[at].decode(), columns.setl_id[at].decode()
            found = find_by_setl_id(t, setl_id)
            if found is None:
                continue  # a refund that names its cancellation
            time = columns.time[at].tobytes().hex()
            try:
                if columns.refund[at]:
                    if self.held[at]:
                        msgid = _free(t, msgid, found.order.mdtrt_id)
                        cancel_settlement(t, found, msgid, None, time)
                elif self.held[at]:
                    msgid = _free(t, confirmation_msgid(msgid), setl_id)
                    confirm_settlement(
                        t, found, msgid, time, numbers=numbers_at(keys, at), instead_of_posted=True
                    )
                elif not self.fixed[at]:
                    take_debit(t, found, numbers_at(keys, at), instead_of_posted=True)
            except AuthorisationRefusedError:
                if found.steps != self.steps[at]:
                    raise LedgerConflictError("an on-line settlement came in between") from None
                self.held[at] = False


def numbers_at(keys: Keys, at: int) -> DebitNumbers:
    """The numbers of a row."""
    terminal, own = keys.terminal_key(at), keys.card_key(at)
    return DebitNumbers(*terminal, own.factor, own.division, own.counter)


def look_up(
    t: LedgerTransaction,
    columns: DebitColumns,
    masks: Masks,
    keys: Keys,
    pharmacy_of: PharmacyOf,
    here: Callable[[NDArray[np.int64]], Mask],
) -> Online:
    """What the ledger has of the rows with a setl_id; adds code 6 where a row is of no settlement.

    ``here`` says of rows whether the person is insured where the centre is.
    """
    held_as_grey = masks == FindingCode.GREY.bit  # such a row has nothing else to find
    rows = np.flatnonzero(given(columns.setl_id) & ~columns.malformed & ~held_as_grey)
    if not len(rows):
        return Online.of_none(len(columns))
    if t.connection.execute(sa.select(authorisation.c.id).limit(1)).first() is None:
        masks[rows[here(rows)]] |= FindingCode.FIELD.bit
        return Online.of_none(len(columns))
    online = Online(
        np.full(len(columns), NOBODY, np.int64),
        np.zeros(len(columns), np.int64),
        *(np.zeros(len(columns), np.bool_) for _ in range(3)),
    )
    names = set(map(_text, columns.setl_id[rows].tolist()))
    known, cancelled = _settlements(t, names)
    labels = {_text(columns.msgid[at]) for at in rows[columns.refund[rows]].tolist()}
    reversed_ones = reversed_msgids(t, labels) if known else set()
    unknown: list[int] = []
    for at in rows.tolist():
        setl_id = _text(columns.setl_id[at])
        own = cancelled.get(setl_id) if columns.refund[at] else None
        found, msgid = own or (known.get(setl_id), None)
        if found is None:
            unknown.append(at)
        elif not (
            _is_of(found, columns, keys, at, pharmacy_of(at))
            and _is_named(found, msgid, reversed_ones, columns, at)
        ):
            masks[at] |= FindingCode.FIELD.bit
        else:
            online.settlement[at], online.steps[at] = found.number, found.steps
            online.fixed[at] = found.numbers is not None
            if columns.refund[at]:
                online.held[at] = found.state in _BEGUN
                online.in_books[at] = found.undone_by is not None
            else:
                online.in_books[at] = found.state in _IN_BOOKS
                online.held[at] = found.state is SettlementState.HELD
    foreign = np.array(unknown, np.int64)
    masks[foreign[here(foreign)]] |= FindingCode.FIELD.bit
    return online


def _is_named(
    found: Known, cancellation: str | None, reversed_ones: set[str], columns: DebitColumns, at: int
) -> bool:
    """Whether the msgid of a row is that of its settlement, or of the refund that it can be.

    :param cancellation: the msgid of the cancellation that the row names.
    :param reversed_ones: msgids that are not to be done.
    """
    label = _text(columns.msgid[at])
    if not columns.refund[at]:
        return label == found.msgid
    if cancellation is None and found.undone_by in (None, found.mdtrt_id):
        return label not in reversed_ones
    return label == found.undone_by and cancellation in (None, label)


def _is_of(found: Known, columns: DebitColumns, keys: Keys, at: int, pharmacy: str) -> bool:
    """Whether a row is that of a settlement, its msgid aside."""
    bill = (columns.account_fen[at], columns.cash_fen[at], columns.fund_fen[at])
    sign = -1 if columns.refund[at] else 1
    given_amounts = (
        int(columns.card_account_fen[at]),
        int(columns.card_self_paid_fen[at]),
        int(columns.card_pooled_fen[at]),
    )
    account, cash, fund = found.bill
    return (
        pharmacy == found.pharmacy
        and _text(columns.mdtrt_id[at]) in ("", found.mdtrt_id)
        and columns.treatment_division[at] == found.divisions[0]
        and columns.insured_division[at] in (NO_DIVISION, found.divisions[1])
        and tuple(sign * int(part) for part in bill) == found.bill
        and given_amounts == (0, account + cash + fund, account + fund)
        and columns.card_id_code[at].tobytes() == found.card_id_code
        and found.numbers in (None, numbers_at(keys, at))
    )


def _free(t: LedgerTransaction, msgid: str, otherwise: str) -> str:
    """A msgid of a row for a step; where something else has it, or it is reversed, a number of the
    settlement: what the card has done counts."""
    return otherwise if spent_msgids(t, [msgid]) else msgid


def _text(cell: bytes) -> str:
    return cell.decode("utf-8", "replace")


def _settlements(
    t: LedgerTransaction, names: set[str]
) -> tuple[dict[str, Known], dict[str, tuple[Known, str]]]:
    """Settlements by their setl_id, and by that of a cancellation with the msgid of that."""
    cancelled: dict[str, tuple[int, str]] = {}
    steps = sa.select(step.c.setl_id, step.c.authorisation, step.c.msgid).where(
        step.c.setl_id.is_not(None)
    )
    for result in select_keys(t.connection, steps, step.c.setl_id, names):
        cancelled |= {row.setl_id: (row.authorisation, row.msgid) for row in result}
    steps_of = step.alias()
    last = (
        sa.select(sa.func.max(steps_of.c.number))
        .where(steps_of.c.authorisation == authorisation.c.id)
        .scalar_subquery()
    )
    statement = (
        sa.select(
            authorisation,
            card.c.card_id_code,
            step.c.state,
            step.c.msgid.label("done_by"),
            step.c.number.label("steps"),
            *(online_debit.c[name] for name in DebitNumbers._fields),
        )
        .join_from(authorisation, card, card.c.id == authorisation.c.card)
        .join(step, sa.and_(step.c.authorisation == authorisation.c.id, step.c.number == last))
        .outerjoin(online_debit, online_debit.c.authorisation == authorisation.c.id)
    )
    numbers = {number for number, _ in cancelled.values()}
    by_number: dict[int, Known] = {}
    for column, wanted in (
        (authorisation.c.setl_id, names),
        (authorisation.c.id, numbers),
    ):
        for result in select_keys(t.connection, statement, column, wanted):
            for row in result:
                one = _known(row)
                if wanted is numbers or one.setl_id in names:
                    by_number[one.number] = one
    known = {one.setl_id: one for one in by_number.values()}
    own = {
        name: (by_number[number], msgid)
        for name, (number, msgid) in cancelled.items()
        if name in names
    }
    return known, own


def _known(row: Any) -> Known:
    taken = None
    if row.terminal is not None:
        taken = DebitNumbers(*(getattr(row, name) for name in DebitNumbers._fields))
    state = SettlementState(row.state)
    return Known(
        row.id,
        row.msgid,
        row.setl_id,
        row.mdtrt_id,
        row.pharmacy,
        (int(row.treatment_division), int(row.insured_division)),
        (row.account_fen, row.self_paid_fen, row.pooled_fen),
        bytes(row.card_id_code),
        state,
        row.steps,
        row.done_by if state is SettlementState.CANCELLED else None,
        taken,
    )
