# SPDX-License-Identifier: Apache-2.0
"""What a right TAC proves of a row."""

from __future__ import annotations

from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import FindingCode, Masks


def proven(columns: DebitColumns, masks: Masks) -> Mask:
    """Rows whose TAC was there and right."""
    found: Mask = columns.has_tac & ~columns.malformed & ((masks & FindingCode.TAC.bit) == 0)
    return found


def messages(columns: DebitColumns, at: int) -> bytes:
    """What the TAC of a row is over, time first, and the TAC."""
    amounts = (
        columns.card_account_fen[at],
        columns.card_self_paid_fen[at],
        columns.card_pooled_fen[at],
        columns.transaction_type[at],
        columns.terminal_number[at],
    )
    message = b"".join(int(one).to_bytes(4) for one in amounts)
    parts = (columns.time[at], columns.terminal[at], message, columns.tac[at])
    return b"".join(map(bytes, parts))
