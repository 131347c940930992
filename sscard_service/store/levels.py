# SPDX-License-Identifier: Apache-2.0
"""Level choices (缴费档次) as they are kept; an empty level is a stop."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.services import level_choice


@dataclass(frozen=True, slots=True)
class LevelChoice:
    """What holds for an insurance (AAE140) from ``month`` (YYYYMM) on: a level, or none."""

    insurance: str
    level: str
    month: str


def choices_of(t: LedgerTransaction, person: int) -> list[LevelChoice]:
    """All choices of a person, in their order."""
    table = level_choice
    rows = t.connection.execute(
        sa.select(table.c.insurance, table.c.level, table.c.month)
        .where(table.c.person == person)
        .order_by(table.c.number)
    )
    return [LevelChoice(one.insurance, one.level, one.month) for one in rows]


def level_in(choices: list[LevelChoice], insurance: str, month: str) -> str:
    """The level that holds in a month; empty for none.

    >>> chosen = [LevelChoice("310", "1", "202604"), LevelChoice("310", "", "202606")]
    >>> [level_in(chosen, "310", month) for month in ("202603", "202604", "202605", "202607")]
    ['', '1', '1', '']
    """
    own = [one for one in choices if one.insurance == insurance and one.month <= month]
    return sorted(own, key=lambda one: one.month)[-1].level if own else ""


def add_choice(
    t: LedgerTransaction, person: int, insurance: str, level: str, month: str, time: str
) -> None:
    """Keep a choice; the last one of a month holds."""
    table = level_choice
    last = t.connection.execute(
        sa.select(sa.func.max(table.c.number)).where(table.c.person == person)
    ).scalar_one()
    t.connection.execute(
        sa.insert(table).values(
            person=person, number=(last or 0) + 1, insurance=insurance, level=level, month=month,
            time=int(time),
        )
    )  # fmt: skip
