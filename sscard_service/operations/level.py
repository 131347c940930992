# SPDX-License-Identifier: Apache-2.0
"""缴费档次: the contribution level that a flexible worker (灵活就业人员) chooses.

A choice holds from the next month on, and until another is made. Which levels there are, and who
may choose, is the region's. The last choice of a month holds; earlier ones stay in the table.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa

from sscard_chip.settlement.schema.services import level_choice
from sscard_chip.standard.documents import Model, rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.records import Insurance
from sscard_service.work import NoDetails, OperationEffect, Work, operation


class LevelDetails(Model, frozen=True):
    """An insurance (AAE140) and the level that is chosen, by its code in the region's document."""

    WHAT = "the details"

    insurance: Annotated[str, rule("must be a code of AAE140", pattern="|".join(Insurance))]
    level: Annotated[str, rule("must be a level of the region", pattern="[0-9A-Za-z]{1,10}")]


@operation("levels", OperationEffect.SHOWS)
def show_levels(work: Work, _: NoDetails) -> dict[str, Any]:
    """The levels on offer, and what was chosen; ``first`` is the month a choice holds from."""
    table = level_choice
    chosen = work.t.connection.execute(
        sa.select(table.c.insurance, table.c.level, table.c.month)
        .where(table.c.person == work.person.id)
        .order_by(table.c.number)
    )
    return {
        "may_choose": _may_choose(work),
        "first": next_month(work.now.date()),
        "levels": [
            {
                "insurance": insurance, "insurance_text": Insurance(insurance).chinese,
                "level": code, "chinese": one.chinese, "english": one.english,
                "base_fen": one.base_fen,
            }
            for insurance, levels in work.region.contribution_levels.items()
            for code, one in levels.items()
        ],
        "chosen": [
            {"insurance": one.insurance, "level": one.level, "month": one.month}
            for one in chosen
        ],
    }  # fmt: skip


@operation("level", OperationEffect.KEEPS, LevelDetails)
def choose_level(work: Work, details: LevelDetails) -> dict[str, Any]:
    """A level from the next month on; only for classes of persons that the region names."""
    if not _may_choose(work):
        raise ServiceRefusedError(Code.CLASS)
    if details.level not in work.region.contribution_levels.get(details.insurance, {}):
        raise ServiceRefusedError(Code.FORMAT, field="level", rule="must be a level of the region")
    table, month = level_choice, next_month(work.now.date())
    last = work.t.connection.execute(
        sa.select(sa.func.max(table.c.number)).where(table.c.person == work.person.id)
    ).scalar_one()
    work.t.connection.execute(
        sa.insert(table).values(
            person=work.person.id, number=(last or 0) + 1, insurance=details.insurance,
            level=details.level, month=month, time=int(work.time),
        )
    )  # fmt: skip
    work.notify_holder("level", insurance=details.insurance, level=details.level, month=month)
    return {"insurance": details.insurance, "level": details.level, "month": month}


def next_month(day: date) -> str:
    """The month after a day's, YYYYMM.

    >>> next_month(date(2026, 12, 31))
    '202701'
    """
    return f"{day.year + day.month // 12:04d}{day.month % 12 + 1:02d}"


def _may_choose(work: Work) -> bool:
    return work.person.data.class_ in work.region.level_classes
