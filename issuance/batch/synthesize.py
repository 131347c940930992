# SPDX-License-Identifier: Apache-2.0
"""Invented holders for trials: everybody passes every check, nobody exists.

Social security numbers begin with 99, which is no province; card numbers with Z. Of both there
are no two alike in one list, up to a million holders.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import islice
from typing import Final, TextIO

from issuance.batch.errors import BatchError
from issuance.validity import card_check_character, citizen_check_character, sex_of
from sscard_chip.standard.dates import written_day
from sscard_chip.standard.divisions import DivisionError, check_division

COLUMNS: Final = (
    "card_number", "social_security_number", "name", "sex", "nation", "birthplace", "birth_date",
    "city",
)  # fmt: skip
MAX_HOLDERS: Final = 1_000_000
DEFAULT_CITY: Final = "510100"

_FAMILY: Final = "林周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_DOUBLE: Final = ("欧阳", "上官", "司马", "诸葛")
_GIVEN: Final = "知夏明远子涵雨桐安然若水清和思源文博佳宁晓晨嘉禾一诺书言景行"
_BIRTHPLACES: Final = ("110101", "310101", "430102", "440304", "510104", "610102")
_FIRST_DAY: Final = date(1940, 1, 1)
_AT_ONCE: Final = 1000
_DAYS: Final = 30_000  # to early 2022
_NUMBERS: Final = 10_000_000
_STEP: Final = 7_654_321  # no common factor with 10 million: every number comes once


def synthesize_holders(
    count: int, *, seed: int = 0, city: str = DEFAULT_CITY
) -> Iterator[tuple[str, ...]]:
    """``count`` holders, values in the order of :data:`COLUMNS`; the same for the same seed.

    :raises BatchError: for a count or city that is not right.
    """
    if not 0 < count <= MAX_HOLDERS:
        raise BatchError(f"a list has 1 to {MAX_HOLDERS} holders")
    try:
        check_division(city)
    except DivisionError as error:
        raise BatchError(f"city: {error}") from None
    return _holders(count, random.Random(seed), city)


def write_holders(
    stream: TextIO,
    count: int,
    *,
    seed: int = 0,
    city: str = DEFAULT_CITY,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write a table of holders as CSV; ``progress`` gets how many are written.

    :raises BatchError: for a count or city that is not right.
    """
    holders = synthesize_holders(count, seed=seed, city=city)
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    done = 0
    while group := list(islice(holders, _AT_ONCE)):
        writer.writerows(group)
        done += len(group)
        if progress is not None:
            progress(done)


def _holders(count: int, drawn: random.Random, city: str) -> Iterator[tuple[str, ...]]:
    number = drawn.randrange(_NUMBERS)
    seen: set[int] = set()
    for _ in range(count):
        number = (number + _STEP) % _NUMBERS
        first8 = f"Z{number:07d}"
        person = drawn.randrange(_DAYS * 1000)
        while person in seen:
            person = drawn.randrange(_DAYS * 1000)
        seen.add(person)
        born = written_day(_FIRST_DAY + timedelta(person // 1000))
        first17 = f"990000{born}{person % 1000:03d}"
        citizen = first17 + citizen_check_character(first17)
        yield (
            first8 + card_check_character(first8),
            citizen,
            _name(drawn),
            sex_of(citizen),
            f"{drawn.choice((1, 1, 1, 1, *range(2, 57))):02d}",
            drawn.choice(_BIRTHPLACES),
            born,
            city,
        )


def _name(drawn: random.Random) -> str:
    kind = drawn.random()
    if kind < 0.02:  # a long name with a middle dot: 15 characters, what generation 1 can hold
        return "·".join("".join(drawn.choices(_GIVEN, k=length)) for length in (4, 4, 5))
    family = drawn.choice(_DOUBLE) if kind < 0.06 else drawn.choice(_FAMILY)
    return family + "".join(drawn.choices(_GIVEN, k=drawn.choice((1, 2, 2))))
