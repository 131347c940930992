# SPDX-License-Identifier: Apache-2.0
"""Message ids of many rows: which are none by their form.

What is plainly one is found for all rows at once; of everything else
:func:`~sscard_chip.dayfile.msgid.has_form` has the word.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.msgid import has_form
from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.columns import octets as octets_of
from sscard_chip.settlement.judge.times import IMPOSSIBLE, clock_is_right, days_of

_TIME: Final = slice(12, 26)


def wrong_msgids(columns: DebitColumns) -> Mask:
    """Rows whose msgid is none; a row that is malformed may have no msgid at all."""
    octets = octets_of(columns.msgid)
    wrong = np.zeros(len(octets), np.bool_)
    doubtful = ~_plain(octets) & ~columns.malformed
    for at in np.flatnonzero(doubtful).tolist():
        wrong[at] = not has_form(columns.msgid[at].decode("ascii", "replace"))
    return wrong


def _plain(octets: NDArray[np.uint8]) -> Mask:
    """Capitals and digits, with a time of the years that day files are of."""
    if not len(octets):
        return np.zeros(0, np.bool_)
    digits = octets[:, _TIME] ^ np.uint8(0x30)
    right = _rows((octets >= 0x30) & (octets <= 0x5A) & ~((octets > 0x39) & (octets < 0x41)))
    right &= _rows(digits <= 9)
    packed = np.ascontiguousarray(digits[:, ::2] << 4 | digits[:, 1::2])
    right &= clock_is_right(packed)
    right[days_of(packed) == IMPOSSIBLE] = False
    return right


def _rows(right: NDArray[np.bool_]) -> Mask:
    """Where all of a row is right: for all rows at once, since that is how it nearly always is."""
    if right.all():
        return np.ones(len(right), np.bool_)
    found: Mask = np.logical_and.reduce(right, axis=1)
    return found
