# SPDX-License-Identifier: Apache-2.0
"""By what a debit is known to the whole centre, whatever way it came: its numbers.

A debit is the terminal's number (终端交易序号) in one of its environments, and the card's counter
(消费序号). Terminals are their 12 BCD digits as a number, algorithms the FCI's code (1 3DES,
3 SM4); a card is the signed number of its 8 bytes of diversification factor, with its issuing
division.
Day files take numbers as ranges (:mod:`.run`), on-line settlements one by one here.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.authorisation import authorisation
from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole

online_debit: Final = append_only(
    sa.Table(
        "online_debit",
        metadata,
        sa.Column(
            "authorisation",
            BigNumber,
            sa.ForeignKey(authorisation.c.id),
            primary_key=True,
            autoincrement=False,
        ),
        whole("terminal"),
        whole("algorithm"),
        whole("number"),
        whole("factor"),
        whole("division"),
        whole("counter"),
        sa.UniqueConstraint("terminal", "algorithm", "number"),
        sa.UniqueConstraint("factor", "division", "counter"),
    )
)
"""The numbers that the confirmation of a settlement has taken, in its own transaction."""

terminal_owner: Final = append_only(
    sa.Table(
        "terminal_owner",
        metadata,
        whole("terminal", key=True),
        whole("change", key=True),
        sa.Column("pharmacy", sa.String(200), nullable=False),
    )
)
"""The pharmacy (fixmedins_code) that a terminal was first seen at, with a proven debit (change 1);
the last change holds. Only a list of pharmacies changes it."""

suspense_share: Final = append_only(
    sa.Table(
        "suspense_share",
        metadata,
        whole("entry", key=True),
        whole("account", key=True),
        whole("division", key=True),
        whole("fen"),
        sa.Index(None, "account"),
    )
)
"""What of a division's suspense is a personal account's: above zero it could not pay, below zero a
refund has repaid it."""
