# SPDX-License-Identifier: Apache-2.0
"""What the tables of a ledger are made with: their common metadata, and the rule of no change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
"""All tables of one database."""

BigNumber: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""Eight bytes; by this name SQLite makes a primary key the row's own number."""


def whole(name: str, *, key: bool = False, nullable: bool = False) -> sa.Column[int]:
    """A column of whole numbers that the database does not count by itself."""
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=nullable, autoincrement=False)


def append_only(table: sa.Table, *, guard_replace: bool = True) -> sa.Table:
    """Have the database refuse every UPDATE, DELETE and TRUNCATE of ``table``.

    ``guard_replace`` costs a look-up for each unique key and inserted row on SQLite; a
    table whose rows are guarded otherwise does without. Returns the table.
    """
    name = table.name
    refuse = f"SELECT RAISE(ABORT, 'ledger: nothing in {name} is changed or deleted')"
    on_sqlite(
        table,
        f"CREATE TRIGGER {name}_update BEFORE UPDATE ON {name} BEGIN {refuse}; END",
        f"CREATE TRIGGER {name}_delete BEFORE DELETE ON {name} BEGIN {refuse}; END",
    )
    for at, columns in enumerate(_unique_keys(table) if guard_replace else ()):
        same = " AND ".join(f'"{column}" = NEW."{column}"' for column in columns)
        on_sqlite(
            table,
            f"CREATE TRIGGER {name}_replace_{at} BEFORE INSERT ON {name}"
            f" WHEN EXISTS (SELECT 1 FROM {name} WHERE {same}) BEGIN"
            f" SELECT RAISE(ABORT, 'UNIQUE constraint failed: {name}.{'+'.join(columns)}'); END",
        )
    on_postgresql(
        table,
        f"""CREATE FUNCTION {name}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'ledger: nothing in {name} is changed or deleted'
                USING ERRCODE = 'restrict_violation';
        END $$""",
        f"""CREATE TRIGGER {name}_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON {name}
            FOR EACH STATEMENT EXECUTE FUNCTION {name}_append_only()""",
    )
    return table


def _unique_keys(table: sa.Table) -> Iterable[list[str]]:
    keys = [list(table.primary_key.columns.keys())]
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            keys.append(list(constraint.columns.keys()))
    return sorted(keys)


@dataclass(frozen=True, slots=True)
class DatabaseRule:
    """A trigger or function of one database; ``statement`` creates it on ``table``."""

    table: str
    statement: str


RULES: Final[dict[str, list[DatabaseRule]]] = {"sqlite": [], "postgresql": []}
"""All rules by database, in the order in which they are created."""


def on_sqlite(table: sa.Table, *statements: str) -> None:
    """Have SQLite keep rules of ``table``: statements that create triggers."""
    RULES["sqlite"] += (DatabaseRule(table.name, statement) for statement in statements)


def on_postgresql(table: sa.Table, *statements: str) -> None:
    """The same in the words of PostgreSQL: statements that create functions and triggers."""
    RULES["postgresql"] += (DatabaseRule(table.name, statement) for statement in statements)
