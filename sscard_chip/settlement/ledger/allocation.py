# SPDX-License-Identifier: Apache-2.0
"""Monthly allocation (划入) of money to personal accounts, and taking a batch back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.ledger.bulk import select_keys
from sscard_chip.settlement.ledger.errors import (
    CardRegisterError,
    EntryExistsError,
)
from sscard_chip.settlement.ledger.files import AllocationFile
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema.books import allocation, card
from sscard_chip.settlement.schema.kinds import AccountKind, EntryKind


@dataclass(frozen=True, slots=True)
class Allocated:
    """What a batch did; ``posted`` is False when the same file was posted before."""

    accounts: int
    fen: int
    posted: bool


def allocate(t: LedgerTransaction, file: AllocationFile) -> Allocated:
    """Post a file of allocations as one entry, or nothing.

    A batch of a month is posted once: the same file again changes nothing, another file under
    its name is refused. To be called in an exclusive transaction.

    :raises CardRegisterError: "row: item: rule": somebody has no account here, rows counted as
        in the file.
    :raises EntryExistsError: the batch was posted from another file.
    """
    known = t.connection.execute(
        sa.select(allocation.c.digest).where(
            allocation.c.month == file.month, allocation.c.batch == file.batch
        )
    ).one_or_none()
    owners, total = len(set(file.owners)), int(file.fen.sum())
    if known is not None:
        if bytes(known.digest) != file.digest:
            raise EntryExistsError(
                f"batch {file.batch} of {file.month} was posted from another file"
            )
        return Allocated(owners, total, False)
    accounts, divisions = _accounts(t, file.owners)
    if not len(accounts):
        raise CardRegisterError("a batch has rows")
    places, of_row = np.unique(divisions, return_inverse=True)
    shares = np.zeros(len(places), np.int64)
    np.add.at(shares, of_row, file.fen)
    sources = t.accounts(AccountKind.FUNDING, [str(one) for one in places.tolist()])
    number = t.post(
        EntryKind.ALLOCATION,
        file.business_date,
        f"allocation:{file.month}:{file.batch}",
        np.concatenate([accounts, sources]),
        np.concatenate([file.fen, -shares]),
    )
    t.connection.execute(
        sa.insert(allocation).values(
            month=file.month, batch=file.batch, digest=file.digest, entry=number
        )
    )
    return Allocated(owners, total, True)


def _accounts(t: LedgerTransaction, owners: tuple[str, ...]) -> tuple[Integers, Integers]:
    """Personal account and insured division of each owner."""
    found: dict[str | None, tuple[int, int]] = {}
    people = [owner for owner in dict.fromkeys(owners) if not _is_card(owner)]
    cards = [bytes.fromhex(owner) for owner in dict.fromkeys(owners) if _is_card(owner)]
    statement = sa.select(card.c.psn_no, card.c.card_id_code, card.c.account, card.c.division)
    # the last card says where a person is insured
    for result in select_keys(t.connection, statement.order_by(card.c.id), card.c.psn_no, people):
        for row in result:
            found[row.psn_no] = row.account, row.division
    for result in select_keys(t.connection, statement, card.c.card_id_code, cards):
        for row in result:
            found[bytes(row.card_id_code).hex().upper()] = row.account, row.division
    pairs = np.empty((len(owners), 2), np.int64)
    for at, owner in enumerate(owners):
        if owner not in found:
            raise CardRegisterError(f"row {at + 2}: has no account here")
        pairs[at] = found[owner]
    return pairs[:, 0], pairs[:, 1]


def _is_card(owner: str) -> bool:
    """Whether it is a 卡识别码: 32 hex digits, which a psn_no of at most 30 is not."""
    return len(owner) == 32
