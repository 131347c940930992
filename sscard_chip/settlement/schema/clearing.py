# SPDX-License-Identifier: Apache-2.0
"""What clearing keeps in the ledger's database: claims, appeals and decisions, insert-only.

A claim has a row that says what it is of, and steps: its state is that of the step with the
highest number. The number is part of the key, so of two programs that move on from the same state
one is refused by the database. A refused row can be appealed once, and decided once.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import append_only, metadata, whole

claim: Final = append_only(
    sa.Table(
        "clearing_claim",
        metadata,
        sa.Column("id", sa.String(30), primary_key=True),  # clr_appy_evt_id
        sa.Column("division", sa.String(6), nullable=False),  # clr_optins
        sa.Column("pharmacy", sa.String(200), nullable=False),
        sa.Column("month", sa.String(6), nullable=False),  # setlym
        sa.Column("clr_type", sa.String(6), nullable=False),
        whole("attempt"),
        sa.Column("clr_way", sa.String(30), nullable=False),
        whole("visits"),  # psntime
        whole("total_fen"),  # medfee_sumamt
        whole("recognised_fen"),  # med_sumfee
        whole("claimed_fen"),  # fund_appy_sum
        whole("cash_fen"),  # cash_payamt
        whole("account_fen"),  # acct_pay
        sa.Column("first_day", sa.String(8), nullable=False),  # begndate
        sa.Column("last_day", sa.String(8), nullable=False),  # enddate
        whole("newest_segment"),  # what was settled when the claim was made
        sa.UniqueConstraint("pharmacy", "month", "clr_type", "attempt"),
    )
)
claim_step: Final = append_only(
    sa.Table(
        "clearing_claim_step",
        metadata,
        sa.Column("claim", sa.String(30), sa.ForeignKey(claim.c.id), primary_key=True),
        whole("number", key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        whole("entry", nullable=True),
    )
)
step_order: Final = append_only(
    sa.Table(
        "clearing_step_order",
        metadata,
        whole("place", key=True),
        sa.Column("claim", sa.String(30), nullable=False),
        whole("number"),
        sa.ForeignKeyConstraint(
            ["claim", "number"],
            [claim_step.c.claim, claim_step.c.number],
            name="fk_clearing_step_order_step",
        ),
        sa.UniqueConstraint("claim", "number"),
    )
)
"""The order of all steps of claims: which claims stood when another was made."""

appeal: Final = append_only(
    sa.Table(
        "clearing_appeal",
        metadata,
        whole("segment", key=True),
        whole("row", key=True),
        sa.Column("appellant", sa.String(50), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
    )
)
"""A row of a day file that was not posted, and why it should be."""

decision: Final = append_only(
    sa.Table(
        "clearing_decision",
        metadata,
        whole("segment", key=True),
        whole("row", key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("operator", sa.String(50), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        whole("posted_segment", nullable=True),
        sa.ForeignKeyConstraint(
            ["segment", "row"],
            [appeal.c.segment, appeal.c.row],
            name="fk_clearing_decision_appeal",
        ),
        sa.CheckConstraint(
            "(state = 'accepted') = (posted_segment IS NOT NULL)", name="posted_when_accepted"
        ),
        sa.UniqueConstraint("posted_segment"),
    )
)
"""What an operator decided of an appeal; of an accepted one the segment that posts the row."""
