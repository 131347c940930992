# SPDX-License-Identifier: Apache-2.0
"""Tables and rules come into a database: all of a new ledger, or the rules anew.

A rule is a trigger or a function of the declared ones, see :data:`~.base.RULES`.
"""

from __future__ import annotations

import re

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
    if connection.dialect.name == "postgresql":
        place = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
        for name in function_names():
            connection.exec_driver_sql(f"ALTER FUNCTION {name} SET search_path = {place}, pg_temp")


def function_names() -> list[str]:
    """The functions of PostgreSQL.

    Each finds its tables in the ledger's schema, whatever search path or temporary tables the
    caller has.
    """
    found = (re.match(r"CREATE FUNCTION (\w+)\(", rule.statement) for rule in RULES["postgresql"])
    return [one[1] for one in found if one is not None]


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
    here = "current_schema()::regnamespace"
    triggers = connection.exec_driver_sql(
        "SELECT tgname, tgrelid::regclass::text, tgfoid::regproc::text FROM pg_trigger"
        " JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal"
        f" AND relnamespace = {here} AND relname IN ({tables})"
    ).all()
    for name, table, _ in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}" ON {table}')
    for function in sorted({one for *_, one in triggers}.union(function_names())):
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {function}")
