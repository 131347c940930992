# SPDX-License-Identifier: Apache-2.0
"""Schema 2: what changed in tables of version 0.1.0, a line each."""

from sscard_chip.settlement.schema.reshape import reshape

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Bring each of these tables to its declared shape."""
    reshape("account")
    reshape(
        "balance",
        entry="(SELECT max(line.entry) FROM line WHERE line.account = balance.account)",
        stripe="0",
    )
    reshape("entry")
    reshape("line")
    reshape("card")
    reshape("message")
    reshape("authorisation", pharmacy_fen="NULL", day="substr(time, 1, 8)")
    reshape("clearing_claim")
    reshape("reconciliation_task")
    reshape("reconciliation_difference")
    reshape("settled_segment")
    reshape("settled_file")
    reshape("settled_refund")
