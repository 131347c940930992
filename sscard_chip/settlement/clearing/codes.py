# SPDX-License-Identifier: Apache-2.0
"""The dictionaries of clearing (spec A6, A8, C5): what a code means on a statement."""

from __future__ import annotations

from enum import IntEnum, StrEnum, unique
from typing import Final, NamedTuple

import numpy as np

from sscard_chip.settlement.judge.codes import held, posted
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4
from sscard_chip.standard.insurance import EMPLOYEE_BASIC, PHARMACY_VISIT


class Term(NamedTuple):
    """A term of the field and its English."""

    name: str
    english: str


INSURANCES: Final = {
    EMPLOYEE_BASIC: Term("职工基本医疗保险", "employee basic"),
    "320": Term("公务员医疗补助", "civil-servant aid"),
    "330": Term("大额医疗费用补助", "large amounts"),
    "340": Term("离休人员医疗保障", "retired cadres"),
    "350": Term("一至六级残疾军人医疗补助", "disabled soldiers"),
    "360": Term("老红军医疗保障", "Red Army veterans"),
    "370": Term("企业补充医疗保险", "enterprise supplement"),
    "380": Term("新型农村合作医疗", "rural cooperative"),
    "390": Term("城乡居民基本医疗保险", "urban and rural residents"),
    "391": Term("城镇居民基本医疗保险", "urban residents"),
    "392": Term("城乡居民大病医疗保险", "residents' serious illness"),
    "399": Term("其他特殊人员医疗保障", "other"),
    "410": Term("长期照护保险", "long-term care"),
    "510": Term("生育保险", "maternity"),
}
"""insutype [H]; the Chinese wording of the rarer ones is [M]."""

SUITES: Final = {
    ALGORITHM_3DES: Term("国际算法 3DES", "3DES"),
    ALGORITHM_SM4: Term("国密算法 SM4", "SM4"),
}


@unique
class ClearingType(StrEnum):
    """clr_type [H]; 99 is [L]."""

    OUTPATIENT = "11"
    INPATIENT = "21"
    PHARMACY = PHARMACY_VISIT
    DEFERRED = "51"
    OTHER = "99"


@unique
class ClearingWay(StrEnum):
    """clr_way [L]; pharmacies are paid item by item."""

    ITEM = "1"
    DISEASE = "2"
    SCORE = "3"
    GROUP = "4"
    BED_DAY = "5"
    HEAD = "6"
    OTHER = "9"


CLEARING_TYPES: Final = {
    ClearingType.OUTPATIENT: Term("门诊", "out-patient"),
    ClearingType.INPATIENT: Term("住院", "in-patient"),
    ClearingType.PHARMACY: Term("定点药店", "pharmacy"),
    ClearingType.DEFERRED: Term("缓结", "deferred"),
    ClearingType.OTHER: Term("其他", "other"),
}


@unique
class RowOutcome(IntEnum):
    """What became of a row of a day file."""

    POSTED = 0
    REFUSED = 1
    HELD = 2


def insurance_name(insurance: str) -> str:
    """The Chinese name of an insutype; the code itself where nobody names it."""
    term = INSURANCES.get(insurance)
    return insurance if term is None else term.name


def outcome_of(findings: int) -> RowOutcome:
    """What became of a row with these findings, a mask."""
    masks = np.array([findings], np.uint16)
    if posted(masks)[0]:
        return RowOutcome.POSTED
    return RowOutcome.HELD if held(masks)[0] else RowOutcome.REFUSED
