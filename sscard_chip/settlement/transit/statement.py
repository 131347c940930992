# SPDX-License-Identifier: Apache-2.0
"""What each operator is owed for its journeys, and the proof that the books say the same."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from sscard_chip.settlement.ledger import AccountKind, EntryKind, LedgerTransaction
from sscard_chip.settlement.schema.books import account, entry, line
from sscard_chip.settlement.schema.transit import transit_tap
from sscard_chip.standard.transit import TapKind

_ENTRIES = (TapKind.ENTRY, TapKind.DELAYED_ENTRY)
_EXITS = (TapKind.EXIT, TapKind.DELAYED_EXIT)


@dataclass(frozen=True, slots=True)
class OperatorStatement:
    """An operator by its merchant number, 8 digits; ``owed_fen`` is the balance of its account."""

    merchant: str
    entries: int
    exits: int
    updates: int
    locks: int
    amount_fen: int
    owed_fen: int


def operators(t: LedgerTransaction) -> list[OperatorStatement]:
    """The statement of every operator that has a booked tap."""
    table = transit_tap
    statement = (
        sa.select(table.c.merchant, table.c.kind, sa.func.count(), sa.func.sum(table.c.amount_fen))
        .group_by(table.c.merchant, table.c.kind)
        .order_by(table.c.merchant)
    )
    counts: dict[int, dict[int, int]] = {}
    sums: dict[int, int] = {}
    for merchant, kind, count, fen in t.connection.execute(statement):
        counts.setdefault(merchant, {})[kind] = count
        sums[merchant] = sums.get(merchant, 0) + int(fen)
    owed = t.balances_of(AccountKind.TRANSIT_OPERATOR)
    return [
        OperatorStatement(
            f"{merchant:08d}",
            sum(kinds.get(kind, 0) for kind in _ENTRIES),
            sum(kinds.get(kind, 0) for kind in _EXITS),
            kinds.get(TapKind.UPDATE, 0),
            kinds.get(TapKind.LOCK, 0),
            sums[merchant],
            owed.get(f"{merchant:08d}", 0),
        )
        for merchant, kinds in counts.items()
    ]


def recompute_journeys(t: LedgerTransaction) -> list[str]:
    """Which operators' lines are not those of their booked taps, a line each."""
    booked = {one.merchant: one.amount_fen for one in operators(t)}
    statement = (
        sa.select(account.c.key, sa.func.sum(line.c.fen))
        .join_from(line, account, line.c.account == account.c.id)
        .join(entry, entry.c.id == line.c.entry)
        .where(
            account.c.kind == str(AccountKind.TRANSIT_OPERATOR),
            entry.c.kind == str(EntryKind.JOURNEYS),
        )
        .group_by(account.c.key)
    )
    lines = {key: int(fen) for key, fen in t.connection.execute(statement)}
    return [
        f"operator {key}: its lines are not those of its journeys"
        for key in sorted({*booked, *lines})
        if booked.get(key, 0) != lines.get(key, 0)
    ]
