# SPDX-License-Identifier: Apache-2.0
"""The allocation list (划入) of a month, out of level choices and the region's levels."""

from __future__ import annotations

import os
from typing import NamedTuple

import sqlalchemy as sa

from sscard_chip.settlement.ledger.files import write_allocations
from sscard_chip.settlement.schema.persons import person
from sscard_chip.settlement.schema.services import level_choice
from sscard_chip.wholefile import whole_file
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.records import Insurance


class AllocationList(NamedTuple):
    """How many accounts a list has, and how much of money, in fen."""

    accounts: int
    fen: int


def write_allocation_list(
    centre: ServiceCentre, path: str | os.PathLike[str], month: str, business_date: str, batch: str
) -> AllocationList:
    """Write what goes into medical accounts in a month, as ``sscard-allocations/1``.

    For each person the last choice that holds in the ``month`` (YYYYMM) counts: the share of the
    level's base that the region puts into the account, halves of a fen up. A level without such
    a share brings nothing, nor does a person who has stopped.

    :raises ServiceRefusedError: FORMAT: a level was chosen that the region has no more.
    :raises LedgerError: the ledger cannot be read.
    :raises OSError: the file cannot be written.
    """
    levels = centre.region.contribution_levels.get(Insurance.MEDICAL, {})
    table = level_choice
    chosen: dict[str, str] = {}
    with centre.ledger.reading() as t:
        rows = t.connection.execute(
            sa.select(person.c.psn_no, table.c.level)
            .join_from(table, person, person.c.id == table.c.person)
            .where(table.c.insurance == str(Insurance.MEDICAL), table.c.month <= month)
            .order_by(person.c.psn_no, table.c.month, table.c.number)
        )
        for row in rows:
            chosen[row.psn_no] = row.level
    pairs = []
    for psn_no, code in chosen.items():
        if not code:  # stopped
            continue
        level = levels.get(code)
        if level is None:
            raise ServiceRefusedError(
                Code.FORMAT, field=f"level {code}", rule="was chosen, and the region has it no more"
            )
        fen = (level.base_fen * level.account_rate + 5_000) // 10_000
        if fen:
            pairs.append((psn_no, fen))
    with whole_file(path, durable=True) as new:
        write_allocations(new, month, business_date, batch, pairs)
    return AllocationList(len(pairs), sum(fen for _, fen in pairs))
