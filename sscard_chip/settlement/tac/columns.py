# SPDX-License-Identifier: Apache-2.0
"""What a TAC is computed from, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.columns import Columns, column

FACTOR: Final = 8
MESSAGE: Final = 30
TAC: Final = 4


class TacForm(NamedTuple):
    """What a TAC is over: bytes of its message, and whether SM4 folds the last block into four
    bytes by XOR (LD/T 32.4) or cuts it to the leftmost (the purse, [L])."""

    length: int
    folded: bool


MEDICAL_TAC: Final = TacForm(MESSAGE, folded=True)
PURSE_TAC: Final = TacForm(22, folded=False)
"""Purchases of a purse: amount 4, type 1, terminal 6, 终端交易序号 4, time 7."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TacColumns(Columns):
    """n medical purchases.

    ``algorithm`` is the FCI's code, 1 for 3DES and 3 for SM4; ``key_version`` the version of the
    DTK; ``division`` the issuing area, the first three bytes of the 卡识别码 as a number of six
    decimal digits; ``factor`` (n, 8) the card's diversification factor. ``message`` (n, 30) is
    account 4, self-paid 4, pooled 4, type 1, terminal 6, 终端交易序号 4, time 7 (LD/T 32.5),
    ``tac`` (n, 4) what the card is said to have answered.

    :raises ValueError: for a column of another type or shape.
    """

    algorithm: NDArray[np.uint8] = column(np.uint8)
    key_version: NDArray[np.uint8] = column(np.uint8)
    division: NDArray[np.uint32] = column(np.uint32)
    factor: NDArray[np.uint8] = column(np.uint8, FACTOR)
    message: NDArray[np.uint8] = column(np.uint8, MESSAGE)
    tac: NDArray[np.uint8] = column(np.uint8, TAC)

    def __post_init__(self) -> None:
        count = len(self.algorithm)
        for name, (kind, shape) in self.shapes().items():
            cells: NDArray[Any] = getattr(self, name)
            if cells.dtype != kind or cells.shape != (count, *shape):
                wanted = f"{np.dtype(kind)} of shape {(count, *shape)}"
                raise ValueError(f"{name}: must be {wanted}, is {cells.dtype} of {cells.shape}")
