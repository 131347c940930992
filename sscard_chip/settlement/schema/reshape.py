# SPDX-License-Identifier: Apache-2.0
"""A table of an earlier version gets the shape that is declared now; for migrations.

SQLite cannot alter much, so there the table is made anew and its rows are copied; then the texts
of an upgraded ledger and of a new one are the same. PostgreSQL alters what differs. The rules are
off meanwhile (:func:`~.versions.migrate`), and SQLite's foreign keys are checked in the end.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable

from sscard_chip.settlement.schema.base import metadata


def reshape(name: str, **fill: str) -> None:
    """Bring a table to its declared shape; one that is not there is left to be created.

    ``fill`` says as SQL what new columns of old rows are: a value, or made of other columns of
    the row. New columns without it are NULL.
    """
    connection = op.get_bind()
    if not sa.inspect(connection).has_table(name):
        return
    if connection.dialect.name == "sqlite":
        _make_anew(connection, metadata.tables[name], fill)
    else:
        _alter(connection, metadata.tables[name], fill)


def _make_anew(connection: sa.Connection, table: sa.Table, fill: dict[str, str]) -> None:
    do = connection.exec_driver_sql
    kept = [one["name"] for one in sa.inspect(connection).get_columns(table.name)]
    source = {one: f'"{one}"' for one in kept if one in table.c}
    source |= {one: text for one, text in fill.items() if one not in source}
    old = f"reshape_{table.name}"
    do(f'CREATE TEMPORARY TABLE {old} AS SELECT * FROM "{table.name}"')
    do(f'DROP TABLE "{table.name}"')
    connection.execute(CreateTable(table))
    names = ", ".join(f'"{one}"' for one in source)
    do(
        f'INSERT INTO "{table.name}" ({names}) SELECT {", ".join(source.values())}'
        f' FROM {old} AS "{table.name}"'
    )
    do(f"DROP TABLE {old}")
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        connection.execute(CreateIndex(index))


def _alter(connection: sa.Connection, table: sa.Table, fill: dict[str, str]) -> None:
    inspector = sa.inspect(connection)
    do, name = connection.exec_driver_sql, f'"{table.name}"'
    there = {one["name"] for one in inspector.get_columns(table.name)}
    for column in table.c:
        if column.name in there:
            continue
        op.add_column(
            table.name,
            sa.Column(column.name, column.type, server_default=column.server_default),
        )
        if column.name in fill:
            do(f'UPDATE {name} SET "{column.name}" = {fill[column.name]}')
        if not column.nullable:
            do(f'ALTER TABLE {name} ALTER "{column.name}" SET NOT NULL')
    _alter_constraints(connection, table)
    for gone in there.difference(table.c.keys()):
        do(f'ALTER TABLE {name} DROP COLUMN "{gone}"')
    indexes = {
        str(one["name"])
        for one in inspector.get_indexes(table.name)
        if not one.get("duplicates_constraint")
    }
    declared = {str(one.name): one for one in table.indexes}
    for gone in indexes - declared.keys():
        do(f'DROP INDEX IF EXISTS "{gone}"')
    for index in sorted(declared.keys() - indexes):
        connection.execute(CreateIndex(declared[index]))


def _alter_constraints(connection: sa.Connection, table: sa.Table) -> None:
    """Constraints are known by their names: one that says something else has another name."""
    found = connection.exec_driver_sql(
        "SELECT conname, contype, array("
        "SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k(n, at)"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY at)"
        f" FROM pg_constraint WHERE conrelid = '\"{table.name}\"'::regclass"
        " AND contype IN ('c', 'f', 'p', 'u')"
    )
    there = {(name, tuple(columns) if kind == "p" else ()) for name, kind, columns in found}
    declared = {
        (
            connection.dialect.identifier_preparer.format_constraint(one),
            tuple(one.columns.keys()) if isinstance(one, sa.PrimaryKeyConstraint) else (),
        ): one
        for one in table.constraints
        if _is_ours(one)
    }
    for gone, _ in there - declared.keys():
        connection.exec_driver_sql(f'ALTER TABLE "{table.name}" DROP CONSTRAINT "{gone}"')
    for key in sorted(declared.keys() - there):
        # otherwise it would be left out of tables that are created later
        connection.execute(AddConstraint(declared[key], isolate_from_table=False))


def _is_ours(constraint: sa.Constraint) -> bool:
    """Not one of another database alone."""
    condition = getattr(constraint, "_ddl_if", None)
    return condition is None or condition.dialect == "postgresql"
