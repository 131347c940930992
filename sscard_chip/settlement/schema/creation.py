# SPDX-License-Identifier: Apache-2.0
"""Tables and rules come into a database: all of a new ledger, or the rules anew.

A rule is a trigger or a function of the declared ones, see :data:`~.base.RULES`.
"""

from __future__ import annotations

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import RULES, metadata


def create_schema(connection: sa.Connection) -> None:
    """All tables and rules of a new ledger."""
    metadata.create_all(connection)
    create_rules(connection)


def create_rules(connection: sa.Connection) -> None:
    """All rules, on tables that have none."""
    for rule in RULES[connection.dialect.name]:
        connection.exec_driver_sql(rule.statement)


def drop_rules(connection: sa.Connection) -> None:
    """Take all triggers off the tables of a ledger, and drop the functions that they call."""
    tables = ", ".join(f"'{name}'" for name in metadata.tables)
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(
            f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({tables})"
        ).all()
        for (name,) in found:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        return
    triggers = connection.exec_driver_sql(
        "SELECT tgname, tgrelid::regclass::text, tgfoid::regprocedure::text FROM pg_trigger"
        " JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal"
        f" AND relnamespace = current_schema()::regnamespace AND relname IN ({tables})"
    ).all()
    for name, table, _ in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}" ON {table}')
    for function in sorted({one for *_, one in triggers}):
        connection.exec_driver_sql(f"DROP FUNCTION {function}")
