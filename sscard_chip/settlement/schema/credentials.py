# SPDX-License-Identifier: Apache-2.0
"""Electronic credentials of cards (医保电子凭证): their tokens, and the codes that are shown."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole
from sscard_chip.settlement.schema.books import card

credential: Final = append_only(
    sa.Table(
        "credential",
        metadata,
        sa.Column("card", BigNumber, sa.ForeignKey(card.c.id), primary_key=True,
                  autoincrement=False),
        sa.Column("token", sa.String(40), nullable=False, unique=True),
        sa.Column("issued", sa.String(14), nullable=False),
    )
)  # fmt: skip
"""A card's token, for as long as the card lives: its state is asked with every use."""

credential_code: Final = sa.Table(
    "credential_code",
    metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("card", BigNumber, sa.ForeignKey(credential.c.card), nullable=False),
    whole("until"),
    whole("used"),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Index(None, "until"),
)
"""A QR code that is shown, or an authorisation (authNo), by its SHA-256. ``until`` is Unix time,
``used`` 0 or 1. Rows that are over are deleted: it is no book."""
