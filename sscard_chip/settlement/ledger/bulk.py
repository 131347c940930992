# SPDX-License-Identifier: Apache-2.0
"""Many rows in and out, as columns: COPY on PostgreSQL, a hundred a statement on SQLite."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any, Final, TypeAlias

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import ARRAY

from sscard_chip.settlement.arrays import Integers

ColumnValues: TypeAlias = NDArray[Any] | Sequence[Any] | int | str
"""Values of a column: integers, rows of bytes (n, k) of uint8, any sequence, or one for all."""

_PIECE: Final = 5000
_MANY: Final = 5000
_TOGETHER: Final = 100
"""Rows of a statement, of which SQLite takes at most so many values:"""
_MOST_VALUES: Final = 999
WHOLE_TABLE: Final = 4
"""Reading a whole table takes less than asking for one in so many of its rows."""
_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER: Final = b"\xff\xff"
_COPY_ROWS: Final = 1 << 16


def insert_columns(
    connection: sa.Connection, table: sa.Table, columns: Mapping[str, ColumnValues], count: int
) -> None:
    """Insert ``count`` rows given as columns. Raises SQLAlchemy's errors."""
    if not count:
        return
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns)
    target = f"{quote(table.name)} ({names})"
    if connection.dialect.name == "sqlite":
        with driver_errors(connection):
            _insert_together(driver_connection(connection), target, list(columns.values()), count)
        return
    with driver_errors(connection), driver_connection(connection).cursor() as cursor:
        binary = _binary_fields(table, columns)
        if binary is None:
            with cursor.copy(f"COPY {target} FROM STDIN") as copy:
                for row in zip(*map(_each, columns.values()), strict=False):
                    copy.write_row(row)
        else:
            with cursor.copy(f"COPY {target} FROM STDIN (FORMAT binary)") as copy:
                copy.write(_COPY_HEADER)
                for start in range(0, count, _COPY_ROWS):
                    copy.write(_binary_rows(binary, start, min(start + _COPY_ROWS, count)))
                copy.write(_COPY_TRAILER)


def _insert_together(driver: Any, target: str, columns: Sequence[ColumnValues], count: int) -> None:
    """Rows into SQLite, many in a statement: half of what one by one takes."""
    width = len(columns)
    many = min(_TOGETHER, _MOST_VALUES // width)
    row = f"({', '.join('?' * width)})"
    values = [one if isinstance(one, (int, str)) else _values(one) for one in columns]
    for start in range(0, count, many):
        rows = min(many, count - start)
        cells: list[Any] = [None] * (rows * width)
        for at, one in enumerate(values):
            if isinstance(one, (int, str)):
                cells[at::width] = [one] * rows
            else:
                cells[at::width] = one[start : start + rows]
        driver.execute(f"INSERT INTO {target} VALUES {', '.join([row] * rows)}", cells)


def select_keys(
    connection: sa.Connection,
    statement: sa.Select[Any],
    column: sa.Column[Any],
    keys: Collection[Any],
) -> Iterator[sa.CursorResult[Any]]:
    """Results of ``statement`` that together have all rows where ``column`` is one of ``keys``.

    On SQLite, when many keys are a good part of the table, or of the numbers from the least to the
    greatest of them, they have other rows as well: that takes less.
    """
    asked = list(keys)
    if connection.dialect.name == "postgresql":
        array = sa.bindparam(None, asked, type_=ARRAY(column.type))
        yield connection.execute(statement.where(column == sa.any_(array)))
    elif len(asked) >= _MANY and len(asked) * WHOLE_TABLE >= _rows_of(connection, column.table):
        yield connection.execute(statement)
    else:
        plain = sa.type_coerce(column, sa.types.NullType())  # the driver takes keys as they are
        if asked and isinstance(asked[0], int):
            least, greatest = min(asked), max(asked)
            if greatest - least < len(asked) * WHOLE_TABLE:
                yield connection.execute(statement.where(plain.between(least, greatest)))
                return
        if not isinstance(column.type, sa.LargeBinary):
            # one value, whatever their number: the statement is compiled once
            keyed = sa.func.json_each(json.dumps(asked)).table_valued("value")
            yield connection.execute(statement.where(plain.in_(sa.select(keyed.c.value))))
            return
        for start in range(0, len(asked), _PIECE):
            piece = asked[start : start + _PIECE]
            yield connection.execute(statement.where(plain.in_(piece)))


def _rows_of(connection: sa.Connection, table: sa.FromClause) -> int:
    """About how many rows a table of SQLite has, by its last one where there is such a thing."""
    if isinstance(table, sa.Table) and table.dialect_options["sqlite"]["with_rowid"]:
        count: sa.ColumnElement[Any] = sa.func.max(sa.literal_column("rowid"))
    else:
        count = sa.func.count()
    return int(connection.execute(sa.select(count).select_from(table)).scalar_one() or 0)


def raw_rows(result: sa.CursorResult[Any]) -> list[tuple[Any, ...]]:
    """All rows as the driver gives them: for many integers, texts and bytes it is faster."""
    return [] if result.cursor is None else list(result.cursor.fetchall())


def integer_columns(result: sa.CursorResult[Any], width: int) -> list[Integers]:
    """The columns of rows of ``width`` integers, none of which is null."""
    cursor: Any = result.cursor
    pieces = [np.empty((width, 0), np.int64)]
    while rows := cursor.fetchmany(_PIECE) if cursor is not None else []:
        values = np.fromiter(chain.from_iterable(rows), np.int64, len(rows) * width)
        pieces.append(values.reshape(-1, width).T)
    result.close()
    return list(np.concatenate(pieces, axis=1))


def take_ids(connection: sa.Connection, table: sa.Table, count: int) -> Integers:
    """``count`` new numbers for ``table``, rising.

    On SQLite they follow the greatest in the table: the caller is the only writer. On PostgreSQL
    they come from the sequence ``TABLE_id``.
    """
    if connection.dialect.name == "sqlite":
        (last,) = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).one()
        return np.arange(last + 1, last + 1 + count, dtype=np.int64)
    numbers = connection.exec_driver_sql(
        f"SELECT nextval('{table.name}_id') FROM generate_series(1, {count})"
    )
    return np.fromiter((number for (number,) in numbers), np.int64, count)


