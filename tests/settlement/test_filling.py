# SPDX-License-Identifier: Apache-2.0
"""Columns that are filled block by block hold the rows of the blocks, in their order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sscard_chip.settlement.columns import DebitColumns, FillingColumns, constant


def block(first: int, ids: bytes | None) -> DebitColumns:
    rows = replace(DebitColumns.zeros(3), setl_id=constant(b"", 3), mdtrt_id=constant(b"", 3))
    rows.msgid[:] = [f"M{first + at}".encode() for at in range(3)]
    rows.total_fen[:] = np.arange(first, first + 3)
    rows.terminal[:] = first
    if ids is not None:
        rows = replace(rows, setl_id=np.array([ids, b"", ids], "S30"))
    return rows


def test_ids_that_come_late_stand_in_their_rows() -> None:
    filling = FillingColumns(100)
    for one in (block(0, None), block(3, b"S1"), block(6, None)):
        filling.add(one)
    found = filling.columns()
    assert len(found) == 9
    assert found.msgid.tolist() == [f"M{at}".encode() for at in range(9)]
    assert found.setl_id.tolist() == [b"", b"", b"", b"S1", b"", b"S1", b"", b"", b""]
    assert found.total_fen.tolist() == list(range(9))
    assert found.terminal[:, 5].tolist() == [0, 0, 0, 3, 3, 3, 6, 6, 6]
    assert found.mdtrt_id.tolist() == [b""] * 9
    assert found.mdtrt_id.strides == (0,)  # of nothing nothing is stored


def test_no_blocks_are_no_rows() -> None:
    assert len(FillingColumns(5).columns()) == 0
