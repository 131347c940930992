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

from sscard_chip.settlement.ledger.allocation import Allocated, allocate
from sscard_chip.settlement.ledger.card_status import (
    CardService,
    ReportClock,
    StatusReport,
    change_status,
    find_card,
    history_of,
    replace_card,
    reports_of,
    status_of,
)
from sscard_chip.settlement.ledger.check import Check
from sscard_chip.settlement.ledger.errors import (
    AnchorError,
    CardRefusedError,
    CardRegisterError,
    EntryExistsError,
    LedgerConflictError,
    LedgerRefusedError,
    LedgerRulesError,
    LedgerUnavailableError,
    LedgerUrlError,
    LedgerVersionError,
)
from sscard_chip.settlement.ledger.files import (
    AllocationFile,
    CardFile,
    read_allocations,
    read_cards,
    write_allocations,
    write_cards,
)
from sscard_chip.settlement.ledger.ledger import Ledger
from sscard_chip.settlement.ledger.register import (
    CardColumns,
    CardRegister,
    CardStatus,
    Registered,
    account_key,
    read_register,
    register_cards,
    register_is_empty,
)
from sscard_chip.settlement.ledger.succession import activate_card, register_inactive
from sscard_chip.settlement.ledger.transaction import LedgerTransaction, split_by_balance
from sscard_chip.settlement.ledger.upgrade import Upgraded, upgrade_ledger
from sscard_chip.settlement.schema.kinds import AccountKind, EntryKind
from sscard_chip.standard.errors import LedgerError

__all__ = [
    "AccountKind",
    "Allocated",
    "AllocationFile",
    "AnchorError",
    "CardColumns",
    "CardFile",
    "CardRefusedError",
    "CardRegister",
    "CardRegisterError",
    "CardService",
    "CardStatus",
    "Check",
    "EntryExistsError",
    "EntryKind",
    "Ledger",
    "LedgerConflictError",
    "LedgerError",
    "LedgerRefusedError",
    "LedgerRulesError",
    "LedgerTransaction",
    "LedgerUnavailableError",
    "LedgerUrlError",
    "LedgerVersionError",
    "Registered",
    "ReportClock",
    "StatusReport",
    "Upgraded",
    "account_key",
    "activate_card",
    "allocate",
    "change_status",
    "find_card",
    "history_of",
    "read_allocations",
    "read_cards",
    "read_register",
    "register_cards",
    "register_inactive",
    "register_is_empty",
    "replace_card",
    "reports_of",
    "split_by_balance",
    "status_of",
    "upgrade_ledger",
    "write_allocations",
    "write_cards",
]
