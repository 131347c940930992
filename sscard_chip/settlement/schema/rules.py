# SPDX-License-Identifier: Apache-2.0
"""The rules of the ledger as triggers of SQLite and PostgreSQL.

Their texts begin with ``ledger: `` and name the rule. In SQLite an ``INSERT OR REPLACE`` deletes
without a delete trigger, hence the rules for INSERT; and the conflict clause of an outer INSERT
holds in a trigger too, hence RAISE beside the CHECK of a balance.

A balance moves by the lines of an entry that is being sealed, once, and by nothing else. Who does
it does not matter: both databases look at what is there. SQLite has one writer, who seals entries
in the order of their numbers: the balance moves after the seal is there, and takes the number of
an entry later than the one before. A client may have switched foreign keys off, so nothing
leans on them. On PostgreSQL entries are sealed in any order: the balance moves before the seal is
there, and one that was moved by an open entry moves no more; an entry that is open when the
transaction ends undoes all of it.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.schema import books
from sscard_chip.settlement.schema.base import on_postgresql, on_sqlite
from sscard_chip.settlement.schema.bounds import AMOUNT_LIMIT, BALANCE_LIMIT
from sscard_chip.settlement.schema.kinds import BOUNDED

STRIPES: Final = 32
"""Rows of ``balance`` that an account without bound has on PostgreSQL, at most."""
_STRIPE: Final = f"mod(pg_backend_pid(), {STRIPES})"
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
    f"""CREATE FUNCTION account_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    AS $$ BEGIN
        INSERT INTO balance (account, bounded, fen)
            SELECT id, kind IN ({_BOUNDED}), 0 FROM fresh;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER account_balance AFTER INSERT ON account REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION account_balance()""",
)

# A balance begins with zero and changes by the lines of the entry that is being sealed.
on_sqlite(
    books.balance,
    f"""CREATE TRIGGER balance_insert BEFORE INSERT ON balance
        WHEN NEW.fen IS NOT 0 OR NEW.stripe IS NOT 0 OR NEW.entry IS NOT NULL
            OR NEW.bounded IS NOT (SELECT kind IN ({_BOUNDED}) FROM account
                WHERE id = NEW.account)
            OR EXISTS (SELECT 1 FROM balance WHERE account = NEW.account) BEGIN
        SELECT RAISE(ABORT, 'ledger: a balance begins with zero, once');
    END""",
    """CREATE TRIGGER balance_delete BEFORE DELETE ON balance BEGIN
        SELECT RAISE(ABORT, 'ledger: a balance is not deleted');
    END""",
    f"""CREATE TRIGGER balance_update BEFORE UPDATE ON balance BEGIN
        SELECT RAISE(ABORT, 'ledger: a balance changes by sealing an entry alone')
            WHERE NEW.account IS NOT OLD.account OR NEW.bounded IS NOT OLD.bounded
            OR NEW.stripe IS NOT OLD.stripe
            OR NEW.entry IS NULL OR NEW.entry <= OLD.entry
            OR NOT EXISTS (SELECT 1 FROM seal WHERE entry = NEW.entry)
            OR NEW.fen IS NOT OLD.fen + (SELECT sum(fen) FROM line INDEXED BY ix_line_account_entry
                WHERE account = NEW.account AND entry = NEW.entry);
        SELECT RAISE(ABORT, 'ledger: a personal account would fall below zero')
            WHERE NEW.bounded AND NEW.fen < 0;
        SELECT RAISE(ABORT, 'ledger: a balance has bounds')
            WHERE NEW.fen NOT BETWEEN -{BALANCE_LIMIT} AND {BALANCE_LIMIT};
    END""",
)
on_postgresql(
    books.balance,
    f"""CREATE FUNCTION balance_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (
            SELECT FROM fresh LEFT JOIN account ON account.id = fresh.account
                WHERE fresh.fen <> 0 OR fresh.entry IS NOT NULL
                OR fresh.bounded IS DISTINCT FROM (account.kind IN ({_BOUNDED}))
                OR fresh.stripe <> CASE WHEN fresh.stripe = 0 OR fresh.bounded THEN 0
                    ELSE {_STRIPE} END
        ) THEN
            RAISE EXCEPTION 'ledger: a balance begins with zero, once'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER balance_insert AFTER INSERT ON balance REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION balance_insert()""",
    f"""CREATE FUNCTION balance_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE mover bigint; BEGIN
        SELECT min(entry) INTO mover FROM moved;
        IF EXISTS (SELECT FROM seal WHERE seal.entry = mover) OR EXISTS (
            SELECT FROM moved LEFT JOIN rest USING (account, stripe)
                LEFT JOIN (SELECT account, sum(fen) AS fen FROM line WHERE entry = mover
                    GROUP BY account) AS due USING (account)
                WHERE moved.entry IS DISTINCT FROM mover
                OR moved.bounded IS DISTINCT FROM rest.bounded
                OR moved.fen - rest.fen IS DISTINCT FROM due.fen
                OR moved.stripe <> CASE WHEN moved.bounded THEN 0 ELSE {_STRIPE} END
                OR NOT EXISTS (SELECT FROM seal WHERE seal.entry = rest.entry)
                    AND rest.entry IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'ledger: a balance changes by sealing an entry alone'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER balance_guard AFTER UPDATE ON balance
        REFERENCING OLD TABLE AS rest NEW TABLE AS moved
        FOR EACH STATEMENT EXECUTE FUNCTION balance_guard()""",
    """CREATE FUNCTION balance_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'ledger: a balance is not deleted' USING ERRCODE = 'restrict_violation';
    END $$""",
    """CREATE TRIGGER balance_stays BEFORE DELETE OR TRUNCATE ON balance
        FOR EACH STATEMENT EXECUTE FUNCTION balance_stays()""",
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

# Sealing: once, the lines sum to zero, their accounts exist, the balances move.
on_sqlite(
    books.seal,
    """CREATE TRIGGER seal_once BEFORE INSERT ON seal
        WHEN EXISTS (SELECT 1 FROM seal WHERE entry = NEW.entry) BEGIN
        SELECT RAISE(ABORT, 'ledger: a balance changes by sealing an entry alone');
    END""",
    f"""CREATE TRIGGER seal_entry AFTER INSERT ON seal BEGIN
        SELECT RAISE(ABORT, 'ledger: the lines of an entry sum to zero')
            WHERE (SELECT sum(fen) FROM line WHERE entry = NEW.entry) IS NOT 0;
        SELECT RAISE(ABORT, 'ledger: an amount is whole fen and has bounds')
            WHERE EXISTS (SELECT 1 FROM line WHERE entry = NEW.entry
                AND (typeof(fen) <> 'integer'
                    OR fen NOT BETWEEN -{AMOUNT_LIMIT} AND {AMOUNT_LIMIT}));
        SELECT RAISE(ABORT, 'ledger: a line is of an account that exists')
            WHERE EXISTS (SELECT 1 FROM line LEFT JOIN balance USING (account)
                WHERE line.entry = NEW.entry AND balance.account IS NULL);
        UPDATE balance SET fen = balance.fen + moved.fen, entry = NEW.entry
            FROM (SELECT account, sum(fen) AS fen FROM line WHERE entry = NEW.entry
                GROUP BY account) AS moved
            WHERE balance.account = moved.account;
    END""",
)
on_postgresql(
    books.seal,
    f"""CREATE FUNCTION seal_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE mine int := {_STRIPE}; total numeric; unknown bigint; missing bigint; BEGIN
        SELECT sum(line.fen), count(*) FILTER (WHERE first.account IS NULL),
                count(*) FILTER (WHERE NOT first.bounded AND own.account IS NULL)
            INTO total, unknown, missing
            FROM line LEFT JOIN balance AS first ON first.account = line.account
                AND first.stripe = 0
            LEFT JOIN balance AS own ON own.account = line.account AND own.stripe = mine
            WHERE line.entry = NEW.entry;
        IF total IS DISTINCT FROM 0 THEN
            RAISE EXCEPTION 'ledger: the lines of an entry sum to zero'
                USING ERRCODE = 'check_violation';
        END IF;
        IF unknown > 0 THEN
            RAISE EXCEPTION 'ledger: a line is of an account that exists'
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        IF missing > 0 THEN
            INSERT INTO balance (account, bounded, fen, stripe)
                SELECT DISTINCT account, false, 0, mine FROM line
                    JOIN balance AS first USING (account)
                    WHERE line.entry = NEW.entry AND first.stripe = 0 AND NOT first.bounded
                    ORDER BY account
                ON CONFLICT DO NOTHING;
        END IF;
        -- one order for all, or two entries would wait for each other
        PERFORM FROM line JOIN balance AS first USING (account)
            JOIN balance ON balance.account = line.account
                AND balance.stripe = CASE WHEN first.bounded THEN 0 ELSE mine END
            WHERE line.entry = NEW.entry AND first.stripe = 0
            ORDER BY line.account FOR UPDATE OF balance;
        UPDATE balance SET fen = balance.fen + moved.fen, entry = NEW.entry
            FROM (SELECT account, first.bounded, sum(line.fen) AS fen
                FROM line JOIN balance AS first USING (account)
                WHERE line.entry = NEW.entry AND first.stripe = 0
                GROUP BY account, first.bounded) AS moved
            WHERE balance.account = moved.account
                AND balance.stripe = CASE WHEN moved.bounded THEN 0 ELSE mine END;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER seal_entry BEFORE INSERT ON seal
        FOR EACH ROW EXECUTE FUNCTION seal_entry()""",
)
