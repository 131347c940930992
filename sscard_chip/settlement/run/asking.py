# SPDX-License-Identifier: Apache-2.0
"""Rows of tables that are kept by owners (a terminal's, a card's) and numbers, for many owners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.bulk import WHOLE_TABLE, raw_rows

_metadata = sa.MetaData()
_asked = sa.Table(
    "settled_asked",
    _metadata,
    sa.Column("high", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("low", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("least", sa.BigInteger, nullable=False),
    sa.Column("greatest", sa.BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
"""The owners, with the range of numbers that is asked for of each."""

OwnerColumns: TypeAlias = tuple[str, str]
"""The columns of a table that name an owner."""

_LOW_BITS: Final = 32
_LEAST: Final = (1 << _LOW_BITS) - 1


class AskedOwners:
    """Owners, of two integers ``high`` and ``low``, each with the range of its numbers.

    PostgreSQL gets them as a table by COPY. SQLite reads a table that has not many more rows as a
    whole; of a larger one it gets the owners as one value.
    """

    def __init__(
        self, t: LedgerTransaction, high: Integers, low: Integers, least: Integers, most: Integers
    ) -> None:
        self._connection = t.connection
        self._count = len(high)
        self._value: str | None = None
        fits = not len(high) or (low.min() >= 0 and low.max() < 1 << 31 and least.min() >= 0)
        if t.connection.dialect.name == "sqlite" and fits:
            packed = low << _LOW_BITS | np.minimum(least, _LEAST)
            pairs = map('"%d":%d'.__mod__, zip(high.tolist(), packed.tolist(), strict=True))
            self._value = f"{{{','.join(pairs)}}}"
            return
        _metadata.create_all(t.connection, checkfirst=True)
        t.connection.execute(sa.delete(_asked))
        t.insert(_asked, {"high": high, "low": low, "least": least, "greatest": most})

    def rows(
        self, table: sa.Table, owner: OwnerColumns, names: Sequence[str], first: str, last: str
    ) -> list[tuple[Any, ...]]:
        """The rows of these owners that overlap the ranges: the owner, and the columns ``names``.

        ``first`` and ``last`` are the columns of a row's own range. Other rows may be among them.
        """
        columns = [f'own."{name}"' for name in (*owner, *names)]
        return self._found(columns, table, owner, (first, last))

    def extents(
        self, table: sa.Table, owner: OwnerColumns, first: str, last: str, but: str = ""
    ) -> list[tuple[int, int, int, int]]:
        """Owner, least and greatest number of all rows of these owners ``but`` for some (SQL).
        Other owners may be among them."""
        high, low = (f'own."{name}"' for name in owner)
        columns = [high, low, f'min(own."{first}")', f'max(own."{last}")']
        where = f" WHERE NOT ({but})" if but else ""
        return self._found(columns, table, owner, None, f"{where} GROUP BY {high}, {low}")

    def _found(
        self,
        columns: Sequence[str],
        table: sa.Table,
        owner: OwnerColumns,
        within: tuple[str, str] | None,
        rest: str = "",
    ) -> list[tuple[Any, ...]]:
        high, low = (f'own."{name}"' for name in owner)
        source = f"SELECT {', '.join(columns)} FROM "
        given: tuple[str, ...] = ()
        if self._is_small(table):
            source += f"{table.name} AS own"
        elif self._value is not None:
            given = (self._value,)
            source += (
                f"json_each(?) AS asked CROSS JOIN {table.name} AS own"
                f" ON {high} = CAST(asked.key AS INTEGER) AND {low} = asked.value >> {_LOW_BITS}"
            )
            if within is not None:
                source += f' AND own."{within[1]}" >= asked.value & {_LEAST}'
        else:
            source += (
                f"settled_asked AS asked JOIN {table.name} AS own"
                f" ON {high} = asked.high AND {low} = asked.low"
            )
            if within is not None:
                source += f' AND own."{within[1]}" >= asked.least'
                source += f' AND own."{within[0]}" <= asked.greatest'
        return raw_rows(self._connection.exec_driver_sql(source + rest, given))

    def _is_small(self, table: sa.Table) -> bool:
        """Whether a table is to be read as a whole."""
        most = self._count * WHOLE_TABLE if self._value is not None else 0
        some = sa.select(sa.literal(1)).select_from(table).limit(most + 1).subquery()
        count = sa.select(sa.func.count()).select_from(some)
        return int(self._connection.execute(count).scalar_one()) <= most
