# SPDX-License-Identifier: Apache-2.0
"""The settlement centre: TAC verification in bulk, ledger, clearing, reconciliation.

Importing it without the extra ``settlement`` raises ExtraMissingError.
"""

from __future__ import annotations

from sscard_chip.standard.errors import require

__all__ = [
    "clearing",
    "columns",
    "credential",
    "judge",
    "ledger",
    "output",
    "platform",
    "reconciliation",
    "run",
    "schema",
    "settle",
    "synthesize",
    "tac",
    "transit",
]

require("settlement", "settlement", "numpy", "pyarrow", "sqlalchemy", "alembic", "jinja2")
