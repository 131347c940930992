# SPDX-License-Identifier: Apache-2.0
"""The ledger's promise, kept by both databases against clients that do not use our program."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import (
    AccountKind,
    EntryKind,
    Ledger,
    LedgerRulesError,
    upgrade_ledger,
)
from sscard_chip.settlement.ledger.database import parse_url
from sscard_chip.settlement.schema.comparison import changed_rules, changed_tables
from sscard_cli.main import main
from tests.settlement.ledger.raw import attempt
from tests.settlement.postgres import PostgresServer

ALONE = r"ledger: a balance changes by sealing an entry alone"


@pytest.fixture
def city(ledger_url: str) -> Iterator[str]:
    """A ledger with two people of 500 fen each and one entry; whatever is tried, it stays even."""
    with Ledger.open(ledger_url) as ledger, ledger.transaction() as t:
        people = t.accounts(AccountKind.PERSONAL, ["a", "b"]).tolist()
        source = t.account(AccountKind.FUNDING, "510100")
        lines = [*people, source]
        t.post(EntryKind.ALLOCATION, "20260301", "march", lines, [500, 500, -1000])
    yield ledger_url
    with Ledger.open(ledger_url) as ledger:
        assert ledger.check().problems == ()
        with ledger.reading() as t:
            assert t.balances_of(AccountKind.PERSONAL) == {"a": 500, "b": 500}
            assert t.balances_of(AccountKind.FUNDING) == {"510100": -1000}


ENTRY = "INSERT INTO entry (id, kind, business_date, source) VALUES ({0}, 'x', '20260302', 'x{0}')"
PERSON, OTHER, SOURCE = 1, 2, 3
"""Numbers of the accounts of `city`."""


def lines_of(entry: int, *pairs: tuple[int, int]) -> list[str]:
    return [
        f"INSERT INTO line VALUES ({entry}, {number}, {account}, {fen})"
        for number, (account, fen) in enumerate(pairs, 1)
    ]


def moved(account: int, fen: int, entry: int) -> str:
    return f"UPDATE balance SET fen = fen + {fen}, entry = {entry} WHERE account = {account}"


GIVEN = lines_of(2, (PERSON, 100_000), (SOURCE, -100_000))
TAKEN = lines_of(2, (PERSON, -100), (SOURCE, 100))
SEALED = "INSERT INTO seal (entry) VALUES ({})"
ATTACKS = {
    "an open entry and no lines": [ENTRY.format(2), moved(PERSON, 100_000, 2)],
    "without naming the entry": [
        ENTRY.format(2),
        f"UPDATE balance SET fen = fen + 100000 WHERE account = {PERSON}",
    ],
    "before the seal, and by it again": [
        ENTRY.format(2),
        *GIVEN,
        moved(PERSON, 100_000, 2),
        SEALED.format(2),
    ],
    "once more after the seal": [
        ENTRY.format(2),
        *TAKEN,
        SEALED.format(2),
        moved(PERSON, -100, 2),
    ],
    "another amount than the lines": [ENTRY.format(2), *GIVEN, moved(PERSON, 100_001, 2)],
    "an account without lines": [ENTRY.format(2), *GIVEN, moved(OTHER, 100_000, 2)],
    "by an entry that is sealed": [moved(PERSON, 500, 1)],
    "two open entries in turn": [
        ENTRY.format(2),
        *lines_of(2, (PERSON, 100), (SOURCE, -100)),
        ENTRY.format(3),
        *lines_of(3, (PERSON, 100), (SOURCE, -100)),
        moved(PERSON, 100, 2),
        moved(PERSON, 100, 3),
        moved(PERSON, 100, 2),
        SEALED.format(2),
        SEALED.format(3),
    ],
    "to another account": [f"UPDATE balance SET account = 9 WHERE account = {PERSON}"],
    "bounds taken away": [f"UPDATE balance SET bounded = '0' WHERE account = {PERSON}"],
    "a stripe of money": [
        f"INSERT INTO balance (account, bounded, fen, stripe) VALUES ({PERSON}, '1', 9, 1)"
    ],
    "an empty stripe of a person": [
        f"INSERT INTO balance (account, bounded, fen, stripe) VALUES ({PERSON}, '0', 0, 1)"
    ],
    "lines that do not sum up": [ENTRY.format(2), *GIVEN[:1], SEALED.format(2)],
    "below zero": [
        ENTRY.format(2),
        *lines_of(2, (PERSON, -501), (SOURCE, 501)),
        SEALED.format(2),
    ],
    "an amount of 9e18": [
        ENTRY.format(2),
        *lines_of(2, (PERSON, 9 * 10**18), (SOURCE, -9 * 10**18)),
        SEALED.format(2),
    ],
    "the greatest number of an entry": [
        ENTRY.format(2**63 - 1),
        *lines_of(2**63 - 1, (PERSON, -1), (SOURCE, 1)),
        SEALED.format(2**63 - 1),
    ],
    "the greatest number of an account": [
        f"INSERT INTO account (id, kind, key) VALUES ({2**63 - 1}, 'fund', 'x')"
    ],
    "the greatest number of a message": [
        f"INSERT INTO message (id, msgid, infno, digest) VALUES ({2**63 - 1}, 'm', '2101', 'd')"
    ],
    "the greatest number of a segment": [f"INSERT INTO settled_segment VALUES ({2**63 - 1}, 0, 0)"],
    "a segment far away": ["INSERT INTO settled_segment VALUES (9007199254740991, 0, 0)"],
    "an anchor out of turn": [
        "INSERT INTO anchor (number, entries, last_entry, covered, digest)"
        " VALUES (7, 0, 9, 'x', 'y')"
    ],
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_client_moves_money_without_an_entry(city: str, name: str) -> None:
    with pytest.raises(sa.exc.DBAPIError) as refused:
        attempt(city, *ATTACKS[name])
    assert isinstance(
        refused.value, (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.InternalError)
    )


def test_what_a_client_of_sqlite_leaves_open_moves_nothing(tmp_path: Path) -> None:
    """With foreign keys off, as a client begins, an entry may stay open; nothing comes of it."""
    path = tmp_path / "city.db"
    with Ledger.open(path) as ledger, closing(sqlite3.connect(path)) as client:
        with ledger.transaction() as t:
            person, source = t.account(AccountKind.PERSONAL, "a"), t.account(AccountKind.FUNDING)
            t.post(EntryKind.ALLOCATION, "20260301", "march", [person, source], [500, -500])
        for statement in (ENTRY.format(2), *lines_of(2, (person, 9), (source, -9))):
            client.execute(statement)
        client.commit()
        with ledger.transaction() as t:
            t.post(EntryKind.DEBITS, "20260302", "later", [person, source], [-5, 5])
        for statement in (moved(person, 9, 2), SEALED.format(2), moved(person, -5, 3)):
            with pytest.raises(sqlite3.IntegrityError, match=ALONE):
                client.execute(statement)
        client.rollback()
        with ledger.reading() as t:
            assert t.balances([person, source]).tolist() == [495, -495]
        assert "entry 2: is not sealed" in ledger.check().problems


@pytest.mark.parametrize("fen", ["0.5", "'x'", "1000000000000001", "-1000000000000001"])
def test_an_amount_is_whole_and_bounded_whatever_sqlite_ignores(tmp_path: Path, fen: str) -> None:
    path = tmp_path / "city.db"
    with Ledger.open(path) as ledger, ledger.transaction() as t:
        t.accounts(AccountKind.FUND, ["a", "b"])
    with closing(sqlite3.connect(path, isolation_level=None)) as client:
        client.execute("PRAGMA ignore_check_constraints=ON")
        client.execute(ENTRY.format(1))
        client.execute(f"INSERT INTO line VALUES (1, 1, 1, {fen}), (1, 2, 2, -({fen}))")
        with pytest.raises(sqlite3.IntegrityError, match=r"whole fen|sum to zero"):
            client.execute(SEALED.format(1))


def test_amounts_of_every_table_are_bounded(ledger_url: str) -> None:
    """By the database's own words, not by our declarations."""
    Ledger.open(ledger_url).close()
    engine = sa.create_engine(parse_url(ledger_url))
    inspector = sa.inspect(engine)
    amounts = {
        (table, column["name"])
        for table in inspector.get_table_names()
        for column in inspector.get_columns(table)
        if column["name"] == "fen" or column["name"].endswith("_fen")
    }
    checked = {
        (table, str(check["name"]).removeprefix(f"ck_{table}_").removesuffix("_amount"))
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
        if str(check["name"]).endswith("_amount") and "1000000000000000" in check["sqltext"]
    }
    engine.dispose()
    assert len(amounts) > 20
    assert amounts == checked


