# SPDX-License-Identifier: Apache-2.0
"""The steps of an on-line settlement, each inside a transaction of the ledger.

A step locks its settlement, reads its state, posts and appends. Refusals come before anything is
written. No step is dated before its settlement, whatever a message says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.dayfile.msgid import reversal_msgid
from sscard_chip.settlement.ledger.authorisation.caps import begun_at_pharmacy
from sscard_chip.settlement.ledger.authorisation.debits import (
    DebitNumbers,
    is_posted,
    is_refunded,
    numbers_of,
    take_debit,
)
from sscard_chip.settlement.ledger.authorisation.postings import (
    held_account,
    post_again,
    post_counter_entry,
    post_release,
    post_settlement,
)
from sscard_chip.settlement.ledger.authorisation.settlement import (
    AuthorisationRefusedError,
    Settlement,
    SettlementOrder,
    SettlementState,
)
from sscard_chip.settlement.ledger.bulk import select_keys
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema import authorisation as tables
from sscard_chip.settlement.schema.kinds import EntryKind
from sscard_chip.standard.settlement_mode import Split

_OF_ORDER: Final = tuple(one.name for one in fields(SettlementOrder) if one.name != "split")
"""Columns that an order has under their own names."""


def available_fen(t: LedgerTransaction, account: int) -> int:
    """What a personal account can pay now: holds are taken off already. Locks it."""
    return int(t.balances([account], for_update=True)[0])


def hold_settlement(t: LedgerTransaction, order: SettlementOrder) -> Settlement:
    """Hold the account's part of a bill.

    :raises AuthorisationRefusedError: not enough money, or the msgid is used or reversed.
    """
    _check_new(t, order)
    number, entry = _record(t, order), None
    if order.split.account_fen:
        entry = t.post(
            EntryKind.HOLD,
            order.time[:8],
            f"hold:{order.msgid}",
            [order.account, held_account(t, order)],
            [-order.split.account_fen, order.split.account_fen],
        )
    return _step(t, number, SettlementState.HELD, order.msgid, order.time, entry)


def settle_bill(t: LedgerTransaction, order: SettlementOrder) -> Settlement:
    """Settle a bill at once, without a hold. Raises as :func:`hold_settlement`."""
    _check_new(t, order)
    number = _record(t, order)
    entry = post_settlement(t, order, order.msgid, order.time, order.account)
    return _step(t, number, SettlementState.SETTLED, order.msgid, order.time, entry)


def confirm_settlement(
    t: LedgerTransaction,
    settlement: Settlement,
    msgid: str,
    time: str,
    proof: str | None = None,
    *,
    numbers: DebitNumbers,
    instead_of_posted: bool = False,
) -> Settlement:
    """Settle what is held; ``proof`` is the terminal's row with the card's TAC.

    What is settled already stays so, and is returned. ``numbers`` are those of the debit, which
    is taken once, as :func:`~.debits.take_debit` does it; the row has been verified.

    :raises AuthorisationRefusedError: it is released, cancelled or reversed; another settlement or
        a day file has the debit.
    """
    if not instead_of_posted:
        t.lock_debits()  # before the settlement's own, as a run takes them
    now = _lock(t, settlement)
    if now.state not in _BEGUN:
        raise AuthorisationRefusedError(f"the settlement is {now.state}")
    if now.state is SettlementState.HELD:
        _check_msgid(t, msgid)
    take_debit(t, now, numbers, instead_of_posted=instead_of_posted)
    if now.state is SettlementState.SETTLED:
        return now
    time = max(time, now.order.time)
    held = held_account(t, now.order) if now.order.split.account_fen else now.order.account
    entry = post_settlement(t, now.order, msgid, time, held)
    return _step(t, now.number, SettlementState.SETTLED, msgid, time, entry, proof=proof)


def cancel_settlement(
    t: LedgerTransaction, settlement: Settlement, msgid: str, setl_id: str | None, time: str
) -> Settlement:
    """Take a settlement back as a whole (2103): a counter-entry with a ``setl_id`` of its own.

    A refund that only a day file tells of has none.

    :raises AuthorisationRefusedError: it is not settled.
    """
    now = _lock(t, settlement)
    if now.state is not SettlementState.SETTLED:
        raise AuthorisationRefusedError(f"the settlement is {now.state}")
    _check_msgid(t, msgid)
    time = max(time, now.order.time)
    entry = post_counter_entry(t, now, EntryKind.CANCELLATION, f"cancel:{msgid}", time)
    return _step(t, now.number, SettlementState.CANCELLED, msgid, time, entry, setl_id=setl_id)


def reverse(
    t: LedgerTransaction,
    omsgid: str,
    msgid: str,
    time: str,
    *,
    may_settle_again: Callable[[SettlementOrder], None] | None = None,
) -> Settlement | None:
    """Drop what the message ``omsgid`` has done (2601); None when it is not known here.

    A hold is released, a settlement taken back, a cancellation undone. One that is not known is
    marked, so that it is refused when it arrives. What was done on top of it must be reversed
    first: a hold that is settled is not dropped by its own id. A settlement whose row a day file
    has posted stays: the card has paid, and what is given back is a refund. So does a cancellation
    whose refund stands in a day file.

    :param may_settle_again: refuses an order that is not to be paid again, when a cancellation is
        undone.
    :raises AuthorisationRefusedError: it is reversed already, or something was done on top of it.
    """
    if is_reversed(t, omsgid):
        raise AuthorisationRefusedError("the message is reversed already")
    found = t.connection.execute(
        sa.select(tables.step.c.authorisation).where(tables.step.c.msgid == omsgid)
    ).one_or_none()
    if found is None:
        _mark(t, omsgid, msgid, time)
        return None
    t.lock_debits()  # before the settlement's own, as a run takes them
    now = _lock(t, _load(t, found.authorisation))
    if now.done_by != omsgid:
        raise AuthorisationRefusedError(f"the settlement is {now.state}")
    if now.state is SettlementState.SETTLED:
        numbers = numbers_of(t, now.number)
        if numbers is not None and is_posted(t, numbers):
            raise AuthorisationRefusedError("a day file has settled this debit")
    if now.state is SettlementState.CANCELLED:
        _check_no_refund(t, now)
        if may_settle_again is not None:
            may_settle_again(now.order)
    _check_msgid(t, msgid)
    _mark(t, omsgid, msgid, time)
    time = max(time, now.order.time)
    if now.state is SettlementState.HELD:
        entry = None
        if now.entry is not None:
            entry = post_release(t, now, f"reverse:{msgid}", time)
        return _step(t, now.number, SettlementState.RELEASED, msgid, time, entry)
    if now.state is SettlementState.SETTLED:
        entry = post_counter_entry(t, now, EntryKind.REVERSAL, f"reverse:{msgid}", time)
        return _step(t, now.number, SettlementState.REVERSED, msgid, time, entry)
    entry = post_again(t, now, f"reverse:{msgid}", time)
    return _step(t, now.number, SettlementState.SETTLED, msgid, time, entry)


def is_reversed(t: LedgerTransaction, msgid: str) -> bool:
    """Whether a message is marked as reversed."""
    found = sa.select(tables.reversal.c.omsgid).where(tables.reversal.c.omsgid == msgid)
    return t.connection.execute(found).first() is not None


def spent_msgids(t: LedgerTransaction, msgids: Collection[str]) -> set[str]:
    """Which msgids something was done by, or that are reversed."""
    return _known(t, tables.step.c.msgid, msgids) | reversed_msgids(t, msgids)


def reversed_msgids(t: LedgerTransaction, msgids: Collection[str]) -> set[str]:
    """Which messages are marked as reversed."""
    return _known(t, tables.reversal.c.omsgid, msgids)


def find_by_msgid(t: LedgerTransaction, msgid: str) -> Settlement | None:
    """The settlement that a message has begun (its hold, or its settlement at once)."""
    return _find(t, tables.authorisation.c.msgid == msgid)


def find_by_mdtrt_id(t: LedgerTransaction, mdtrt_id: str) -> Settlement | None:
    """The settlement of a visit (mdtrt_id)."""
    return _find(t, tables.authorisation.c.mdtrt_id == mdtrt_id)


def find_by_setl_id(t: LedgerTransaction, setl_id: str) -> Settlement | None:
    """The settlement of a setl_id (not that of a cancellation)."""
    return _find(t, tables.authorisation.c.setl_id == setl_id)


def find_cancelled_as(t: LedgerTransaction, setl_id: str) -> Settlement | None:
    """The settlement whose cancellation has this setl_id."""
    return _find(
        t,
        tables.authorisation.c.id.in_(
            sa.select(tables.step.c.authorisation).where(tables.step.c.setl_id == setl_id)
        ),
    )


def find_done_by(t: LedgerTransaction, msgid: str) -> Settlement | None:
    """The settlement of which a message has made a step."""
    return _find(
        t,
        tables.authorisation.c.id.in_(
            sa.select(tables.step.c.authorisation).where(tables.step.c.msgid == msgid)
        ),
    )


def settled_online(t: LedgerTransaction, msgids: Sequence[str]) -> dict[str, SettlementState]:
    """The states of the settlements that these messages have begun, as far as they are known.

    For day files: a debit whose state is settled is in the books already; one that is held has
    paid and its confirmation is missing.
    """
    last = (
        sa.select(tables.step.c.authorisation, sa.func.max(tables.step.c.number).label("number"))
        .group_by(tables.step.c.authorisation)
        .subquery()
    )
    statement = (
        sa.select(tables.authorisation.c.msgid, tables.step.c.state)
        .join_from(tables.authorisation, last, last.c.authorisation == tables.authorisation.c.id)
        .join(
            tables.step,
            sa.and_(
                tables.step.c.authorisation == last.c.authorisation,
                tables.step.c.number == last.c.number,
            ),
        )
    )
    column: sa.Column[Any] = tables.authorisation.c.msgid
    wanted = set(msgids)
    return {
        row.msgid: SettlementState(row.state)
        for result in select_keys(t.connection, statement, column, wanted)
        for row in result
        if row.msgid in wanted
    }


def open_holds(t: LedgerTransaction, before: str) -> list[Settlement]:
    """What is held since before ``before`` (YYYYMMDDhhmmss) and neither settled nor released."""
    held = t.connection.execute(
        sa.select(tables.authorisation.c.id)
        .where(tables.authorisation.c.time < before)
        .where(
            ~sa.exists().where(
                tables.step.c.authorisation == tables.authorisation.c.id,
                tables.step.c.number > 1,
            )
        )
        .order_by(tables.authorisation.c.id)
    ).scalars()
    found = (_load(t, number) for number in held.all())
    return [one for one in found if one.state is SettlementState.HELD]


def release(t: LedgerTransaction, settlement: Settlement, time: str) -> Settlement | None:
    """Let a hold go that nobody settles: as its reversal by the till would.

    :raises AuthorisationRefusedError: it is not held any more.
    """
    msgid = settlement.order.msgid
    return reverse(t, msgid, reversal_msgid(msgid), time)


# --- inside --------------------------------------------------------------------------------------

_BEGUN: Final = (SettlementState.HELD, SettlementState.SETTLED)


def _check_new(t: LedgerTransaction, order: SettlementOrder) -> None:
    _check_msgid(t, order.msgid)
    if min(order.split) < 0 or not order.split.total_fen:
        raise AuthorisationRefusedError("the parts must not be negative, their sum above 0")
    if order.split.account_fen > available_fen(t, order.account):
        raise AuthorisationRefusedError("the personal account has not enough money")


def _known(t: LedgerTransaction, column: sa.Column[Any], names: Collection[str]) -> set[str]:
    found = select_keys(t.connection, sa.select(column), column, names)
    return {name for result in found for name in result.scalars()}.intersection(names)


def _check_no_refund(t: LedgerTransaction, now: Settlement) -> None:
    """That no day file has the refund of a cancelled settlement."""
    numbers = numbers_of(t, now.number)
    if now.cancelled_as is None or (numbers is not None and is_refunded(t, numbers)):
        raise AuthorisationRefusedError("a day file has settled this refund")


def _check_msgid(t: LedgerTransaction, msgid: str) -> None:
    if is_reversed(t, msgid):
        raise AuthorisationRefusedError("this msgid is reversed")
    used = sa.select(tables.step.c.number).where(tables.step.c.msgid == msgid)
    if t.connection.execute(used).first() is not None:
        raise AuthorisationRefusedError("this msgid was used for something else")


def _record(t: LedgerTransaction, order: SettlementOrder) -> int:
    day, paid = order.time[:8], order.split.account_fen + order.split.pooled_fen
    pharmacy_fen = begun_at_pharmacy(t, order.pharmacy, day) + paid
    number = int(t.take_ids(tables.authorisation, 1)[0])
    t.connection.execute(
        sa.insert(tables.authorisation).values(
            id=number,
            **{name: getattr(order, name) for name in _OF_ORDER},
            **order.split._asdict(),
            day=day,
            pharmacy_fen=pharmacy_fen,
        )
    )
    return number


def _mark(t: LedgerTransaction, omsgid: str, msgid: str, time: str) -> None:
    values = {"omsgid": omsgid, "msgid": msgid, "time": time}
    t.connection.execute(sa.insert(tables.reversal).values(values))


def _step(
    t: LedgerTransaction,
    number: int,
    state: SettlementState,
    msgid: str,
    time: str,
    entry: int | None,
    *,
    setl_id: str | None = None,
    proof: str | None = None,
) -> Settlement:
    """Append a step; the settlement as it is then."""
    table = tables.step
    count = sa.select(sa.func.count()).where(table.c.authorisation == number)
    t.connection.execute(
        sa.insert(table).values(
            authorisation=number,
            number=t.connection.execute(count).scalar_one() + 1,
            state=str(state),
            msgid=msgid,
            setl_id=setl_id,
            entry=entry,
            proof=proof,
            time=time,
        )
    )
    return _load(t, number)


def _lock(t: LedgerTransaction, settlement: Settlement) -> Settlement:
    """The settlement as it is now; nobody else takes a step until the transaction ends."""
    t.connection.execute(
        sa.select(tables.authorisation.c.id)
        .where(tables.authorisation.c.id == settlement.number)
        .with_for_update()
    )
    return _load(t, settlement.number)


def _find(t: LedgerTransaction, condition: sa.ColumnElement[bool]) -> Settlement | None:
    found = t.connection.execute(sa.select(tables.authorisation.c.id).where(condition)).first()
    return None if found is None else _load(t, found.id)


def _load(t: LedgerTransaction, number: int) -> Settlement:
    row = t.connection.execute(
        sa.select(tables.authorisation).where(tables.authorisation.c.id == number)
    ).one()
    steps = t.connection.execute(
        sa.select(tables.step)
        .where(tables.step.c.authorisation == number)
        .order_by(tables.step.c.number)
    ).all()
    last = steps[-1]
    return Settlement(
        number,
        SettlementOrder(
            **{name: getattr(row, name) for name in _OF_ORDER},
            split=Split(row.account_fen, row.self_paid_fen, row.pooled_fen),
        ),
        SettlementState(last.state),
        len(steps),
        last.entry,
        # of the steps that settle, the first is the message's own
        next(one.msgid for one in steps if one.state == SettlementState.SETTLED)
        if last.state == SettlementState.SETTLED
        else last.msgid,
        last.setl_id,
    )
