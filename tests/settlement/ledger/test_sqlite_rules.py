# SPDX-License-Identifier: Apache-2.0
"""What SQLite itself forbids: no row is replaced by an INSERT, numbers of entries grow.

In SQLite ``INSERT OR REPLACE`` deletes the row that is in the way, and no delete trigger hears of
it. So each unique key of each table has a trigger of its own, proven here on a ledger that has
rows in all tables: the row inserted is new in all other keys.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from sscard_chip.settlement.ledger import (
    AccountKind,
    Ledger,
    LedgerTransaction,
    LedgerUnavailableError,
    upgrade_ledger,
)
from tests.fixtures.old import unpack

GUARDED_OTHERWISE: Final = {"balance", "line"}
"""Their own rules refuse it: see below."""
MOVING: Final = {
    "credential_code",
    "service_attempt",
    "service_audit_head",
    "service_code",
    "service_nonce",
    "service_outbox",
    "service_paper_view",
    "service_person_index",
    "service_person_key",
    "service_request",
    "service_session",
}
"""What credentials and card services keep for hours or days, move on, or delete when a person
is erased."""
UNGUARDED: Final = {"settled_terminal", "settled_card", "sscard_ledger_version"} | MOVING
"""A look-up for each card of a day is too much there; the version is for change."""
KEYS: Final[dict[str, list[tuple[str, ...]]]] = {
    "account": [("id",), ("kind", "key")],
    "anchor": [("digest",), ("number",)],
    "allocation": [("entry",), ("month", "batch")],
    "answer": [("message",)],
    "authorisation": [("id",), ("mdtrt_id",), ("msgid",), ("setl_id",)],
    "authorisation_step": [("authorisation", "number"), ("entry",), ("msgid",), ("setl_id",)],
    "card": [("card_id_code",), ("id",)],
    "card_load": [("card", "number"), ("id",)],
    "card_load_attempt": [("load", "attempt"), ("load", "random")],
    "card_load_done": [("load",)],
    "card_opening": [("card",)],
    "card_report": [("card", "number")],
    "card_status": [("card", "number")],
    "clearing_appeal": [("segment", "row")],
    "clearing_claim": [("id",), ("pharmacy", "month", "clr_type", "attempt")],
    "clearing_claim_step": [("claim", "number")],
    "clearing_step_order": [("claim", "number"), ("place",)],
    "clearing_decision": [("posted_segment",), ("segment", "row")],
    "credential": [("card",), ("token",)],
    "entry": [("id",), ("reverses",), ("source",)],
    "hotlist_change": [("version", "card")],
    "hotlist_version": [("id",), ("version",)],
    "message": [("id",), ("msgid",)],
    "online_debit": [
        ("authorisation",),
        ("factor", "division", "counter"),
        ("terminal", "algorithm", "number"),
    ],
    "reconciliation_difference": [("pharmacy", "day", "insurance", "kind", "attempt", "number")],
    "reconciliation_difference_step": [
        ("pharmacy", "day", "insurance", "kind", "attempt", "number", "step")
    ],
    "reconciliation_file": [("number",)],
    "reconciliation_task": [("pharmacy", "day", "insurance", "kind", "attempt")],
    "reversal": [("omsgid",)],
    "seal": [("entry",)],
    "service_application": [("id",), ("number",)],
    "service_application_step": [("application", "number")],
    "service_audit": [("chain", "number")],
    "service_bill": [("id",), ("number",)],
    "service_bill_end": [("bill",)],
    "service_client": [("name", "number")],
    "service_credential": [("person", "kind", "number")],
    "service_ecard": [("id",)],
    "service_ecard_end": [("ecard",)],
    "service_evidence": [("id",)],
    "service_family": [("id",)],
    "service_family_end": [("family",)],
    "service_filing": [("id",), ("number",)],
    "service_filing_end": [("filing",)],
    "service_level_choice": [("person", "number")],
    "service_paper": [("code",), ("id",)],
    "service_paper_print": [("paper", "number", "event")],
    "service_person": [("id",), ("psn_no",)],
    "service_person_version": [("person", "number")],
    "service_record": [("id",), ("person", "kind", "key", "version")],
    "settled_beside": [("segment", "row")],
    "settled_booked": [("segment", "piece")],
    "settled_change": [("segment", "row", "number")],
    "settled_displaced": [("terminal", "algorithm", "number", "segment")],
    "settled_file": [("digest",)],
    "settled_indexed": [("segment",)],
    "settled_part": [("segment", "first_row")],
    "settled_refund": [("terminal", "algorithm", "number", "msgid")],
    "settled_segment": [("id",)],
    "settled_split": [("segment",)],
    "shift": [("msgid",), ("sign_no",)],
    "shift_end": [("msgid",), ("sign_no",)],
    "sscard_ledger": [("format",)],
    "stock_change": [("id",)],
    "suspense_share": [("entry", "account", "division")],
    "terminal_owner": [("terminal", "change")],
    "transit_file": [("entry",), ("id",)],
    "transit_tap": [("issuer", "serial", "counter"), ("terminal", "algorithm", "number")],
}
ANOTHER_RULE: Final = {
    "anchor.digest": "ledger: anchors follow each other",
    "anchor.number": "ledger: anchors follow each other",
    "entry.id": "ledger: numbers of entries grow",
    "seal.entry": "ledger: a balance changes by sealing an entry alone",
}
"""Which rule speaks first where two forbid it."""
CASES: Final = [(table, key) for table, keys in KEYS.items() for key in keys]


@cache
def ledger_image(folder: Path) -> bytes:
    """A ledger with rows in all tables, and the triggers of a new one."""
    path = unpack(folder) / "city.db"
    upgrade_ledger(path)
    Ledger.open(folder / "new.db").close()
    triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    with sqlite3.connect(path) as old, sqlite3.connect(folder / "new.db") as new:
        for name, _ in old.execute(triggers).fetchall():
            old.execute(f"DROP TRIGGER {name}")
        _fill(old)
        for _, statement in new.execute(triggers).fetchall():
            old.execute(statement)
    old.close()
    new.close()
    return path.read_bytes()


def _fill(database: sqlite3.Connection) -> None:
    """A row into each table that an old ledger had not."""
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        if database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]:
            continue
        columns = database.execute(f"PRAGMA table_info({name})").fetchall()
        values = [_value(str(column[2])) for column in columns]
        marks = ", ".join("?" * len(values))
        database.execute(f"INSERT INTO {name} VALUES ({marks})", values)


def _value(kind: str) -> Any:
    if kind in ("BIGINT", "INTEGER", "BOOLEAN"):
        return 1
    return b"\x01" * 8 if kind == "BLOB" else "20260101"


@pytest.fixture
def database(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "city.db"
    path.write_bytes(ledger_image(tmp_path_factory.getbasetemp()))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    yield connection
    connection.close()


def unique_keys(database: sqlite3.Connection, table: str) -> list[tuple[str, ...]]:
    """Primary key and unique constraints, as the database has them."""
    columns = database.execute(f"PRAGMA table_info({table})").fetchall()
    keys = {tuple(row[1] for row in sorted(columns, key=lambda row: row[5]) if row[5])}
    for row in database.execute(f"PRAGMA index_list({table})").fetchall():
        if row[2]:
            found = database.execute(f"PRAGMA index_info({row[1]})").fetchall()
            keys.add(tuple(column[2] for column in found))
    return sorted(keys)


def another(value: Any) -> Any:
    """A value that no row has."""
    if isinstance(value, int):
        return value + 1_000_000
    return b"\xff" + value[1:] if isinstance(value, bytes) else f"~{(value or '')[1:]}"


def test_every_unique_key_of_every_table_is_tried(database: sqlite3.Connection) -> None:
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    tables = {name for (name,) in names} - GUARDED_OTHERWISE - UNGUARDED
    assert {table: unique_keys(database, table) for table in tables} == KEYS


@pytest.mark.parametrize(("table", "key"), CASES, ids=lambda one: str(one))
def test_no_row_is_replaced(database: sqlite3.Connection, table: str, key: tuple[str, ...]) -> None:
    filled = " AND ".join(f'"{column}" IS NOT NULL' for column in key)
    before = database.execute(f"SELECT * FROM {table}").fetchall()
    rows = database.execute(f"SELECT * FROM {table} WHERE {filled}")
    columns = [column[0] for column in rows.description]
    row = dict(zip(columns, rows.fetchall()[-1], strict=True))
    fresh = {name: value if name in key else another(value) for name, value in row.items()}
    names, marks = ", ".join(f'"{name}"' for name in fresh), ", ".join("?" * len(fresh))
    statement = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"
    with pytest.raises(sqlite3.IntegrityError) as refused:
        database.execute(statement, list(fresh.values()))
    name = f"{table}.{'+'.join(key)}"
    assert str(refused.value) == ANOTHER_RULE.get(name, f"UNIQUE constraint failed: {name}")
    assert database.execute(f"SELECT * FROM {table}").fetchall() == before


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (
            "line SELECT entry, number, account, fen + 1 FROM line LIMIT 1",
            "lines go into an open entry",
        ),
        (
            "balance (account, bounded, fen) SELECT account, bounded, 0 FROM balance",
            "a balance begins with zero, once",
        ),
        (
            "balance (account, bounded, fen) VALUES (1000000, 1, 1)",
            "a balance begins with zero, once",
        ),
    ],
)
def test_no_line_and_no_balance_is_replaced(
    database: sqlite3.Connection, statement: str, rule: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=f"^ledger: {rule}$"):
        database.execute(f"INSERT OR REPLACE INTO {statement}")


@pytest.mark.parametrize("number", [0, -1, 14])
def test_an_entry_takes_no_number_before_the_last(
    database: sqlite3.Connection, number: int
) -> None:
    """Number 14 is free here: what seals an entry looks at the last one alone."""
    database.execute("DROP TRIGGER entry_delete")
    database.execute("PRAGMA foreign_keys=OFF")
    database.execute("DELETE FROM entry WHERE id = 14")
    values = f"({number}, 'adjustment', '20260401', 'another')"
    with pytest.raises(sqlite3.IntegrityError, match=r"^ledger: numbers of entries grow$"):
        database.execute(f"INSERT INTO entry (id, kind, business_date, source) VALUES {values}")


def test_a_full_disk_is_said_to_be_full(tmp_path: Path) -> None:
    """A limit on the pages of the database stands in for the disk."""
    with Ledger.open(tmp_path / "city.db") as ledger:
        with ledger.transaction() as t:
            t.account(AccountKind.PERSONAL, "0")

        def fill(t: LedgerTransaction) -> None:
            pages = t.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            t.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(10_000):
                t.account(AccountKind.PERSONAL, f"person {number}")

        with pytest.raises(LedgerUnavailableError, match=r"city\.db: the disk is full$"):
            ledger.run(fill)
