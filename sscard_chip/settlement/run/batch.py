# SPDX-License-Identifier: Apache-2.0
"""The rows of some whole files, as they go through a run together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.columnar import DayFileHead
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import Masks


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Batch:
    """Rows of whole files in their order, with what each shows by itself.

    ``columns.file`` are places in ``heads``; ``first`` (files + 1) is where each file's rows
    begin.
    """

    heads: tuple[DayFileHead, ...]
    columns: DebitColumns
    masks: Masks

    @property
    def first(self) -> NDArray[np.int64]:
        """Where the rows of each file begin, and where the last end."""
        return np.searchsorted(self.columns.file, np.arange(len(self.heads) + 1))

    def files(self, which: NDArray[np.bool_]) -> Batch:
        """The batch of some of its files."""
        rows = which[self.columns.file]
        columns = self.columns.rows(rows)
        columns.file[:] = (np.cumsum(which) - 1)[columns.file]
        heads = tuple(head for head, kept in zip(self.heads, which, strict=True) if kept)
        return Batch(heads, columns, self.masks[rows])
