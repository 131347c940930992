# SPDX-License-Identifier: Apache-2.0
"""Where a card is insured, seen from the place of treatment: here, in the province, elsewhere.

Divisions are six digits: province 2, city 2, county 2. A pooling area (统筹区) is a city, or a
whole municipality [M].
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MUNICIPALITIES: Final = (11, 12, 31, 50)
"""Beijing, Tianjin, Shanghai, Chongqing: one pooling area each."""


@unique
class Locality(IntEnum):
    """The numbers of 3 and 4 are those of pay_loc (spec A6) [M]."""

    OWN = 1
    PROVINCE = 3
    ELSEWHERE = 4

    @property
    def title(self) -> str:
        """As it stands on a statement."""
        return _TITLES[self]

    @property
    def english(self) -> str:
        """The same in English."""
        return _ENGLISH[self]


_TITLES: Final = {
    Locality.OWN: "本地参保",
    Locality.PROVINCE: "省内异地",
    Locality.ELSEWHERE: "跨省异地",
}
_ENGLISH: Final = {
    Locality.OWN: "own region",
    Locality.PROVINCE: "other city of the province",
    Locality.ELSEWHERE: "other province",
}


def pooling_area(division: int) -> int:
    """The city of a division as a number of four digits; of a municipality only its province."""
    province, city = division // 10000, division // 100
    return province * 100 if province in MUNICIPALITIES else city


def locality(treatment: int, insured: int) -> Locality:
    """How far the insured place is from that of treatment; both divisions as numbers."""
    if pooling_area(treatment) == pooling_area(insured):
        return Locality.OWN
    return Locality.PROVINCE if treatment // 10000 == insured // 10000 else Locality.ELSEWHERE


def localities(treatment: NDArray[Any], insured: NDArray[Any]) -> NDArray[np.uint8]:
    """:func:`locality` of whole columns."""
    province = treatment // 10000 == insured // 10000
    own = pooling_areas(treatment) == pooling_areas(insured)
    away = np.where(province, np.uint8(Locality.PROVINCE), np.uint8(Locality.ELSEWHERE))
    return np.where(own, np.uint8(Locality.OWN), away)


def pooling_areas(division: NDArray[Any]) -> NDArray[Any]:
    """:func:`pooling_area` of whole columns."""
    province = division // 10000
    return np.where(np.isin(province, MUNICIPALITIES), province * 100, division // 100)