def driver_connection(connection: sa.Connection) -> Any:
    """The driver's own connection, in the same transaction."""
    return connection.connection.driver_connection


@contextmanager
def driver_errors(connection: sa.Connection) -> Iterator[None]:
    """Turns the driver's errors into SQLAlchemy's, as those of its own statements are."""
    module = connection.dialect.loaded_dbapi
    try:
        yield
    except module.Error as error:
        raise sa.exc.DBAPIError.instance(
            "bulk insert", None, error, module.Error, hide_parameters=True
        ) from None


def _each(column: ColumnValues) -> Iterable[Any]:
    return repeat(column) if isinstance(column, (int, str)) else _values(column)


def _values(column: NDArray[Any] | Sequence[Any]) -> Sequence[Any]:
    if not isinstance(column, np.ndarray):
        return column
    if column.ndim == 2:
        width, data = column.shape[1], column.tobytes()
        return [data[at : at + width] for at in range(0, len(data), width)]
    values: list[Any] = column.tolist()
    return values


def _binary_fields(
    table: sa.Table, columns: Mapping[str, ColumnValues]
) -> list[tuple[int, NDArray[Any] | int]] | None:
    """Length and values of each column, when all are eight-byte integers or bytes; else None."""
    fields: list[tuple[int, NDArray[Any] | int]] = []
    for name, column in columns.items():
        kind = table.c[name].type
        if not isinstance(column, (int, np.ndarray)):
            return None
        if isinstance(kind, sa.BigInteger) and (isinstance(column, int) or column.ndim == 1):
            fields.append((8, column))
        elif isinstance(kind, sa.LargeBinary) and isinstance(column, np.ndarray):
            fields.append((column.shape[1], column))
        else:
            return None
    return fields


def _binary_rows(fields: list[tuple[int, NDArray[Any] | int]], start: int, stop: int) -> bytes:
    """Rows in the binary format of COPY: number of fields, then length and bytes of each."""
    layout: list[tuple[str, Any]] = [("fields", ">i2")]
    for at, (length, column) in enumerate(fields):
        wide = isinstance(column, np.ndarray) and column.ndim == 2
        layout += [(f"l{at}", ">i4"), (f"v{at}", ("u1", (length,)) if wide else ">i8")]
    rows = np.empty(stop - start, np.dtype(layout))
    rows["fields"] = len(fields)
    for at, (length, column) in enumerate(fields):
        rows[f"l{at}"] = length
        rows[f"v{at}"] = column[start:stop] if isinstance(column, np.ndarray) else column
    return rows.tobytes()
