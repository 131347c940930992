# SPDX-License-Identifier: Apache-2.0
"""Findings: the codes that a row of a day file can get, their names, and what they do.

The numbers follow those of toll and campus clearing (settlement conventions, C5) as far as these
have one; the three-digit ones are ours. A row has a set of findings, kept as one bit each.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

POSTED: Final = 0
"""The code of a row that is posted; informational findings stand beside it."""

Masks = NDArray[np.uint16]
"""Findings of rows, a bit each; 0 is a row with nothing to find."""


@unique
class FindingCode(IntEnum):
    """What can be found about a row."""

    TAC = 1
    DUPLICATE = 2
    LOST = 3
    LATE = 5
    FIELD = 6
    CAP = 7
    UNKNOWN_CARD = 8
    EXPIRED = 10
    IDENTIFICATION = 12
    ACCOUNT = 14
    GAP = 101
    """Code 101: a number of the terminal is missing before this row; a note, the row is posted.
    How it is found: ``find_gaps`` in ``judge/gaps.py``."""
    NOT_OF_PHARMACY = 102
    STALE_HOTLIST = 103
    GREY = 104
    WAITING = 105
    """Code 105: a refund whose debit is not posted; it is posted when that is."""

    @property
    def bit(self) -> np.uint16:
        """Its bit in a mask."""
        return _BITS[self]


@unique
class Effect(StrEnum):
    """What a finding does to a row."""

    REFUSE = "refuse"
    """Not posted."""
    HOLD = "hold"
    """Not posted until somebody has shown whose it is, or that it is."""
    NOTE = "note"
    """Posted all the same."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the table of findings."""

    code: FindingCode
    name: str
    english: str
    effect: Effect


FINDINGS: Final = (
    Finding(FindingCode.TAC, "交易认证码（TAC）不符", "wrong TAC", Effect.REFUSE),
    Finding(FindingCode.DUPLICATE, "重复上传", "duplicate", Effect.REFUSE),
    Finding(FindingCode.LOST, "交易时卡已挂失或注销", "card lost or cancelled at the time",
            Effect.REFUSE),
    Finding(FindingCode.LATE, "超过上传时限", "too late", Effect.REFUSE),
    Finding(FindingCode.FIELD, "字段或金额有误", "field or sums", Effect.REFUSE),
    Finding(FindingCode.CAP, "超过限额", "over a cap", Effect.REFUSE),
    Finding(FindingCode.UNKNOWN_CARD, "卡不存在", "unknown card", Effect.REFUSE),
    Finding(FindingCode.EXPIRED, "卡已过有效期", "card expired", Effect.REFUSE),
    Finding(FindingCode.IDENTIFICATION, "卡识别码不符", "identification code wrong", Effect.REFUSE),
    Finding(FindingCode.ACCOUNT, "卡与账户不符", "card and account differ", Effect.REFUSE),
    Finding(FindingCode.GAP, "终端交易序号不连续", "gap in a terminal's numbers", Effect.NOTE),
    Finding(FindingCode.NOT_OF_PHARMACY, "终端或 PSAM 不属于本机构",
            "terminal or PSAM not of this pharmacy", Effect.HOLD),
    Finding(FindingCode.STALE_HOTLIST, "黑名单版本过旧", "hotlist version stale", Effect.NOTE),
    Finding(FindingCode.GREY, "灰交易，待查证", "grey, held for proof", Effect.HOLD),
    Finding(FindingCode.WAITING, "退费待原交易入账", "refund waits for its debit", Effect.HOLD),
)  # fmt: skip
"""All findings, by rising code; a bit's number in a mask is the place here."""

_BITS: Final = {one.code: np.uint16(1 << place) for place, one in enumerate(FINDINGS)}


def mask_of(*codes: int) -> np.uint16:
    """The mask of some codes; 0 (posted) adds nothing.

    :raises ValueError: for an unknown one.
    """
    return np.uint16(sum(int(FindingCode(code).bit) for code in codes if code != POSTED))


BORNE: Final = np.uint16(1 << 15)
"""Beside the findings: a card was lost and the pharmacy does not bear it. Shown as code 3 of a row
that is posted; the money is not the holder's."""

_NOTES: Final = mask_of(*(one.code for one in FINDINGS if one.effect is Effect.NOTE))
_HOLDS: Final = mask_of(*(one.code for one in FINDINGS if one.effect is Effect.HOLD))
_BLOCKS: Final = np.uint16(sum(map(int, _BITS.values())) & ~int(_NOTES))


def posted(masks: Masks) -> NDArray[np.bool_]:
    """Which rows are posted: nothing found, or notes only."""
    found: NDArray[np.bool_] = (masks & _BLOCKS) == 0
    return found


def held(masks: Masks) -> NDArray[np.bool_]:
    """Which rows are held: nothing but holds (and notes) stands against them."""
    blocks = masks & _BLOCKS
    found: NDArray[np.bool_] = (blocks != 0) & ((blocks & ~_HOLDS) == 0)
    return found


def codes_of(mask: int) -> tuple[int, ...]:
    """The codes of a mask, rising; 0 first when the row is posted."""
    found = tuple(int(one.code) for one in FINDINGS if mask & int(_shown(one.code)))
    return found if mask & int(_BLOCKS) else (POSTED, *found)


def _shown(code: FindingCode) -> np.uint16:
    """The bits that a code is shown for."""
    return code.bit | BORNE if code is FindingCode.LOST else code.bit


def rows_with(masks: Masks, code: FindingCode) -> int:
    """How many rows show a code."""
    return int(((masks & _shown(code)) != 0).sum())


@cache
def codes_text(mask: int) -> str:
    """The codes of a mask as verdict files have them: joined by commas."""
    return ",".join(map(str, codes_of(mask)))
