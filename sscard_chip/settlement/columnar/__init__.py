# SPDX-License-Identifier: Apache-2.0
"""Day files of terminals, text or Parquet, read in pieces into columns (extra ``settlement``).

``survey`` puts files into their order, ``pieces`` groups them, ``read_piece`` gives the rows of
those that hold what their trailers say, and says why others are refused.
"""

from __future__ import annotations

from sscard_chip.settlement.columnar.files import (
    DayFileHead,
    Piece,
    RefusedFile,
    content_of,
    pieces,
    read_piece,
    survey,
)
from sscard_chip.settlement.columnar.opening import LIMITS, DeliveryLimits

__all__ = [
    "LIMITS",
    "DayFileHead",
    "DeliveryLimits",
    "Piece",
    "RefusedFile",
    "content_of",
    "pieces",
    "read_piece",
    "survey",
]
