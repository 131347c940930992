# SPDX-License-Identifier: Apache-2.0
"""Applications for cards, their states, and what was handed in with them."""

from __future__ import annotations

import hashlib
import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.services import application, application_step, evidence
from sscard_service.store.persons import Person
from sscard_service.store.secrets import PersonKey

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARACTERS: Final = 16


@unique
class MakingState(StrEnum):
    """How far an application is; what a citizen sees is :attr:`chinese`."""

    APPLIED = "applied"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REVIEWED = "reviewed"
    BATCHED = "batched"
    FAILED = "failed"
    MADE = "made"
    AT_POINT = "at_point"
    POSTED = "posted"
    COLLECTED = "collected"

    @property
    def chinese(self) -> str:
        """What the citizen is told."""
        return _CHINESE[self.value]

    @property
    def running(self) -> bool:
        """Whether more is to come."""
        return self not in _ENDS


_CHINESE: Final = {
    "applied": "待审核",
    "rejected": "审核未通过",
    "withdrawn": "已撤回",
    "reviewed": "审核通过",
    "batched": "制卡中",
    "failed": "制卡失败，重新制作",
    "made": "制卡完成",
    "at_point": "待领取",
    "posted": "已寄出",
    "collected": "已领取",
}
_ENDS: Final = frozenset({MakingState.REJECTED, MakingState.WITHDRAWN, MakingState.COLLECTED})


@dataclass(frozen=True, slots=True, repr=False)
class FiledApplication:
    """An application with its last state; ``card`` is the new card from when it is made."""

    id: int
    number: str
    person: int
    kind: str
    reason: str
    predecessor: int | None
    filed: str
    due: str
    provisional: bool
    state: MakingState
    steps: int
    card: int | None
    note: str
    changed: str
    sealed: bytes

    def details(self, key: PersonKey) -> dict[str, Any]:
        """What was asked for: delivery, address, bank, documents."""
        found: dict[str, Any] = key.open(f"application:{self.number}", self.sealed)
        return found


def new_receipt() -> str:
    """A number that nobody guesses: 80 random bits as 16 letters and digits."""
    return "".join(random.choice(_ALPHABET) for _ in range(_CHARACTERS))


def add_application(
    t: LedgerTransaction,
    person: Person,
    kind: str,
    reason: str,
    predecessor: int | None,
    details: Mapping[str, Any],
    time: str,
    due: str,
    provisional: bool,
    channel: str,
    actor: str,
) -> FiledApplication:
    """File an application; its first state is applied."""
    number = int(t.take_ids(application, 1)[0])
    receipt = new_receipt()
    t.connection.execute(
        sa.insert(application).values(
            id=number, number=receipt, person=person.id, kind=kind, reason=reason,
            predecessor=predecessor, filed=int(time), due=due, provisional=provisional,
            channel=channel, sealed=person.key.seal(f"application:{receipt}", dict(details)),
        )
    )  # fmt: skip
    add_step(t, number, MakingState.APPLIED, time, actor)
    found = find_application(t, receipt)
    if found is None:
        raise AssertionError
    return found


def add_step(
    t: LedgerTransaction,
    number: int,
    state: MakingState,
    time: str,
    actor: str,
    note: str = "",
    card: int | None = None,
) -> None:
    """The next state of an application."""
    last = t.connection.execute(
        sa.select(sa.func.max(application_step.c.number)).where(
            application_step.c.application == number
        )
    ).scalar_one()
    t.connection.execute(
        sa.insert(application_step).values(
            application=number, number=(last or 0) + 1, state=str(state), time=int(time),
            actor=actor[:64], note=note[:200], card=card,
        )
    )  # fmt: skip


def find_application(
    t: LedgerTransaction, receipt: str, *, lock: bool = False
) -> FiledApplication | None:
    """The application with this number; ``lock``: nobody else moves it meanwhile."""
    own = application.c.number == receipt
    if lock:
        t.connection.execute(sa.select(application.c.id).where(own).with_for_update())
    found = _read(t, own)
    return found[0] if found else None


def applications_of(t: LedgerTransaction, person: int) -> list[FiledApplication]:
    """All applications of a person, oldest first."""
    return _read(t, application.c.person == person)


def applications_in(
    t: LedgerTransaction, state: MakingState, limit: int = 10_000
) -> list[FiledApplication]:
    """Applications whose last state is this one, oldest first."""
    later = application_step.alias()
    newest = (
        sa.select(application_step.c.application)
        .where(
            application_step.c.state == str(state),
            ~sa.exists().where(
                later.c.application == application_step.c.application,
                later.c.number > application_step.c.number,
            ),
        )
        .order_by(application_step.c.application)
        .limit(limit)
    )
    return _read(t, application.c.id.in_(newest))


def application_of_card(t: LedgerTransaction, card: int) -> FiledApplication | None:
    """The application that a card was made for."""
    found = t.connection.execute(
        sa.select(application_step.c.application).where(application_step.c.card == card).limit(1)
    ).scalar_one_or_none()
    return None if found is None else _read(t, application.c.id == found)[0]


def _read(t: LedgerTransaction, where: sa.ColumnElement[bool]) -> list[FiledApplication]:
    rows = t.connection.execute(sa.select(application).where(where).order_by(application.c.id))
    found = []
    for row in rows.all():
        steps = t.connection.execute(
            sa.select(application_step)
            .where(application_step.c.application == row.id)
            .order_by(application_step.c.number)
        ).all()
        last = steps[-1]
        cards = [one.card for one in steps if one.card is not None]
        found.append(
            FiledApplication(
                int(row.id), row.number, int(row.person), row.kind, row.reason, row.predecessor,
                f"{row.filed:014d}", row.due, bool(row.provisional), MakingState(last.state),
                len(steps), cards[-1] if cards else None, last.note, f"{last.time:014d}",
                bytes(row.sealed),
            )
        )  # fmt: skip
    return found


def keep_evidence(
    t: LedgerTransaction, person: Person, kind: str, content: bytes, time: str, owner: int | None
) -> int:
    """Keep what was handed in, enciphered; its number."""
    number = int(t.take_ids(evidence, 1)[0])
    t.connection.execute(
        sa.insert(evidence).values(
            id=number, person=person.id, application=owner, kind=kind,
            digest=hashlib.sha256(content).digest(), time=int(time),
            sealed=person.key.seal(f"evidence:{number}", content),
        )
    )  # fmt: skip
    return number


def last_evidence(t: LedgerTransaction, person: Person, kind: str) -> bytes | None:
    """The newest of a kind that a person has handed in."""
    row = t.connection.execute(
        sa.select(evidence.c.id, evidence.c.sealed)
        .where(evidence.c.person == person.id, evidence.c.kind == kind)
        .order_by(evidence.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else person.key.open_bytes(f"evidence:{row.id}", bytes(row.sealed))
