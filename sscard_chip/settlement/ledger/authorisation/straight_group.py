# SPDX-License-Identifier: Apache-2.0
"""The straight way of many sales on SQLite: what one asks is looked at, and written, with the rest.

SQLite has one writer, and what a statement costs is mostly to begin and to end it. So the holds of
a group are looked up by one statement, then its confirmations, and each table gets its rows by one.
As in :mod:`.straight` everything is looked at before anything is written; None means that a
question is unusual and nothing was done for it. So is the second of an account, a settlement, a
msgid or a debit in one group.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

from sscard_chip.settlement.ledger.authorisation.straight import (
    Question,
    StraightConfirmation,
    StraightHold,
    fill,
)
from sscard_chip.standard.amounts import yuan

TOGETHER: Final = 16
"""Rows of one statement at most: each number is a statement that the driver keeps."""

_KNOWN: Final = """NOT EXISTS (SELECT 1 FROM message WHERE msgid = asked.msgid)
    AND NOT EXISTS (SELECT 1 FROM reversal WHERE omsgid = asked.msgid)
    AND NOT EXISTS (SELECT 1 FROM authorisation_step WHERE msgid = asked.msgid)"""
_NEXT: Final = """
SELECT coalesce((SELECT max(id) FROM message), 0) + 1,
    coalesce((SELECT max(id) FROM authorisation), 0) + 1,
    coalesce((SELECT max(id) FROM entry), 0) + 1,
    coalesce((SELECT max(id) FROM account), 0) + 1"""
_PAYERS: Final = f"""
SELECT asked.at, c.id, c.account, c.division, a.key, b.fen, h.id,
    (SELECT coalesce(sum(account_fen + pooled_fen), 0) FROM authorisation
        WHERE card = c.id AND day = asked.day),
    (SELECT pharmacy_fen FROM authorisation WHERE pharmacy = asked.pharmacy AND day = asked.day
        ORDER BY id DESC LIMIT 1)
FROM asked CROSS JOIN card c ON c.card_id_code = asked.code AND c.card_number = asked.number
    CROSS JOIN account a ON a.id = c.account CROSS JOIN balance b ON b.account = c.account
    LEFT JOIN account h ON h.kind = 'held' AND h.key = a.key
WHERE coalesce(c.psn_no, 'C' || printf('%029d', c.id)) = asked.psn_no
    AND (c.valid_to IS NULL OR c.valid_to >= asked.judged / 1000000)
    AND coalesce((SELECT s.status = 1 OR coalesce(s.until, asked.judged + 1) <= asked.judged
        FROM card_status s WHERE s.card = c.id AND s.since <= asked.judged
        ORDER BY s.number DESC LIMIT 1), 1)
    AND {_KNOWN}"""
_ASKED_HOLD: Final = ("at", "msgid", "code", "number", "judged", "day", "pharmacy", "psn_no")
_HELD: Final = f"""
SELECT asked.at, s.id, s.account, h.id, p.id, f.id, o.id, k.id, b.fen
FROM asked CROSS JOIN authorisation s ON s.setl_id = asked.setl_id
    CROSS JOIN card c ON c.id = s.card CROSS JOIN account a ON a.id = s.account
    CROSS JOIN balance b ON b.account = s.account
    LEFT JOIN account h ON h.kind = 'held' AND h.key = a.key
    LEFT JOIN account p ON p.kind = 'pharmacy' AND p.key = s.pharmacy
    LEFT JOIN account f ON f.kind = 'fund' AND f.key = s.insured_division
    LEFT JOIN account o ON o.kind = 'self_paid' AND o.key = s.treatment_division
    LEFT JOIN account k ON k.kind = 'collected' AND k.key = s.pharmacy
