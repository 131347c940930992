# SPDX-License-Identifier: Apache-2.0
"""Are the rules of a ledger in its database still the declared ones?

Whoever may change the tables of a database can also drop or replace a trigger. So each opening
compares what is there with what is declared, in one query. Of a constraint it looks at what
PostgreSQL says of it, and on SQLite at the name; :func:`changed_tables` reads SQLite's texts as
well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from sscard_chip.settlement.schema.base import RULES, metadata

_FUNCTION: Final = re.compile(r"CREATE FUNCTION (\w+)\(.*?\$\$(.*)\$\$", re.DOTALL)
_TRIGGER: Final = re.compile(r"CREATE TRIGGER (\w+)")
_BETWEEN: Final = re.compile(r"(\w+) BETWEEN (-?\d+) AND (-?\d+)")
_TYPED: Final = re.compile(r"'(-?\d+)'::bigint")
_SCHEMA: Final = "current_schema()::regnamespace"

_POSTGRESQL: Final = f"""
WITH ours AS (SELECT oid, relname, relkind, relrowsecurity, relhassubclass FROM pg_class
    WHERE relnamespace = {_SCHEMA} AND relname = ANY(:tables))
SELECT 'trigger', tgname::text, pg_get_triggerdef(pg_trigger.oid, true) FROM pg_trigger
    JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')
UNION ALL SELECT 'disabled trigger', coalesce(conname, tgname)::text, '' FROM pg_trigger
    JOIN ours ON ours.oid = tgrelid LEFT JOIN pg_constraint ON pg_constraint.oid = tgconstraint
    WHERE tgenabled NOT IN ('O', 'A')
UNION ALL SELECT 'function', proname::text, concat_ws(' ', lanname, prosecdef::text,
        provolatile::text, (proconfig = ARRAY['search_path=' || quote_ident(current_schema())
        || ', pg_temp'])::text, prosrc)
    FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
    WHERE pronamespace = {_SCHEMA} AND proname = ANY(:functions)
UNION ALL SELECT 'constraint', conname::text,
        concat_ws(' ', relname, pg_get_constraintdef(pg_constraint.oid, true))
    FROM pg_constraint JOIN ours ON ours.oid = conrelid
    WHERE contype IN ('c', 'f', 'p', 'u') AND convalidated
UNION ALL SELECT 'rewrite rule', rulename::text, '' FROM pg_rewrite
    JOIN ours ON ours.oid = ev_class
UNION ALL SELECT 'table', relname::text, concat_ws(' ', relkind::text, relrowsecurity::text,
        (SELECT count(*) FROM pg_inherits WHERE inhparent = ours.oid)::text) FROM ours
UNION ALL SELECT 'setting', 'session_replication_role',
    current_setting('session_replication_role')
"""
_COLUMNS: Final = f"""
SELECT relname::text, attname::text, format_type(atttypid, atttypmod), attnotnull
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = {_SCHEMA} AND relname = ANY(:tables) AND attnum > 0
"""
_SQLITE: Final = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'table')"


def changed_rules(connection: sa.Connection) -> list[str]:
    """What of the rules is missing, changed, switched off or added, by kind and name; sorted."""
    if connection.dialect.name == "sqlite":
        declared = _declared_in_sqlite()
        found = Counter(_found_in_sqlite(connection.exec_driver_sql(_SQLITE)))
    else:
        declared = _declared_in_postgresql()
        asked = {"tables": list(metadata.tables), "functions": _functions()}
        rows = connection.execute(sa.text(_POSTGRESQL), asked)
        found = Counter(
            (kind, name, _shown(text) if kind == "constraint" else _plain(text))
            for kind, name, text in rows
        )
    differ = {one[:2] for one in (*(declared - found), *(found - declared))}
    return [f"{kind} {name}" for kind, name in sorted(differ)]


def changed_tables(connection: sa.Connection) -> list[str]:
    """Declared tables and indexes that SQLite has not, or with another text; of PostgreSQL the
    columns, which have a type and may be without a value or not; sorted.
    """
    if connection.dialect.name != "sqlite":
        return _changed_columns(connection)
    dialect = sqlite.dialect()
    declared = set()
    for table in metadata.tables.values():
        declared.add(("table", table.name, _plain(CreateTable(table).compile(dialect=dialect))))
        for index in table.indexes:
            text = _plain(CreateIndex(index).compile(dialect=dialect))
            declared.add(("index", str(index.name), text))
    rows = connection.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE type <> 'trigger' AND sql IS NOT NULL"
        " AND name NOT LIKE 'sqlite_%'"
    )
    found = {(kind, name, _plain(text)) for kind, name, text in rows}
    return [f"{kind} {name}" for kind, name in sorted({one[:2] for one in declared - found})]


def _changed_columns(connection: sa.Connection) -> list[str]:
    """Columns of PostgreSQL that are missing, or of another type, or may be without a value."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    declared = {
        (table.name, column.name, _type(column.type.compile(dialect=dialect)), not column.nullable)
        for table in metadata.tables.values()
        for column in table.columns
    }
    rows = connection.execute(sa.text(_COLUMNS), {"tables": list(metadata.tables)})
    found = {(table, name, _type(text), needed) for table, name, text, needed in rows}
    return [f"column {table}.{name}" for table, name in sorted({o[:2] for o in declared - found})]


