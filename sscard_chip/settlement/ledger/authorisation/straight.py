# SPDX-License-Identifier: Apache-2.0
"""The straight way of an on-line sale: a hold and its confirmation when nothing is unusual.

The long way (:mod:`.books`) reads and writes step by step and knows every refusal. Here stand the
same rows in as few statements as there are: on PostgreSQL one function of the database for many
sales (:mod:`sscard_chip.settlement.schema.online`), on SQLite constant texts whose statements the
driver keeps. Everything is looked at before anything is written; None means that something is
unusual, nothing was done, and the long way decides.

An answer is made of a template in the words of PostgreSQL's ``format``: ``%1$s`` and so on stand
for what only the database knows, ``%%`` is a percent sign.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from sscard_chip.settlement.ledger.single import SingleConnection
from sscard_chip.standard.amounts import yuan


class StraightHold(NamedTuple):
    """What a 2102A asks, in the order of the fields of ``online_sales``.

    Times are YYYYMMDDhhmmss; ``judged_at`` is when the card must be good. ``asked_fen`` is what
    the till asks of the account, -1 for all that it has. A cap of 0 is none. ``answer`` has places
    for setl_id, mdtrt_id, account, cash, account and pool, and the balance after it.
    """

    msgid: str
    infno: str
    digest: bytes
    card_id_code: bytes
    card_number: str
    psn_no: str
    pharmacy: str
    treatment_division: str
    insured_division: str
    time: str
    judged_at: str
    total_fen: int
    asked_fen: int
    pooled_fen: int
    card_cap_fen: int
    pharmacy_cap_fen: int
    answer: str


class StraightConfirmation(NamedTuple):
    """What the 2102 of a hold brings, in the order of the fields of ``online_sales``.

    From ``sale`` on it is what its row says, whose TAC is right and whose card amounts are those
    of its split. ``answer`` has places for the number of the answer and the balance.
    """

    msgid: str
    digest: bytes
    treatment_division: str
    pharmacy: str
    time: str
    row: str
    sale: str
    setl_id: str
    mdtrt_id: str
    psn_no: str
    sold: str
    account_fen: int
    self_paid_fen: int
    pooled_fen: int
    card_id_code: bytes
    card_number: str
    factor: bytes
    terminal: int
    algorithm: int
    terminal_number: int
    card: int
    division: int
    counter: int
    answer: str


_PLACE: Final = re.compile(r"%(?:([1-9])\$s|%)")


def fill(template: str, *values: str) -> str:
    """The template with its values, as ``format`` of PostgreSQL does it."""
    return _PLACE.sub(lambda at: values[int(at[1]) - 1] if at[1] else "%", template)


Question = StraightHold | StraightConfirmation
"""What one statement can do for a sale: hold its amounts, or confirm them."""


def sell_straight(connection: sqlite3.Connection, asked: Question) -> str | None:
    """Do what one asks in a transaction of SQLite; the answer, which is kept, or None.

    ``connection`` is the driver's. Raises the driver's errors.
    """
    if isinstance(asked, StraightHold):
        return _hold(connection, asked)
    return _confirm(connection, asked)


def sell_together(connection: SingleConnection, asked: Sequence[Question]) -> list[str | None]:
    """Do what many ask in one statement of PostgreSQL; the answer to each, or None.

    Raises the driver's errors: then nothing was done for any, or it is not known.
    """
    holds, confirmations = [], []
    for at, one in enumerate(asked):
        if isinstance(one, StraightHold):
            holds.append((at, one))
        else:
            confirmations.append((at, one))
    if len(confirmations) > 1:
        confirmations.sort(key=lambda pair: _numbers(pair[1]))
    names = sorted([one.msgid for one in asked])
    pharmacies = sorted({f"pharmacy:{one.pharmacy}" for _, one in holds})
    fields = (
        [value for _, one in holds for value in one],
        [value for _, one in confirmations for value in one],
    )
    answers = connection.call("online_sales", (names, pharmacies, *fields))
    told: list[str | None] = [None] * len(asked)
    for (at, _), answer in zip((*holds, *confirmations), answers, strict=True):
        told[at] = answer
    return told


def _numbers(asked: StraightConfirmation) -> tuple[int, ...]:
    """Those of its debit, as the columns of ``online_debit``."""
    return (
        *(asked.terminal, asked.algorithm, asked.terminal_number),
        *(asked.card, asked.division, asked.counter),
    )


# --- SQLite: the writer is alone ------------------------------------------------------------------

_KNOWN: Final = """
SELECT EXISTS (SELECT 1 FROM message WHERE msgid = ?1)
    OR EXISTS (SELECT 1 FROM reversal WHERE omsgid = ?1)
    OR EXISTS (SELECT 1 FROM authorisation_step WHERE msgid = ?1)"""
_NEXT: Final = """
SELECT coalesce((SELECT max(id) FROM message), 0) + 1,
    coalesce((SELECT max(id) FROM authorisation), 0) + 1,
    coalesce((SELECT max(id) FROM entry), 0) + 1,
    coalesce((SELECT max(id) FROM account), 0) + 1"""
_PAYER: Final = """
SELECT c.id, c.account, c.division, a.key, b.fen, h.id,
    (SELECT coalesce(sum(account_fen + pooled_fen), 0) FROM authorisation
        WHERE card = c.id AND day = ?4),
    (SELECT pharmacy_fen FROM authorisation WHERE pharmacy = ?5 AND day = ?4
        ORDER BY id DESC LIMIT 1)
