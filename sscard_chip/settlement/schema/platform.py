# SPDX-License-Identifier: Apache-2.0
"""Messages that have changed something or asked for it, and the first answer to each."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata

sa.Sequence("message_id", metadata=metadata)

message: Final = append_only(
    sa.Table(
        "message",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("msgid", sa.String(30), nullable=False, unique=True),
        sa.Column("infno", sa.String(6), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
    )
)
answer: Final = append_only(
    sa.Table(
        "answer",
        metadata,
        sa.Column(
            "message", BigNumber, sa.ForeignKey(message.c.id), primary_key=True, autoincrement=False
        ),
        sa.Column("infcode", BigNumber, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
)
