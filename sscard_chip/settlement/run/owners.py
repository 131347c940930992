# SPDX-License-Identifier: Apache-2.0
"""Code 102 by the ledger: a terminal belongs to one pharmacy.

A list of pharmacies says whose a terminal is. Without one it is the pharmacy's that the ledger has
first seen it at with a good debit in a file of its own, or whose on-line settlement it has debited:
that is the better proof. Rows under the header of another pharmacy are held.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.judge.codes import FindingCode, posted
from sscard_chip.settlement.judge.fields import add
from sscard_chip.settlement.judge.proof import proven
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.bulk import select_keys
from sscard_chip.settlement.run.batch import Batch
from sscard_chip.settlement.schema.debits import terminal_owner as table


def find_owners(
    t: LedgerTransaction,
    batch: Batch,
    headers: Sequence[DayHeader],
    online: Mask,
    *,
    listed: bool,
) -> list[dict[str, object]]:
    """Add 102 where a file is another pharmacy's; whose terminals are to be noted.

    :param online: rows of on-line settlements.
    :param listed: a list has judged that already, and has the last word.
    """
    if not batch.heads:
        return []
    owners = _owners(t, [int(header.terminal_id, 16) for header in headers])
    foreign = np.zeros(len(headers), np.bool_)
    fresh: list[dict[str, object]] = []
    good = proven(batch.columns, batch.masks) & posted(batch.masks) & ~batch.columns.refund
    shown, settled = np.zeros(len(headers), np.bool_), np.zeros(len(headers), np.bool_)
    shown[batch.columns.file[good]] = True
    settled[batch.columns.file[good & online]] = True
    for at in sorted(range(len(headers)), key=lambda one: not settled[one]):
        header = headers[at]
        terminal, pharmacy = int(header.terminal_id, 16), header.pharmacy_code
        owner, changes = owners.get(terminal, (None, 0))
        if owner == pharmacy:
            continue
        if owner is not None and not listed and not settled[at]:
            foreign[at] = True
        elif shown[at]:
            owners[terminal] = pharmacy, changes + 1
            fresh.append({"terminal": terminal, "change": changes + 1, "pharmacy": pharmacy})
    if foreign.any():
        others = foreign[batch.columns.file] & ~batch.columns.malformed
        others &= batch.masks != FindingCode.GREY.bit  # held as grey, it has nothing else
        add(batch.masks, FindingCode.NOT_OF_PHARMACY, others)
    return fresh


def keep_owners(t: LedgerTransaction, fresh: Sequence[dict[str, object]]) -> None:
    """Note what :func:`find_owners` has found."""
    if fresh:
        t.connection.execute(sa.insert(table), fresh)


def _owners(t: LedgerTransaction, terminals: Sequence[int]) -> dict[int, tuple[str | None, int]]:
    """Owner and number of changes of terminals."""
    found: dict[int, tuple[str | None, int]] = {}
    wanted = set(terminals)
    statement = sa.select(table).order_by(table.c.change)
    for result in select_keys(t.connection, statement, table.c.terminal, wanted):
        for row in result:
            if row.terminal in wanted:
                found[row.terminal] = row.pharmacy, row.change
    return found
