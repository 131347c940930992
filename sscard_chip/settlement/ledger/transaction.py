# SPDX-License-Identifier: Apache-2.0
"""What can be done to the books inside one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.ledger.bulk import (
    ColumnValues,
    driver_connection,
    insert_columns,
    raw_rows,
    select_keys,
    take_ids,
)
from sscard_chip.settlement.ledger.database import Database
from sscard_chip.settlement.ledger.errors import (
    EntryExistsError,
    LedgerRefusedError,
    LedgerUnavailableError,
    translate,
)
from sscard_chip.settlement.schema import books as schema
from sscard_chip.settlement.schema.kinds import AccountKind, EntryKind
from sscard_chip.settlement.schema.online import ACCOUNT_LOCK, DEBIT_LOCK


class LedgerTransaction:
    """One transaction of a ledger, made by :meth:`Ledger.transaction` or :meth:`Ledger.reading`.

    ``connection`` is SQLAlchemy's, for the tables of rooms above.
    """

    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self._database = database
        self.connection = connection

    # --- accounts ------------------------------------------------------------------------------

    def account(self, kind: AccountKind, key: str = "") -> int:
        """The number of an account, which is opened when there is none."""
        return int(self.accounts(kind, [key])[0])

    def accounts(self, kind: AccountKind, keys: Sequence[str]) -> Integers:
        """The numbers of many accounts of a kind, in the order of ``keys`` (at most 64 long).

        Missing ones are opened, with a balance of zero.
        """
        found = self.find_accounts(kind, keys)
        if (found >= 0).all():
            return found
        self._database.lock(self.connection, ACCOUNT_LOCK)
        found = self.find_accounts(kind, keys)
        missing = np.flatnonzero(found < 0).tolist()
        fresh = list(dict.fromkeys(keys[at] for at in missing))
        ids = take_ids(self.connection, schema.account, len(fresh))
        self.insert(schema.account, {"id": ids, "kind": str(kind), "key": fresh})
        number = dict(zip(fresh, ids.tolist(), strict=True))
        for at in missing:
            found[at] = number[keys[at]]
        return found

    def find_accounts(self, kind: AccountKind, keys: Sequence[str]) -> Integers:
        """As :meth:`accounts`, and opens none: -1 for a missing one."""
        table = schema.account
        statement = sa.select(table.c.key, table.c.id).where(table.c.kind == str(kind))
        number: dict[str, int] = {}
        for result in select_keys(self.connection, statement, table.c.key, set(keys)):
            number.update(raw_rows(result))
        return np.fromiter((number.get(key, -1) for key in keys), np.int64, len(keys))

    # --- entries -------------------------------------------------------------------------------

    def post(
        self,
        kind: EntryKind,
        business_date: str,
        source: str,
        accounts: Integers | Sequence[int],
        fen: Integers | Sequence[int],
        *,
        reverses: int | None = None,
    ) -> int:
        """Post one entry of one or of a million lines; the number of the entry.

        ``business_date`` is YYYYMMDD. ``source`` (at most 128 characters) says where the entry
        comes from and is unique in the ledger: that makes a posting happen once. ``accounts`` and
        ``fen`` are its lines; they sum to zero, an account may occur more than once. The lines
        are stored in the order of their accounts.

        :raises EntryExistsError: the source is used. Nothing is posted.
        :raises LedgerRefusedError: unbalanced, a bounded account would fall below zero, or
            ``reverses`` is reversed already. The transaction is to be left.
        """
        account = np.asarray(accounts, np.int64)
        amount = np.asarray(fen, np.int64)
        if account.shape != amount.shape or account.ndim != 1:
            raise LedgerRefusedError("a line has an account and an amount")
        self.lock_name(f"source:{source}")
        if self.entry_of(source) is not None:
            raise EntryExistsError(f"an entry with this source is posted already: {source}")
        order = np.argsort(account, kind="stable")
        number = int(take_ids(self.connection, schema.entry, 1)[0])
        values = {
            "id": number,
            "kind": str(kind),
            "business_date": business_date,
            "source": source,
            "reverses": reverses,
        }
        self.connection.execute(sa.insert(schema.entry).values(values))
        lines: dict[str, ColumnValues] = {
            "entry": number,
            "number": np.arange(1, len(account) + 1),
            "account": account[order],
            "fen": amount[order],
        }
        insert_columns(self.connection, schema.line, lines, len(account))
        self.connection.execute(sa.insert(schema.seal).values(entry=number))
        return number

    def reverse(self, entry: int, kind: EntryKind, business_date: str, source: str) -> int:
        """Post the counter-entry of ``entry``: the same lines, all signs changed.

        An entry is reversed once at most; a counter-entry can be reversed like any other.

        :raises LedgerRefusedError: as :meth:`post`.
        :raises EntryExistsError: as :meth:`post`.
        """
        accounts, fen = self.lines(entry)
        return self.post(kind, business_date, source, accounts, -fen, reverses=entry)

    def entry_of(self, source: str) -> int | None:
        """The entry posted with ``source``."""
        statement = sa.select(schema.entry.c.id).where(schema.entry.c.source == source)
        return self.connection.execute(statement).scalar_one_or_none()

    def lines(self, entry: int) -> tuple[Integers, Integers]:
        """Accounts and amounts of an entry's lines, in their order."""
        table = schema.line
        rows = self.connection.execute(
            sa.select(table.c.account, table.c.fen)
            .where(table.c.entry == entry)
            .order_by(table.c.number)
        ).all()
        pairs = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    # --- balances ------------------------------------------------------------------------------

    def balance(self, account: int) -> int:
        """The balance of an account in fen."""
        return int(self.balances([account])[0])

    def balances(self, accounts: Integers | Sequence[int], *, for_update: bool = False) -> Integers:
        """The balances of many accounts in fen, in their order.

        ``for_update`` keeps other transactions from changing them until this one ends; rows are
        locked in the order of account numbers.

        :raises LedgerRefusedError: there is no such account.
        """
        wanted = np.asarray(accounts, np.int64)
        if not len(wanted):
            return np.zeros(0, np.int64)
        table = schema.balance
        statement = sa.select(table.c.account, table.c.fen).order_by(
            table.c.account, table.c.stripe
        )
        if for_update:
            statement = statement.with_for_update()
        rows: list[tuple[Any, ...]] = []
        distinct = np.unique(wanted).tolist()
        for result in select_keys(self.connection, statement, table.c.account, distinct):
            rows += raw_rows(result)
        values = chain.from_iterable(rows)
        pairs = _sums(np.fromiter(values, np.int64, 2 * len(rows)).reshape(-1, 2))
        at = np.searchsorted(pairs[:, 0], wanted)
        at[at == len(pairs)] = 0
        if not len(pairs) or (pairs[at, 0] != wanted).any():
            raise LedgerRefusedError("a line is of an account that exists")
        fen: Integers = pairs[at, 1]
        return fen

    def balances_of(self, kind: AccountKind) -> dict[str, int]:
        """The balances of all accounts of a kind in fen, by key."""
        table = schema.account
        statement = (
            sa.select(table.c.key, sa.func.sum(schema.balance.c.fen).label("fen"))
            .join_from(table, schema.balance)
            .where(table.c.kind == str(kind))
            .group_by(table.c.key)
            .order_by(table.c.key)
        )
        return {row.key: int(row.fen) for row in self.connection.execute(statement)}

    # --- parts ---------------------------------------------------------------------------------

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction: what it did is undone when an exception leaves it.

        :raises LedgerError: what the database says, in our words.
        """
        execute = driver_connection(self.connection).execute
        execute("SAVEPOINT part")
        try:
            yield
        except DBAPIError as error:
            found = translate(error, self._database.name)
            if not isinstance(found, LedgerUnavailableError):
                execute("ROLLBACK TO part")
                execute("RELEASE part")
            raise found from None
        except Exception:
            execute("ROLLBACK TO part")
            execute("RELEASE part")
            raise
        execute("RELEASE part")

    # --- locks ---------------------------------------------------------------------------------

    def lock_name(self, name: str) -> None:
        """Wait until no other transaction holds the lock of this name, and hold it to the end.

        For what has no row yet that could be locked. On SQLite a writer is alone anyway.
        """
        self._database.lock_name(self.connection, name)

    def lock_debits(self, *, exclusive: bool = False) -> bool:
        """Hold the lock of the numbers of debits to the end; whether others write meanwhile.

        Who confirms a debit shares it with others. A run takes it exclusively before it moves
        money, and looks once more for what was confirmed meanwhile.
        """
        self._database.lock(self.connection, DEBIT_LOCK, shared=not exclusive)
        return not self._database.is_sqlite

    # --- tables of rooms above -----------------------------------------------------------------

    def insert(self, table: sa.Table, columns: Mapping[str, ColumnValues]) -> int:
        """Insert many rows given as columns; how many they were.

        A column is a numpy array of integers, one of bytes (n rows of k of type uint8), any
        sequence, or one value for all rows. On PostgreSQL BIGINT and BYTEA columns alone take
        the fastest way (binary COPY).

        :raises LedgerRefusedError: columns of different lengths.
        """
        counts = {len(one) for one in columns.values() if not isinstance(one, (int, str))}
        if len(counts) > 1:
            raise LedgerRefusedError("the columns of a table are of one length")
        count = counts.pop() if counts else 1
        insert_columns(self.connection, table, columns, count)
        return count

    def take_ids(self, table: sa.Table, count: int) -> Integers:
        """``count`` new numbers for the column ``id`` of ``table``, rising.

        On PostgreSQL the table has a ``Sequence("NAME_id")`` beside it on the same metadata.
        """
        return take_ids(self.connection, table, count)


def _sums(rows: Integers) -> Integers:
    """Rows of account and fen in the order of accounts: one for each, with the sum of its rows."""
    starts = np.flatnonzero(np.diff(rows[:, 0], prepend=-1))
    if len(starts) == len(rows):
        return rows
    return np.stack([rows[starts, 0], np.add.reduceat(rows[:, 1], starts)], axis=1)


def split_by_balance(
    accounts: Integers, fen: Integers, balances: Integers
) -> tuple[Integers, Integers]:
    """Split debits, in their order, into what the accounts can pay and the rest.

    ``accounts``, ``fen`` (not negative) and ``balances`` (the balance of each row's account, the
    same in all rows of an account) have one row a debit. A debit gets what the debits of its
    account before it have left, at most its own amount.

    >>> import numpy as np
    >>> charged, rest = bear(np.array([7, 7, 9]), np.array([60, 60, 5]), np.array([100, 100, 0]))
    >>> charged.tolist(), rest.tolist()
    ([60, 40, 0], [0, 20, 5])
    """
    order = np.argsort(accounts, kind="stable")
    account, amount, balance = accounts[order], fen[order], balances[order]
    starts = np.flatnonzero(np.r_[True, account[1:] != account[:-1]])[: len(account)]
    counts = np.diff(np.r_[starts, len(account)])
    total = np.cumsum(amount)
    before = np.repeat(total[starts] - amount[starts], counts) if len(starts) else total
    spent = np.minimum(total - before, balance)  # up to and with each debit
    earlier = np.r_[0, spent[:-1]] if len(spent) else spent
    earlier[starts] = 0
    charged = np.empty_like(fen)
    charged[order] = spent - earlier
    return charged, fen - charged
