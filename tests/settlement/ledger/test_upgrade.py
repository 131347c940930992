# SPDX-License-Identifier: Apache-2.0
"""A ledger of version 0.1.0 becomes one of this version, on both databases, with its books even."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from sscard_chip.settlement.ledger import (
    Ledger,
    LedgerError,
    LedgerUnavailableError,
    LedgerVersionError,
    upgrade_ledger,
)
from sscard_chip.settlement.ledger.database import parse_url
from sscard_chip.settlement.schema import metadata, versions
from sscard_cli.main import main
from tests.fixtures.old import V0_1_0, unpack
from tests.settlement.postgres import PostgresServer

VERSION_TABLE = "sscard_ledger_version"
TABLES = {
    *("account", "allocation", "answer", "authorisation", "authorisation_step", "balance", "card"),
    *("card_status", "clearing_appeal", "clearing_claim", "clearing_claim_step"),
    *("clearing_decision", "entry", "line", "message", "reconciliation_difference"),
    *("reconciliation_difference_step", "reconciliation_file", "reconciliation_task", "reversal"),
    *("seal", "settled_card", "settled_file", "settled_part", "settled_refund"),
    *("settled_segment", "settled_terminal", "sscard_ledger"),
}
BALANCES = {
    ("personal", "51000000000000000001"): 9900,
    ("personal", "51000000000000000002"): 21000,
    ("personal", "51000000000000000003"): 20000,
    ("held", "51000000000000000003"): 300,
    ("pharmacy", "P51010000001"): 0,
    ("bank", "510100"): 13800,
}
"""By hand from make.sh: 210.00 yuan each; card 1 pays 10.00, 15.00 and 90.00 and gets 4.00 back,
card 3 pays 7.00 and has 3.00 held. The pharmacy got 138.00, with 20.00 of the fund."""
MOVED = {1: 11, 2: 4, 3: 4, 4: 15, 5: 15, 6: 12, 7: 10, 8: 10, 9: 10, 12: 12}
"""The last entry with lines of each account; the others have none."""
SAY = "is of an earlier version: sscard settle upgrade brings it to this one"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The SQLite ledger of 0.1.0."""
    return unpack(tmp_path) / "city.db"


def rows_of(path: Path) -> dict[str, list[Any]]:
    """All rows of a SQLite file."""
    with sqlite3.connect(path) as database:
        names = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def schema_of(path: Path) -> set[tuple[str, str, str]]:
    """All tables, indexes and triggers of a SQLite file."""
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master")
        return {(kind, name, " ".join(text.split())) for kind, name, text in found}


def balances(ledger: Ledger) -> dict[tuple[str, str], int]:
    with ledger.reading() as t:
        text = "SELECT kind, key, fen FROM account JOIN balance ON account.id = balance.account"
        return {(kind, key): fen for kind, key, fen in t.connection.execute(sa.text(text))}


def test_the_old_ledger_has_rows_in_every_table_of_its_time(old: Path) -> None:
    rows = rows_of(old)
    assert rows.keys() == TABLES
    assert [name for name, found in rows.items() if not found] == []
    assert {*metadata.tables} >= TABLES


