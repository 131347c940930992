# SPDX-License-Identifier: Apache-2.0
"""Types of arrays that settlement works on, and look-ups in them (extra ``settlement``)."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

UInt64Array: TypeAlias = NDArray[np.uint64]
"""64-bit words, one or more a row."""

Integers: TypeAlias = NDArray[np.int64]
"""64-bit integers, one a row."""

Mask: TypeAlias = NDArray[np.bool_]
"""A boolean array, one element a row."""


def among(values: Integers | UInt64Array, ordered: Integers | UInt64Array) -> Mask:
    """Which of ``values`` are in ``ordered``, which rises."""
    if not len(ordered):
        return np.zeros(len(values), np.bool_)
    at = np.searchsorted(ordered, values)
    at[at == len(ordered)] = 0
    found: Mask = ordered[at] == values
    return found