FROM card c JOIN account a ON a.id = c.account JOIN balance b ON b.account = c.account
    LEFT JOIN account h ON h.kind = 'held' AND h.key = a.key
WHERE c.card_id_code = ?1 AND c.card_number = ?2
    AND coalesce(c.psn_no, 'C' || printf('%029d', c.id)) = ?6
    AND (c.valid_to IS NULL OR c.valid_to >= ?3 / 1000000)
    AND coalesce((SELECT s.status = 1 OR coalesce(s.until, ?3 + 1) <= ?3 FROM card_status s
        WHERE s.card = c.id AND s.since <= ?3 ORDER BY s.number DESC LIMIT 1), 1)"""
_HELD: Final = """
SELECT s.id, s.account, h.id, p.id, f.id, o.id, k.id, b.fen
FROM authorisation s JOIN card c ON c.id = s.card JOIN account a ON a.id = s.account
    JOIN balance b ON b.account = s.account
    LEFT JOIN account h ON h.kind = 'held' AND h.key = a.key
    LEFT JOIN account p ON p.kind = 'pharmacy' AND p.key = s.pharmacy
    LEFT JOIN account f ON f.kind = 'fund' AND f.key = s.insured_division
    LEFT JOIN account o ON o.kind = 'self_paid' AND o.key = s.treatment_division
    LEFT JOIN account k ON k.kind = 'collected' AND k.key = s.pharmacy
