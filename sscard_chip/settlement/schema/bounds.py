# SPDX-License-Identifier: Apache-2.0
"""Numbers and amounts of all tables are bounded.

A sum of amounts without bounds would be no whole number any more, and the greatest number that a
database has would leave none for the next row.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import on_postgresql, on_sqlite

AMOUNT_LIMIT: Final = 10**15
"""The greatest amount of a row in fen, either sign: ten trillion yuan."""
BALANCE_LIMIT: Final = 10**18
"""That of a balance. One more amount added is still a number of eight bytes."""
NUMBER_LIMIT: Final = 2**53 - 1
"""The greatest number of a row: every program that reads the ledger can write it down."""
NUMBER_STEP: Final = 1 << 20
"""How far a new number may lie above the last one: nobody uses them up at one go."""


def bound_numbers(metadata: sa.MetaData) -> None:
    """Bound every primary key ``id`` that is a number.

    SQLite counts by the greatest one in the table and refuses a jump; PostgreSQL counts by a
    sequence, which no row can move, but for ``settled_segment``, which both count in this way.
    """
    for table in metadata.tables.values():
        (first, *others) = table.primary_key.columns
        if others or first.name != "id" or not isinstance(first.type, sa.Integer):
            continue
        name = table.name
        table.append_constraint(
            sa.CheckConstraint(f"id BETWEEN 1 AND {NUMBER_LIMIT}", name="number")
        )
        jumps = f"NEW.id > coalesce((SELECT max(id) FROM {name}), 0) + {NUMBER_STEP}"
        rule = f"ledger: numbers of {name} grow in small steps"
        on_sqlite(
            table,
            f"CREATE TRIGGER {name}_counts BEFORE INSERT ON {name} WHEN {jumps} BEGIN"
            f" SELECT RAISE(ABORT, '{rule}'); END",
        )
        if name == "settled_segment":
            on_postgresql(
                table,
                f"""CREATE FUNCTION {name}_counts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF {jumps} THEN
                        RAISE EXCEPTION '{rule}' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                END $$""",
                f"""CREATE TRIGGER {name}_counts BEFORE INSERT ON {name}
                    FOR EACH ROW EXECUTE FUNCTION {name}_counts()""",
            )


def bound_amounts(metadata: sa.MetaData) -> None:
    """Bound every column ``fen`` and ``…_fen``; SQLite would take text and fractions too."""
    for table in metadata.tables.values():
        for column in table.columns:
            if column.name == "fen" or column.name.endswith("_fen"):
                limit = BALANCE_LIMIT if table.name == "balance" else AMOUNT_LIMIT
                for check in _checks(column, limit):
                    table.append_constraint(check)


def _checks(column: sa.Column[int], limit: int) -> tuple[sa.CheckConstraint, sa.CheckConstraint]:
    """The same of each database; PostgreSQL's type says that it is a whole number."""
    inside = f"{column.name} BETWEEN -{limit} AND {limit}"
    whole = f"{inside} AND typeof({column.name}) = 'integer'"
    if column.nullable:
        whole = f"{column.name} IS NULL OR ({whole})"
    name = f"{column.name}_amount"
    return (
        sa.CheckConstraint(inside, name=name).ddl_if(dialect="postgresql"),
        sa.CheckConstraint(whole, name=name).ddl_if(dialect="sqlite"),
    )