WHERE s.msgid = asked.sale AND s.mdtrt_id = asked.mdtrt_id AND s.psn_no = asked.psn_no
    AND s.pharmacy = asked.pharmacy AND s.treatment_division = asked.treatment
    AND s.time = asked.sold AND s.account_fen = asked.account_fen
    AND s.self_paid_fen = asked.self_paid_fen AND s.pooled_fen = asked.pooled_fen
    AND c.card_id_code = asked.code AND c.card_number = asked.number AND c.factor = asked.factor
    AND (SELECT group_concat(state, ' ') FROM authorisation_step
        WHERE authorisation = s.id) = 'held'
    AND (SELECT pharmacy FROM terminal_owner WHERE terminal = asked.terminal
        ORDER BY change DESC LIMIT 1) IS asked.pharmacy
    AND NOT EXISTS (SELECT 1 FROM settled_terminal WHERE terminal = asked.terminal
        AND algorithm = asked.algorithm AND last >= asked.terminal_number
        AND first <= asked.terminal_number)
    AND NOT EXISTS (SELECT 1 FROM settled_card WHERE factor = asked.card
        AND division = asked.division AND last >= asked.counter AND first <= asked.counter)
    AND NOT EXISTS (SELECT 1 FROM online_debit WHERE terminal = asked.terminal
        AND algorithm = asked.algorithm AND number = asked.terminal_number)
    AND NOT EXISTS (SELECT 1 FROM online_debit WHERE factor = asked.card
        AND division = asked.division AND counter = asked.counter)
    AND {_KNOWN}"""
_ASKED_CONFIRMATION: Final = (
    "at", "msgid", "setl_id", "sale", "mdtrt_id", "psn_no", "pharmacy", "treatment", "sold",
    "account_fen", "self_paid_fen", "pooled_fen", "code", "number", "factor", "terminal",
    "algorithm", "terminal_number", "card", "division", "counter",
)  # fmt: skip
_COLUMNS: Final = {
    "message": ("id", "msgid", "infno", "digest"),
    "answer": ("message", "infcode", "content"),
    "account": ("id", "kind", "key"),
    "authorisation": (
        "id", "msgid", "setl_id", "mdtrt_id", "psn_no", "card", "account", "pharmacy",
        "treatment_division", "insured_division", "time", "account_fen", "self_paid_fen",
        "pooled_fen", "day", "pharmacy_fen",
    ),
    "online_debit": (
        "authorisation", "terminal", "algorithm", "number", "factor", "division", "counter",
    ),
    "entry": ("id", "kind", "business_date", "source"),
    "line": ("entry", "number", "account", "fen"),
    "seal": ("entry",),
    "authorisation_step": (
        "authorisation", "number", "state", "msgid", "entry", "proof", "time",
    ),
}  # fmt: skip
"""Tables in the order in which they are written."""


@cache
def _insert(table: str, rows: int) -> str:
    columns = _COLUMNS[table]
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {_values(len(columns), rows)}"


@cache
def _select(text: str, columns: tuple[str, ...], rows: int) -> str:
    asked = ", ".join(columns)
    return f"WITH asked ({asked}) AS (VALUES {_values(len(columns), rows)}) {text}"


def _values(columns: int, rows: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


class _Rows:
    """What a group writes, by table, and the numbers that it takes."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}
        self._next = list(database.execute(_NEXT).fetchone())

    def take(self, at: int) -> int:
        """The next number of a message (0), a settlement, an entry, an account (3)."""
        number: int = self._next[at]
        self._next[at] += 1
        return number

    def add(self, table: str, *row: Any) -> None:
        self._rows[table].append(row)

    def post(self, kind: str, day: str, source: str, lines: dict[int, int]) -> int:
        """An entry; its number."""
        entry = self.take(2)
        self.add("entry", entry, kind, day, source)
        for number, account in enumerate(sorted(lines), 1):
            self.add("line", entry, number, account, lines[account])
        self.add("seal", entry)
        return entry

    def write(self) -> None:
        """All rows, and none is left."""
        for table, rows in self._rows.items():
            for part in _parts(rows):
                values = [value for row in part for value in row]
                self._database.execute(_insert(table, len(part)), values)
            rows.clear()


