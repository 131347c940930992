# SPDX-License-Identifier: Apache-2.0
"""The outbox: what a change has to tell others, written in its transaction, sent afterwards.

Kinds are ``hotlist`` (a card has come onto the list or off it), ``bank`` (a linked card) and
``holder`` (a message to the telephone). Nothing here waits for anybody: a worker takes what is
due, tells it, and tries again later where that fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.services import outbox
from sscard_chip.standard.dates import TIME
from sscard_service.store.secrets import ServiceKeys

QUEUED: Final = "queued"
SENT: Final = "sent"
CONFIRMED: Final = "confirmed"
FAILED: Final = "failed"
GIVEN_UP: Final = "given_up"
MOST_TRIES: Final = 8
_FIRST_WAIT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, repr=False)
class OutboxMessage:
    """A message that is due."""

    id: int
    kind: str
    person: int | None
    card: int | None
    content: dict[str, Any]
    tries: int


def queue_message(
    t: LedgerTransaction,
    keys: ServiceKeys,
    kind: str,
    content: Mapping[str, Any],
    time: str,
    *,
    person: int | None = None,
    card: int | None = None,
) -> int:
    """Write a message into the outbox; its number."""
    number = int(t.take_ids(outbox, 1)[0])
    sealed = keys.seal(f"outbox:{number}", json.dumps(dict(content), ensure_ascii=False).encode())
    t.connection.execute(
        sa.insert(outbox).values(
            id=number, kind=kind, person=person, card=card, sealed=sealed, created=int(time),
            state=QUEUED, tries=0, next_try=int(time), changed=int(time),
        )
    )  # fmt: skip
    return number


def due_messages(
    t: LedgerTransaction, keys: ServiceKeys, now: str, limit: int = 100
) -> list[OutboxMessage]:
    """Messages that are to be told now, oldest first; nobody else takes them meanwhile."""
    rows = t.connection.execute(
        sa.select(outbox)
        .where(outbox.c.state.in_((QUEUED, FAILED)), outbox.c.next_try <= int(now))
        .order_by(outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    return [
        OutboxMessage(
            int(row.id), row.kind, row.person, row.card,
            json.loads(keys.open(f"outbox:{row.id}", bytes(row.sealed))), int(row.tries),
        )
        for row in rows
    ]  # fmt: skip


def mark_message(t: LedgerTransaction, message: OutboxMessage, taken: bool, now: datetime) -> str:
    """Keep whether a message was told; its new state."""
    tries = message.tries + 1
    state = SENT if taken else GIVEN_UP if tries >= MOST_TRIES else FAILED
    again = now + _FIRST_WAIT * 2 ** min(tries, 12)
    t.connection.execute(
        sa.update(outbox)
        .where(outbox.c.id == message.id)
        .values(
            state=state, tries=tries, next_try=int(again.strftime(TIME)),
            changed=int(now.strftime(TIME)),
        )
    )  # fmt: skip
    return state


def confirm_message(t: LedgerTransaction, number: int, time: str) -> bool:
    """Whoever was told has confirmed it; False where nothing was sent."""
    done = t.connection.execute(
        sa.update(outbox)
        .where(outbox.c.id == number, outbox.c.state.in_((SENT, FAILED, QUEUED)))
        .values(state=CONFIRMED, changed=int(time))
    )
    return bool(done.rowcount)


def outbox_counts(t: LedgerTransaction) -> dict[str, int]:
    """How many messages there are, by kind and state."""
    rows = t.connection.execute(
        sa.select(outbox.c.kind, outbox.c.state, sa.func.count())
        .group_by(outbox.c.kind, outbox.c.state)
        .order_by(outbox.c.kind, outbox.c.state)
    )
    return {f"{kind} {state}": int(count) for kind, state, count in rows}


Deliver = Callable[[OutboxMessage], bool]
"""Hands a message over; whether it was taken."""
