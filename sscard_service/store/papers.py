# SPDX-License-Identifier: Apache-2.0
"""Papers and what became of their prints; nothing of a person stands here readable."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.services import paper, paper_print, paper_view
from sscard_service.store.persons import Person
from sscard_service.store.secrets import PersonKey

BEGUN: Final = "begun"
MADE: Final = "made"
UNDELIVERED: Final = "undelivered"
CODE_LENGTH: Final = 20
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE: Final = str.maketrans("OIL", "011", "- \u3000")


@dataclass(frozen=True, slots=True, repr=False)
class Paper:
    """A paper: its code, its person, and what it says, sealed."""

    id: int
    code: str
    person: int
    kind: str
    time: str
    sealed: bytes

    def content(self, key: PersonKey) -> Any:
        """What it says."""
        return key.open(f"paper:{self.code}", self.sealed)


def new_code() -> str:
    """A verification code: 100 random bits as 20 letters and digits, none like another."""
    return "".join(random.choice(_ALPHABET) for _ in range(CODE_LENGTH))


def normal_code(text: str) -> str:
    """A code as it was typed: small letters, O for 0, I and L for 1, with or without dashes."""
    return text.upper().translate(_ALIKE)


def shown_code(code: str) -> str:
    """A code in groups of five."""
    return "-".join(code[at : at + 5] for at in range(0, len(code), 5))


def add_paper(
    t: LedgerTransaction,
    person: Person,
    code: str,
    kind: str,
    content: Mapping[str, Any],
    time: str,
    channel: str,
) -> None:
    """Keep a paper that is to be printed."""
    number = int(t.take_ids(paper, 1)[0])
    sealed = person.key.seal(f"paper:{code}", dict(content))
    t.connection.execute(
        sa.insert(paper).values(
            id=number, code=code, person=person.id, kind=kind, time=int(time), channel=channel,
            sealed=sealed,
        )
    )  # fmt: skip
    t.connection.execute(sa.insert(paper_view).values(paper=number, views=0, last=0))


def find_paper(t: LedgerTransaction, code: str) -> Paper | None:
    """The paper with this code."""
    found = _read(t, paper.c.code == code)
    return found[0] if found else None


def find_print(t: LedgerTransaction, digest: bytes) -> tuple[Paper, int] | None:
    """The paper, and the number of its print, whose file has this SHA-256."""
    row = t.connection.execute(
        sa.select(paper_print.c.paper, paper_print.c.number).where(paper_print.c.digest == digest)
    ).first()
    return None if row is None else (_read(t, paper.c.id == row.paper)[0], int(row.number))


def papers_of(t: LedgerTransaction, person: int) -> list[Paper]:
    """All papers of a person, oldest first."""
    return _read(t, paper.c.person == person)


def papers_since(t: LedgerTransaction, person: int, time: str) -> int:
    """How many papers a person has asked for since a moment."""
    found = t.connection.execute(
        sa.select(sa.func.count()).where(paper.c.person == person, paper.c.time >= int(time))
    )
    return int(found.scalar_one())


def prints_of(t: LedgerTransaction, number: int) -> list[dict[str, Any]]:
    """The prints of a paper in their order: number, time, channel, event (the last one)."""
    rows = t.connection.execute(
        sa.select(paper_print)
        .where(paper_print.c.paper == number)
        .order_by(paper_print.c.number, paper_print.c.time)
    ).all()
    order = (BEGUN, MADE, UNDELIVERED)
    found: dict[int, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda one: (one.number, order.index(one.event))):
        found[int(row.number)] = {
            "number": int(row.number), "time": f"{row.time:014d}", "channel": row.channel,
            "event": row.event,
        }  # fmt: skip
    return list(found.values())


def begin_print(t: LedgerTransaction, number: int, time: str, channel: str) -> int:
    """Count the next print of a paper, from 1, whatever becomes of it."""
    t.lock_name(f"paper {number}")
    last = t.connection.execute(
        sa.select(sa.func.max(paper_print.c.number)).where(paper_print.c.paper == number)
    ).scalar_one()
    count = int(last or 0) + 1
    add_print_event(t, number, count, BEGUN, time, channel)
    return count


def add_print_event(
    t: LedgerTransaction,
    number: int,
    count: int,
    event: str,
    time: str,
    channel: str,
    digest: bytes | None = None,
) -> None:
    """What became of a print."""
    t.connection.execute(
        sa.insert(paper_print).values(
            paper=number, number=count, event=event, time=int(time), channel=channel,
            digest=digest,
        )
    )  # fmt: skip


def count_view(t: LedgerTransaction, number: int, time: str) -> int:
    """Count a look at a paper; how many there were with this one."""
    own = paper_view.c.paper == number
    t.connection.execute(
        sa.update(paper_view).where(own).values(views=paper_view.c.views + 1, last=int(time))
    )
    return int(t.connection.execute(sa.select(paper_view.c.views).where(own)).scalar_one())


def _read(t: LedgerTransaction, where: sa.ColumnElement[bool]) -> list[Paper]:
    rows = t.connection.execute(sa.select(paper).where(where).order_by(paper.c.id))
    return [
        Paper(int(one.id), one.code, int(one.person), one.kind, f"{one.time:014d}",
              bytes(one.sealed))
        for one in rows
    ]  # fmt: skip
