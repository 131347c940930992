# SPDX-License-Identifier: Apache-2.0
"""The ledger of a settlement centre: double entry in SQLite or PostgreSQL, through SQLAlchemy.

::

    with Ledger.open("city.db") as ledger:
        with ledger.transaction() as t:
            people = t.accounts(AccountKind.PERSONAL, ["51000000000001", "51000000000002"])
            source = t.account(AccountKind.FUNDING, "510100")
            lines = [*people, source]
            t.post(EntryKind.ALLOCATION, "20260301", "allocation:march", lines, [700, 300, -1000])
        assert ledger.check().even

The rules are the database's: it refuses an entry that does not sum to zero, a personal account
below zero, and every change of what is posted.
"""

from __future__ import annotations

from sscard_chip.settlement.extras import missing

try:
    from sscard_chip.settlement.ledger.accounts import AccountKind, EntryKind
    from sscard_chip.settlement.ledger.check import Check
    from sscard_chip.settlement.ledger.errors import (
        CardRefusedError,
        CardRegisterError,
        EntryExistsError,
        LedgerConflictError,
        LedgerError,
        LedgerRefusedError,
        LedgerUnavailableError,
        LedgerUrlError,
    )
    from sscard_chip.settlement.ledger.ledger import Ledger
    from sscard_chip.settlement.ledger.rules import append_only
    from sscard_chip.settlement.ledger.schema import metadata
    from sscard_chip.settlement.ledger.transaction import Transaction, bear
except ImportError as error:
    raise missing(error) from None

__all__ = [
    "AccountKind",
    "CardRefusedError",
    "CardRegisterError",
    "Check",
    "EntryExistsError",
    "EntryKind",
    "Ledger",
    "LedgerConflictError",
    "LedgerError",
    "LedgerRefusedError",
    "LedgerUnavailableError",
    "LedgerUrlError",
    "Transaction",
    "append_only",
    "bear",
    "metadata",
]
