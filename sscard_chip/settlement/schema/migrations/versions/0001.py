# SPDX-License-Identifier: Apache-2.0
"""Schema 1: the tables of version 0.1.0, whose ledgers had no schema version."""

revision = "1"
down_revision = None


def upgrade() -> None:
    """They stay as they are."""