# --- the rules themselves ------------------------------------------------------------------------


def test_every_trigger_of_sqlite_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "city.db"
    Ledger.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        found = owner.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = found.fetchall()
        assert len(triggers) > 100
        for name, text in triggers:
            owner.execute(f"DROP TRIGGER {name}")
            with pytest.raises(LedgerRulesError, match=rf": trigger {name}$"):
                Ledger.open(path)
            owner.execute(text.replace("BEFORE", "AFTER", 1).replace("NEW.fen < 0", "0", 1))
            if "BEFORE" in text:
                with pytest.raises(LedgerRulesError, match=rf": trigger {name}$"):
                    Ledger.open(path)
            owner.execute(f"DROP TRIGGER {name}")
            owner.execute(text)
            Ledger.open(path).close()


CHANGES = {
    "ALTER TABLE seal DISABLE TRIGGER seal_entry": "disabled trigger seal_entry",
    "ALTER TABLE balance DISABLE TRIGGER USER": "disabled trigger balance_guard",
    "ALTER TABLE line DISABLE TRIGGER ALL": "disabled trigger line_append_only",
    "ALTER TABLE entry DISABLE TRIGGER ALL": "disabled trigger fk_entry_is_sealed",
    "ALTER TABLE entry ENABLE REPLICA TRIGGER entry_append_only": "trigger entry_append_only",
    "DROP TRIGGER line_open ON line": "trigger line_open",
    "ALTER TRIGGER line_open ON line RENAME TO line_opens": "trigger line_open",
    "CREATE OR REPLACE FUNCTION balance_guard() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RETURN NULL; END $$": "function balance_guard",
    "ALTER FUNCTION seal_entry() SECURITY INVOKER": "function seal_entry",
    "ALTER FUNCTION seal_entry() RESET search_path": "function seal_entry",
    "CREATE FUNCTION seal_entry(int) RETURNS int LANGUAGE sql AS 'SELECT 1'": "function seal_entry",
    "CREATE RULE quiet AS ON INSERT TO seal DO INSTEAD NOTHING": "rewrite rule quiet",
    "ALTER TABLE line ENABLE ROW LEVEL SECURITY": "table line",
    "CREATE TABLE more () INHERITS (line)": "table line",
    "ALTER TABLE balance DROP CONSTRAINT ck_balance_not_negative": (
        "constraint ck_balance_not_negative"
    ),
    "ALTER TABLE entry DROP CONSTRAINT fk_entry_is_sealed": "constraint fk_entry_is_sealed",
    "ALTER TABLE balance DROP CONSTRAINT ck_balance_not_negative, ADD CONSTRAINT"
    " ck_balance_not_negative CHECK (NOT bounded OR fen >= -1000000)": (
        "constraint ck_balance_not_negative"
    ),
    "ALTER TABLE line DROP CONSTRAINT ck_line_fen_amount, ADD CONSTRAINT ck_line_fen_amount"
    " CHECK (fen::text >= '-1000000000000000' AND fen::text <= '1000000000000000')": (
        "constraint ck_line_fen_amount"
    ),
    "ALTER TABLE entry DROP CONSTRAINT uq_entry_source, ADD CONSTRAINT uq_entry_source"
    " UNIQUE (source, id)": "constraint uq_entry_source",
    "ALTER TABLE entry DROP CONSTRAINT fk_entry_is_sealed, ADD CONSTRAINT fk_entry_is_sealed"
    " FOREIGN KEY (id) REFERENCES entry (id) DEFERRABLE INITIALLY DEFERRED": (
        "constraint fk_entry_is_sealed"
    ),
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
    " CREATE TRIGGER swallow BEFORE INSERT ON line FOR EACH ROW EXECUTE FUNCTION f()": (
        "trigger swallow"
    ),
}


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_postgresql_opens_with_its_rules_alone(ledger_url: str) -> None:
    """Each change by itself, in a transaction that is undone: what opening would see."""
    Ledger.open(ledger_url).close()
    engine = sa.create_engine(parse_url(ledger_url))
    for change, named in CHANGES.items():
        with engine.connect() as owner:
            owner.exec_driver_sql(change)
            assert named in changed_rules(owner), change
    for change in ("fen TYPE numeric", "fen DROP NOT NULL"):
        with engine.connect() as owner:
            owner.exec_driver_sql(f"ALTER TABLE line ALTER {change}")
            assert changed_tables(owner) == ["column line.fen"], change
    with engine.begin() as owner:
        assert changed_rules(owner) == []
        assert changed_tables(owner) == []
        owner.exec_driver_sql("ALTER TABLE balance DISABLE TRIGGER balance_guard")
    engine.dispose()
    for do in (Ledger.open, upgrade_ledger):
        with pytest.raises(LedgerRulesError, match="not those of a ledger: disabled trigger bal"):
            do(ledger_url)