def test_it_is_refused_until_it_is_upgraded(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = old.read_bytes()
    for create in (True, False):
        with pytest.raises(LedgerVersionError) as refused:
            Ledger.open(old, create=create)
        assert str(refused.value) == f"{old}: {SAY}"
    assert main(["settle", "check", "--ledger", str(old)]) == 1
    assert capsys.readouterr().err == f"sscard: error: {old}: {SAY}\n"
    assert old.read_bytes() == before


def test_it_keeps_every_row_and_gets_the_tables_of_a_new_one(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows_of(old)
    command = ["settle", "upgrade", "--ledger", str(old)]
    assert main(command) == 0
    counts = "15 entries, 37 lines"
    assert capsys.readouterr().out == (
        f"{old}: upgraded from 0.1.0 to schema 2; the books are even, {counts}\n"
    )
    after = rows_of(old)
    assert after.pop(VERSION_TABLE) == [("2",)]
    ((number, entries, last, covered, *_),) = after.pop("anchor")
    assert (number, entries, last, covered) == (1, 15, 15, bytes(7) + b"\1" + bytes(7) + b"\x0f")
    before["balance"] = [(*row, 0, MOVED.get(row[0])) for row in before["balance"]]
    sales = after["authorisation"]
    assert [row[-2:] for row in sales] == [("20260315", None)] * len(sales)  # day, pharmacy_fen
    after["authorisation"] = [row[:-2] for row in sales]
    assert {name: rows for name, rows in after.items() if rows} == before  # new tables are empty
    Ledger.open(tmp_path / "new.db").close()
    assert schema_of(old) == schema_of(tmp_path / "new.db")
    with Ledger.open(old, create=False) as ledger:
        assert ledger.check().even
        assert balances(ledger).items() >= BALANCES.items()
    assert main(command) == 0
    assert capsys.readouterr().out == f"{old}: is of schema 2 already, nothing to do\n"


@pytest.mark.parametrize("day", ["one", "two"])
def test_days_have_the_verdicts_that_they_had(
    old: Path, day: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first it has settled and remembers, the second is new to it."""
    monkeypatch.chdir(old.parent)
    assert main(["settle", "upgrade", "--ledger", "city.db"]) == 0
    run = ["settle", "run", f"{day}.tsv", "--keys", "roots.json", "--ledger", "city.db"]
    assert main([*run, "--cap-fen", "8000", "--out", "out"]) == 0
    verdicts = (old.parent / "out" / "verdicts.tsv").read_bytes()
    assert verdicts == (old.parent / "verdicts" / f"{day}.tsv").read_bytes()
    assert main(["settle", "check", "--ledger", "city.db"]) == 0


def test_of_two_at_once_one_finds_nothing_to_do(old: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        found = [one.before for one in threads.map(upgrade_ledger, [old, old])]
    assert sorted(found) == ["0.1.0", "2"]


def test_tables_of_rooms_that_it_never_had_are_created(old: Path, tmp_path: Path) -> None:
    with sqlite3.connect(old) as database:
        for name in ("difference_step", "difference", "task", "file"):
            database.execute(f"DROP TABLE reconciliation_{name}")
    upgrade_ledger(old)
    Ledger.open(tmp_path / "new.db").close()
    assert schema_of(old) == schema_of(tmp_path / "new.db")


def test_uneven_books_are_not_upgraded(old: Path) -> None:
    with sqlite3.connect(old) as database:
        database.execute("DROP TRIGGER balance_update")
        database.execute("UPDATE balance SET fen = fen + 1 WHERE account = 1")
    before = rows_of(old)
    with pytest.raises(LedgerError, match="not upgraded: account 1: its balance is not the sum"):
        upgrade_ledger(old)
    assert rows_of(old) == before


def test_a_newer_ledger_is_left_alone(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    engine = sa.create_engine(parse_url(ledger_url))
    with engine.begin() as database:
        database.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '3'"))
    for do in (Ledger.open, upgrade_ledger):
        with pytest.raises(LedgerVersionError, match="is of schema 3 and this program knows 2: "):
            do(ledger_url)
    engine.dispose()


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM", "UPDATE {} SET version_num = '1\n2' --", "INSERT INTO {} VALUES ('0') --"],
)
def test_a_version_that_is_none_is_told_in_one_line(tmp_path: Path, change: str) -> None:
    path = tmp_path / "city.db"
    Ledger.open(path).close()
    with sqlite3.connect(path) as database:
        database.execute(f"{change.format(VERSION_TABLE)} {VERSION_TABLE}")
    for do in (Ledger.open, upgrade_ledger):
        with pytest.raises(LedgerUnavailableError) as refused:
            do(path)
        assert str(refused.value) == f"{path}: {VERSION_TABLE}: names no schema"


def test_what_is_no_ledger_is_left_alone(tmp_path: Path, ledger_url: str) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(LedgerUnavailableError, match="is the database of another program"):
        upgrade_ledger(path)
    assert path.read_bytes() == before
    with pytest.raises(LedgerUnavailableError, match=r"there is no such ledger|has no ledger yet"):
        upgrade_ledger(ledger_url)
    assert [found.name for found in tmp_path.iterdir()] == ["other.db"]


# --- PostgreSQL ----------------------------------------------------------------------------------

REPLAYED = (
    *("sscard_ledger", "account", "card", "card_status", "allocation", "authorisation"),
    *("authorisation_step", "reversal", "message", "answer", "settled_segment", "settled_file"),
    *("settled_part", "settled_terminal", "settled_card", "settled_refund", "clearing_claim"),
    *("clearing_claim_step", "clearing_appeal", "clearing_decision", "reconciliation_task"),
    *("reconciliation_difference", "reconciliation_difference_step", "reconciliation_file"),
)


def replay(rows: sa.Connection, target: sa.Connection) -> None:
    """Put the rows of the SQLite ledger into the same tables of PostgreSQL, entries as posted."""
    there = sa.MetaData()
    there.reflect(target)
    here = sa.MetaData()
    here.reflect(rows)

    def copy(name: str, **of: int) -> None:
        found = rows.execute(sa.select(here.tables[name]).filter_by(**of)).mappings().all()
        if found:
            target.execute(sa.insert(there.tables[name]), [dict(row) for row in found])

    copy("sscard_ledger")
    copy("account")
    for (number,) in rows.execute(sa.text("SELECT id FROM entry ORDER BY id")).all():
        copy("entry", id=number)
        copy("line", entry=number)
        copy("seal", entry=number)
    for name in REPLAYED[2:]:
        copy(name)


def postgres_schema(connection: sa.Connection) -> set[tuple[str, ...]]:
    """Columns, constraints, indexes, triggers and functions of a schema."""
    columns = (
        "SELECT table_name, column_name, data_type, coalesce(character_maximum_length::text, ''),"
        " is_nullable, coalesce(column_default, '') FROM information_schema.columns"
        " WHERE table_schema = current_schema()"
    )
    constraints = (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace"
    )
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
    triggers = (
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid"
        " IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)"
    )
    functions = (
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
    )
    (schema,) = connection.execute(sa.text("SELECT current_schema()")).one()
    found: set[tuple[str, ...]] = set()
    for statement in (columns, constraints, indexes, triggers, functions):
        for row in connection.execute(sa.text(statement)):
            texts = (" ".join(str(cell).replace(f"{schema}.", "").split()) for cell in row)
            found.add(tuple(texts))
    return found


def test_in_postgresql(
    old: Path, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url, fresh = postgres_server.new_url(), postgres_server.new_url()
    engine = sa.create_engine(parse_url(url))
    with engine.begin() as database:
        database.exec_driver_sql((V0_1_0 / "ledger.postgresql.sql").read_text("utf-8"))
        with sa.create_engine(f"sqlite:///{old}").connect() as rows:
            replay(rows, database)
    with pytest.raises(LedgerVersionError, match=SAY):
        Ledger.open(url)
    assert main(["settle", "upgrade", "--ledger", url]) == 0
    said = "upgraded from 0.1.0 to schema 2; the books are even, 15 entries, 37 lines\n"
    assert capsys.readouterr().out.endswith(said)
    with Ledger.open(url) as ledger, Ledger.open(fresh) as new:
        assert balances(ledger).items() >= BALANCES.items()
        with ledger.reading() as one, new.reading() as other:
            assert postgres_schema(one.connection) == postgres_schema(other.connection)
    engine.dispose()
    postgres_server.drop(url)
    postgres_server.drop(fresh)


# --- the way of a later version ------------------------------------------------------------------

LATER = '''
"""Schema 3: a card has a colour."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    op.add_column("card_status", sa.Column("colour", sa.String(8), server_default="red"))
'''


def test_every_version_has_its_migration() -> None:
    script = ScriptDirectory(str(versions.MIGRATIONS))
    found = [one.revision for one in script.walk_revisions()]
    assert tuple(reversed(found)) == versions.VERSIONS
    assert script.get_current_head() == versions.VERSIONS[-1]


def test_a_later_version_alters_what_is_there(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = tmp_path / "migrations"
    shutil.copytree(versions.MIGRATIONS, migrations)
    (migrations / "versions" / "0003.py").write_text(LATER, "utf-8")
    monkeypatch.setattr(versions, "MIGRATIONS", migrations)
    with sa.create_engine(f"sqlite:///{old}").begin() as connection:
        versions.migrate(connection)
    after = rows_of(old)
    assert after[VERSION_TABLE] == [("3",)]
    assert [row[-1] for row in after["card_status"]] == ["red"]


def test_opening_a_ledger_loads_no_alembic(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    program = (
        "import sys; from sscard_chip.settlement.ledger import Ledger;"
        "Ledger.open(sys.argv[1]).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, ledger_url], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
