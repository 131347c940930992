# SPDX-License-Identifier: Apache-2.0
"""Working days of a region: announced years, and others by the law alone.

The days of a year with their make-up Saturdays and Sundays are announced about November before.
A year that the region has no table of counts Monday to Friday without the statutory holidays
(package ``holidays``), and what came of it is provisional.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from sscard_chip.standard.dates import DAY
from sscard_chip.standard.errors import importing
from sscard_service.region.model import ServiceRegion, WorkingYear

_SATURDAY: Final = 5


class DueDay(NamedTuple):
    """A day, and whether the days before it are not all announced yet."""

    day: date
    provisional: bool


def add_working_days(region: ServiceRegion, start: date, count: int) -> DueDay:
    """The ``count``-th working day after ``start``, which itself does not count.

    :raises ExtraMissingError: a year is not announced, and the extra ``service`` not installed.
    """
    day, provisional = start, False
    while count > 0:
        day += timedelta(days=1)
        table = region.working_days.get(f"{day:%Y}")
        provisional = provisional or table is None
        count -= _works(day, table)
    return DueDay(day, provisional)


def is_working_day(region: ServiceRegion, day: date) -> bool:
    """Whether people work on a day."""
    return _works(day, region.working_days.get(f"{day:%Y}"))


def _works(day: date, table: WorkingYear | None) -> bool:
    weekend = day.weekday() >= _SATURDAY
    if table is None:
        return not weekend and day.strftime(DAY) not in _statutory(day.year)
    written = f"{day:%m%d}"
    return written in table.on if weekend else written not in table.off


@lru_cache(maxsize=16)
def _statutory(year: int) -> frozenset[str]:
    with importing("service", "counting working days"):
        import holidays
    return frozenset(day.strftime(DAY) for day in holidays.country_holidays("CN", years=year))