def test_sessions_without_triggers_are_refused(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_url()
    Ledger.open(url).close()
    with pytest.raises(LedgerRulesError, match="setting session_replication_role"):
        Ledger.open(f"{url}%20-c%20session_replication_role%3Dreplica")
    postgres_server.drop(url)


def test_commands_refuse_and_the_check_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "city.db"
    Ledger.open(path).close()
    with closing(sqlite3.connect(path)) as owner:
        owner.execute("DROP TRIGGER line_open")
    told = f"{path}: its rules are not those of a ledger: trigger line_open\n"
    for command in ("holds", "balances", "anchor", "upgrade", "check"):
        assert main(["settle", command, "--ledger", str(path)]) == 1
        assert capsys.readouterr() == ("", f"sscard: error: {told}")


def test_a_table_without_its_constraint_is_told(tmp_path: Path) -> None:
    path = tmp_path / "city.db"
    Ledger.open(path).close()
    with closing(sqlite3.connect(path)) as owner:
        owner.execute("PRAGMA writable_schema=ON")
        owner.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'fen >= 0', '1') WHERE name = 'balance'"
        )
        owner.commit()
    with Ledger.open(path) as ledger:
        assert ledger.check().rules == ("table balance",)
    with closing(sqlite3.connect(path)) as owner:
        owner.execute("PRAGMA writable_schema=ON")
        owner.execute("UPDATE sqlite_master SET sql = replace(sql, 'ck_balance_not_negative', 'x')")
        owner.commit()
    with pytest.raises(LedgerRulesError, match="balance: ck_balance_not_negative"):
        Ledger.open(path)
