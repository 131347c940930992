# SPDX-License-Identifier: Apache-2.0
"""Settlements that were authorised on-line: who and how much, and the steps of each.

Nothing is updated: what a settlement is now follows from its last step.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata
from sscard_chip.settlement.schema.books import account, card, entry

sa.Sequence("authorisation_id", metadata=metadata)

authorisation: Final = append_only(
    sa.Table(
        "authorisation",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("msgid", sa.String(30), nullable=False, unique=True),
        sa.Column("setl_id", sa.String(30), nullable=False, unique=True),
        sa.Column("mdtrt_id", sa.String(30), nullable=False, unique=True),
        sa.Column("psn_no", sa.String(30), nullable=False),
        sa.Column("card", BigNumber, sa.ForeignKey(card.c.id), nullable=False),
        sa.Column("account", BigNumber, sa.ForeignKey(account.c.id), nullable=False, index=True),
        sa.Column("pharmacy", sa.String(12), nullable=False),
        sa.Column("treatment_division", sa.String(6), nullable=False),
        sa.Column("insured_division", sa.String(6), nullable=False),
        sa.Column("time", sa.String(14), nullable=False),
        sa.Column("account_fen", BigNumber, nullable=False),
        sa.Column("self_paid_fen", BigNumber, nullable=False),
        sa.Column("pooled_fen", BigNumber, nullable=False),
        sa.Column("day", sa.String(8)),
        sa.Column("pharmacy_fen", BigNumber),
        sa.Index(None, "card", "day"),
        sa.Index(None, "pharmacy", "day", "id"),
    )
)
"""``day`` is that of the sale, YYYYMMDD; ``pharmacy_fen`` what account and pooled fund pay at its
pharmacy on that day, up to this row and with it. Rows of schema 1 have neither."""

step: Final = append_only(
    sa.Table(
        "authorisation_step",
        metadata,
        sa.Column(
            "authorisation",
            BigNumber,
            sa.ForeignKey(authorisation.c.id),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("number", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("msgid", sa.String(30), nullable=False, unique=True),
        sa.Column("setl_id", sa.String(30), unique=True),
        sa.Column("entry", BigNumber, sa.ForeignKey(entry.c.id), unique=True),
        sa.Column("proof", sa.Text),
        sa.Column("time", sa.String(14), nullable=False),
    )
)
"""``msgid`` of the message that made the step; ``setl_id`` of a cancellation; ``proof`` the row of
the day file that the terminal has sent with its confirmation."""

reversal: Final = append_only(
    sa.Table(
        "reversal",
        metadata,
        sa.Column("omsgid", sa.String(30), primary_key=True),
        sa.Column("msgid", sa.String(30), nullable=False),
        sa.Column("time", sa.String(14), nullable=False),
    )
)
"""Messages that are reversed, also those that have not arrived yet: never done from then on."""