WHERE s.setl_id = ? AND s.msgid = ? AND s.mdtrt_id = ? AND s.psn_no = ? AND s.pharmacy = ?
    AND s.treatment_division = ? AND s.time = ? AND s.account_fen = ? AND s.self_paid_fen = ?
    AND s.pooled_fen = ? AND c.card_id_code = ? AND c.card_number = ? AND c.factor = ?
    AND (SELECT group_concat(state, ' ') FROM authorisation_step
        WHERE authorisation = s.id) = 'held'"""
_TAKEN: Final = """
SELECT (SELECT pharmacy FROM terminal_owner WHERE terminal = ?1
        ORDER BY change DESC LIMIT 1) IS NOT ?7
    OR EXISTS (SELECT 1 FROM settled_terminal WHERE terminal = ?1 AND algorithm = ?2
        AND last >= ?3 AND first <= ?3)
    OR EXISTS (SELECT 1 FROM settled_card WHERE factor = ?4 AND division = ?5
        AND last >= ?6 AND first <= ?6)
    OR EXISTS (SELECT 1 FROM online_debit WHERE terminal = ?1 AND algorithm = ?2 AND number = ?3)
    OR EXISTS (SELECT 1 FROM online_debit WHERE factor = ?4 AND division = ?5 AND counter = ?6)"""
_MESSAGE: Final = "INSERT INTO message (id, msgid, infno, digest) VALUES (?, ?, ?, ?)"
_ANSWER: Final = "INSERT INTO answer (message, infcode, content) VALUES (?, 0, ?)"
_ACCOUNT: Final = "INSERT INTO account (id, kind, key) VALUES (?, 'held', ?)"
_ENTRY: Final = "INSERT INTO entry (id, kind, business_date, source) VALUES (?, ?, ?, ?)"
_LINE: Final = "INSERT INTO line (entry, number, account, fen) VALUES (?, ?, ?, ?)"
_SEAL: Final = "INSERT INTO seal (entry) VALUES (?)"
_SALE: Final = """
INSERT INTO authorisation (id, msgid, setl_id, mdtrt_id, psn_no, card, account, pharmacy,
    treatment_division, insured_division, time, account_fen, self_paid_fen, pooled_fen, day,
    pharmacy_fen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_STEP: Final = """
INSERT INTO authorisation_step (authorisation, number, state, msgid, entry, proof, time)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_DEBIT: Final = """
INSERT INTO online_debit (authorisation, terminal, algorithm, number, factor, division, counter)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""


def _hold(database: sqlite3.Connection, asked: StraightHold) -> str | None:
    execute, day = database.execute, asked.time[:8]
    payer = execute(
        _PAYER,
        (
            *(asked.card_id_code, asked.card_number, int(asked.judged_at)),
            *(day, asked.pharmacy, asked.psn_no),
        ),
    ).fetchone()
    if payer is None or execute(_KNOWN, (asked.msgid,)).fetchone()[0]:
        return None
    card, account, division, key, money, held, of_card, begun = payer
    own = asked.total_fen - asked.pooled_fen
    part = min(own, money if asked.asked_fen < 0 else asked.asked_fen)
    paid = part + asked.pooled_fen
    begun = (begun or 0) + paid
    insured = f"{division:06d}"
    if (
        part > money
        or asked.insured_division not in ("", insured)
        or 0 < asked.card_cap_fen < of_card + paid
        or 0 < asked.pharmacy_cap_fen < begun
    ):
        return None
    number, sale, entry, fresh = execute(_NEXT).fetchone()
    refmsgid = f"{asked.treatment_division}{asked.time}{number:010d}"
    visit = f"{asked.treatment_division}{day}{number:016d}"
    execute(_MESSAGE, (number, asked.msgid, asked.infno, asked.digest))
    execute(
        _SALE,
        (
            *(sale, asked.msgid, refmsgid, visit, asked.psn_no, card, account, asked.pharmacy),
            *(asked.treatment_division, insured, asked.time, part, own - part),
            *(asked.pooled_fen, day, begun),
        ),
    )
    if part:
        if held is None:
            held = fresh
            execute(_ACCOUNT, (held, key))
        _post(database, entry, "hold", day, f"hold:{asked.msgid}", {account: -part, held: part})
    posted = entry if part else None
    execute(_STEP, (sale, 1, "held", asked.msgid, posted, None, asked.time))
    answer = fill(
        asked.answer, refmsgid, visit, yuan(part), yuan(own - part), yuan(paid), yuan(money - part)
    )
    execute(_ANSWER, (number, answer))
    return answer


def _confirm(database: sqlite3.Connection, asked: StraightConfirmation) -> str | None:
    execute = database.execute
    found = execute(
        _HELD,
        (
            *(asked.setl_id, asked.sale, asked.mdtrt_id, asked.psn_no, asked.pharmacy),
            *(asked.treatment_division, asked.sold, asked.account_fen, asked.self_paid_fen),
            *(asked.pooled_fen, asked.card_id_code, asked.card_number, asked.factor),
        ),
    ).fetchone()
    debit = _numbers(asked)
    if (
        found is None
        or execute(_KNOWN, (asked.msgid,)).fetchone()[0]
        or execute(_TAKEN, (*debit, asked.pharmacy)).fetchone()[0]
    ):
        return None
    sale, account, held, payee, fund, cash, collected, money = found
    lines = {
        held if asked.account_fen else account: -asked.account_fen,
        payee: asked.account_fen + asked.pooled_fen,
    }
    if asked.pooled_fen:
        lines[fund] = -asked.pooled_fen
    if asked.self_paid_fen:
        lines |= {cash: -asked.self_paid_fen, collected: asked.self_paid_fen}
    if None in lines:
        return None
    number, _, entry, _ = execute(_NEXT).fetchone()
    execute(_DEBIT, (sale, *debit))
    execute(_MESSAGE, (number, asked.msgid, "2102", asked.digest))
    _post(database, entry, "settlement", asked.time[:8], f"settle:{asked.msgid}", lines)
    execute(_STEP, (sale, 2, "settled", asked.msgid, entry, asked.row, asked.time))
    refmsgid = f"{asked.treatment_division}{asked.time}{number:010d}"
    answer = fill(asked.answer, refmsgid, yuan(money))
    execute(_ANSWER, (number, answer))
    return answer


def _post(
    database: sqlite3.Connection,
    entry: int,
    kind: str,
    day: str,
    source: str,
    lines: dict[int, int],
) -> None:
    database.execute(_ENTRY, (entry, kind, day, source))
    for number, account in enumerate(sorted(lines), 1):
        database.execute(_LINE, (entry, number, account, lines[account]))
    database.execute(_SEAL, (entry,))
