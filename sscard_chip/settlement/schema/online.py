# SPDX-License-Identifier: Apache-2.0
"""The straight way of on-line sales as a function of PostgreSQL: one round trip for many.

``online_sales`` does what many 2102A and many 2102 of holds do, when nothing is out of the
ordinary: the same rows in the same tables, under the same rules. Its arguments are names to lock,
sorted (msgids; ``pharmacy:`` with a code), and the fields of holds and of confirmations, one
message after the other; the answers come in the order of these. It looks at everything of a message
before it writes anything of it, and answers NULL where something is unusual: a known msgid, a lost
card, too little money, a debit that was seen already, a second sale of one account or settlement.
Then the centre goes the long way (:mod:`sscard_chip.settlement.ledger.authorisation`), which alone
knows the refusals.

Most of the time of a sale is the beginning and ending of statements, and one for many has more
parts than one for a message alone needs: those that say who of several comes first, and that put
the answers in order. So the same statement is there twice, with them (:data:`_MANY`) and without
(:data:`_SINGLE`).

What a caller checks: the message's form and its clock, the pooled part, the TAC.

Two of these at once, and the long way, lock in one order: names of messages, numbers of debits,
settlements, accounts that pay, pharmacies, the balances of what is posted; each kind by its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.settlement.schema import debits
from sscard_chip.settlement.schema.base import on_postgresql

NAME_LOCKS: Final = 0x5353
"""Advisory locks of PostgreSQL for names, beside the hash of the name."""
ACCOUNT_LOCK: Final = 0x53534303
"""Whoever opens accounts."""
DEBIT_LOCK: Final = 0x53534304
"""Whoever looks whether a debit is posted (shared), or posts day files."""

_HOLD: Final = (
    *("msgid", "infno", "digest bytea", "code bytea", "number", "psn_no", "pharmacy", "treatment"),
    *("insured", "time", "judged bigint", "total bigint", "wanted bigint", "pooled bigint"),
    *("card_cap bigint", "pharmacy_cap bigint", "answer"),
)
_CONFIRMATION: Final = (
    *("msgid", "digest bytea", "treatment", "pharmacy", "time", "line", "sale", "setl_id"),
    *("mdtrt_id", "psn_no", "sold", "account_fen bigint", "self_paid_fen bigint"),
    *("pooled_fen bigint", "code bytea", "number", "factor bytea", "terminal bigint"),
    *("algorithm bigint", "terminal_number bigint", "card bigint", "division bigint"),
    *("counter bigint", "answer"),
)
_YUAN: Final = "FM999999999999990.00"
"""An amount as text, written out where it stands: a function of our own costs as much as an
INSERT."""
_NEW: Final = """NOT EXISTS (SELECT FROM message WHERE message.msgid = asked.msgid)
                AND NOT EXISTS (SELECT FROM reversal WHERE omsgid = asked.msgid)
                AND NOT EXISTS (SELECT FROM authorisation_step AS s WHERE s.msgid = asked.msgid)"""


@dataclass(frozen=True, slots=True)
class _Messages:
    """What a statement for one message, or for many, says in its own way.

    Of the partitions of a window one message is the only row.
    """

    single: bool

    def asked(self, array: str, fields: tuple[str, ...]) -> str:
        """The messages of an array as rows ``asked``, with their place ``at``."""
        columns = ", ".join(
            f"{self._element(array, at, field)} AS {field.partition(' ')[0]}"
            for at, field in enumerate(fields, 1)
        )
        if self.single:
            return f"(SELECT 0 AS at, {columns}) AS asked"
        return f"(SELECT place AS at, {columns} FROM {_places(array, fields)} OFFSET 0) AS asked"

    def those(self, array: str, fields: tuple[str, ...], field: str) -> str:
        """A field of all messages, as an array."""
        element = self._element(array, fields.index(field) + 1, field)
        if self.single:
            return f"ARRAY[{element}]"
        return f"ARRAY(SELECT {element} FROM {_places(array, fields)})"

    def _element(self, array: str, at: int, field: str) -> str:
        place = f"{at}" if self.single else f"place + {at}"
        return f"{array}[{place}]::{field.partition(' ')[2] or 'text'}"

    def turn(self, of: str) -> str:
        """The place of a message among those of the same account or settlement."""
        return "1" if self.single else f"row_number() OVER (PARTITION BY {of} ORDER BY at)"

    def sum(self, what: str, of: str) -> str:
        """The sum of this message and of those before it."""
        return what if self.single else f"sum({what}) OVER (PARTITION BY {of} ORDER BY at)"

    def in_turn(self) -> str:
        """That numbers are taken in the order of the messages."""
        return "" if self.single else "ORDER BY at OFFSET 0"

    def moved(self, *accounts: str) -> str:
        """An array of accounts, of which some may be NULL."""
        if self.single:
            return f"array_remove(ARRAY[{', '.join(accounts)}], NULL)"
        padded = (*accounts, *("NULL",) * (_MOST_ACCOUNTS - len(accounts)))
        return f"ARRAY[{', '.join(padded)}]"

    def collected(self, array: str, fields: tuple[str, ...], **others: str) -> str:
        """The rows ``answered`` are added to variables: the answers, in the order of the messages,
        to ``outcome``, and to ``others`` what is not NULL of columns."""
        if self.single:
            added = [
                f"CASE WHEN {one} IS NOT NULL THEN ARRAY[{one}] END" for one in others.values()
            ]
            answers, rows = "ARRAY[content]", "answered"
        else:
            added = [
                f"array_agg({one}) FILTER (WHERE {one} IS NOT NULL)" for one in others.values()
            ]
            answers = "array_agg(content ORDER BY place)"
            rows = f"{_places(array, fields)} LEFT JOIN answered ON at = place"
        values = zip(("outcome", *others), (answers, *added), strict=True)
        return f"""SELECT {", ".join(f"{name} || {value}" for name, value in values)}
                INTO {", ".join(("outcome", *others))} FROM {rows};"""


def _places(array: str, fields: tuple[str, ...]) -> str:
    return f"generate_series(0, cardinality({array}) - 1, {len(fields)}) AS place"


_MOST_ACCOUNTS: Final = 5
"""Of an entry."""
_SINGLE: Final = _Messages(single=True)
_MANY: Final = _Messages(single=False)


def _holds(messages: _Messages) -> str:
    collected = messages.collected(
        "holds", _HOLD, entries="posted", moved="accounts", fresh="opened", keys="key"
    )
    return f"""
            PERFORM FROM card JOIN balance USING (account)
                WHERE card_id_code = ANY({messages.those("holds", _HOLD, "code bytea")})
                ORDER BY balance.account FOR UPDATE OF balance;
            FOREACH name IN ARRAY pharmacies LOOP
                locked := pg_advisory_xact_lock({NAME_LOCKS}, hashtext(name));
            END LOOP;
            WITH payer AS (
                SELECT asked.*, left(time, 8) AS day, c.id AS card, c.account, k.key,
                    lpad(c.division::text, 6, '0') AS division, h.id AS held, b.fen AS money,
                    least(CASE wanted WHEN -1 THEN b.fen ELSE wanted END, total - pooled) AS part,
                    {messages.turn("c.account")} AS turn
                FROM {messages.asked("holds", _HOLD)}
                    JOIN card c ON c.card_id_code = asked.code AND c.card_number = asked.number
                    JOIN account k ON k.id = c.account
                    JOIN balance b ON b.account = c.account AND b.stripe = 0
                    LEFT JOIN account h ON h.kind = 'held' AND h.key = k.key
                WHERE coalesce(c.psn_no, 'C' || lpad(c.id::text, 29, '0')) = asked.psn_no
                    AND insured IN ('', lpad(c.division::text, 6, '0'))
                    AND coalesce(c.valid_to >= judged / 1000000, true)
                    AND coalesce((SELECT s.status = 1 OR coalesce(s.until <= judged, false)
                        FROM card_status s WHERE s.card = c.id AND s.since <= judged
                        ORDER BY s.number DESC LIMIT 1), true)
                    AND {_NEW}
            ), paid AS (
                SELECT payer.*, part + pooled AS paid, coalesce((
                    SELECT s.pharmacy_fen FROM authorisation s WHERE s.pharmacy = payer.pharmacy
                        AND s.day = payer.day ORDER BY s.id DESC LIMIT 1
                ), 0) + {messages.sum("part + pooled", "pharmacy, day")} AS begun
                FROM payer WHERE turn = 1 AND part <= money AND (card_cap = 0
                    OR part + pooled <= card_cap - (
                        SELECT coalesce(sum(s.account_fen + s.pooled_fen), 0)
                        FROM authorisation s WHERE s.card = payer.card AND s.day = payer.day))
                OFFSET 0
            ), numbered AS (
                SELECT paid.*, nextval('message_id') AS id, nextval('authorisation_id') AS sale,
                    CASE WHEN part > 0 THEN nextval('entry_id') END AS posted,
                    CASE WHEN part > 0 AND held IS NULL THEN nextval('account_id') END AS opened
                FROM (SELECT * FROM paid WHERE pharmacy_cap = 0 OR begun <= pharmacy_cap
                    {messages.in_turn()}) AS paid
            ), sold AS MATERIALIZED (
                SELECT numbered.*, treatment || time || lpad(id::text, 10, '0') AS setl_id,
                    treatment || day || lpad(id::text, 16, '0') AS mdtrt_id,
                    total - pooled - part AS cash, coalesce(held, opened) AS holder FROM numbered
            ), answered AS MATERIALIZED (
                SELECT at, id, posted, opened, CASE WHEN opened IS NOT NULL THEN key END AS key,
                    CASE WHEN posted IS NOT NULL THEN {messages.moved("account", "holder")} END
                    AS accounts, format(answer, setl_id, mdtrt_id,
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
                SELECT posted, CASE WHEN l.account < l.other THEN 1 ELSE 2 END, l.account, l.fen
                    FROM sold, LATERAL (VALUES (sold.account, holder, -part),
                        (holder, sold.account, part)) AS l (account, other, fen)
                WHERE posted IS NOT NULL
            ), to_step AS (
                INSERT INTO authorisation_step (authorisation, number, state, msgid, entry, time)
                SELECT sale, 1, 'held', msgid, posted, time FROM sold
            )
            {collected}
            IF fresh IS NOT NULL THEN
                INSERT INTO account (id, kind, key)
                    SELECT id, 'held', key FROM unnest(fresh, keys) AS opened (id, key);
            END IF;"""


def _confirmations(messages: _Messages) -> str:
    collected = messages.collected(
        "confirmations", _CONFIRMATION, entries="posted", moved="accounts"
    )
    return f"""
            locked := pg_advisory_xact_lock_shared({DEBIT_LOCK});
            PERFORM FROM authorisation
                WHERE setl_id = ANY({messages.those("confirmations", _CONFIRMATION, "setl_id")})
                ORDER BY id FOR UPDATE;
            WITH found AS (
                SELECT asked.*, s.id AS authorised, s.account AS own, h.id AS held, p.id AS payee,
                    f.id AS fund, o.id AS cash, k.id AS collected, b.fen AS money,
                    {messages.turn("s.id")} AS turn
                FROM {messages.asked("confirmations", _CONFIRMATION)}
                    JOIN authorisation s ON s.setl_id = asked.setl_id
                        AND (s.msgid, s.mdtrt_id, s.psn_no, s.pharmacy, s.treatment_division,
                            s.time, s.account_fen, s.self_paid_fen, s.pooled_fen)
                        IS NOT DISTINCT FROM (sale, asked.mdtrt_id, asked.psn_no, asked.pharmacy,
                            treatment, sold, asked.account_fen, asked.self_paid_fen,
                            asked.pooled_fen)
                    JOIN card c ON c.id = s.card AND c.card_id_code = code
                        AND c.card_number = asked.number AND c.factor = asked.factor
                    JOIN account a ON a.id = s.account
                    JOIN balance b ON b.account = s.account AND b.stripe = 0
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
                SELECT found.*, nextval('message_id') AS id, nextval('entry_id') AS posted,
                    CASE WHEN account_fen > 0 THEN held ELSE own END AS payer,
                    CASE WHEN pooled_fen > 0 THEN fund END AS pool,
                    CASE WHEN self_paid_fen > 0 THEN cash END AS till,
                    CASE WHEN self_paid_fen > 0 THEN collected END AS taker
                FROM found JOIN taken ON authorised = authorisation AND turn = 1
            ), answered AS MATERIALIZED (
                SELECT at, id, posted, {messages.moved("payer", "payee", "pool", "till", "taker")}
                    AS accounts, format(answer, treatment || time || lpad(id::text, 10, '0'),
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
                        (payer, -account_fen), (payee, account_fen + pooled_fen),
                        (pool, -pooled_fen), (till, -self_paid_fen), (taker, self_paid_fen)
                    ) AS l (account, fen) WHERE l.account IS NOT NULL
            ), to_step AS (
                INSERT INTO authorisation_step (authorisation, number, state, msgid, entry, proof,
                    time)
                SELECT authorised, 2, 'settled', msgid, posted, line, time FROM sold
            )
            {collected}"""


def _sales(messages: _Messages) -> str:
    return f"""
        IF cardinality(holds) > 0 THEN {_holds(messages)}
        END IF;
        IF cardinality(confirmations) > 0 THEN {_confirmations(messages)}
        END IF;"""


on_postgresql(
    debits.online_debit,
    f"""CREATE FUNCTION online_sales(
        names text[], pharmacies text[], holds text[], confirmations text[]
    ) RETURNS text[] LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        outcome text[];
        entries bigint[];
        moved bigint[];
        together bigint;
        fresh bigint[];
        keys text[];
        name text;
        locked text;
    BEGIN
        FOREACH name IN ARRAY names LOOP
            locked := pg_advisory_xact_lock({NAME_LOCKS}, hashtext(name));
        END LOOP;
        IF cardinality(names) = 1 THEN {_sales(_SINGLE)}
        ELSE {_sales(_MANY)}
        END IF;
        IF entries IS NOT NULL THEN
            together := seal_order(moved);
            INSERT INTO seal (entry, number) SELECT one, together FROM unnest(entries) AS one;
        END IF;
        RETURN coalesce(outcome, ARRAY[NULL::text]);
    END $$""",
)
