# SPDX-License-Identifier: Apache-2.0
"""The rules of the ledger as triggers of SQLite and PostgreSQL.

Their texts begin with ``ledger: `` and name the rule. In SQLite an ``INSERT OR REPLACE`` deletes
without a delete trigger, hence the rules for INSERT; and the conflict clause of an outer INSERT
holds in a trigger too, hence RAISE beside the CHECK of a balance.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.schema import books
from sscard_chip.settlement.schema.base import on_postgresql, on_sqlite
from sscard_chip.settlement.schema.kinds import BOUNDED

_BOUNDED: Final = ", ".join(f"'{kind}'" for kind in sorted(BOUNDED))

# A new account has a balance of zero.
on_sqlite(
    books.account,
    f"""CREATE TRIGGER account_balance AFTER INSERT ON account BEGIN
        INSERT INTO balance (account, bounded, fen)
            VALUES (NEW.id, NEW.kind IN ({_BOUNDED}), 0);
    END""",
)
on_postgresql(
    books.account,
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
on_sqlite(
    books.balance,
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
on_postgresql(
    books.balance,
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
on_sqlite(
    books.entry,
    """CREATE TRIGGER entry_grows BEFORE INSERT ON entry
        WHEN NEW.id <= (SELECT max(id) FROM entry) BEGIN
        SELECT RAISE(ABORT, 'ledger: numbers of entries grow');
    END""",
)

# Lines are taken by an open entry.
on_sqlite(
    books.line,
    """CREATE TRIGGER line_open BEFORE INSERT ON line
        WHEN NOT EXISTS (SELECT 1 FROM entry WHERE id = NEW.entry)
            OR EXISTS (SELECT 1 FROM seal WHERE entry = NEW.entry) BEGIN
        SELECT RAISE(ABORT, 'ledger: lines go into an open entry');
    END""",
)
on_postgresql(
    books.line,
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
on_sqlite(
    books.seal,
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
on_postgresql(
    books.seal,
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
