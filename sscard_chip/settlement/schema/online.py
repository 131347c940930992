# SPDX-License-Identifier: Apache-2.0
"""The straight way of an on-line sale as functions of PostgreSQL: one round trip a message.

``online_hold`` does what a 2102A does, ``online_confirm`` what the 2102 of a hold does, when
nothing is out of the ordinary: the same rows in the same tables, under the same rules. They look at
everything before they write anything, and answer NULL where something is unusual: a known msgid, a
lost card, too little money, a debit that was seen already. Then the centre goes the long way
(:mod:`sscard_chip.settlement.ledger.authorisation`), which alone knows the refusals.

What a caller checks: the message's form and its clock, the pooled part, the TAC.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.schema import debits, platform
from sscard_chip.settlement.schema.base import on_postgresql

NAME_LOCKS: Final = 0x5353
"""Advisory locks of PostgreSQL for names, beside the hash of the name."""
ACCOUNT_LOCK: Final = 0x53534303
"""Whoever opens accounts."""
DEBIT_LOCK: Final = 0x53534304
"""Whoever looks whether a debit is posted (shared), or posts day files."""

_YUAN: Final = "FM999999999999990.00"
"""An amount as text, written out where it stands: a function of our own costs as much as an
INSERT."""
_FRESH: Final = f"""
        PERFORM pg_advisory_xact_lock({NAME_LOCKS}, hashtext(p_msgid));
        IF EXISTS (SELECT FROM message WHERE msgid = p_msgid)
            OR EXISTS (SELECT FROM reversal WHERE omsgid = p_msgid)
            OR EXISTS (SELECT FROM authorisation_step WHERE msgid = p_msgid) THEN
            RETURN NULL;
        END IF;"""

on_postgresql(
    platform.answer,
    f"""CREATE FUNCTION online_hold(
        p_msgid text, p_infno text, p_digest bytea, p_code bytea, p_number text, p_psn_no text,
        p_pharmacy text, p_treatment text, p_insured text, p_time text, p_judged text,
        p_total bigint, p_asked bigint, p_pooled bigint, p_card_cap bigint, p_pharmacy_cap bigint,
        p_answer text
    ) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        payer record;
        state record;
        money bigint;
        part bigint;
        paid bigint;
        begun bigint;
        number bigint;
        sale bigint;
        posted bigint;
        held bigint;
        refmsgid text;
        visit text;
        answered text;
    BEGIN {_FRESH}
        SELECT c.id, c.account, c.division, c.valid_to, a.key, h.id AS held,
            coalesce(c.psn_no, 'C' || lpad(c.id::text, 29, '0')) AS psn_no INTO payer
            FROM card c JOIN account a ON a.id = c.account
            LEFT JOIN account h ON h.kind = 'held' AND h.key = a.key
            WHERE c.card_id_code = p_code AND c.card_number = p_number;
        IF NOT FOUND OR payer.psn_no <> p_psn_no
            OR p_insured NOT IN ('', lpad(payer.division::text, 6, '0'))
            OR payer.valid_to < left(p_judged, 8)::bigint THEN
            RETURN NULL;
        END IF;
        SELECT s.status, s.until INTO state FROM card_status s
            WHERE s.card = payer.id AND s.since <= p_judged::bigint
            ORDER BY s.number DESC LIMIT 1;
        IF FOUND AND state.status <> 1
            AND (state.until IS NULL OR state.until > p_judged::bigint) THEN
            RETURN NULL;
        END IF;
        SELECT fen INTO money FROM balance WHERE account = payer.account FOR UPDATE;
        part := least(p_asked, p_total - p_pooled);
        IF p_asked = -1 THEN
            part := least(p_total - p_pooled, money);
        END IF;
        IF part > money THEN
            RETURN NULL;
        END IF;
        paid := part + p_pooled;
        IF p_card_cap > 0 AND paid > p_card_cap - (
            SELECT coalesce(sum(s.account_fen + s.pooled_fen), 0) FROM authorisation s
                WHERE s.card = payer.id AND s.day = left(p_time, 8)
        ) THEN
            RETURN NULL;
        END IF;
        PERFORM pg_advisory_xact_lock({NAME_LOCKS}, hashtext('pharmacy:' || p_pharmacy));
        SELECT pharmacy_fen INTO begun FROM authorisation
            WHERE pharmacy = p_pharmacy AND day = left(p_time, 8) ORDER BY id DESC LIMIT 1;
        begun := coalesce(begun, 0) + paid;
        IF p_pharmacy_cap > 0 AND begun > p_pharmacy_cap THEN
            RETURN NULL;
        END IF;

        number := nextval('message_id');
        sale := nextval('authorisation_id');
        refmsgid := p_treatment || p_time || lpad(number::text, 10, '0');
        visit := p_treatment || left(p_time, 8) || lpad(number::text, 16, '0');
        INSERT INTO message (id, msgid, infno, digest)
            VALUES (number, p_msgid, p_infno, p_digest);
        INSERT INTO authorisation (id, msgid, setl_id, mdtrt_id, psn_no, card, account, pharmacy,
            treatment_division, insured_division, time, account_fen, self_paid_fen, pooled_fen,
            day, pharmacy_fen)
            VALUES (sale, p_msgid, refmsgid, visit, p_psn_no, payer.id, payer.account, p_pharmacy,
            p_treatment, lpad(payer.division::text, 6, '0'), p_time, part,
            p_total - p_pooled - part, p_pooled, left(p_time, 8), begun);
        IF part > 0 THEN
            held := payer.held;
            IF held IS NULL THEN -- the payer's balance is locked: nobody else opens it
                INSERT INTO account (id, kind, key)
                    VALUES (nextval('account_id'), 'held', payer.key)
                    ON CONFLICT DO NOTHING RETURNING id INTO held;
            END IF;
            IF held IS NULL THEN
                SELECT id INTO held FROM account WHERE kind = 'held' AND key = payer.key;
            END IF;
            posted := nextval('entry_id');
            INSERT INTO entry (id, kind, business_date, source)
                VALUES (posted, 'hold', left(p_time, 8), 'hold:' || p_msgid);
            INSERT INTO line (entry, number, account, fen)
                SELECT posted, row_number() OVER (ORDER BY l.account), l.account, l.fen
                FROM (VALUES (payer.account, -part), (held, part)) AS l (account, fen);
            INSERT INTO seal (entry) VALUES (posted);
        END IF;
        INSERT INTO authorisation_step (authorisation, number, state, msgid, entry, time)
            VALUES (sale, 1, 'held', p_msgid, posted, p_time);
        answered := format(p_answer, refmsgid, visit, to_char(part / 100.0, '{_YUAN}'),
            to_char((p_total - p_pooled - part) / 100.0, '{_YUAN}'),
            to_char(paid / 100.0, '{_YUAN}'), to_char((money - part) / 100.0, '{_YUAN}'));
        INSERT INTO answer (message, infcode, content) VALUES (number, 0, answered);
        RETURN answered;
    END $$""",
)

on_postgresql(
    debits.online_debit,
    f"""CREATE FUNCTION online_confirm(
        p_msgid text, p_digest bytea, p_treatment text, p_pharmacy text, p_time text, p_row text,
        p_sale text, p_setl_id text, p_mdtrt_id text, p_psn_no text, p_sold text,
        p_account_fen bigint, p_self_paid_fen bigint, p_pooled_fen bigint, p_code bytea,
        p_number text, p_factor bytea, p_terminal bigint, p_algorithm bigint,
        p_terminal_number bigint, p_card bigint, p_division bigint, p_counter bigint, p_answer text
    ) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        sale record;
        payer record;
        payee bigint;
        fund bigint;
        cash bigint;
        collected bigint;
        number bigint;
        posted bigint;
        money bigint;
        answered text;
    BEGIN {_FRESH}
        SELECT * INTO sale FROM authorisation WHERE setl_id = p_setl_id FOR UPDATE;
        IF NOT FOUND
            OR (sale.msgid, sale.mdtrt_id, sale.psn_no, sale.pharmacy, sale.treatment_division,
                sale.time, sale.account_fen, sale.self_paid_fen, sale.pooled_fen)
            IS DISTINCT FROM (p_sale, p_mdtrt_id, p_psn_no, p_pharmacy, p_treatment,
                p_sold, p_account_fen, p_self_paid_fen, p_pooled_fen)
            OR (SELECT string_agg(state, ' ') FROM authorisation_step
                WHERE authorisation = sale.id) <> 'held' THEN
            RETURN NULL;
        END IF;
        SELECT c.card_id_code, c.card_number, c.factor, h.id AS account INTO payer
            FROM card c JOIN account a ON a.id = sale.account
            LEFT JOIN account h ON h.kind = 'held' AND h.key = a.key WHERE c.id = sale.card;
        IF (payer.card_id_code, payer.card_number, payer.factor)
            IS DISTINCT FROM (p_code, p_number, p_factor) THEN
            RETURN NULL;
        END IF;
        SELECT max(id) FILTER (WHERE kind = 'pharmacy'), max(id) FILTER (WHERE kind = 'fund'),
            max(id) FILTER (WHERE kind = 'self_paid'), max(id) FILTER (WHERE kind = 'collected')
            INTO payee, fund, cash, collected FROM account
            WHERE (kind, key) IN (('pharmacy', sale.pharmacy), ('fund', sale.insured_division),
                ('self_paid', sale.treatment_division), ('collected', sale.pharmacy));
        IF payee IS NULL OR (sale.account_fen > 0 AND payer.account IS NULL)
            OR (sale.pooled_fen > 0 AND fund IS NULL)
            OR (sale.self_paid_fen > 0 AND (cash IS NULL OR collected IS NULL)) THEN
            RETURN NULL;
        END IF;
        IF (SELECT pharmacy FROM terminal_owner WHERE terminal = p_terminal
                ORDER BY change DESC LIMIT 1)
            IS DISTINCT FROM p_pharmacy THEN
            RETURN NULL;
        END IF;
        PERFORM pg_advisory_xact_lock_shared({DEBIT_LOCK});
        IF EXISTS (SELECT FROM settled_terminal WHERE terminal = p_terminal
                AND algorithm = p_algorithm AND last >= p_terminal_number
                AND first <= p_terminal_number)
            OR EXISTS (SELECT FROM settled_card WHERE factor = p_card AND division = p_division
                AND last >= p_counter AND first <= p_counter) THEN
            RETURN NULL;
        END IF;
        INSERT INTO online_debit (authorisation, terminal, algorithm, number, factor, division,
            counter) VALUES (sale.id, p_terminal, p_algorithm, p_terminal_number, p_card,
            p_division, p_counter) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;

        number := nextval('message_id');
        posted := nextval('entry_id');
        INSERT INTO message (id, msgid, infno, digest)
            VALUES (number, p_msgid, '2102', p_digest);
        INSERT INTO entry (id, kind, business_date, source)
            VALUES (posted, 'settlement', left(p_time, 8), 'settle:' || p_msgid);
        INSERT INTO line (entry, number, account, fen)
            SELECT posted, row_number() OVER (ORDER BY l.account), l.account, l.fen FROM (VALUES
                (coalesce(CASE WHEN sale.account_fen > 0 THEN payer.account END, sale.account),
                    -sale.account_fen),
                (payee, sale.account_fen + sale.pooled_fen),
                (CASE WHEN sale.pooled_fen > 0 THEN fund END, -sale.pooled_fen),
                (CASE WHEN sale.self_paid_fen > 0 THEN cash END, -sale.self_paid_fen),
                (CASE WHEN sale.self_paid_fen > 0 THEN collected END, sale.self_paid_fen)
            ) AS l (account, fen) WHERE l.account IS NOT NULL;
        INSERT INTO seal (entry) VALUES (posted);
        INSERT INTO authorisation_step (authorisation, number, state, msgid, entry, proof, time)
            VALUES (sale.id, 2, 'settled', p_msgid, posted, p_row, p_time);
        SELECT fen INTO money FROM balance WHERE account = sale.account;
        answered := format(p_answer,
            p_treatment || p_time || lpad(number::text, 10, '0'),
            to_char(money / 100.0, '{_YUAN}'));
        INSERT INTO answer (message, infcode, content) VALUES (number, 0, answered);
        RETURN answered;
    END $$""",
)
