# SPDX-License-Identifier: Apache-2.0
"""The rules of the ledger as triggers of SQLite and PostgreSQL.

Their texts begin with ``ledger: `` and name the rule. In SQLite an ``INSERT OR REPLACE`` deletes
without a delete trigger, hence the rules for INSERT; and the conflict clause of an outer INSERT
holds in a trigger too, hence RAISE beside the CHECK of a balance.

A balance moves by the lines of an entry that is being sealed, once, and by nothing else. Who does
it does not matter: both databases look at what is there, and moves of one balance have rising
numbers. SQLite has one writer, who seals entries in the order of their numbers: the balance moves
after the seal is there, and takes the number of an entry later than the one before. A client may
have switched foreign keys off, so nothing leans on them. On PostgreSQL entries are sealed in any
order, and those of one statement together: their seals have a number that was taken when all
balances were locked, and their balances move by all lines of that number, to it.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.schema import books
from sscard_chip.settlement.schema.base import on_postgresql, on_sqlite
from sscard_chip.settlement.schema.bounds import AMOUNT_LIMIT, BALANCE_LIMIT
from sscard_chip.settlement.schema.kinds import BOUNDED

STRIPES: Final = 32
"""Rows of ``balance`` that an account without bound has on PostgreSQL, at most."""
STRIPE: Final = f"mod(pg_backend_pid(), {STRIPES})"
"""That of a connection."""
SEAL_NUMBER: Final = f"nextval('entry_id') * {STRIPES} + {STRIPE}"
"""A new number for seals of a connection."""
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
            SELECT FROM fresh WHERE fen <> 0 OR entry IS NOT NULL
                OR bounded IS DISTINCT FROM (SELECT kind IN ({_BOUNDED}) FROM account
                    WHERE account.id = fresh.account)
                OR stripe <> CASE WHEN stripe = 0 OR bounded THEN 0 ELSE {STRIPE} END
        ) THEN
            RAISE EXCEPTION 'ledger: a balance begins with zero, once'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER balance_insert AFTER INSERT ON balance REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION balance_insert()""",
    f"""CREATE FUNCTION balance_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM (SELECT min(entry) AS number FROM moved) AS mover, LATERAL (
                SELECT account, fen, bounded::int AS bounds, 1 AS rows, 0 AS lines,
                    entry IS DISTINCT FROM number
                        OR mod(entry, {STRIPES}) <> {STRIPE}
                        OR stripe <> CASE WHEN bounded THEN 0 ELSE {STRIPE} END AS odd FROM moved
                UNION ALL SELECT account, -fen, -bounded::int, -1, 0, entry >= number FROM rest
                UNION ALL SELECT account, -fen, 0, 0, 1, false FROM seal JOIN line USING (entry)
                    WHERE seal.number = mover.number
            ) AS change GROUP BY account
                HAVING sum(fen) <> 0 OR sum(bounds) <> 0 OR sum(rows) <> 0 OR sum(lines) = 0
                    OR bool_or(odd)
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
            SELECT FROM (SELECT DISTINCT entry FROM fresh) AS into_entry
                WHERE (SELECT true FROM entry WHERE id = into_entry.entry) IS NULL
                OR (SELECT true FROM seal WHERE seal.entry = into_entry.entry) IS NOT NULL
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
    "ALTER TABLE seal ADD COLUMN IF NOT EXISTS number bigint",
    "CREATE INDEX IF NOT EXISTS ix_seal_number ON seal (number)",
    f"""CREATE FUNCTION seal_order(accounts bigint[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN  -- one order for all, or two entries would wait for each other
        PERFORM FROM balance WHERE account = ANY(accounts)
            AND stripe = CASE WHEN bounded THEN 0 ELSE {STRIPE} END
            ORDER BY account FOR UPDATE;
        RETURN {SEAL_NUMBER};
    END $$""",
    """CREATE FUNCTION seal_number() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        NEW.number := seal_order(ARRAY(SELECT account FROM line WHERE entry = NEW.entry));
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER seal_number BEFORE INSERT ON seal FOR EACH ROW WHEN (new.number IS NULL)
        EXECUTE FUNCTION seal_number()""",
    f"""CREATE FUNCTION seal_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE
        together bigint; latest bigint; odd boolean; lacking boolean;
    BEGIN
        SELECT min(number), max(number), bool_or(total IS DISTINCT FROM 0), bool_or(known < lines)
            INTO together, latest, odd, lacking FROM fresh, LATERAL (
                SELECT sum(line.fen) AS total, count(*) AS lines, count(mine.account) AS known
                    FROM line LEFT JOIN balance AS mine ON mine.account = line.account
                        AND mine.stripe = CASE WHEN bounded THEN 0 ELSE {STRIPE} END
                    WHERE line.entry = fresh.entry
            ) AS own;
        IF odd THEN
            RAISE EXCEPTION 'ledger: the lines of an entry sum to zero'
                USING ERRCODE = 'check_violation';
        ELSIF together < 1
                OR latest / {STRIPES} > coalesce(pg_sequence_last_value('entry_id'), 0) THEN
            RAISE EXCEPTION 'ledger: a balance changes by sealing an entry alone'
                USING ERRCODE = 'restrict_violation';
        ELSIF lacking THEN
            INSERT INTO balance (account, bounded, fen, stripe)
                SELECT DISTINCT account, false, 0, {STRIPE} FROM fresh JOIN line USING (entry)
                    JOIN balance AS base USING (account) WHERE base.stripe = 0 AND NOT bounded
                    ORDER BY account ON CONFLICT DO NOTHING;
            IF EXISTS (SELECT FROM fresh JOIN line USING (entry)
                    WHERE NOT EXISTS (SELECT FROM balance WHERE account = line.account)) THEN
                RAISE EXCEPTION 'ledger: a line is of an account that exists'
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
        END IF;
        WHILE together IS NOT NULL LOOP
            UPDATE balance SET fen = balance.fen + moved.fen, entry = together
                FROM (SELECT account, sum(line.fen)::bigint AS fen FROM fresh
                    JOIN line USING (entry) WHERE fresh.number = together GROUP BY account) AS moved
                WHERE balance.account = moved.account
                    AND balance.stripe = CASE WHEN bounded THEN 0 ELSE {STRIPE} END;
            EXIT WHEN together = latest;
            together := (SELECT min(number) FROM fresh WHERE number > together);
        END LOOP;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER seal_entry AFTER INSERT ON seal REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION seal_entry()""",
)
