# SPDX-License-Identifier: Apache-2.0
"""The rules of the ledger as triggers of SQLite and PostgreSQL.

Their texts begin with ``ledger: `` and name the rule. In SQLite an ``INSERT OR REPLACE`` deletes
without a delete trigger, hence the rules for INSERT; and the conflict clause of an outer INSERT
holds in a trigger too, hence RAISE beside the CHECK of a balance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy import event

from sscard_chip.settlement.ledger import schema
from sscard_chip.settlement.ledger.accounts import BOUNDED

_BOUNDED: Final = ", ".join(f"'{kind}'" for kind in sorted(BOUNDED))


def append_only(table: sa.Table, *, guard_replace: bool = True) -> sa.Table:
    """Have the database refuse every UPDATE, DELETE and TRUNCATE of ``table``.

    To be called where a table of :data:`schema.metadata` is declared, before the ledger is
    opened. ``guard_replace`` costs a look-up for each unique key and inserted row on SQLite; a
    table whose rows are guarded otherwise does without. Returns the table.
    """
    name = table.name
    refuse = f"SELECT RAISE(ABORT, 'ledger: nothing in {name} is changed or deleted')"
    _sqlite(
        table,
        f"CREATE TRIGGER {name}_update BEFORE UPDATE ON {name} BEGIN {refuse}; END",
        f"CREATE TRIGGER {name}_delete BEFORE DELETE ON {name} BEGIN {refuse}; END",
    )
    for at, columns in enumerate(_unique_keys(table) if guard_replace else ()):
        same = " AND ".join(f'"{column}" = NEW."{column}"' for column in columns)
        _sqlite(
            table,
            f"CREATE TRIGGER {name}_replace_{at} BEFORE INSERT ON {name}"
            f" WHEN EXISTS (SELECT 1 FROM {name} WHERE {same}) BEGIN"
            f" SELECT RAISE(ABORT, 'UNIQUE constraint failed: {name}.{'+'.join(columns)}'); END",
        )
    _postgresql(
        table,
        f"""CREATE FUNCTION {name}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'ledger: nothing in {name} is changed or deleted'
                USING ERRCODE = 'restrict_violation';
        END $$""",
        f"""CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}
            FOR EACH STATEMENT EXECUTE FUNCTION {name}_append_only()""",
    )
    return table


def _unique_keys(table: sa.Table) -> Iterable[list[str]]:
    keys = [list(table.primary_key.columns.keys())]
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            keys.append(list(constraint.columns.keys()))
    return sorted(keys)


def _sqlite(table: sa.Table, *statements: str) -> None:
    _after(table, "sqlite", statements)


def _postgresql(table: sa.Table, *statements: str) -> None:
    _after(table, "postgresql", statements)


def _after(table: sa.Table, dialect: str, statements: Iterable[str]) -> None:
    for statement in statements:
        ddl = sa.DDL(statement)  # type: ignore[no-untyped-call]
        event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


for _table in (
    schema.ledger_format,
    schema.account,
    schema.entry,
    schema.seal,
    schema.card,
    schema.card_status,
):
    append_only(_table)
append_only(schema.line, guard_replace=False)

# A new account has a balance of zero.
_sqlite(
    schema.account,
    f"""CREATE TRIGGER account_balance AFTER INSERT ON account BEGIN
        INSERT INTO balance (account, bounded, fen)
            VALUES (NEW.id, NEW.kind IN ({_BOUNDED}), 0);
    END""",
)
_postgresql(
    schema.account,
    f"""CREATE FUNCTION account_balance() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO balance (account, bounded, fen)
            SELECT id, kind IN ({_BOUNDED}), 0 FROM fresh;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER account_balance AFTER INSERT ON account REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION account_balance()""",
)

# A balance changes while an entry is being sealed. SQLite has one writer, whose open entry is
# the last one.
_sqlite(
    schema.balance,
    """CREATE TRIGGER balance_insert BEFORE INSERT ON balance
        WHEN NEW.fen <> 0 OR EXISTS (SELECT 1 FROM balance WHERE account = NEW.account) BEGIN
        SELECT RAISE(ABORT, 'ledger: a balance begins with zero, once');
    END""",
    """CREATE TRIGGER balance_delete BEFORE DELETE ON balance BEGIN
        SELECT RAISE(ABORT, 'ledger: a balance is not deleted');
    END""",
    """CREATE TRIGGER balance_update BEFORE UPDATE ON balance BEGIN
        SELECT RAISE(ABORT, 'ledger: a balance changes by sealing an entry alone')
            WHERE (SELECT max(id) FROM entry) IS (SELECT max(entry) FROM seal)
            OR NEW.account <> OLD.account OR NEW.bounded <> OLD.bounded;
        SELECT RAISE(ABORT, 'ledger: a personal account would fall below zero')
            WHERE NEW.bounded AND NEW.fen < 0;
    END""",
)
_postgresql(
    schema.balance,
    """CREATE FUNCTION balance_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION 'ledger: a balance changes by sealing an entry alone'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER balance_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON balance
        FOR EACH STATEMENT EXECUTE FUNCTION balance_guard()""",
)

# Numbers of entries grow; on PostgreSQL the key is enough.
_sqlite(
    schema.entry,
    """CREATE TRIGGER entry_grows BEFORE INSERT ON entry
        WHEN NEW.id <= (SELECT max(id) FROM entry) BEGIN
        SELECT RAISE(ABORT, 'ledger: numbers of entries grow');
    END""",
)

# Lines are taken by an open entry.
_sqlite(
    schema.line,
    """CREATE TRIGGER line_open BEFORE INSERT ON line
        WHEN NOT EXISTS (SELECT 1 FROM entry WHERE id = NEW.entry)
            OR EXISTS (SELECT 1 FROM seal WHERE entry = NEW.entry) BEGIN
        SELECT RAISE(ABORT, 'ledger: lines go into an open entry');
    END""",
)
_postgresql(
    schema.line,
    """CREATE FUNCTION line_open() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (
            SELECT FROM (SELECT DISTINCT entry FROM fresh) f
                LEFT JOIN entry e ON e.id = f.entry LEFT JOIN seal s ON s.entry = f.entry
                WHERE e.id IS NULL OR s.entry IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'ledger: lines go into an open entry'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER line_open AFTER INSERT ON line REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION line_open()""",
)

# Sealing: the lines sum to zero, their accounts exist, the balances move.
_sqlite(
    schema.seal,
    """CREATE TRIGGER seal_entry BEFORE INSERT ON seal BEGIN
        SELECT RAISE(ABORT, 'ledger: the lines of an entry sum to zero')
            WHERE (SELECT sum(fen) FROM line WHERE entry = NEW.entry) IS NOT 0;
        SELECT RAISE(ABORT, 'ledger: a line is of an account that exists')
            WHERE EXISTS (SELECT 1 FROM line LEFT JOIN balance USING (account)
                WHERE line.entry = NEW.entry AND balance.account IS NULL);
        UPDATE balance SET fen = balance.fen + moved.fen
            FROM (SELECT account, sum(fen) AS fen FROM line WHERE entry = NEW.entry
                GROUP BY account) AS moved
            WHERE balance.account = moved.account;
    END""",
)
_postgresql(
    schema.seal,
    """CREATE FUNCTION seal_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT sum(fen) FROM line WHERE entry = NEW.entry) IS DISTINCT FROM 0 THEN
            RAISE EXCEPTION 'ledger: the lines of an entry sum to zero'
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT FROM line LEFT JOIN balance USING (account)
            WHERE line.entry = NEW.entry AND balance.account IS NULL) THEN
            RAISE EXCEPTION 'ledger: a line is of an account that exists'
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        -- one order for all, or two entries would wait for each other
        PERFORM FROM balance
            WHERE account IN (SELECT account FROM line WHERE entry = NEW.entry)
            ORDER BY account FOR UPDATE;
        UPDATE balance SET fen = balance.fen + moved.fen
            FROM (SELECT account, sum(fen) AS fen FROM line WHERE entry = NEW.entry
                GROUP BY account) AS moved
            WHERE balance.account = moved.account;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER seal_entry AFTER INSERT ON seal
        FOR EACH ROW EXECUTE FUNCTION seal_entry()""",
)
