# SPDX-License-Identifier: Apache-2.0
"""The proof that the books balance, from the lines only, and that they are what they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger.chain import check_chain
from sscard_chip.settlement.schema.books import account, balance, entry, line, seal
from sscard_chip.settlement.schema.comparison import changed_rules, changed_tables
from sscard_chip.settlement.schema.kinds import BOUNDED


@dataclass(frozen=True, slots=True)
class Check:
    """How many entries, lines and accounts there are, and what is wrong with them.

    ``problems`` are lines that name the number of an entry or account, at most ten of each kind.
    ``anchor`` is the newest, and ``since_anchor`` counts the entries after it (:mod:`.chain`).
    ``past`` says what differs from what it was at an anchor.
    ``rules`` are those, by kind and name, that the database does not have as they are declared.
    """

    entries: int
    lines: int
    accounts: int
    problems: tuple[str, ...]
    anchor: str
    since_anchor: int
    rules: tuple[str, ...]
    past: tuple[str, ...]

    @property
    def even(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.problems or self.rules or self.past)


_SHOWN: Final = 10


def _sums() -> sa.Subquery:
    return (
        sa.select(line.c.account, sa.func.sum(line.c.fen).label("fen"))
        .group_by(line.c.account)
        .subquery()
    )


def _balances() -> sa.Subquery:
    return (
        sa.select(balance.c.account, sa.func.sum(balance.c.fen).label("fen"))
        .group_by(balance.c.account)
        .subquery()
    )


def _problems() -> list[tuple[str, sa.Select[Any]]]:
    sums, balances = _sums(), _balances()
    return [
        (
            "entry {}: its lines do not sum to zero",
            sa.select(line.c.entry).group_by(line.c.entry).having(sa.func.sum(line.c.fen) != 0),
        ),
        (
            "entry {}: has no lines",
            sa.select(entry.c.id)
            .outerjoin(line, line.c.entry == entry.c.id)
            .where(line.c.entry.is_(None)),
        ),
        (
            "entry {}: is not sealed",
            sa.select(entry.c.id)
            .outerjoin(seal, seal.c.entry == entry.c.id)
            .where(seal.c.entry.is_(None)),
        ),
        (
            "entry {}: has lines and does not exist",
            sa.select(line.c.entry)
            .distinct()
            .outerjoin(entry, entry.c.id == line.c.entry)
            .where(entry.c.id.is_(None)),
        ),
        (
            "account {}: its balance is not the sum of its lines",
            sa.select(balances.c.account)
            .outerjoin(sums, sums.c.account == balances.c.account)
            .where(balances.c.fen != sa.func.coalesce(sums.c.fen, 0)),
        ),
        (
            "account {}: has lines and no balance",
            sa.select(sums.c.account)
            .outerjoin(balances, balances.c.account == sums.c.account)
            .where(balances.c.account.is_(None)),
        ),
        (
            "account {}: is not a balance of its kind, or below zero",
            sa.select(account.c.id)
            .outerjoin(balance, balance.c.account == account.c.id)
            .where(
                sa.or_(
                    balance.c.account.is_(None),
                    balance.c.bounded != account.c.kind.in_(sorted(BOUNDED)),
                    sa.and_(balance.c.bounded, balance.c.fen < 0),
                    sa.and_(balance.c.bounded, balance.c.stripe != 0),
                )
            ),
        ),
    ]


def check_ledger(connection: sa.Connection, anchor: bytes | None = None) -> Check:
    """Read the whole ledger and see whether it is even; ``anchor`` is to be in its past."""
    rules = (*changed_rules(connection), *changed_tables(connection))
    problems = [
        text.format(number)
        for text, statement in _problems()
        for (number,) in connection.execute(statement.limit(_SHOWN))
    ]
    total = connection.execute(sa.select(sa.func.sum(line.c.fen))).scalar() or 0
    if total:
        problems.append("the sum of all lines is not zero")
    chain = check_chain(connection, anchor)
    entries, lines, accounts = (
        int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
        for table in (entry, line, account)
    )
    return Check(
        entries, lines, accounts, tuple(problems), chain.anchor, chain.since, rules, chain.problems
    )
