# SPDX-License-Identifier: Apache-2.0
"""The straight way of on-line sales as a function of PostgreSQL: one round trip for many.

``online_sales`` does what many 2102A and many 2102 of holds do, when nothing is out of the
ordinary: the same rows in the same tables, under the same rules. Its arguments are names to lock,
sorted (msgids; ``pharmacy:`` with a code), and columns, those of holds (``h_``) and those of
confirmations (``c_``); the answers come in the order of these. It looks at everything before it
writes anything, and answers NULL where something is unusual: a known msgid, a lost card, too little
money, a debit that was seen already, a second sale of one account or settlement. Then the centre
goes the long way (:mod:`sscard_chip.settlement.ledger.authorisation`), which alone knows the
refusals.

What a caller checks: the message's form and its clock, the pooled part, the TAC.

Two of these at once, and the long way, lock in one order: names of messages, numbers of debits,
settlements, accounts that pay, pharmacies, the balances of what is posted; each kind by its number.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.schema import debits
from sscard_chip.settlement.schema.base import on_postgresql
from sscard_chip.settlement.schema.rules import SEAL_NUMBER, STRIPE

NAME_LOCKS: Final = 0x5353
"""Advisory locks of PostgreSQL for names, beside the hash of the name."""
ACCOUNT_LOCK: Final = 0x53534303
"""Whoever opens accounts."""
DEBIT_LOCK: Final = 0x53534304
"""Whoever looks whether a debit is posted (shared), or posts day files."""

HOLD_COLUMNS: Final = (
    *("msgid text", "infno text", "digest bytea", "code bytea", "number text", "psn_no text"),
    *("pharmacy text", "treatment text", "insured text", "time text", "judged text"),
    *("total bigint", "wanted bigint", "pooled bigint", "card_cap bigint", "pharmacy_cap bigint"),
    "answer text",
)
CONFIRMATION_COLUMNS: Final = (
    *("msgid text", "digest bytea", "treatment text", "pharmacy text", "time text", "line text"),
    *("sale text", "setl_id text", "mdtrt_id text", "psn_no text", "sold text"),
    *("account_fen bigint", "self_paid_fen bigint", "pooled_fen bigint", "code bytea"),
    *("number text", "factor bytea", "terminal bigint", "algorithm bigint"),
    *("terminal_number bigint", "card bigint", "division bigint", "counter bigint", "answer text"),
)


def _arguments(prefix: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{prefix}_{column}[]" for column in columns)


def _rows(prefix: str, columns: tuple[str, ...]) -> str:
    """The columns as rows ``asked``, with their place ``at``."""
    names = [column.split()[0] for column in columns]
    arrays = ", ".join(f"{prefix}_{name}" for name in names)
    return f"unnest({arrays}) WITH ORDINALITY AS asked ({', '.join(names)}, at)"


_YUAN: Final = "FM999999999999990.00"
"""An amount as text, written out where it stands: a function of our own costs as much as an
INSERT."""
_NEW: Final = """NOT EXISTS (SELECT FROM message WHERE message.msgid = asked.msgid)
                AND NOT EXISTS (SELECT FROM reversal WHERE omsgid = asked.msgid)
                AND NOT EXISTS (SELECT FROM authorisation_step AS s WHERE s.msgid = asked.msgid)"""
_LOCKS: Final = f"""
        FOREACH name IN ARRAY names LOOP
            locked := pg_advisory_xact_lock({NAME_LOCKS}, hashtext(name));
        END LOOP;
        IF cardinality(c_msgid) > 0 THEN
            locked := pg_advisory_xact_lock_shared({DEBIT_LOCK});
            PERFORM FROM authorisation WHERE setl_id = ANY(c_setl_id) ORDER BY id FOR UPDATE;
        END IF;
        IF cardinality(h_msgid) > 0 THEN
            PERFORM FROM balance WHERE account IN (SELECT account FROM card
                WHERE card_id_code = ANY(h_code)) ORDER BY account FOR UPDATE;
            FOREACH name IN ARRAY pharmacies LOOP
                locked := pg_advisory_xact_lock({NAME_LOCKS}, hashtext(name));
            END LOOP;
        END IF;"""

_HOLDS: Final = f"""
            WITH payer AS (
                SELECT asked.*, left(time, 8) AS day, c.id AS card, c.account, k.key,
                    lpad(c.division::text, 6, '0') AS division, h.id AS held, b.fen AS money,
                    least(CASE wanted WHEN -1 THEN b.fen ELSE wanted END, total - pooled) AS part,
                    row_number() OVER (PARTITION BY c.account ORDER BY at) AS turn
                FROM {_rows("h", HOLD_COLUMNS)}
                    JOIN card c ON c.card_id_code = asked.code AND c.card_number = asked.number
                    JOIN account k ON k.id = c.account JOIN balance b ON b.account = c.account
                    LEFT JOIN account h ON h.kind = 'held' AND h.key = k.key
                WHERE coalesce(c.psn_no, 'C' || lpad(c.id::text, 29, '0')) = asked.psn_no
                    AND insured IN ('', lpad(c.division::text, 6, '0'))
                    AND coalesce(c.valid_to >= left(judged, 8)::bigint, true)
                    AND coalesce((SELECT s.status = 1 OR coalesce(s.until <= judged::bigint, false)
                        FROM card_status s WHERE s.card = c.id AND s.since <= judged::bigint
                        ORDER BY s.number DESC LIMIT 1), true)
                    AND {_NEW}
            ), paid AS (
                SELECT payer.*, part + pooled AS paid, coalesce((
                    SELECT s.pharmacy_fen FROM authorisation s WHERE s.pharmacy = payer.pharmacy
                        AND s.day = payer.day ORDER BY s.id DESC LIMIT 1
                ), 0) + sum(part + pooled) OVER (
                    PARTITION BY pharmacy, day ORDER BY at) AS begun
                FROM payer WHERE turn = 1 AND part <= money AND (card_cap = 0
                    OR part + pooled <= card_cap - (
                        SELECT coalesce(sum(s.account_fen + s.pooled_fen), 0)
                        FROM authorisation s WHERE s.card = payer.card AND s.day = payer.day))
            ), numbered AS (
                SELECT paid.*, nextval('message_id') AS id, nextval('authorisation_id') AS sale,
                    CASE WHEN part > 0 THEN nextval('entry_id') END AS posted,
                    CASE WHEN part > 0 AND held IS NULL THEN nextval('account_id') END AS opened
                FROM (SELECT * FROM paid WHERE pharmacy_cap = 0 OR begun <= pharmacy_cap
                    ORDER BY at OFFSET 0) AS paid
            ), sold AS MATERIALIZED (
                SELECT numbered.*, treatment || time || lpad(id::text, 10, '0') AS setl_id,
                    treatment || day || lpad(id::text, 16, '0') AS mdtrt_id,
                    total - pooled - part AS cash FROM numbered
            ), answered AS MATERIALIZED (
                SELECT at, id, posted, opened, key, format(answer, setl_id, mdtrt_id,
                    to_char(part / 100.0, '{_YUAN}'), to_char(cash / 100.0, '{_YUAN}'),
                    to_char(paid / 100.0, '{_YUAN}'), to_char((money - part) / 100.0, '{_YUAN}')
                    ) AS content FROM sold
            ), to_message AS (
                INSERT INTO message (id, msgid, infno, digest)
                SELECT id, msgid, infno, digest FROM sold
            ), to_answer AS (
                INSERT INTO answer (message, infcode, content) SELECT id, 0, content FROM answered
            ), to_authorisation AS (
                INSERT INTO authorisation (id, msgid, setl_id, mdtrt_id, psn_no, card, account,
                    pharmacy, treatment_division, insured_division, time, account_fen,
                    self_paid_fen, pooled_fen, day, pharmacy_fen)
                SELECT sale, msgid, setl_id, mdtrt_id, psn_no, card, account, pharmacy, treatment,
                    division, time, part, cash, pooled, day, begun FROM sold
            ), to_entry AS (
                INSERT INTO entry (id, kind, business_date, source)
                SELECT posted, 'hold', day, 'hold:' || msgid FROM sold WHERE posted IS NOT NULL
            ), to_line AS (
                INSERT INTO line (entry, number, account, fen)
                SELECT posted, row_number() OVER (PARTITION BY posted ORDER BY l.account),
                    l.account, l.fen FROM sold, LATERAL (VALUES (sold.account, -part),
                        (coalesce(held, opened), part)) AS l (account, fen)
                WHERE posted IS NOT NULL
            ), to_step AS (
                INSERT INTO authorisation_step (authorisation, number, state, msgid, entry, time)
                SELECT sale, 1, 'held', msgid, posted, time FROM sold
            )
            SELECT array_agg(content ORDER BY place), array_agg(posted) FILTER (
                    WHERE posted IS NOT NULL), array_agg(opened) FILTER (WHERE opened IS NOT NULL),
                    array_agg(key) FILTER (WHERE opened IS NOT NULL)
                INTO told, entries, fresh, keys
                FROM generate_subscripts(h_msgid, 1) AS place LEFT JOIN answered ON at = place;
            IF fresh IS NOT NULL THEN
                INSERT INTO account (id, kind, key)
                    SELECT id, 'held', key FROM unnest(fresh, keys) AS opened (id, key);
            END IF;"""

_CONFIRMATIONS: Final = f"""
            WITH found AS (
                SELECT asked.*, s.id AS authorised, s.account AS own, h.id AS held, p.id AS payee,
                    f.id AS fund, o.id AS cash, k.id AS collected, b.fen AS money,
                    row_number() OVER (PARTITION BY s.id ORDER BY at) AS turn
                FROM {_rows("c", CONFIRMATION_COLUMNS)}
                    JOIN authorisation s ON s.setl_id = asked.setl_id AND s.msgid = sale
                        AND s.mdtrt_id = asked.mdtrt_id AND s.psn_no = asked.psn_no
                        AND s.pharmacy = asked.pharmacy AND s.treatment_division = treatment
                        AND s.time = sold AND s.account_fen = asked.account_fen
                        AND s.self_paid_fen = asked.self_paid_fen
                        AND s.pooled_fen = asked.pooled_fen
                    JOIN card c ON c.id = s.card AND c.card_id_code = code
                        AND c.card_number = asked.number AND c.factor = asked.factor
                    JOIN account a ON a.id = s.account JOIN balance b ON b.account = s.account
                    LEFT JOIN account h ON h.kind = 'held' AND h.key = a.key
                    LEFT JOIN account p ON p.kind = 'pharmacy' AND p.key = s.pharmacy
                    LEFT JOIN account f ON f.kind = 'fund' AND f.key = s.insured_division
                    LEFT JOIN account o ON o.kind = 'self_paid' AND o.key = s.treatment_division
                    LEFT JOIN account k ON k.kind = 'collected' AND k.key = s.pharmacy
                WHERE {_NEW}
                    AND (SELECT string_agg(state, ' ') FROM authorisation_step
                        WHERE authorisation = s.id) = 'held'
                    AND (SELECT w.pharmacy FROM terminal_owner w
                        WHERE w.terminal = asked.terminal
                        ORDER BY change DESC LIMIT 1) = asked.pharmacy
                    AND NOT EXISTS (SELECT FROM settled_terminal t
                        WHERE t.terminal = asked.terminal AND t.algorithm = asked.algorithm
                        AND last >= terminal_number AND first <= terminal_number)
                    AND NOT EXISTS (SELECT FROM settled_card t WHERE t.factor = asked.card
                        AND t.division = asked.division AND last >= counter AND first <= counter)
            ), taken AS (
                INSERT INTO online_debit (authorisation, terminal, algorithm, number, factor,
                    division, counter)
                SELECT authorised, terminal, algorithm, terminal_number, card, division, counter
                    FROM found WHERE turn = 1 AND payee IS NOT NULL
                        AND (account_fen = 0 OR held IS NOT NULL)
                        AND (pooled_fen = 0 OR fund IS NOT NULL)
                        AND (self_paid_fen = 0 OR cash + collected IS NOT NULL)
                    ORDER BY terminal, algorithm, terminal_number
                ON CONFLICT DO NOTHING RETURNING authorisation
            ), sold AS MATERIALIZED (
                SELECT found.*, nextval('message_id') AS id, nextval('entry_id') AS posted
                FROM found JOIN taken ON authorised = authorisation AND turn = 1
            ), answered AS MATERIALIZED (
                SELECT at, id, posted, format(answer, treatment || time || lpad(id::text, 10, '0'),
                    to_char(money / 100.0, '{_YUAN}')) AS content FROM sold
            ), to_message AS (
                INSERT INTO message (id, msgid, infno, digest)
                SELECT id, msgid, '2102', digest FROM sold
            ), to_answer AS (
                INSERT INTO answer (message, infcode, content) SELECT id, 0, content FROM answered
            ), to_entry AS (
                INSERT INTO entry (id, kind, business_date, source)
                SELECT posted, 'settlement', left(time, 8), 'settle:' || msgid FROM sold
            ), to_line AS (
                INSERT INTO line (entry, number, account, fen)
                SELECT posted, row_number() OVER (PARTITION BY posted ORDER BY l.account),
                    l.account, l.fen FROM sold, LATERAL (VALUES
                        (CASE WHEN account_fen > 0 THEN held ELSE own END, -account_fen),
                        (payee, account_fen + pooled_fen),
                        (CASE WHEN pooled_fen > 0 THEN fund END, -pooled_fen),
                        (CASE WHEN self_paid_fen > 0 THEN cash END, -self_paid_fen),
                        (CASE WHEN self_paid_fen > 0 THEN collected END, self_paid_fen)
                    ) AS l (account, fen) WHERE l.account IS NOT NULL
            ), to_step AS (
                INSERT INTO authorisation_step (authorisation, number, state, msgid, entry, proof,
                    time)
                SELECT authorised, 2, 'settled', msgid, posted, line, time FROM sold
            )
            SELECT told || array_agg(content ORDER BY place),
                    entries || array_agg(posted) FILTER (WHERE posted IS NOT NULL)
                INTO told, entries
                FROM generate_subscripts(c_msgid, 1) AS place LEFT JOIN answered ON at = place;"""

on_postgresql(
    debits.online_debit,
    f"""CREATE FUNCTION online_sales(
        names text[], pharmacies text[], {_arguments("h", HOLD_COLUMNS)},
        {_arguments("c", CONFIRMATION_COLUMNS)}
    ) RETURNS text[] LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        told text[];
        entries bigint[];
        together bigint;
        fresh bigint[];
        keys text[];
        name text;
        locked text;
    BEGIN {_LOCKS}
        IF cardinality(h_msgid) > 0 THEN {_HOLDS}
        END IF;
        IF cardinality(c_msgid) > 0 THEN {_CONFIRMATIONS}
        END IF;
        IF cardinality(entries) > 0 THEN
            PERFORM FROM balance JOIN (SELECT DISTINCT account FROM line
                    WHERE entry = ANY(entries)) AS moved USING (account)
                WHERE stripe = CASE WHEN bounded THEN 0 ELSE {STRIPE} END
                ORDER BY account FOR UPDATE OF balance;
            together := {SEAL_NUMBER};
            INSERT INTO seal (entry, number) SELECT one, together FROM unnest(entries) AS one;
        END IF;
        RETURN told;
    END $$""",
)
