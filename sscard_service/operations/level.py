# SPDX-License-Identifier: Apache-2.0
"""缴费档次: the contribution level that a flexible worker (灵活就业人员) chooses or stops.

A choice holds from the next month on, and until another is made; a stop is one, and a choice after
it resumes. Which levels there are, and who may choose, is the region's. The last choice of a month
holds; earlier ones stay in the table. Months that were billed keep their level.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from sscard_chip.standard.documents import rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.fields import PrivateModel
from sscard_service.records import Insurance
from sscard_service.store.bills import OPEN, bills_of
from sscard_service.store.levels import add_choice, choices_of, level_in
from sscard_service.work import NoDetails, OperationEffect, Work, operation


class LevelDetails(PrivateModel, frozen=True):
    """An insurance (AAE140) and the level that is chosen, by its code in the region's document."""

    WHAT = "the details"

    insurance: Annotated[str, rule("must be a code of AAE140", pattern="|".join(Insurance))]
    level: Annotated[str, rule("must be a level of the region", pattern="[0-9A-Za-z]{1,10}")]


class StopDetails(PrivateModel, frozen=True):
    """The insurance (AAE140) that is not paid for any more."""

    WHAT = "the details"

    insurance: Annotated[str, rule("must be a code of AAE140", pattern="|".join(Insurance))]


@operation("levels", OperationEffect.SHOWS)
def show_levels(work: Work, _: NoDetails) -> dict[str, Any]:
    """The levels on offer, and what was chosen; ``first`` is the month a choice holds from.

    A choice with an empty level is a stop.
    """
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
            for one in choices_of(work.t, work.person.id)
        ],
    }  # fmt: skip


@operation("level", OperationEffect.KEEPS, LevelDetails)
def choose_level(work: Work, details: LevelDetails) -> dict[str, Any]:
    """A level from the next month on; only for classes of persons that the region names."""
    require_chooser(work)
    if details.level not in work.region.contribution_levels.get(details.insurance, {}):
        raise ServiceRefusedError(Code.FORMAT, field="level", rule="must be a level of the region")
    return _from_next_month(work, details.insurance, details.level)


@operation("level_stop", OperationEffect.KEEPS, StopDetails)
def stop_level(work: Work, details: StopDetails) -> dict[str, Any]:
    """停缴: no contributions from the next month on, until a level is chosen again."""
    require_chooser(work)
    choices = choices_of(work.t, work.person.id)
    if all(one.insurance != details.insurance for one in choices):
        raise ServiceRefusedError(Code.NOT_FOUND)
    if not level_in(choices, details.insurance, next_month(work.now.date())):
        raise ServiceRefusedError(Code.ALREADY)
    return _from_next_month(work, details.insurance, "")


def _from_next_month(work: Work, insurance: str, level: str) -> dict[str, Any]:
    """Keep a choice; months that are billed cannot get another."""
    month = next_month(work.now.date())
    for one in bills_of(work.t, work.person.id):
        held = {when for code, when in one.billed(work.person.key) if code == insurance}
        if max(held, default="") >= month:
            raise ServiceRefusedError(
                Code.RUNNING if one.state == OPEN else Code.TOO_LATE, now=one.state
            )
    add_choice(work.t, work.person.id, insurance, level, month, work.time)
    work.notify_holder("level", insurance=insurance, level=level, month=month)
    return {"insurance": insurance, "level": level, "month": month}


def require_chooser(work: Work) -> None:
    """Only for classes of persons that the region names.

    :raises ServiceRefusedError: CLASS.
    """
    if not _may_choose(work):
        raise ServiceRefusedError(Code.CLASS)


def next_month(day: date) -> str:
    """The month after a day's, YYYYMM.

    >>> next_month(date(2026, 12, 31))
    '202701'
    """
    return f"{day.year + day.month // 12:04d}{day.month % 12 + 1:02d}"


def months_from(first: str, count: int) -> list[str]:
    """So many months from one (YYYYMM) on.

    >>> months_from("202611", 3)
    ['202611', '202612', '202701']
    """
    months = [first]
    while len(months) < count:
        year, month = int(months[-1][:4]), int(months[-1][4:])
        months.append(next_month(date(year, month, 1)))
    return months


def _may_choose(work: Work) -> bool:
    return work.person.data.class_ in work.region.level_classes
