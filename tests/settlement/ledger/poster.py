# SPDX-License-Identifier: Apache-2.0
"""A process that posts: ``python -m tests.settlement.ledger.poster URL JOB``.

``entries``: 30 entries of 3,000 lines, each source once. ``messages``: 60 sales through the
platform, each msgid once. Writes a line after each that is done; whoever kills it looks at those.
"""

from __future__ import annotations

import sys
from typing import Final

import numpy as np

from sscard_chip.settlement.ledger import AccountKind, EntryExistsError, EntryKind, Ledger
from sscard_chip.settlement.platform import HOLD
from tests.settlement.platform.centre import bill, confirmation, message, open_platform

ENTRIES: Final = 30
PEOPLE: Final = 1000
SALES: Final = 30


def post_entries(ledger: Ledger) -> None:
    for number in range(ENTRIES):
        with ledger.transaction() as t:
            people = t.accounts(AccountKind.PERSONAL, [f"p{at}" for at in range(PEOPLE)])
            source = t.account(AccountKind.FUNDING)
            lines = np.append(np.tile(people, 3), source)
            fen = np.append(np.ones(3 * PEOPLE, np.int64), -3 * PEOPLE)
            try:
                t.post(EntryKind.ALLOCATION, "20260301", f"s{number}", lines, fen)
            except EntryExistsError:
                continue
        print(number, flush=True)


def sell(ledger: Ledger) -> None:
    """A hold and its settlement for each sale; 1 yuan of account money."""
    platform = open_platform(ledger)
    for number in range(1, SALES + 1):
        held = platform.handle(message(HOLD, number, bill("1.00")))
        node = confirmation(held["output"]["setlinfo"], number)
        done = platform.handle(message("2102", 1000 + number, node))
        print(number if done["infcode"] == 0 else done["err_msg"], flush=True)


if __name__ == "__main__":
    with Ledger.open(sys.argv[1]) as opened:
        {"entries": post_entries, "messages": sell}[sys.argv[2]](opened)
