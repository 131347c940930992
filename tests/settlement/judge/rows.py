# SPDX-License-Identifier: Apache-2.0
"""Columns out of rows of the terminal's own making."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_chip.settlement.columnar.rows import pad_lines, parse_lines
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.terminal.pos import DayRow


def columns_of(rows: Sequence[DayRow], files: Sequence[int] | None = None) -> DebitColumns:
    """The columns of rows, in the files given (all in the first)."""
    columns, strange, _ = parse_lines(
        pad_lines("".join(f"{row.encode()}\n" for row in rows).encode())
    )
    assert not strange.any()
    if files is not None:
        columns.file[:] = files
    return columns