def _type(text: str) -> str:
    """A type in the words of SQL's declarations."""
    text = text.lower().replace("character varying", "varchar").removesuffix("without time zone")
    return text.strip()


def _plain(text: object) -> str:
    """White space does not matter."""
    return " ".join(str(text).split())


def _named(dialect: sa.Dialect) -> Iterator[tuple[str, str, sa.Constraint]]:
    """Table and name of each declared constraint."""
    for table in metadata.tables.values():
        for constraint in table.constraints:
            condition = getattr(constraint, "_ddl_if", None)
            if condition is None or condition.dialect == dialect.name:
                name = dialect.identifier_preparer.format_constraint(constraint)
                yield table.name, str(name).strip('"'), constraint


def _said(constraint: sa.Constraint) -> str:
    """What PostgreSQL says of a declared constraint, as :func:`_shown` has it."""
    match constraint:
        case sa.CheckConstraint():
            rule = _BETWEEN.sub(r"\1 >= \2 AND \1 <= \3", str(constraint.sqltext))
            return f"CHECK ({rule})"
        case sa.PrimaryKeyConstraint():
            return f"PRIMARY KEY {_columns(constraint.columns)}"
        case sa.ForeignKeyConstraint():
            there = _columns(one.column for one in constraint.elements)
            deferred = " DEFERRABLE INITIALLY DEFERRED" if constraint.deferrable else ""
            to = f"{constraint.referred_table.name}{there}{deferred}"
            return f"FOREIGN KEY {_columns(constraint.columns)} REFERENCES {to}"
        case sa.UniqueConstraint():
            return f"UNIQUE {_columns(constraint.columns)}"
    raise TypeError(type(constraint).__name__)


def _columns(columns: Iterable[sa.Column[Any]]) -> str:
    return f"({', '.join(column.name for column in columns)})"


def _shown(text: str) -> str:
    """The words of PostgreSQL without its quotes and the types that it adds."""
    return _plain(_TYPED.sub(r"\1", text).replace("::text", "").replace('"', ""))


@cache
def _functions() -> list[str]:
    return [name for name, _ in _bodies()]


def _bodies() -> Iterator[tuple[str, str]]:
    """Name and what the database says of each function."""
    for rule in RULES["postgresql"]:
        match = _FUNCTION.match(rule.statement)
        if match is not None:
            head = rule.statement.replace(match[2], "")
            definer = str("SECURITY DEFINER" in head).lower()
            volatile = "s" if "STABLE" in head else "i" if "IMMUTABLE" in head else "v"
            language = "sql" if "LANGUAGE sql" in head else "plpgsql"
            yield match[1], f"{language} {definer} {volatile} true {match[2]}"


@cache
def _declared_in_postgresql() -> Counter[tuple[str, str, str]]:
    declared = Counter(("function", name, _plain(text)) for name, text in _bodies())
    declared.update(_triggers("postgresql"))
    declared.update(("table", name, "r false 0") for name in metadata.tables)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    declared.update(
        ("constraint", name, f"{table} {_said(constraint)}")
        for table, name, constraint in _named(dialect)
    )
    declared["setting", "session_replication_role", "origin"] = 1
    return declared


@cache
def _declared_in_sqlite() -> Counter[tuple[str, str, str]]:
    return Counter(
        (*_triggers("sqlite"), *(("constraint", f"{t}: {n}", "") for t, n in _in_text()))
    )


@cache
def _in_text() -> list[tuple[str, str]]:
    """Tables and names of constraints that stand in the text of a table of SQLite."""
    return [(table, name) for table, name, _ in _named(sqlite.dialect())]


def _triggers(dialect: str) -> Iterator[tuple[str, str, str]]:
    for rule in RULES[dialect]:
        match = _TRIGGER.match(rule.statement)
        if match is not None:
            yield "trigger", match[1], _plain(rule.statement)


def _found_in_sqlite(rows: Iterable[Any]) -> Iterator[tuple[str, str, str]]:
    texts = {}
    for kind, name, text in rows:
        if kind == "trigger":
            yield kind, name, _plain(text)
        else:
            texts[name] = text
    for table, name in _in_text():
        if f"CONSTRAINT {name} " in texts.get(table, ""):
            yield "constraint", f"{table}: {name}", ""
