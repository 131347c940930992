# SPDX-License-Identifier: Apache-2.0
"""Electronic cards in programs, and family members, as they are kept."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.credentials import credential_code
from sscard_chip.settlement.schema.ecards import ecard, ecard_end, family, family_end


@dataclass(frozen=True, slots=True)
class BoundCard:
    """An electronic card: which card, in which program, at which level."""

    id: int
    card: int
    program: str
    level: int


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """A family member of a person."""

    id: int
    person: int
    member: int
    relation: str


def bound_cards(t: LedgerTransaction, person: int) -> list[BoundCard]:
    """The electronic cards of a person that were not unlinked, oldest first."""
    rows = t.connection.execute(
        sa.select(ecard)
        .outerjoin(ecard_end)
        .where(ecard.c.person == person, ecard_end.c.ecard.is_(None))
        .order_by(ecard.c.id)
    ).all()
    return [BoundCard(int(r.id), int(r.card), r.program, int(r.level)) for r in rows]


def bind_card(
    t: LedgerTransaction, person: int, card: int, program: str, level: int, time: str
) -> None:
    """A program shows a card from now on."""
    number = int(t.take_ids(ecard, 1)[0])
    t.connection.execute(
        sa.insert(ecard).values(
            id=number, person=person, card=card, program=program, level=level, time=int(time)
        )
    )


def unbind_stopped(t: LedgerTransaction, person: int, card: int, time: str) -> None:
    """No program shows a card that was stopped, until it is issued again."""
    rows = [{"ecard": one.id, "time": int(time)} for one in bound_cards(t, person)
            if one.card == card]  # fmt: skip
    if rows:
        t.connection.execute(sa.insert(ecard_end), rows)


def unbind_card(t: LedgerTransaction, bound: BoundCard, time: str) -> None:
    """A program shows a card no more; codes that it has shown are over."""
    t.connection.execute(sa.insert(ecard_end).values(ecard=bound.id, time=int(time)))
    forget_codes(t, bound.card)


def forget_codes(t: LedgerTransaction, card: int) -> None:
    """What a card has shown is worth nothing."""
    t.connection.execute(sa.delete(credential_code).where(credential_code.c.card == card))


def forget_unread(t: LedgerTransaction, card: int) -> None:
    """What a card has shown and nobody has read is worth nothing; what was read stays read."""
    own = credential_code.c.card == card
    t.connection.execute(sa.delete(credential_code).where(own, credential_code.c.used == 0))


def level_of_card(t: LedgerTransaction, card: int) -> int:
    """The highest level that a card is shown at; 1 where no program of ours shows it."""
    found = t.connection.execute(
        sa.select(sa.func.max(ecard.c.level))
        .outerjoin(ecard_end)
        .where(ecard.c.card == card, ecard_end.c.ecard.is_(None))
    )
    return int(found.scalar_one() or 1)


def family_of(t: LedgerTransaction, person: int) -> list[FamilyMember]:
    """The family members that a person shows."""
    return _members(t, family.c.person == person)


def find_member(t: LedgerTransaction, number: int) -> FamilyMember | None:
    """The family member of this number, while it is one."""
    return next(iter(_members(t, family.c.id == number)), None)


def add_member(t: LedgerTransaction, person: int, member: int, relation: str, time: str) -> int:
    """A family member more; its number."""
    number = int(t.take_ids(family, 1)[0])
    t.connection.execute(
        sa.insert(family).values(
            id=number, person=person, member=member, relation=relation, time=int(time)
        )
    )
    return number


def end_member(t: LedgerTransaction, number: int, time: str) -> None:
    """A family member less."""
    t.connection.execute(sa.insert(family_end).values(family=number, time=int(time)))


def _members(t: LedgerTransaction, where: sa.ColumnElement[bool]) -> list[FamilyMember]:
    rows = t.connection.execute(
        sa.select(family)
        .outerjoin(family_end)
        .where(where, family_end.c.family.is_(None))
        .order_by(family.c.id)
    ).all()
    return [FamilyMember(int(r.id), int(r.person), int(r.member), r.relation) for r in rows]
