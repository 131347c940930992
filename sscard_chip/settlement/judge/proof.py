# SPDX-License-Identifier: Apache-2.0
"""What a right TAC proves of a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import FindingCode, Masks


def proven(columns: DebitColumns, masks: Masks) -> Mask:
    """Rows whose TAC was there and right."""
    found: Mask = columns.has_tac & ~columns.malformed & ((masks & FindingCode.TAC.bit) == 0)
    return found


def messages(columns: DebitColumns) -> list[bytes]:
    """What the TACs of rows are over, time first, and the TAC; 37 bytes each."""
    numbers = (
        columns.card_account_fen,
        columns.card_self_paid_fen,
        columns.card_pooled_fen,
        columns.transaction_type,
        columns.terminal_number,
    )
    return row_bytes(
        [
            columns.time,
            columns.terminal,
            *(one.astype(">u4").view(np.uint8).reshape(-1, 4) for one in numbers),
            columns.tac,
        ]
    )


def row_bytes(columns: Sequence[NDArray[np.uint8]]) -> list[bytes]:
    """Columns of bytes (n, k) side by side, an object for each row."""
    table = np.concatenate(columns, axis=1)
    width, content = table.shape[1], table.tobytes()
    return [content[at : at + width] for at in range(0, len(content), width)]