def _parts(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    return (rows[at : at + TOGETHER] for at in range(0, len(rows), TOGETHER))


def sell_group(connection: sqlite3.Connection, asked: Sequence[Question]) -> list[str | None]:
    """Do what many ask in a transaction of SQLite; the answer to each, which is kept, or None.

    ``connection`` is the driver's. Raises the driver's errors: then the transaction is to be left.
    """
    done: list[str | None] = [None] * len(asked)
    seen: set[Any] = set()
    holds, confirmations = [], []
    for at, one in enumerate(asked):
        if one.msgid in seen:
            continue
        seen.add(one.msgid)
        if isinstance(one, StraightHold):
            holds.append((at, one))
        else:
            confirmations.append((at, one))
    rows = _Rows(connection)
    if holds:
        _hold(connection, rows, holds, done)
        rows.write()
    if confirmations:
        _confirm(connection, rows, confirmations, done)
        rows.write()
    return done


def _find(
    database: sqlite3.Connection, text: str, columns: tuple[str, ...], asked: list[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    for part in _parts(asked):
        values = [value for row in part for value in row]
        yield from database.execute(_select(text, columns, len(part)), values).fetchall()


def _hold(
    database: sqlite3.Connection,
    rows: _Rows,
    holds: Sequence[tuple[int, StraightHold]],
    done: list[str | None],
) -> None:
    asked = [
        (
            *(at, one.msgid, one.card_id_code, one.card_number, int(one.judged_at)),
            *(one.time[:8], one.pharmacy, one.psn_no),
        )
        for at, one in holds
    ]
    payers = {payer[0]: payer[1:] for payer in _find(database, _PAYERS, _ASKED_HOLD, asked)}
    accounts: set[int] = set()
    begun_at: dict[tuple[str, str], int] = {}
    for at, one in holds:
        payer = payers.get(at)
        if payer is None:
            continue
        card, account, division, key, money, held, of_card, begun = payer
        day = one.time[:8]
        own = one.total_fen - one.pooled_fen
        part = min(own, money if one.asked_fen < 0 else one.asked_fen)
        paid = part + one.pooled_fen
        begun = begun_at.get((one.pharmacy, day), begun or 0) + paid
        insured = f"{division:06d}"
        if (
            part > money
            or account in accounts
            or one.insured_division not in ("", insured)
            or 0 < one.card_cap_fen < of_card + paid
            or 0 < one.pharmacy_cap_fen < begun
        ):
            continue
        accounts.add(account)
        begun_at[one.pharmacy, day] = begun
        number, sale = rows.take(0), rows.take(1)
        refmsgid = f"{one.treatment_division}{one.time}{number:010d}"
        visit = f"{one.treatment_division}{day}{number:016d}"
        rows.add("message", number, one.msgid, one.infno, one.digest)
        rows.add(
            "authorisation",
            *(sale, one.msgid, refmsgid, visit, one.psn_no, card, account, one.pharmacy),
            *(one.treatment_division, insured, one.time, part, own - part),
            *(one.pooled_fen, day, begun),
        )
        entry = None
        if part:
            if held is None:
                held = rows.take(3)
                rows.add("account", held, "held", key)
            entry = rows.post("hold", day, f"hold:{one.msgid}", {account: -part, held: part})
        rows.add("authorisation_step", sale, 1, "held", one.msgid, entry, None, one.time)
        done[at] = answer = fill(
            one.answer, refmsgid, visit, yuan(part), yuan(own - part), yuan(paid),
            yuan(money - part),
        )  # fmt: skip
        rows.add("answer", number, 0, answer)


def _confirm(
    database: sqlite3.Connection,
    rows: _Rows,
    confirmations: Sequence[tuple[int, StraightConfirmation]],
    done: list[str | None],
) -> None:
    first, last = (StraightConfirmation._fields.index(one) for one in ("terminal", "answer"))
    asked = [
        (
            *(at, one.msgid, one.setl_id, one.sale, one.mdtrt_id, one.psn_no, one.pharmacy),
            *(one.treatment_division, one.sold, one.account_fen, one.self_paid_fen),
            *(one.pooled_fen, one.card_id_code, one.card_number, one.factor, *one[first:last]),
        )
        for at, one in confirmations
    ]
    found = {one[0]: one[1:] for one in _find(database, _HELD, _ASKED_CONFIRMATION, asked)}
    seen: set[tuple[int, ...]] = set()
    for at, one in confirmations:
        if at not in found:
            continue
        sale, account, held, payee, fund, cash, collected, money = found[at]
        debit = one[first:last]
        numbers = {(sale,), debit[:3], (0, *debit[3:])}
        lines = {
            held if one.account_fen else account: -one.account_fen,
            payee: one.account_fen + one.pooled_fen,
        }
        if one.pooled_fen:
            lines[fund] = -one.pooled_fen
        if one.self_paid_fen:
            lines |= {cash: -one.self_paid_fen, collected: one.self_paid_fen}
        if None in lines or not seen.isdisjoint(numbers):
            continue
        seen |= numbers
        number = rows.take(0)
        rows.add("online_debit", sale, *debit)
        rows.add("message", number, one.msgid, "2102", one.digest)
        entry = rows.post("settlement", one.time[:8], f"settle:{one.msgid}", lines)
        rows.add("authorisation_step", sale, 2, "settled", one.msgid, entry, one.row, one.time)
        refmsgid = f"{one.treatment_division}{one.time}{number:010d}"
        done[at] = answer = fill(one.answer, refmsgid, yuan(money))
        rows.add("answer", number, 0, answer)
