# SPDX-License-Identifier: Apache-2.0
"""Types of arrays that settlement works on (extra ``settlement``)."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

UInt64Array: TypeAlias = NDArray[np.uint64]
"""64-bit words, one or more a row."""

Integers: TypeAlias = NDArray[np.int64]
"""64-bit integers, one a row."""

Mask: TypeAlias = NDArray[np.bool_]
"""A boolean array, one element a row."""
